"""The field's records as NamedTuples; every reader yields them and every writer takes them."""

from typing import NamedTuple

__all__ = ["Example", "Passage", "Qrel", "Query", "ScoredPassage"]


class Query(NamedTuple):
    """A query.

    Attributes:
        query_id: Unique among the queries of a split.
        text: Without a prompt: encoders put theirs before it.
        language: A BCP 47 code, empty when unknown.

    Example:
        >>> Query("q1", "A mail reader", "en")._replace(text="Ein mail Leser").text
        'Ein mail Leser'
    """

    query_id: str
    text: str
    language: str = ""


class Passage(NamedTuple):
    """A passage of a collection.

    Attributes:
        doc_id: Unique in the collection.
        text: Without its title.
        title: May be empty.
        language: A BCP 47 code, empty when unknown.

    Example:
        >>> Passage("d1", "Reads and sends e-mail.", title="mutt").full_text
        'mutt Reads and sends e-mail.'
    """

    doc_id: str
    text: str
    title: str = ""
    language: str = ""

    @property
    def full_text(self) -> str:
        """Title and text as one string, which is what encoders see."""
        return f"{self.title} {self.text}" if self.title else self.text


class Qrel(NamedTuple):
    """A relevance judgement.

    Attributes:
        query_id: Of a `Query`.
        doc_id: Of a `Passage`.
        relevance: A whole number; from 1 on the passage is relevant, and nDCG gains by so much.

    Example:
        >>> Qrel("q1", "d1", 1).relevance > 0
        True
    """

    query_id: str
    doc_id: str
    relevance: int


class ScoredPassage(NamedTuple):
    """One line of a run: a passage that was retrieved for a query, with its score."""

    query_id: str
    doc_id: str
    score: float


class Example(NamedTuple):
    """A training example: a query, a relevant passage and, where known, hard negatives.

    `train` takes a list of them in the place of a dataset.

    Attributes:
        query: The query.
        positive: A passage that is relevant to it.
        negatives: Passages that are not, though they look so; a cross-encoder draws its own where there are
            none.

    Example:
        >>> Example(Query("q1", "A mail reader"), Passage("d1", "Reads and sends e-mail.")).negatives
        ()
    """

    query: Query
    positive: Passage
    negatives: tuple[Passage, ...] = ()
