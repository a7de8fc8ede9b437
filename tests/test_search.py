import json
import os
import shutil

import numpy as np
import pytest

from cslir import VectorIndex
from cslir.errors import InputError
from cslir.records import Passage
from cslir.search import PassageIndex, retrieve


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
    return PassageIndex.build(tmp_path / "index", PASSAGES, LetterEncoder(), "letters")


def test_hits_come_best_first_with_their_passages(index):
    hits = index.hits(LetterEncoder().encode_queries(["aab"])[0], 3)
    assert [hit.passage for hit in hits[:2]] == [PASSAGES[0], PASSAGES[3]]
    assert hits[0].score == pytest.approx(1)
    assert hits[2].passage.doc_id == "3"


def test_k_larger_than_the_collection_gives_all_of_it(index):
    assert len(index.hits(LetterEncoder().encode_queries(["c"])[0], 99)) == 4
    with pytest.raises(InputError, match="k"):
        index.hits(LetterEncoder().encode_queries(["c"])[0], 0)


def test_passages_in_some_languages_only(index):
    query = LetterEncoder().encode_queries(["aab"])
    hits = index.hits(query[0], 9, languages=["it", "de"])
    assert [hit.passage.doc_id for hit in hits] == ["4", "2"]
    run = index.run(["q"], query, 1, languages=["ru"])
    assert [line.doc_id for line in run] == ["3"]
    index.check_languages(["ru", "en"])
    with pytest.raises(InputError, match=r"no passage in language 'fr'.*de, en, it, ru"):
        index.check_languages(["en", "fr"])


def test_reopened_index_is_the_same(index):
    again = PassageIndex.open(index.folder)
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


def test_retrieve_agrees_with_a_sort_of_all_scores():
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(50, 8)).astype(np.float32)
    queries = generator.normal(size=(3, 8)).astype(np.float32)
    doc_ids = [f"d{row}" for row in range(50)]
    expected = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :7]
    found = [line.doc_id for line in retrieve(["a", "b", "c"], queries, doc_ids, vectors, 7)]
    assert found == [f"d{row}" for row in expected.ravel()]


def test_encoder_beside_the_index_moves_with_it(tmp_path):
    (tmp_path / "demo" / "model").mkdir(parents=True)
    PassageIndex.build(
        tmp_path / "demo" / "index", PASSAGES, LetterEncoder(), str(tmp_path / "demo" / "model")
    )
    shutil.move(tmp_path / "demo", tmp_path / "moved")
    moved = PassageIndex.open(tmp_path / "moved" / "index")
    assert moved.encoder_name == str((tmp_path / "moved" / "model").resolve())


def test_building_again_replaces_and_failure_keeps_the_old_index(index):
    class Broken(LetterEncoder):
        def encode_passages(self, texts):
            raise KeyboardInterrupt

    before = (index.folder / "index.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        PassageIndex.build(index.folder, PASSAGES, Broken(), "broken")
    assert (index.folder / "index.json").read_bytes() == before
    assert [path.name for path in index.folder.parent.iterdir()] == ["index"]
    assert len(PassageIndex.build(index.folder, PASSAGES[:2], LetterEncoder(), "letters")) == 2


def test_not_finite_vectors_are_refused_by_name(tmp_path):
    class Overflowing(LetterEncoder):
        def encode_passages(self, texts):
            vectors = super().encode_passages(texts)
            vectors[2, 1] = np.inf
            return vectors

    with pytest.raises(InputError, match="passage '3'"):
        PassageIndex.build(tmp_path / "index", PASSAGES, Overflowing(), "overflowing")
    assert not list(tmp_path.iterdir())


def test_empty_collection_and_foreign_folder(tmp_path):
    with pytest.raises(InputError, match="the collection is empty"):
        PassageIndex.build(tmp_path / "index", [], LetterEncoder(), "letters")
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(InputError, match="not part of an output of cslir"):
        PassageIndex.build(tmp_path, PASSAGES, LetterEncoder(), "letters")
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
        (lambda folder: _describe(folder, passages=3), "do not fit"),
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
        PassageIndex.open(index.folder)


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
    opened = PassageIndex.open(index.folder)
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
    opened = PassageIndex.open(index.folder)
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
    index = PassageIndex.build(
        tmp_path / "index", PASSAGES[:1], LetterEncoder(), "letters", language_means=means
    )
    np.save(index.folder / "language_means.npy", array)
    with pytest.raises(InputError, match=r"language_means.npy: "):
        PassageIndex.open(index.folder)


def test_an_opened_index_answers_from_the_state_that_it_opened(index):
    query = LetterEncoder().encode_queries(["aab"])[0]
    before = index.hits(query, 4)
    others = [Passage(f"new {passage.doc_id}", passage.text[::-1], "", "nl") for passage in PASSAGES]
    PassageIndex.build(index.folder, others, LetterEncoder(), "letters")
    assert index.hits(query, 4) == before
    index.verify()
    assert PassageIndex.open(index.folder).hits(query, 1)[0].passage in others


def test_a_folder_that_is_replaced_while_it_is_opened_is_opened_anew(index, monkeypatch):
    others = [passage._replace(doc_id=f"new {passage.doc_id}") for passage in PASSAGES]
    open_vectors = VectorIndex.open

    class Replacing:
        @staticmethod
        def open(path):
            monkeypatch.setattr("cslir.search.VectorIndex", VectorIndex)
            opened = open_vectors(path)
            PassageIndex.build(index.folder, others, LetterEncoder(), "letters")
            return opened

    monkeypatch.setattr("cslir.search.VectorIndex", Replacing)
    opened = PassageIndex.open(index.folder)
    assert list(opened.passages(range(4))) == others


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
    plain = PassageIndex.build(tmp_path / "plain", passages, encoder, "letters")
    index = PassageIndex.build(tmp_path / "index", passages, encoder, "letters", language_means=means)
    query = encoder.encode_queries(["aaac"])
    assert [hit.passage.doc_id for hit in plain.hits(query[0], 2)] == ["1", "3"]
    centred, languages = index.without_language_means(query)
    assert max(languages[0], key=languages[0].get) == "en"
    assert {hit.passage.doc_id for hit in index.hits(centred[0], 2)} == {"1", "2"}
    np.testing.assert_allclose(np.linalg.norm(index.vectors.vectors(range(3)), axis=1), 1, rtol=1e-6)
    assert index.without_language_means(query, "de")[1] == [{"de": 1.0}]
    with pytest.raises(InputError, match="no language 'ru'; it has de, en"):
        index.without_language_means(query, "ru")
    assert plain.without_language_means(query)[1] == [{}]


def test_a_model_trained_since_is_refused(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(bytes(1000))
    index = PassageIndex.build(tmp_path / "index", PASSAGES, LetterEncoder(), str(model))
    index.check_encoder(LetterEncoder())
    (model / "weights").write_bytes(b"1" * 1000)
    with pytest.raises(InputError, match="made with another model"):
        index.check_encoder(LetterEncoder())


def test_passages_of_unknown_language_lose_the_mean_that_queries_lose(tmp_path):
    means = {"de": np.eye(8, dtype=np.float32)[1] * 0.9, "en": np.eye(8, dtype=np.float32)[0] * 0.9}
    unknown = [passage._replace(language="") for passage in (PASSAGES[0], PASSAGES[1])]
    index = PassageIndex.build(tmp_path / "index", unknown, LetterEncoder(), "letters", language_means=means)
    query, _ = index.without_language_means(LetterEncoder().encode_queries([unknown[0].text]))
    np.testing.assert_allclose(index.vectors.vectors([0])[0], query[0], atol=1e-6)


def test_codes_of_one_language_find_the_same_passages(tmp_path):
    means = {"he": np.full(8, 0.5, dtype=np.float32), "zh-Hant": np.full(8, 0.1, dtype=np.float32)}
    passages = [Passage("1", "aab", "", "he"), Passage("2", "bbc", "", "zh-Hant")]
    encoder = LetterEncoder()
    index = PassageIndex.build(tmp_path / "index", passages, encoder, "letters", language_means=means)
    query, languages = index.without_language_means(encoder.encode_queries(["aab"]), "iw")
    assert languages == [{"he": 1.0}]
    index.check_languages(["iw", "zh_hant"])
    assert [hit.passage.doc_id for hit in index.hits(query[0], 9, languages=["iw"])] == ["1"]
    assert [hit.passage.doc_id for hit in index.hits(query[0], 9, languages=["zh_hant"])] == ["2"]


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
    index = PassageIndex.build(
        tmp_path / "index",
        iter(passages),
        encoder,
        "scripts",
        language_means=means,
        notice=notices.append,
    )
    assert notices == ["language means of the collection's own texts: el"]
    query, _ = index.without_language_means(encoder.encode_queries([passages[0].text]), "en")
    assert {hit.passage.doc_id for hit in index.hits(query[0], 3)} == {"en0", "de0", "el0"}


def test_means_are_removed_from_no_language_if_one_can_not_have_one(tmp_path):
    encoder, passages = ScriptEncoder(), _in_three_languages(5)
    means = {one: np.full(10, 0.1, dtype=np.float32) for one in ("en", "de")}
    notices = []
    index = PassageIndex.build(
        tmp_path / "index", passages, encoder, "scripts", language_means=means, notice=notices.append
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
        PassageIndex.build(tmp_path / "index", iter(()), LetterEncoder(), os.fsdecode(b"m\xff"))
    assert not (tmp_path / "index").exists()
