"""The Debian dataset, built from a few real packages."""

import json
import shutil

import pytest
from debian_release import LISTS, write_release

from cslir import InputError
from cslir.datasets import SEEN_LANGUAGES, UNSEEN_LANGUAGES, build_debian, debian
from cslir.datasets.debian import DEBIAN_LANGUAGES, default_output
from cslir.datasets.descriptions import read_packages
from cslir.datasets.splits import source_family
from cslir.datasets.stanzas import MalformedStanzas
from cslir.outputs import FILE_LIST

SIZES = {"dev": 3, "test": 5}


def tree(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return build_debian(LISTS, tmp_path_factory.mktemp("built") / "debian", **SIZES)


def test_queries_and_passages_are_parallel(dataset):
    assert dataset.languages == DEBIAN_LANGUAGES
    for split, size in SIZES.items():
        for language in SEEN_LANGUAGES:
            ids = [query.query_id for query in dataset.queries(split, language)]
            assert len(ids) == size
            assert ids == [passage.doc_id for passage in dataset.passages(split, language)]
            assert ids == [query.query_id for query in dataset.queries(split, "en")]
        for language in UNSEEN_LANGUAGES:
            assert {query.query_id for query in dataset.queries(split, language)} <= set(ids)


def test_query_and_passage_of_a_package(dataset):
    pairs = {one.query.query_id: one for one in dataset.train()}
    kbruch = pairs["kbruch"]
    assert kbruch.query.text == "fraction learning aid for KDE"
    assert kbruch.positive.text.startswith("KBruch is an aid for learning how to calculate with fractions.")
    assert kbruch.query.language == kbruch.positive.language == "en"


def test_no_source_package_is_in_two_splits(dataset):
    sources = {one.package: one.source for one in read_packages(LISTS / "Packages", MalformedStanzas())}
    used = {
        split: {source_family(sources[qrel.doc_id]) for qrel in dataset.qrels(split)}
        for split in ("train", "dev", "test")
    }
    assert not used["train"] & used["dev"]
    assert not used["train"] & used["test"]
    assert not used["dev"] & used["test"]
    # 0ad and 0ad-data are two sources with the same beginning.
    assert sum(bool({"0ad", "0ad-data", "ad"} & families) for families in used.values()) <= 1


def test_no_title_and_no_text_twice(dataset):
    for language in dataset.languages:
        for split in dataset.splits(language):
            texts = [passage.text for passage in dataset.passages(split, language)]
            titles = [query.text for query in dataset.queries(split, language)]
            assert len(set(texts)) == len(texts)
            assert len(set(titles)) == len(titles)


def test_the_description_tells_the_whole_story(dataset):
    description = json.loads((dataset.folder / "dataset.json").read_bytes())
    assert description["splits"]["test"]["ru"] == 5
    assert description["splits"]["train"] == {"en": len(dataset.train())}
    assert description["release"] is None
    assert description["lists"]["main/i18n/Translation-ja"]["verified"] is False
    for counts in description["descriptions"].values():
        removed = counts["unmatched"] + counts["untranslated"] + counts["duplicates"]
        assert counts["listed"] - removed == counts["kept"]
    written = {path.as_posix() for path in tree(dataset.folder)} - {"dataset.json", FILE_LIST}
    assert set(description["files"]) == written
    assert "Debian Free Software Guidelines" in (dataset.folder / "LICENSE").read_text()


@pytest.mark.parametrize("compression", ["none", "gz", "xz"])
def test_same_lists_and_seed_same_bytes(tmp_path, compression):
    for name in ("first", "second"):
        build_debian(LISTS, tmp_path / name, **SIZES, compression=compression)
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


def test_another_seed_gives_other_splits(tmp_path, dataset):
    other = build_debian(LISTS, tmp_path / "other", **SIZES, seed=14)
    assert other.qrels("test") != dataset.qrels("test")


def test_lists_are_verified_against_the_release_file(tmp_path):
    lists = tmp_path / "lists"
    shutil.copytree(LISTS, lists)
    write_release(lists)
    dataset = build_debian(lists, tmp_path / "out", **SIZES)
    assert dataset.description["release"]["version"] == "12.15"
    assert all(one["verified"] for one in dataset.description["lists"].values())
    write_release(lists, changed=["main/i18n/Translation-pl"])
    before = tree(tmp_path / "out")
    with pytest.raises(InputError, match="SHA-256 differs"):
        build_debian(lists, tmp_path / "out", **SIZES)
    assert tree(tmp_path / "out") == before


def test_training_passages_can_be_limited(tmp_path):
    dataset = build_debian(LISTS, tmp_path / "out", **SIZES, train_limit=4, train_max_characters=300)
    lengths = [len(one.positive.text) for one in dataset.train()]
    assert len(lengths) == 4
    assert max(lengths) <= 300


def test_an_untranslated_description_is_removed(tmp_path):
    lists = tmp_path / "lists"
    shutil.copytree(LISTS, lists)
    english = (lists / "Translation-en").read_text("utf-8")
    stanza = next(one for one in english.split("\n\n") if one.startswith("Package: blueman\n"))
    german = (lists / "Translation-de").read_text("utf-8").split("\n\n")
    german = [
        stanza.replace("Description-en", "Description-de") if "Package: blueman\n" in one else one
        for one in german
    ]
    (lists / "Translation-de").write_text("\n\n".join(german), "utf-8")
    dataset = build_debian(lists, tmp_path / "out", languages=["en", "de"], dev=0, test=18)
    assert dataset.description["descriptions"]["de"]["untranslated"] == 1
    assert "blueman" not in {qrel.doc_id for qrel in dataset.qrels("test", "de")}


def test_malformed_stanzas_are_reported_or_refused(tmp_path):
    lists = tmp_path / "lists"
    shutil.copytree(LISTS, lists)
    with (lists / "Translation-fr").open("a", encoding="utf-8") as file:
        file.write("\nPackage: broken\nDescription-fr: sans somme\n texte\n")
    messages = []
    dataset = build_debian(lists, tmp_path / "out", **SIZES, progress=messages.append)
    assert dataset.description["malformed_stanzas"] == 1
    assert any("no Description-md5 field" in message for message in messages)
    with pytest.raises(InputError, match="no Description-md5 field"):
        build_debian(lists, tmp_path / "strict", **SIZES, strict=True)
    assert not (tmp_path / "strict").exists()


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not part of an output of cslir"):
        build_debian(LISTS, tmp_path, **SIZES)
    with pytest.raises(InputError, match="is a file"):
        build_debian(LISTS, tmp_path / "thesis.txt", **SIZES)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_interrupted_build_leaves_nothing(tmp_path):
    def interrupt(message):
        if message.startswith("writing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_debian(LISTS, tmp_path / "out", **SIZES, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_keeps_the_older_dataset(tmp_path, monkeypatch):
    build_debian(LISTS, tmp_path / "out", **SIZES)
    before = tree(tmp_path)

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(debian, "write_qrels_tsv", full)
    with pytest.raises(OSError, match="disk full"):
        build_debian(LISTS, tmp_path / "out", **SIZES, seed=14)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"languages": ["de", "fr"]}, "English is not among the languages"),
        ({"compression": "zip"}, "unknown compression 'zip'"),
        ({"dev": 1000}, "too few for a dev split of 1000"),
        ({"languages": ["en", "xx"]}, "no Translation-xx list there"),
    ],
)
def test_wrong_arguments(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        build_debian(LISTS, tmp_path / "out", **{**SIZES, **options})
    assert list(tmp_path.iterdir()) == []


def test_the_default_folder_is_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path))
    assert build_debian(LISTS, **SIZES).folder == default_output() == tmp_path / "datasets" / "debian-12"
