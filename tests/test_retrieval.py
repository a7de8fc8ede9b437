import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir import retrieval
from cslir.errors import InputError
from cslir.records import Passage, Query
from cslir.retrieval import retrieve_passages, score_candidates

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
    assert [list(one) for one in found.run.values()] == [[str(row) for row in one] for one in rows.tolist()]
    assert found.doc_ids == {passage.doc_id for passage in passages}


@given(COLLECTIONS)
def test_all_passages_as_candidates_have_the_scores_of_retrieval(texts):
    passages = [Passage(str(row), text, "", "de" if row else "") for row, text in enumerate(texts)]
    candidates = {"q1": [passage.doc_id for passage in passages], "q2": ["0"]}
    whole = retrieve_passages(QUERIES, VECTORS, passages, LetterEncoder(), 99)
    chosen = score_candidates(QUERIES, VECTORS, passages, candidates, LetterEncoder(), 99)
    assert chosen.run["q1"] == pytest.approx(whole.run["q1"])
    assert chosen.run["q2"] == pytest.approx({"0": whole.run["q2"]["0"]})
    assert chosen.languages == whole.languages == {passage.doc_id: "de" for passage in passages[1:]}


def test_only_candidates_are_encoded_and_missing_ones_are_told():
    class Picky(LetterEncoder):
        def encode_passages(self, texts):
            assert texts == ["ab"]
            return self.encode_queries(texts)

    passages = [Passage("1", "ab"), Passage("2", "never")]
    found = score_candidates(QUERIES, VECTORS, passages, {"q1": ["1", "absent"]}, Picky(), 1)
    assert found.run == {"q1": {"1": 2.0}, "q2": {}}
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
