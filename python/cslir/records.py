"""The field's records as NamedTuples; every reader yields them and every writer takes them."""

from typing import NamedTuple

__all__ = ["Example", "Passage", "Qrel", "Query", "ScoredPassage"]


class Query(NamedTuple):
    """A query; `language` is a BCP 47 code, empty when unknown."""

    query_id: str
    text: str
    language: str = ""


class Passage(NamedTuple):
    """A passage of a collection; `language` is a BCP 47 code, empty when unknown."""

    doc_id: str
    text: str
    title: str = ""
    language: str = ""

    @property
    def full_text(self) -> str:
        """Title and text as one string, which is what encoders see."""
        return f"{self.title} {self.text}" if self.title else self.text


class Qrel(NamedTuple):
    """A relevance judgement."""

    query_id: str
    doc_id: str
    relevance: int


class ScoredPassage(NamedTuple):
    """One line of a run."""

    query_id: str
    doc_id: str
    score: float


class Example(NamedTuple):
    """A training example: a query, a relevant passage and, where known, hard negatives."""

    query: Query
    positive: Passage
    negatives: tuple[Passage, ...] = ()
