import json
from itertools import pairwise

import pytest

from cslir.datasets import load_parallel
from cslir.datasets.collections import load_dataset
from cslir.datasets.mixing import write_mixture
from cslir.errors import InputError
from cslir.formats import write_beir_corpus, write_beir_queries, write_qrels_tsv
from cslir.records import Passage, Qrel, Query

IDS = [f"package{number}" for number in range(60)]


@pytest.fixture
def dataset(tmp_path):
    """English, German and Arabic have sixty ids, Japanese twenty; Polish has ids of its own."""
    for language, ids in (
        ("en", IDS),
        ("de", IDS),
        ("ar", IDS[::-1]),
        ("ja", IDS[:20]),
        ("pl", [f"other{one}" for one in IDS]),
    ):
        folder = tmp_path / "mine" / language
        write_beir_corpus(folder / "corpus.jsonl", [Passage(one, f"{language} {one}") for one in ids])
        write_beir_queries(folder / "queries.jsonl", [Query(one, f"{language}? {one}") for one in ids])
        write_qrels_tsv(folder / "qrels" / "test.tsv", [Qrel(one, one, 1) for one in ids])
    (tmp_path / "mine" / "LICENSE").write_text("free")
    return load_parallel(tmp_path / "mine")


def test_every_text_is_in_the_language_that_was_drawn_for_it(dataset):
    texts = dataset.setting("X-X", languages=["de", "ar"], seed=3)
    assert {query.language for query in texts.asked} == {"de", "ar"}
    assert all(query.text == f"{query.language}? {query.query_id}" for query in texts.asked)
    assert all(passage.text == f"{passage.language} {passage.doc_id}" for passage in texts.collection)
    assert tuple(query.language for query in texts.asked) == texts.setting.query_languages
    assert len(texts.judgements) == 60
    again = dataset.setting("X-X", languages=["ar", "de"], seed=3)
    assert sorted(again.asked) == sorted(texts.asked)
    assert sorted(dataset.setting("X-X", languages=["de", "ar"], seed=4).asked) != sorted(texts.asked)


def test_the_fixed_side_of_a_mixture_is_english_also_if_x_is_not(dataset):
    texts = dataset.setting("en-X", languages=["de", "ar"])
    assert {query.language for query in texts.asked} == {"en"}
    assert {passage.language for passage in texts.collection} == {"de", "ar"}
    assert texts.setting.group == "MLIR en-X"


def test_ids_that_a_language_lacks_are_left_out_and_counted(dataset):
    texts = dataset.setting("X-en", languages=["de", "ja"])
    assert [query.query_id for query in texts.asked] == IDS[:20]
    assert texts.left_out == 40
    assert "40 queries that one of the languages lacks" in texts.summary
    assert dataset.setting("en-ja").left_out == 40


def test_without_languages_x_is_one_of_those_that_have_all_ids(tmp_path, dataset):
    (tmp_path / "mine" / "pl" / "corpus.jsonl").unlink()
    texts = load_parallel(tmp_path / "mine").setting("X-X")
    assert {query.language for query in texts.asked} == {"en", "de", "ar"}


@pytest.mark.parametrize(
    ("name", "languages", "message"),
    [
        ("de-X", None, "'de-X' is no setting"),
        ("German", None, "is no setting"),
        ("en-de", ["en"], "says its languages itself"),
        ("X-X", ["de"], "draws among de alone"),
        ("X-X", ["de", "de"], "draws among de alone"),
        ("X-X", ["de", "fr"], "no language fr"),
        ("fr-de", None, "no language fr"),
        ("X-X", ["de", "pl"], "no query id is shared by de, pl"),
    ],
)
def test_settings_that_cannot_be_made(dataset, name, languages, message):
    with pytest.raises(InputError, match=message):
        dataset.setting(name, languages=languages)


def test_a_split_that_no_language_has(dataset):
    with pytest.raises(InputError, match="no split 'dev'; it has the splits test"):
        dataset.setting("X-X", "dev")


def written(dataset, folder, seed=1, suffix=""):
    texts = dataset.setting("X-X", languages=["de", "ar"], seed=seed)
    write_mixture(texts, folder, suffix=suffix)
    return texts


def test_a_mixture_is_a_beir_folder_with_languages_and_a_description(dataset, tmp_path):
    texts = written(dataset, tmp_path / "mix")
    opened = load_dataset(str(tmp_path / "mix"))
    assert opened.passages() == texts.collection
    assert opened.queries("test") == texts.asked
    assert opened.qrels("test") == texts.judgements
    assert opened.description["setting"] == {
        "name": "X-X", "group": "MLIR X-X", "languages": ["de", "ar"], "seed": 1, "split": "test",
    }  # fmt: skip
    assert set(opened.description["source"]["files"]) == {
        f"{language}/{name}"
        for language in ("de", "ar")
        for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")
    }
    assert (tmp_path / "mix" / "LICENSE").read_text() == "free"
    assert sum(one["queries"] for one in opened.description["counts"].values()) == 60


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_same_seed_gives_the_same_bytes(dataset, tmp_path, suffix):
    for name in "ab":
        written(dataset, tmp_path / name, suffix=suffix)
    contents = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "a", tmp_path / "b")
    ]
    assert all(a == b for a, b in pairwise(contents))
    written(dataset, tmp_path / "b", seed=2, suffix=suffix)
    assert (tmp_path / "b" / f"corpus.jsonl{suffix}").read_bytes() != (
        tmp_path / "a" / f"corpus.jsonl{suffix}"
    ).read_bytes()


def test_a_changed_or_damaged_mixture_is_refused(dataset, tmp_path):
    folder = tmp_path / "mix"
    written(dataset, folder)
    corpus = folder / "corpus.jsonl"
    corpus.write_bytes(corpus.read_bytes()[:-20])
    with pytest.raises(InputError, match="SHA-256 differs"):
        load_dataset(str(folder))
    (folder / "dataset.json").write_text('{"setting": {"na')
    with pytest.raises(InputError, match="not JSON"):
        load_dataset(str(folder))
    (folder / "dataset.json").write_text(json.dumps({"setting": {"name": 3}, "files": {}}))
    with pytest.raises(InputError, match="not a mixture's description"):
        load_dataset(str(folder))
    for target in ("dataset.json", "nothing"):
        (folder / "dataset.json").unlink()
        (folder / "dataset.json").symlink_to(target)
        with pytest.raises(InputError) as caught:
            load_dataset(str(folder))
        assert caught.value.path == str(folder / "dataset.json")


@pytest.mark.parametrize("content", ["[1, 2]", '{"name": "theirs"}'])
def test_other_peoples_descriptions_are_left_alone(dataset, tmp_path, content):
    folder = tmp_path / "theirs"
    write_beir_corpus(folder / "corpus.jsonl", [Passage("1", "text")])
    (folder / "dataset.json").write_text(content)
    assert load_dataset(str(folder)).description == {}
    with pytest.raises(InputError, match="not part of an output of cslir"):
        written(dataset, folder)


def test_mix_and_describe_commands(run, dataset, tmp_path):
    source, folder = tmp_path / "mine", tmp_path / "mix"
    outcome = run(
        "datasets",
        "mix",
        source,
        "--setting",
        "X-X",
        "--language",
        "de",
        "--language",
        "ja",
        "--output",
        folder,
    )
    assert outcome.status == 0, outcome.err
    assert outcome.out.strip() == str(folder)
    assert "20 queries, 20 passages; left out: 40 queries that one of the languages lacks" in outcome.err
    assert run("datasets", "describe", folder).status == 0
    again = run("datasets", "mix", folder, "--setting", "X-X", "--output", tmp_path / "second")
    assert again.status == 2
    assert "is no parallel dataset" in again.err


def test_settings_of_codes_with_script_and_region(tmp_path):
    for language in ("en", "zh-Hant", "pt-BR", "no"):
        folder = tmp_path / "mine" / language
        write_beir_corpus(folder / "corpus.jsonl", [Passage(one, f"{language} {one}") for one in IDS])
        write_beir_queries(folder / "queries.jsonl", [Query(one, f"{language}? {one}") for one in IDS])
        write_qrels_tsv(folder / "qrels" / "test.tsv", [Qrel(one, one, 1) for one in IDS])
    dataset = load_parallel(tmp_path / "mine")
    texts = dataset.setting("zh-Hant-en")
    assert (texts.setting.name, texts.languages) == ("zh-Hant-en", ("zh-Hant", "en"))
    assert texts.setting.group == "CLIR x-en"
    assert texts.asked[0] == Query(IDS[0], f"zh-Hant? {IDS[0]}", "zh-Hant")
    assert dataset.setting("en-pt-BR").languages == ("en", "pt-BR")
    assert dataset.setting("no-nb").setting.group == "MoIR"
    mixed = dataset.setting("X-X", languages=["no", "zh_hant"])
    assert {query.language for query in mixed.asked} == {"nb", "zh-Hant"}
    for wrong in ("zh-Hant", "en-de-fr", "X-Y", "X-zh-Hant"):
        with pytest.raises(InputError, match="is no setting"):
            dataset.setting(wrong)
