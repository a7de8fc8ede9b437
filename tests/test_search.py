import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from static_models import tiny_table

from cslir import VectorIndex, load_dataset
from cslir.errors import InputError
from cslir.models.static import StaticEncoder
from cslir.progress import Progress
from cslir.records import Passage, Query
from cslir.search import Index


class LetterEncoder:
    """Counts the letters a to h of a text: a real, if modest, encoder that needs no files."""

    dimension = 8

    def encode_queries(self, texts):
        counts = np.array([[text.count(letter) for letter in "abcdefgh"] for text in texts], dtype=np.float32)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1)

    encode_passages = encode_queries


PASSAGES = [
    Passage("1", "aab", "", "en"),
    Passage("2", "bbbc", "über Füchse", "de"),
    Passage("3", "лиса и ah", "", "ru"),
    Passage("4", "aab", "", "it"),
]


@pytest.fixture
def index(tmp_path):
    return Index.build(tmp_path / "index", PASSAGES, LetterEncoder(), model_name="letters")


def test_hits_come_best_first_with_their_passages(index):
    hits = index.search("aab", 3)
    assert [hit.passage for hit in hits[:2]] == [PASSAGES[0], PASSAGES[3]]
    assert hits[0].score == pytest.approx(1)
    assert hits[2].passage.doc_id == "3"


def test_k_larger_than_the_collection_gives_all_of_it(index):
    assert len(index.search("c", 99)) == 4
    with pytest.raises(InputError, match="k"):
        index.search("c", 0)


def test_passages_in_some_languages_only(index):
    query = LetterEncoder().encode_queries(["aab"])
    hits = index.search("aab", 9, languages=["it", "de"])
    assert [hit.passage.doc_id for hit in hits] == ["4", "2"]
    run = index.run(["q"], query, 1, languages=["ru"])
    assert [line.doc_id for line in run] == ["3"]
    index.check_languages(["ru", "en"])
    with pytest.raises(InputError, match=r"no passage in language 'fr'.*de, en, it, ru"):
        index.check_languages(["en", "fr"])


def test_reopened_index_is_the_same(index):
    again = Index.open(index.folder)
    np.testing.assert_array_equal(again.vectors.vectors(range(4)), index.vectors.vectors(range(4)))
    assert list(again.passages([3, 1])) == [PASSAGES[3], PASSAGES[1]]
    assert again.encoder_name == "letters"
    assert len(again) == 4


def test_run_of_many_queries(index):
    run = list(index.run(["q1", "q2"], LetterEncoder().encode_queries(["b", "h"]), 2))
    assert [(line.query_id, line.doc_id) for line in run] == [
        ("q1", "2"),
        ("q1", "1"),
        ("q2", "3"),
        ("q2", "2"),
    ]


def test_hits_agree_with_a_sort_of_all_scores(tmp_path):
    generator = np.random.default_rng(1)
    texts = ["".join(generator.choice(list("abcdefgh"), size=9)) for _ in range(50)]
    passages = [Passage(f"d{row}", text) for row, text in enumerate(texts)]
    index = Index.build(tmp_path / "index", passages, LetterEncoder())
    queries = ["abc", "hhgf", "dae"]
    scores = LetterEncoder().encode_queries(queries) @ LetterEncoder().encode_passages(texts).T
    for hits, row in zip(index.search(queries, 7), scores, strict=True):
        np.testing.assert_allclose([hit.score for hit in hits], np.sort(row)[::-1][:7], rtol=1e-6)
        for hit in hits:
            assert hit.score == pytest.approx(row[int(hit.passage.doc_id[1:])])


def test_encoder_beside_the_index_moves_with_it(tmp_path):
    (tmp_path / "demo" / "model").mkdir(parents=True)
    Index.build(
        tmp_path / "demo" / "index", PASSAGES, LetterEncoder(), model_name=str(tmp_path / "demo" / "model")
    )
    shutil.move(tmp_path / "demo", tmp_path / "moved")
    moved = Index.open(tmp_path / "moved" / "index")
    assert moved.encoder_name == str((tmp_path / "moved" / "model").resolve())


def test_building_again_replaces_and_failure_keeps_the_old_index(index):
    class Broken(LetterEncoder):
        def encode_passages(self, texts):
            raise KeyboardInterrupt

    before = (index.folder / "index.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        Index.build(index.folder, PASSAGES, Broken(), model_name="broken")
    assert (index.folder / "index.json").read_bytes() == before
    assert [path.name for path in index.folder.parent.iterdir()] == ["index"]
    assert len(Index.build(index.folder, PASSAGES[:2], LetterEncoder(), model_name="letters")) == 2


def test_not_finite_vectors_are_refused_by_name(tmp_path):
    class Overflowing(LetterEncoder):
        def encode_passages(self, texts):
            vectors = super().encode_passages(texts)
            vectors[2, 1] = np.inf
            return vectors

    with pytest.raises(InputError, match="passage '3'"):
        Index.build(tmp_path / "index", PASSAGES, Overflowing(), model_name="overflowing")
    assert not list(tmp_path.iterdir())


def test_empty_collection_and_foreign_folder(tmp_path):
    with pytest.raises(InputError, match="the collection is empty"):
        Index.build(tmp_path / "index", [], LetterEncoder(), model_name="letters")
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(InputError, match="not part of an output of cslir"):
        Index.build(tmp_path, PASSAGES, LetterEncoder(), model_name="letters")
    assert (tmp_path / "letters.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: shutil.rmtree(folder), "no index here"),
        (lambda folder: (folder / "index.json").write_text("{"), "index.json: truncated or not JSON"),
        (lambda folder: (folder / "index.json").write_text("[" * 100_000), r"index.json: "),
        (lambda folder: _make_a_folder(folder / "index.json"), "no index here"),
        (lambda folder: _describe(folder, format="mine"), "not a description of an index"),
        (lambda folder: _describe(folder, format_version=99), "format version 99"),
        (lambda folder: _describe(folder, encoder=None), "encoder: is missing"),
        (
            lambda folder: _describe(folder, language_means=[["en"]]),
            "language_means: is not a list of strings",
        ),
        (lambda folder: _describe(folder, language_means=["en", "en"]), "stands there twice"),
        (
            lambda folder: _describe(folder, language_means=["en"]),
            "language_means.npy: incomplete or corrupt",
        ),
        (lambda folder: _describe(folder, passages=3), r"offsets.npy: .* of shape \(4,\) is needed"),
        (lambda folder: _describe(folder, passages=5), "without their passages: 4 vectors are left of 5; "),
        (lambda folder: _describe(folder, passages=0), "passages: is not 1 or more"),
        (lambda folder: _describe(folder, dimension=9), "do not fit"),
        (lambda folder: _describe(folder, added=[{"first_row": 3, "passages": 1}]), "does not go on where"),
        (lambda folder: _describe(folder, added=[{"first_row": 4}]), "passages: is missing"),
        (lambda folder: shutil.rmtree(folder / "vectors"), "vectors: no index here"),
        (lambda folder: (folder / "vectors" / "00000001.segment").unlink(), "a file is missing"),
        (lambda folder: _truncate(folder / "vectors" / "00000001.segment"), "truncated"),
        (
            lambda folder: _make_a_folder(folder / "vectors" / "00000001.segment"),
            "segment: is a folder",
        ),
        (lambda folder: _make_a_pipe(folder / "vectors" / "manifest.jsonl"), "manifest.jsonl: "),
        (lambda folder: _truncate(folder / "passages.jsonl"), "offsets.npy: does not fit passages.jsonl"),
        (
            lambda folder: (folder / "passages.jsonl").write_bytes(b""),
            "passages.jsonl: incomplete or corrupt",
        ),
        (lambda folder: _truncate(folder / "offsets.npy"), "offsets.npy: incomplete or corrupt"),
        (
            lambda folder: (folder / "offsets.npy").write_bytes(b"PK\x03\x04"),
            "offsets.npy: incomplete or corrupt",
        ),
        (lambda folder: _make_a_pipe(folder / "offsets.npy"), "offsets.npy: incomplete or corrupt"),
        *(
            (lambda folder, array=array: np.save(folder / "offsets.npy", array), problem)
            for array, problem in (
                (np.float64(3), "shape ()"),
                (np.full(5, np.nan), "float64"),
                (np.zeros((5, 1), dtype=np.int64), r"shape \(5, 1\)"),
                (np.zeros(5, dtype=np.int64), "does not fit"),
                (np.array(["1"] * 5), "<U1"),
            )
        ),
    ],
)
def test_damaged_index_is_refused(index, damage, problem):
    damage(index.folder)
    with pytest.raises(InputError, match=problem):
        Index.open(index.folder)


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-9])


def _make_a_folder(path):
    path.unlink()
    path.mkdir()


def _make_a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def _describe(folder, **changes):
    path = folder / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "offsets", [[0, 0, 0, 0], [0, 1, 2, 3], [0, -9, 5, 7], [0, 1 << 40, 1 << 41, 1 << 42]]
)
def test_damaged_offsets_show_no_other_passage(index, offsets):
    whole = np.load(index.folder / "offsets.npy")
    np.save(index.folder / "offsets.npy", np.array([*offsets, whole[-1]]))
    opened = Index.open(index.folder)
    for row in range(4):
        with pytest.raises(InputError, match=rf"passages.jsonl:{row + 1}: damaged: passage '{row + 1}'"):
            list(opened.passages([row]))
    with pytest.raises(InputError, match=r"offsets.npy: damaged"):
        opened.verify()


@pytest.mark.parametrize(
    "change", [lambda text: text.replace(b'"_id"', b'"id_"'), lambda text: b"\xff" * len(text), bytes.upper]
)
def test_damaged_texts_are_refused_when_they_are_read_or_verified(index, change):
    path = index.folder / "passages.jsonl"
    path.write_bytes(change(path.read_bytes()))
    opened = Index.open(index.folder)
    with pytest.raises(InputError, match=r"passages.jsonl:2: damaged"):
        list(opened.passages([1]))
    with pytest.raises(InputError, match=r"passages.jsonl: damaged"):
        opened.verify()


def test_verify_compares_every_file(index, run):
    index.verify()
    assert "4 passages, nothing wrong" in run("vectors", "verify", index.folder).err
    segment = index.folder / "vectors" / "00000001.segment"
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    segment.write_bytes(damaged)
    assert run("vectors", "verify", index.folder).status == 2


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(8, dtype=np.float32),
        np.zeros((1, 1, 8), dtype=np.float32),
        np.zeros((1, 7), dtype=np.float32),
        np.array([["a"] * 8]),
        np.full((1, 8), np.nan, dtype=np.float32),
    ],
)
def test_damaged_means_are_refused(tmp_path, array):
    means = {"en": np.full(8, 0.1, dtype=np.float32)}
    index = Index.build(
        tmp_path / "index", PASSAGES[:1], LetterEncoder(), model_name="letters", language_means=means
    )
    np.save(index.folder / "language_means.npy", array)
    with pytest.raises(InputError, match=r"language_means.npy: "):
        Index.open(index.folder)


def test_an_opened_index_answers_from_the_state_that_it_opened(index):
    before = index.search("aab", 4)
    others = [Passage(f"new {passage.doc_id}", passage.text[::-1], "", "nl") for passage in PASSAGES]
    Index.build(index.folder, others, LetterEncoder(), model_name="letters")
    assert index.search("aab", 4) == before
    index.verify()
    assert Index.open(index.folder, LetterEncoder()).search("aab", 1)[0].passage in others


def test_a_folder_that_is_replaced_while_it_is_opened_is_opened_in_one_state(index):
    others = [passage._replace(doc_id=f"new {passage.doc_id}", language="nl") for passage in PASSAGES]
    ended = threading.Event()

    def replace():
        for passages in [others, PASSAGES] * 10:
            Index.build(index.folder, passages, LetterEncoder())
        ended.set()

    thread = threading.Thread(target=replace)
    thread.start()
    seen = []
    while not ended.is_set():
        opened = Index.open(index.folder)
        seen.append(list(opened.passages(range(4))))
        assert opened.languages == (["nl"] if seen[-1] == others else ["de", "en", "it", "ru"])
    thread.join()
    assert len(seen) > 1
    assert all(one in (PASSAGES, others) for one in seen)


def test_a_reader_sees_one_state_whatever_a_writer_does(index):
    ended = threading.Event()

    def change():
        writer = Index.open(index.folder, LetterEncoder())
        for number in range(15):
            new = [Passage(f"{number}-{n}", "abcdefgh"[n:], str(number), "pl") for n in range(3)]
            writer.add(new)
            writer.delete([passage.doc_id for passage in new[:2]])
            if number % 4 == 3:
                writer.compact()
        ended.set()

    thread = threading.Thread(target=change)
    thread.start()
    lengths = set()
    while not ended.is_set():
        reader = Index.open(index.folder, LetterEncoder())
        found = reader.search("abcdefgh", 99)
        assert [hit.passage for hit in reader.search("aab", 2)] == [PASSAGES[0], PASSAGES[3]]
        assert len(found) == len(reader) == len({hit.passage.doc_id for hit in found})
        lengths.add(len(reader))
        reader.verify()
    thread.join()
    assert len(lengths) > 2
    assert len(Index.open(index.folder)) == 4 + 15


def test_description_names_version_and_checksums(index):
    description = json.loads((index.folder / "index.json").read_text())
    assert set(description["sha256"]) == {"passages.jsonl", "offsets.npy"}
    assert (description["passages"], description["dimension"]) == (4, 8)


def test_language_means_leave_passages_and_queries(tmp_path):
    encoder = LetterEncoder()
    means = {
        "de": np.array([0, 0.9, 0, 0, 0, 0, 0, 0], dtype=np.float32),
        "en": np.array([0.9, 0, 0, 0, 0, 0, 0, 0], dtype=np.float32),
    }
    passages = [Passage("1", "aac", "", "en"), Passage("2", "bbc", "", "de"), Passage("3", "aad", "", "en")]
    plain = Index.build(tmp_path / "plain", passages, encoder, model_name="letters")
    index = Index.build(tmp_path / "index", passages, encoder, model_name="letters", language_means=means)
    query = encoder.encode_queries(["aaac"])
    assert [hit.passage.doc_id for hit in plain.hits(query, 2)[0]] == ["1", "3"]
    centred, languages = index.without_language_means(query)
    assert max(languages[0], key=languages[0].get) == "en"
    assert {hit.passage.doc_id for hit in index.hits(centred, 2)[0]} == {"1", "2"}
    np.testing.assert_allclose(np.linalg.norm(index.vectors.vectors(range(3)), axis=1), 1, rtol=1e-6)
    assert index.without_language_means(query, "de")[1] == [{"de": 1.0}]
    with pytest.raises(InputError, match="no language 'ru'; it has de, en"):
        index.without_language_means(query, "ru")
    assert plain.without_language_means(query)[1] == [{}]


def test_a_model_trained_since_is_refused(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(bytes(1000))
    index = Index.build(tmp_path / "index", PASSAGES, LetterEncoder(), model_name=str(model))
    index.check_encoder(LetterEncoder())
    (model / "weights").write_bytes(b"1" * 1000)
    with pytest.raises(InputError, match="made with another model"):
        index.check_encoder(LetterEncoder())


def test_passages_of_unknown_language_lose_the_mean_that_queries_lose(tmp_path):
    means = {"de": np.eye(8, dtype=np.float32)[1] * 0.9, "en": np.eye(8, dtype=np.float32)[0] * 0.9}
    unknown = [passage._replace(language="") for passage in (PASSAGES[0], PASSAGES[1])]
    index = Index.build(
        tmp_path / "index", unknown, LetterEncoder(), model_name="letters", language_means=means
    )
    query, _ = index.without_language_means(LetterEncoder().encode_queries([unknown[0].text]))
    np.testing.assert_allclose(index.vectors.vectors([0])[0], query[0], atol=1e-6)


def test_codes_of_one_language_find_the_same_passages(tmp_path):
    means = {"he": np.full(8, 0.5, dtype=np.float32), "zh-Hant": np.full(8, 0.1, dtype=np.float32)}
    passages = [Passage("1", "aab", "", "iw"), Passage("2", "bbc", "", "zh-Hant")]
    encoder = LetterEncoder()
    index = Index.build(tmp_path / "index", passages, encoder, model_name="letters", language_means=means)
    query, languages = index.without_language_means(encoder.encode_queries(["aab"]), "iw")
    assert languages == [{"he": 1.0}]
    index.check_languages(["iw", "zh_hant"])
    assert [hit.passage.doc_id for hit in index.hits(query, 9, languages=["iw"])[0]] == ["1"]
    assert [hit.passage.doc_id for hit in index.hits(query, 9, languages=["zh_hant"])[0]] == ["2"]


class ScriptEncoder(LetterEncoder):
    """Adds to the letters a strong sign of the language: whether a text is in capitals, or in Greek letters."""

    dimension = 10

    def encode_queries(self, texts):
        meaning = super().encode_queries([text.lower().translate(FROM_GREEK) for text in texts])
        signs = [[3.0 * text.isupper(), 3.0 * (text[:1] in GREEK)] for text in texts]
        vectors = np.hstack([meaning, np.array(signs, dtype=np.float32)])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    encode_passages = encode_queries


GREEK = "αβγδεζηθ"
FROM_GREEK = str.maketrans(GREEK, "abcdefgh")
TO_GREEK = str.maketrans("abcdefgh", GREEK)


def _in_three_languages(each):
    draw = np.random.default_rng(5)
    texts = ["".join(draw.choice(list("abcdefgh"), size=6)) for _ in range(each)]
    passages = []
    for number, text in enumerate(texts):
        passages.append(Passage(f"en{number}", text, "", "en"))
        passages.append(Passage(f"de{number}", text.upper(), "", "de"))
        passages.append(Passage(f"el{number}", text.translate(TO_GREEK), "", "el"))
    return passages


def test_a_language_without_a_mean_gets_one_of_the_collection(tmp_path):
    encoder, passages = ScriptEncoder(), _in_three_languages(40)
    sampled = {
        one: encoder.encode_passages([p.text for p in passages if p.language == one]) for one in ("en", "de")
    }
    means = {one: rows.mean(axis=0) for one, rows in sampled.items()}
    notices = []
    index = Index.build(
        tmp_path / "index",
        iter(passages),
        encoder,
        language_means=means,
        progress=Progress(notice=notices.append),
    )
    assert notices == ["language means of the collection's own texts: el"]
    query, _ = index.without_language_means(encoder.encode_queries([passages[0].text]), "en")
    assert {hit.passage.doc_id for hit in index.hits(query, 3)[0]} == {"en0", "de0", "el0"}


def test_means_are_removed_from_no_language_if_one_can_not_have_one(tmp_path):
    encoder, passages = ScriptEncoder(), _in_three_languages(5)
    means = {one: np.full(10, 0.1, dtype=np.float32) for one in ("en", "de")}
    notices = []
    index = Index.build(
        tmp_path / "index", passages, encoder, language_means=means, progress=Progress(notice=notices.append)
    )
    (notice,) = notices
    assert notice.startswith("no language means are removed: too few texts")
    assert "el (5)" in notice
    assert not index.language_means
    np.testing.assert_allclose(
        index.vectors.vectors(range(15)), encoder.encode_passages([p.text for p in passages]), atol=1e-6
    )


def test_a_model_whose_name_an_index_could_not_hold_is_refused_before_the_work(tmp_path):
    with pytest.raises(InputError, match="the model's name is not UTF-8"):
        Index.build(tmp_path / "index", iter(()), LetterEncoder(), model_name=os.fsdecode(b"m\xff"))
    assert not (tmp_path / "index").exists()


MORE = [Passage("5", "hhg", "", "el"), Passage("6", "cba", "new", "en"), Passage("7", "ddd")]


def answers(index):
    """Return what a few searches find, scores included."""
    found = index.search([*"abcdefgh", "aab", "hg", "cb"], 20)
    return found, index.search("ab", 20, languages=["en"]) if "en" in index.languages else None


def test_one_text_gives_hits_and_several_give_lists_of_them(index):
    assert index.search([]) == []
    one, other = index.search(["aab", "h"], 2)
    assert one == index.search("aab", 2)
    assert [hit.passage for hit in other] == [PASSAGES[2], PASSAGES[1]]
    assert index.search("aab", 9, languages="de") == index.search("aab", 9, languages=["de"])
    with pytest.raises(InputError, match="no passage in language 'fr'; there are de, en, it, ru"):
        index.search("aab", languages=["fr"])
    with pytest.raises(InputError, match="a query is empty"):
        index.search(["aab", " "])
    with index as again:
        assert repr(again) == f"<Index of 4 passages, de, en, it, ru, in {index.folder}>"


def test_added_passages_are_found_as_if_built_with_the_others(index, tmp_path):
    reader = Index.open(index.folder, LetterEncoder())
    before = answers(reader)
    assert index.add(iter(MORE)) == 3
    whole = Index.build(tmp_path / "whole", PASSAGES + MORE, LetterEncoder())
    assert answers(index) == answers(whole)
    assert (len(index), index.languages) == (7, ["de", "el", "en", "it", "ru"])
    assert answers(reader) == before
    assert len(reader) == 4
    assert reader.refresh()
    assert answers(reader) == answers(whole)
    assert not reader.refresh()
    index.verify()
    assert index.add([]) == 0
    assert sorted(path.name for path in index.folder.iterdir()) == [
        ".cslir.json", "index.json", "offsets-00000004.npy", "offsets.npy", "passages-00000004.jsonl",
        "passages.jsonl", "vectors",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_deleted_passages_are_found_no_more(index, tmp_path):
    index.add(MORE)
    assert index.delete(["2", "6"]) == 2
    left = [passage for passage in PASSAGES + MORE if passage.doc_id not in {"2", "6"}]
    whole = Index.build(tmp_path / "whole", left, LetterEncoder())
    assert answers(index) == answers(whole)
    assert (len(index), index.languages) == (5, ["el", "en", "it", "ru"])
    with pytest.raises(InputError, match="no row has the id"):
        index.delete(["1", "2"])
    assert len(index) == 5
    assert index.add([PASSAGES[1]]) == 1
    assert index.search("bbbc", 1)[0].passage == PASSAGES[1]


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_compacted_index_has_the_bytes_of_one_built_of_what_is_left(index, tmp_path, run):
    index.add(MORE)
    index.delete(["1", "5"])
    index.compact()
    left = [passage for passage in PASSAGES + MORE if passage.doc_id not in {"1", "5"}]
    Index.build(tmp_path / "whole", left, LetterEncoder(), model_name="letters")
    compacted, whole = files_of(index.folder), files_of(tmp_path / "whole")
    # The manifest counts the rows that were ever added.
    assert {name for name in compacted | whole if compacted.get(name) != whole.get(name)} == {
        "vectors/manifest.jsonl"
    }
    index.delete(["2"])
    outcome = run("vectors", "compact", index.folder)
    assert "4 vectors in 1 segment" in outcome.err
    assert len(Index.open(index.folder)) == 4


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["add", "delete", "compact", "open"]), st.integers(0, 99)), max_size=8)
)
def test_any_changes_give_the_hits_of_an_index_built_whole(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("changes")
    index = Index.build(folder / "index", PASSAGES, LetterEncoder())
    left, made = list(PASSAGES), 0
    for change, number in changes:
        if change == "add":
            new = [
                Passage(
                    f"new{made + n}", "abcdefgh"[(number + n) % 7 :] * (n + 1), "", ["en", "", "pl"][n % 3]
                )
                for n in range(number % 5)
            ]
            made += len(new)
            assert index.add(new) == len(new)
            left += new
        elif change == "delete":
            gone = left[number % 5 :: 3]
            assert index.delete([passage.doc_id for passage in gone]) == len(gone)
            left = [passage for passage in left if passage not in gone]
        elif change == "compact" and left:
            index.compact()
        elif change == "open":
            index = Index.open(folder / "index", LetterEncoder())
    assert len(index) == len(left)
    if left:
        assert answers(index) == answers(Index.build(folder / "whole", left, LetterEncoder()))
    index.verify()


def test_what_can_not_be_added_leaves_the_index_as_it_is(index):
    class Failing(LetterEncoder):
        def encode_passages(self, texts):
            raise KeyboardInterrupt

    index.delete(["4"])
    before = files_of(index.folder)
    for passages, problem in [
        ([MORE[0], PASSAGES[0]], "there is a row with the id"),
        ([MORE[0], MORE[0]], "have the same id"),
    ]:
        with pytest.raises(InputError, match=problem):
            index.add(passages)
    with pytest.raises(KeyboardInterrupt):
        Index.open(index.folder, Failing()).add(MORE)
    after = files_of(index.folder)
    assert {name for name in before | after if before.get(name) != after.get(name)} == {".cslir.json"}
    assert index.add(MORE) == 3
    Index.build(index.folder, PASSAGES, LetterEncoder())  # all that is there is its own


def test_what_is_no_passage_or_no_query_is_refused_with_what_is_needed(index, tmp_path):
    before = len(index)
    for passages, problem in [
        (MORE[0], r"list of `Passage`.*write \[passage\]"),
        ("text", r"list of `Passage`"),
        (3, r"list of `Passage`"),
        ([{"id": "1"}], r"no passage.*write Passage\("),
        (["a"], r"'a', which is no passage"),
        ([Passage(1, "a")], "no passage"),
        ([Passage("", "a")], "empty id"),
        ([Passage("1", "\ud800")], "UTF-8"),
        (load_dataset("debian-sample"), r'data.passages\("test"\)'),
    ]:
        with pytest.raises(InputError, match=problem):
            index.add(passages)
        with pytest.raises(InputError, match=problem):
            Index.build(tmp_path / "other", passages, LetterEncoder())
    assert len(index) == len(Index.open(index.folder)) == before
    for query, problem in [
        (Query("1", "a"), "no text.*query.text"),
        ([Query("1", "a")], "no text"),
        (3, "no text"),
        ("\ud800", "UTF-8"),
    ]:
        with pytest.raises(InputError, match=problem):
            index.search(query)
    with pytest.raises(InputError, match="`k` must be a whole number"):
        index.search("a", "3")


def test_a_language_without_a_mean_is_not_added_where_others_have_one(tmp_path):
    means = {one: np.eye(8, dtype=np.float32)[place] * 0.9 for place, one in enumerate(["en", "pl"])}
    passages = [PASSAGES[0], Passage("p", "bcd", "", "pl"), Passage("q", "efg", "", "pl")]
    index = Index.build(tmp_path / "index", passages[:1], LetterEncoder(), language_means=means)
    index.add(passages[1:])
    whole = Index.build(tmp_path / "whole", passages, LetterEncoder(), language_means=means)
    assert index.search("abc", query_language="pl") == whole.search("abc", query_language="pl")
    with pytest.raises(InputError, match="no mean of language 'ru'"):
        index.add([PASSAGES[2]])
    assert len(Index.open(index.folder)) == 3


def test_an_addition_that_was_killed_before_the_vectors_is_no_part_of_the_index(index):
    names = set(files_of(index.folder))
    index.add(MORE)
    state = files_of(index.folder)
    manifest = index.folder / "vectors" / "manifest.jsonl"
    Index.build(index.folder, PASSAGES, LetterEncoder(), model_name="letters")
    old = manifest.read_bytes()
    # All but the last step of an addition.
    for name, content in state.items():
        if name not in names or name in {".cslir.json", "index.json"}:
            (index.folder / name).write_bytes(content)
    (index.folder / ".index.json.part").write_bytes(b"{")
    (index.folder / "vectors" / "00000002.ids.part").write_bytes(b"5")
    assert manifest.read_bytes() == old
    opened = Index.open(index.folder, LetterEncoder())
    assert len(opened) == 4
    opened.verify()
    opened.delete(["1"])
    assert opened.add(MORE[1:]) == 2
    assert [hit.passage.doc_id for hit in opened.search("ddd", 1)] == ["7"]
    Index.build(index.folder, PASSAGES, LetterEncoder())


def test_two_writers_are_told_of_each_other(index):
    def waiting():
        with pytest.raises(InputError, match="another process is writing this output"):
            index.delete(["1"])
        with pytest.raises(InputError, match="another process is writing this output"):
            Index.build(index.folder, PASSAGES, LetterEncoder())
        yield MORE[0]

    assert index.add(waiting()) == 1


def test_vectors_that_were_changed_alone_are_told_with_what_to_call(index):
    vectors = VectorIndex.open(index.folder / "vectors")
    vectors.append(np.eye(8, dtype=np.float32)[:2], ["x", "y"], {"language": ["en", "en"]})
    with pytest.raises(InputError, match=r"2 vectors more, 'x', 'y'; delete these by VectorIndex.*Index.add"):
        Index.open(index.folder)
    vectors.delete(["x", "y", "2"])
    opened = Index.open(index.folder, LetterEncoder())
    assert opened.add(MORE) == 3
    assert [hit.passage.doc_id for hit in opened.search("hhg", 1)] == ["5"]
    VectorIndex.open(index.folder / "vectors").compact()
    with pytest.raises(InputError, match="they have other numbers; build the index again; Index.compact"):
        Index.open(index.folder)


def test_vectors_that_were_compacted_to_the_rows_before_an_unfinished_addition_are_told(index):
    index.add([MORE[0], MORE[1]])
    vectors = VectorIndex.open(index.folder / "vectors")
    vectors.delete(["1", "2"])
    vectors.compact()
    with pytest.raises(InputError, match="without their passages: they have other numbers"):
        Index.open(index.folder)


def test_one_kind_of_index_opened_as_the_other_is_told(index, tmp_path):
    VectorIndex.build(np.eye(3, dtype=np.float32), path=tmp_path / "alone")
    with pytest.raises(InputError, match=r"alone: is an index of vectors, without texts; .*VectorIndex"):
        Index.open(tmp_path / "alone")
    with pytest.raises(
        InputError, match=r"vectors: holds the vectors of an index of texts; open that: .*index"
    ):
        Index.open(index.folder / "vectors")
    with pytest.raises(InputError, match=r"is an index of texts, not of vectors; open it with cslir.Index; "):
        VectorIndex.open(index.folder)


def search_in_worker(index):
    return [hit.passage.doc_id for hit in index.search("aab", 2)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_take_an_index_by_its_folder(tmp_path, method):
    table = tiny_table()
    StaticEncoder(table.vectors, table.tokenizer).save(tmp_path / "model")
    passages = [Passage("d1", "sort file list"), Passage("d2", "play music")]
    index = Index.build(tmp_path / "index", passages, tmp_path / "model")
    assert index.encoder_name == str((tmp_path / "model").resolve())
    sent = pickle.dumps(index)
    assert len(sent) < 1000
    assert pickle.loads(sent).search("play music", 1)[0].passage == passages[1]
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(find_music, (index,)) == "d2"
    in_memory = Index.build(tmp_path / "index", PASSAGES, LetterEncoder())
    assert search_in_worker(pickle.loads(pickle.dumps(in_memory))) == ["1", "4"]
    with pytest.raises(InputError, match=r"does not know its model.*Index.open\(folder, model\)"):
        Index.open(tmp_path / "index").search("aab")


def find_music(index):
    return index.search("play music", 1)[0].passage.doc_id


def test_building_and_searching_with_a_static_model_imports_no_pytorch(tmp_path):
    table = tiny_table()
    StaticEncoder(table.vectors, table.tokenizer).save(tmp_path / "model")
    script = f"""
import sys
sys.modules["torch"] = None
import cslir
index = cslir.Index.build({str(tmp_path / "index")!r}, [cslir.Passage("d1", "play music")], {str(tmp_path / "model")!r})
index.add([cslir.Passage("d2", "sort file list")])
index.delete(["d1"])
print(cslir.Index.open({str(tmp_path / "index")!r}).search("sort a file")[0].passage.doc_id)
"""
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "d2"


class LengthScorer:
    """Prefers long passages."""

    def score(self, pairs, *, progress=None):
        return np.array([len(passage) for _, passage in pairs], dtype=np.float32)


def test_reranking_reads_no_file_again(index):
    opened, is_watching = [], True
    sys.addaudithook(
        lambda event, arguments: opened.append(arguments[0]) if event == "open" and is_watching else None
    )
    found = index.search(["aab", "h"] * 200, 2, reranker=LengthScorer(), rerank_depth=3)
    is_watching = False
    assert [name for name in opened if str(index.folder) in str(name)] == []
    assert [hit.passage.doc_id for hit in found[0]] == ["3", "4"]
    assert [hit.score for hit in found[0]] == [9, 3]
    assert found[0] == index.search("aab", 2, reranker=LengthScorer(), rerank_depth=3)
