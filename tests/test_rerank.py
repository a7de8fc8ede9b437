import numpy as np
import pytest

from cslir import InputError
from cslir.evaluation.metrics import trec_order
from cslir.records import Passage
from cslir.rerank import rerank

PASSAGES = {f"d{number}": Passage(f"d{number}", "x" * number) for number in range(6)}


class Longest:
    """Scores a passage by its length."""

    def __init__(self):
        self.pairs = []

    def score(self, pairs, *, progress=None):
        self.pairs += pairs
        return np.array([len(passage) for _, passage in pairs], dtype=np.float32)


def test_the_first_candidates_are_scored_anew():
    scorer = Longest()
    run = {"q1": {"d1": 3.0, "d2": 2.0, "d5": 1.0}, "q2": {"d4": 1.0, "d3": 1.0}}
    lines = list(rerank(run, {"q1": "one", "q2": "two"}, PASSAGES, scorer, depth=2))
    assert [(line.query_id, line.doc_id, line.score) for line in lines] == [
        ("q1", "d2", 2.0), ("q1", "d1", 1.0), ("q1", "d5", 0.0), ("q2", "d4", 4.0), ("q2", "d3", 3.0),
    ]  # fmt: skip
    assert scorer.pairs == [("one", "x"), ("one", "xx"), ("two", "xxxx"), ("two", "xxx")]


def test_candidates_behind_the_depth_follow_in_their_order():
    run = {"q1": {f"d{number}": float(number % 3) for number in range(6)}}
    assert trec_order(run["q1"]) == ["d5", "d2", "d4", "d1", "d3", "d0"]
    lines = list(rerank(run, {"q1": "one"}, PASSAGES, Longest(), depth=2))
    assert [line.doc_id for line in lines] == ["d5", "d2", "d4", "d1", "d3", "d0"]
    assert trec_order({line.doc_id: line.score for line in lines}) == [line.doc_id for line in lines]
    whole = list(rerank(run, {"q1": "one"}, PASSAGES, Longest(), depth=None))
    assert [line.doc_id for line in whole] == ["d5", "d4", "d3", "d2", "d1", "d0"]


def test_candidates_of_another_collection_are_refused():
    with pytest.raises(InputError, match="'d9', which is not in the collection"):
        list(rerank({"q1": {"d9": 1.0}}, {"q1": "one"}, PASSAGES, Longest()))
    with pytest.raises(InputError, match="my.run: the candidates name 'q1'"):
        list(rerank({"q1": {"d1": 1.0}}, {}, PASSAGES, Longest(), place="my.run"))
