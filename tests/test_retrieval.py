import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir import retrieval
from cslir.datasets.collections import load_dataset
from cslir.errors import InputError
from cslir.formats import write_beir_corpus, write_beir_queries, write_qrels_tsv
from cslir.records import Passage, Qrel, Query
from cslir.retrieval import KeptVectors, Retriever, Run, retrieve_passages, score_candidates

QUERIES = [Query("q1", "ab"), Query("q2", "cc")]


class LetterEncoder:
    """Counts the letters a to d of a text."""

    dimension = 4

    def encode_queries(self, texts):
        return np.array([[text.count(letter) for letter in "abcd"] for text in texts], dtype=np.float32)

    encode_passages = encode_queries


VECTORS = LetterEncoder().encode_queries([query.text for query in QUERIES])
COLLECTIONS = st.lists(st.text("abcd", max_size=4), min_size=1, max_size=30)


@given(COLLECTIONS, st.integers(1, 40), st.integers(1, 9))
def test_block_by_block_is_as_all_at_once(texts, depth, block):
    passages = [Passage(str(row), text) for row, text in enumerate(texts)]
    scores = VECTORS @ LetterEncoder().encode_passages(texts).T
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    before, retrieval.BLOCK = retrieval.BLOCK, block
    try:
        found = retrieve_passages(QUERIES, VECTORS, iter(passages), LetterEncoder(), depth)
    finally:
        retrieval.BLOCK = before
    assert [list(one) for one in found.values()] == [[str(row) for row in one] for one in rows.tolist()]
    assert found.doc_ids == {passage.doc_id for passage in passages}


@given(COLLECTIONS)
def test_all_passages_as_candidates_have_the_scores_of_retrieval(texts):
    passages = [Passage(str(row), text, "", "de" if row else "") for row, text in enumerate(texts)]
    candidates = {"q1": [passage.doc_id for passage in passages], "q2": ["0"]}
    whole = retrieve_passages(QUERIES, VECTORS, passages, LetterEncoder(), 99)
    chosen = score_candidates(QUERIES, VECTORS, passages, candidates, LetterEncoder(), 99)
    assert chosen["q1"] == pytest.approx(whole["q1"])
    assert chosen["q2"] == pytest.approx({"0": whole["q2"]["0"]})
    assert chosen.languages == whole.languages == {passage.doc_id: "de" for passage in passages[1:]}


def test_only_candidates_are_encoded_and_missing_ones_are_told():
    class Picky(LetterEncoder):
        def encode_passages(self, texts):
            assert texts == ["ab"]
            return self.encode_queries(texts)

    passages = [Passage("1", "ab"), Passage("2", "never")]
    found = score_candidates(QUERIES, VECTORS, passages, {"q1": ["1", "absent"]}, Picky(), 1)
    assert found == {"q1": {"1": 2.0}, "q2": {}}
    assert found.doc_ids == {"1"}


def test_an_empty_collection_and_vectors_that_are_not_finite():
    class Broken(LetterEncoder):
        def encode_passages(self, texts):
            return np.full((len(texts), 4), np.nan, dtype=np.float32)

    with pytest.raises(InputError, match="here.jsonl: the collection is empty"):
        retrieve_passages(QUERIES, VECTORS, [], LetterEncoder(), 3, place="here.jsonl")
    with pytest.raises(InputError, match="passage 'd7'"):
        retrieve_passages(QUERIES, VECTORS, [Passage("d7", "a")], Broken(), 3)


def test_progress_counts_passages_over_all_blocks(monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK", 4)
    done = []
    passages = [Passage(str(row), "a") for row in range(10)]
    retrieve_passages(QUERIES, VECTORS, passages, LetterEncoder(), 3, progress=done.append)
    assert done == [4, 8, 10]


class Counting(LetterEncoder):
    """Notes which texts it is asked for."""

    def __init__(self):
        self.asked = []

    def encode_passages(self, texts):
        self.asked += texts
        return self.encode_queries(texts)


@given(st.lists(st.lists(st.text("abcd", max_size=3), max_size=5), max_size=5))
def test_kept_vectors_are_the_encoders_and_no_text_is_encoded_twice(batches):
    encoder = Counting()
    kept = KeptVectors(encoder)
    for texts in batches:
        expected = LetterEncoder().encode_queries(texts).reshape(len(texts), 4)
        np.testing.assert_array_equal(kept.encode_passages(texts), expected)
    assert len(encoder.asked) == len(set(encoder.asked))


def test_a_run_keeps_what_is_known_of_it_and_reads_what_it_wrote(tmp_path):
    run = Run({"q1": {"d1": 2.0, "d2": 1.5}}, languages={"d1": "de"}, doc_ids={"d1", "d2"})
    run.save(tmp_path / "mine.run.gz", tag="mine")
    again = Run.read(tmp_path / "mine.run.gz")
    assert again == run
    assert again.place == tmp_path / "mine.run.gz"
    other = run.with_scores({"q1": {"d2": 3.0}}, identical_ids=1)
    assert (other.languages, other.identical_ids, other) == ({"d1": "de"}, 1, {"q1": {"d2": 3.0}})
    (tmp_path / "empty.run").touch()
    with pytest.raises(InputError, match="empty.run: holds no line"):
        Run.read(tmp_path / "empty.run")


class LongestFirst:
    """A cross-encoder that prefers long passages."""

    def score(self, pairs, progress=None):
        return np.array([len(passage) for _, passage in pairs], dtype=np.float32)


@pytest.fixture
def dataset(tmp_path):
    """Three queries, the first with the id of a passage."""
    write_beir_corpus(
        tmp_path / "corpus.jsonl",
        [Passage("d1", "a"), Passage("d2", "aab"), Passage("d3", "abcd"), Passage("q1", "ab")],
    )
    write_beir_queries(tmp_path / "queries.jsonl", [Query("q1", "ab"), Query("q2", "d")])
    write_qrels_tsv(tmp_path / "qrels" / "test.tsv", [Qrel("q1", "d2", 1), Qrel("q2", "d3", 1)])
    return load_dataset(tmp_path)


def test_every_first_stage_is_reranked_alike(dataset):
    whole = Retriever(LetterEncoder(), depth=2)
    assert list(whole.retrieve(dataset)["q1"]) == ["d2", "d3"]
    run = Run({"q1": {"d1": 3.0, "d2": 2.0, "d3": 1.0}, "q2": {"d3": 1.0}})
    candidates = {"q1": ["d1", "d2", "d3"], "q2": ["d3"]}
    first_stages = [
        Retriever(LetterEncoder(), reranker=LongestFirst(), candidates=candidates),
        Retriever(run=run, reranker=LongestFirst()),
        Retriever(candidates=candidates, reranker=LongestFirst()),
    ]
    for retriever in first_stages:
        assert {one: list(ids) for one, ids in retriever.retrieve(dataset).items()} == {
            "q1": ["d3", "d2", "d1"],
            "q2": ["d3"],
        }
    assert Retriever(run=run).retrieve(dataset) == run


def test_a_querys_own_passage_is_left_out_unless_it_is_wanted(dataset):
    left_out = Retriever(LetterEncoder()).retrieve(dataset)
    assert "q1" not in left_out["q1"]
    assert left_out.identical_ids == 1
    assert "q1" in Retriever(LetterEncoder(), ignore_identical_ids=False).retrieve(dataset)["q1"]


def test_no_first_stage_and_candidates_that_are_not_there(dataset):
    with pytest.raises(InputError, match="no first stage"):
        Retriever().retrieve(dataset)
    with pytest.raises(InputError, match="passage 'd9' is not in"):
        Retriever(LetterEncoder(), candidates={"q1": ["d9"]}).retrieve(dataset)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), None])
def test_a_score_that_is_not_finite_is_refused(score):
    with pytest.raises(InputError, match="query 'q1', passage 'd2': score .* is not finite"):
        Run({"q1": {"d1": 1.0, "d2": score}})


def test_what_is_no_retriever_of_one_setting(tmp_path, dataset):
    for wrong, message in (
        ({"depth": 0}, "`depth` is 0, at least 1"),
        ({"candidates": {"q1": "d1"}}, "candidates of query 'q1' are a text"),
    ):
        with pytest.raises(InputError, match=message):
            Retriever(LetterEncoder(), **wrong)
    assert Retriever(run={"q2": {"d3": 1.0}}).retrieve(dataset) == {"q2": {"d3": 1.0}}
    with pytest.raises(InputError, match="no dataset of one setting"):
        Retriever(LetterEncoder()).retrieve("folder")
