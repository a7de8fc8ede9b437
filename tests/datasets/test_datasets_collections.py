import gzip

import pytest

from cslir.datasets.collections import Dataset, DatasetFiles, examples_of, load_dataset, passages_of
from cslir.datasets.judgements import Missing
from cslir.datasets.parallel import ParallelDataset
from cslir.errors import InputError
from cslir.records import Passage


@pytest.fixture
def msmarco(tmp_path):
    """An MS MARCO folder in Arabic, its collection compressed."""
    folder = tmp_path / "msmarco"
    folder.mkdir()
    collection = "0\tبرنامج حر لقراءة البريد\n1\tلعبة ورق\n2\tمكتبة\n"
    (folder / "collection.tsv.gz").write_bytes(gzip.compress(collection.encode()))
    (folder / "queries.dev.tsv").write_text("7\tقراءة البريد\n8\tلعبة\n9\tبلا حكم\n", encoding="utf-8")
    (folder / "qrels.dev.tsv").write_text("7\t0\t0\t1\n8\t0\t1\t1\n", encoding="utf-8")
    return folder


def test_msmarco_folder(msmarco):
    dataset = load_dataset(str(msmarco), "ar")
    assert isinstance(dataset, Dataset)
    assert [query.query_id for query in dataset.queries("dev")] == ["7", "8"]
    assert dataset.passages()[1] == Passage("1", "لعبة ورق", "", "ar")
    examples = examples_of(dataset, "dev")
    assert [(one.query.query_id, one.positive.doc_id) for one in examples] == [("7", "0"), ("8", "1")]
    assert [passage.doc_id for passage in passages_of(str(msmarco), "dev")] == ["0", "1", "2"]
    assert len(list(passages_of(str(msmarco / "collection.tsv.gz"), "dev"))) == 3


def test_a_collection_without_passages_is_named(tmp_path):
    (tmp_path / "corpus.jsonl").write_text("\n")
    with pytest.raises(InputError, match=r"corpus.jsonl: the collection is empty"):
        list(passages_of(str(tmp_path / "corpus.jsonl"), "test"))


def test_files_named_one_by_one(msmarco):
    files = DatasetFiles(
        msmarco / "collection.tsv.gz", msmarco / "queries.dev.tsv", msmarco / "qrels.dev.tsv"
    )
    assert examples_of(load_dataset(files), "any") == examples_of(load_dataset(str(msmarco)), "dev")


def test_judged_ids_without_text_are_left_out_of_training_and_told(msmarco):
    (msmarco / "qrels.dev.tsv").write_text("7\t0\t0\t1\n8\t0\t77\t1\n8\t0\t78\t0\n70\t0\t0\t1\n")
    told = []
    examples = examples_of(load_dataset(str(msmarco)), "dev", notice=told.append)
    assert [(one.query.query_id, one.positive.doc_id) for one in examples] == [("7", "0")]
    assert told == [
        f"{msmarco / 'qrels.dev.tsv'}: queries without text, whose pairs are left out: 1; relevant passages"
        " that the collection lacks, whose pairs are left out: 1"
    ]


def test_judged_passages_that_the_collection_lacks_count_as_never_found(msmarco):
    (msmarco / "qrels.dev.tsv").write_text("7\t0\t0\t1\n7\t0\t77\t1\n8\t0\t78\t1\n70\t0\t0\t1\n")
    dataset = load_dataset(str(msmarco))
    assert [qrel[:2] for qrel in dataset.qrels("dev")] == [("7", "0"), ("7", "77"), ("8", "78")]
    assert dataset.missing("dev", {"0", "1", "2"}) == Missing(queries=1, passages=2)
    assert dataset.missing("dev", None) == Missing(queries=1)


def test_qrels_of_another_collection_are_refused(msmarco):
    (msmarco / "qrels.dev.tsv").write_text("7\t0\t77\t1\n8\t0\t0\t0\n")
    with pytest.raises(
        InputError, match="no relevant passage that is judged is in .*collection.tsv.gz, neither '77'"
    ):
        examples_of(load_dataset(str(msmarco)), "dev")
    (msmarco / "qrels.dev.tsv").write_text("70\t0\t0\t1\n80\t0\t1\t1\n")
    with pytest.raises(InputError, match="no query that is judged is in .*queries.dev.tsv, neither '70'"):
        load_dataset(str(msmarco)).queries("dev")


def test_split_without_relevant_pair(msmarco):
    (msmarco / "qrels.dev.tsv").write_text("7\t0\t0\t0\n")
    with pytest.raises(InputError, match="no relevant pair"):
        examples_of(load_dataset(str(msmarco)), "dev")


def test_empty_collection(msmarco):
    (msmarco / "collection.tsv.gz").write_bytes(gzip.compress(b""))
    for source in (msmarco, msmarco / "collection.tsv.gz"):
        with pytest.raises(InputError, match="the collection is empty") as caught:
            list(passages_of(str(source), "dev"))
        assert caught.value.path == str(msmarco / "collection.tsv.gz")


def test_embedded_parallel_and_unknown(tmp_path, monkeypatch):
    assert isinstance(load_dataset("debian-sample"), ParallelDataset)
    passages = list(passages_of("debian-sample", "dev", ["ja", "pl"]))
    assert {passage.language for passage in passages} == {"ja", "pl"}
    assert passages[0].doc_id.startswith("ja/")
    with pytest.raises(InputError, match="no such folder"):
        load_dataset(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="not a dataset"):
        load_dataset(str(tmp_path))
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="cslir datasets build debian"):
        load_dataset("debian")
