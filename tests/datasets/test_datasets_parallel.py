"""Parallel datasets on disk, and the embedded sample."""

import shutil
from pathlib import Path

import pytest

from cslir import InputError
from cslir.datasets import SEEN_LANGUAGES, UNSEEN_LANGUAGES, build_debian, load_embedded, load_parallel
from cslir.datasets.judgements import Missing
from cslir.formats import write_beir_corpus, write_beir_queries, write_qrels_tsv
from cslir.records import Example, Passage, Qrel, Query

LISTS = Path(__file__).parents[1] / "fixtures" / "debian"


@pytest.fixture
def folder(tmp_path):
    """A dataset of the user's own, without a dataset.json."""
    for language, suffix in (("en", ""), ("de", ".gz")):
        at = tmp_path / "mine" / language
        write_beir_corpus(
            at / f"corpus.jsonl{suffix}", [Passage(f"p{n}", f"text {n} {language}") for n in range(4)]
        )
        write_beir_queries(
            at / f"queries.jsonl{suffix}", [Query(f"q{n}", f"query {n} {language}") for n in range(3)]
        )
        write_qrels_tsv(at / "qrels" / "test.tsv", [Qrel("q1", "p2", 1), Qrel("q1", "p1", 0)])
    write_qrels_tsv(tmp_path / "mine/en/qrels/train.tsv", [Qrel("q0", "p0", 1), Qrel("q0", "p3", 0)])
    return tmp_path / "mine"


def test_any_folder_in_the_layout(folder):
    dataset = load_parallel(folder)
    assert (dataset.name, dataset.languages) == ("mine", ("en", "de"))
    assert (dataset.splits(), dataset.splits("de")) == (("test", "train"), ("test",))
    assert dataset.train() == [Example(Query("q0", "query 0 en", "en"), Passage("p0", "text 0 en", "", "en"))]
    assert [one.positive.doc_id for one in dataset.train("test")] == ["p2"]
    assert dataset.queries("test", "de") == [Query("q1", "query 1 de", "de")]
    assert [passage.doc_id for passage in dataset.passages("test", "de")] == ["p2", "p1"]
    assert dataset.qrels("test") == [Qrel("q1", "p2", 1), Qrel("q1", "p1", 0)]


def test_datasets_compare_and_hash_by_what_they_are(folder):
    assert {load_parallel(folder), load_parallel(folder)} == {load_parallel(folder)}


def test_callers_can_not_spoil_what_is_kept(folder):
    dataset = load_parallel(folder)
    dataset.qrels("test").clear()
    assert len(dataset.qrels("test")) == 2


# A query's id may be a passage's too, as in the Debian descriptions, and is no excuse.
@pytest.mark.parametrize(("query_id", "doc_id"), [("q9", "p1"), ("q1", "p9"), ("p1", "p1"), ("q1", "q1")])
def test_qrels_of_other_texts_are_refused(folder, query_id, doc_id):
    path = folder / "de/qrels/test.tsv"
    write_qrels_tsv(path, [Qrel(query_id, doc_id, 1)])
    with pytest.raises(
        InputError, match=r"no (query|passage) that is judged is in .*, neither '[qp][19]'"
    ) as caught:
        load_parallel(folder).queries("test", "de")
    assert caught.value.path == str(path)


def test_what_is_not_there(folder, tmp_path):
    dataset = load_parallel(folder)
    with pytest.raises(InputError, match="no language 'fr'; it has en, de"):
        dataset.queries("test", "fr")
    with pytest.raises(InputError, match=r"no qrels/dev\.tsv; it has the splits test"):
        dataset.queries("dev", "de")
    with pytest.raises(InputError, match="no such folder"):
        load_parallel(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no language folder"):
        load_parallel(tmp_path / "empty")
    write_qrels_tsv(folder / "en/qrels/train.tsv", [])
    with pytest.raises(InputError, match="no judgements"):
        load_parallel(folder).train()


def test_changed_and_missing_files_are_found_by_their_checksums(tmp_path):
    built = build_debian(LISTS, tmp_path / "built", dev=3, test=5).folder
    changed = built / "ru/qrels/test.tsv"
    changed.write_bytes(changed.read_bytes() + b"x\ty\t1\n")
    with pytest.raises(InputError, match="SHA-256 differs") as caught:
        load_parallel(built)
    assert caught.value.path == str(changed)
    changed.unlink()
    with pytest.raises(InputError, match="no such file, though"):
        load_parallel(built)
    (built / "dataset.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        load_parallel(built)
    (built / "dataset.json").write_text("[]")
    with pytest.raises(InputError, match="not a dataset's description"):
        load_parallel(built)
    for target in ("dataset.json", "nothing"):
        (built / "dataset.json").unlink()
        (built / "dataset.json").symlink_to(target)
        with pytest.raises(InputError) as caught:
            load_parallel(built)
        assert caught.value.path == str(built / "dataset.json")


def test_the_embedded_sample():
    dataset = load_embedded()
    assert dataset.languages == SEEN_LANGUAGES + UNSEEN_LANGUAGES
    assert len(dataset.train()) == 8000
    held_out = set()
    for split, size in (("dev", 400), ("test", 1000)):
        ids = [query.query_id for query in dataset.queries(split, "en")]
        held_out.update(ids)
        for language in SEEN_LANGUAGES:
            assert [query.query_id for query in dataset.queries(split, language)] == ids
            assert len(dataset.passages(split, language)) == size
        for language in UNSEEN_LANGUAGES:
            assert 150 < len(dataset.queries(split, language)) < size
    assert len(held_out) == 1400
    assert held_out.isdisjoint(one.positive.doc_id for one in dataset.train())
    assert sum(path.stat().st_size for path in dataset.folder.rglob("*")) < 4_000_000


def test_a_damaged_sample_is_refused(tmp_path):
    shutil.copytree(load_embedded().folder, tmp_path / "sample")
    path = tmp_path / "sample/ja/corpus.jsonl.xz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="SHA-256 differs"):
        load_parallel(tmp_path / "sample")


def test_languages_of_three_letters_and_with_script_or_region(tmp_path):
    for name in ("en", "fil", "zh_Hant", "pt-BR", "iw"):
        write_beir_corpus(tmp_path / name / "corpus.jsonl", [Passage("p", name)])
        write_beir_queries(tmp_path / name / "queries.jsonl", [Query("q", f"{name}?", name)])
        write_qrels_tsv(tmp_path / name / "qrels/test.tsv", [Qrel("q", "p", 1)])
    (tmp_path / "notes").mkdir()
    dataset = load_parallel(tmp_path)
    assert dataset.languages == ("en", "fil", "he", "pt-BR", "zh-Hant")
    assert dataset.passages("test", "zh-Hant") == [Passage("p", "zh_Hant", "", "zh-Hant")]
    assert dataset.queries("test", "he") == dataset.queries("test", "iw") == [Query("q", "iw?", "he")]
    (tmp_path / "iw").rename(tmp_path / "heb")
    assert load_parallel(tmp_path).languages == dataset.languages
    write_beir_corpus(tmp_path / "he/corpus.jsonl", [Passage("p", "he")])
    with pytest.raises(InputError, match=r"he/corpus.jsonl and heb/corpus.jsonl are the same language, he"):
        load_parallel(tmp_path)


def test_judged_ids_without_text_are_counted(folder):
    judged = [Qrel("q1", "p2", 1), Qrel("q1", "p8", 1), Qrel("q2", "p9", 1), Qrel("q9", "p1", 1)]
    for language in ("en", "de"):
        write_qrels_tsv(folder / language / "qrels/test.tsv", judged)
    dataset = load_parallel(folder)
    assert [query.query_id for query in dataset.queries("test", "de")] == ["q1", "q2"]
    assert [passage.doc_id for passage in dataset.passages("test", "de")] == ["p2"]
    assert dataset.qrels("test", "de") == judged[:3]
    assert dataset.missing("test", ["en", "de"]) == Missing(queries=1, passages=2)
    assert [one.positive.doc_id for one in dataset.train("test")] == ["p2"]
    # What one language lacks and another has is no loss of the other's.
    write_beir_corpus(folder / "en/corpus.jsonl", [Passage(one, one) for one in ("p1", "p2", "p8")])
    assert load_parallel(folder).missing("test", ["en", "de"]) == Missing(queries=1, passages=1)
