"""A dataset: queries, one collection and judgements, from files of the field."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cslir.datasets.judgements import Missing, missing_ids
from cslir.datasets.layouts import read_passages, read_queries
from cslir.errors import InputError
from cslir.files import read_raw_lines
from cslir.formats import read_qrels
from cslir.records import Passage, Qrel, Query

__all__ = ["Dataset", "DatasetFiles", "FileDataset", "Split"]


class Split(NamedTuple):
    """What a dataset has of a split: judged queries, all judgements, and the judged ids without query."""

    queries: list[Query]
    qrels: list[Qrel]
    unasked: set[str]


@dataclass(frozen=True)
class Dataset(ABC):
    """Queries, passages and judgements, each query and passage once, in one language or several.

    A setting of a parallel dataset is one, too: see `ParallelDataset.setting`.

    Attributes:
        name: For messages and result files.
    """

    name: str
    _splits: dict[str, Split] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def description(self) -> Mapping[str, Any]:
        """What a `dataset.json` of cslir's tells, a mixture's setting above all; empty without one."""
        return {}

    @property
    @abstractmethod
    def collection_place(self) -> Path | str:
        """Where the passages come from, for messages."""

    @abstractmethod
    def queries_place(self, split: str) -> Path | str:
        """Return where a split's queries come from, for messages."""

    @abstractmethod
    def qrels_place(self, split: str) -> Path | str:
        """Return where a split's judgements come from, for messages."""

    @abstractmethod
    def iterate_passages(self) -> Iterator[Passage]:
        """Yield the collection's passages as they are read."""

    @abstractmethod
    def iterate_queries(self, split: str) -> Iterator[Query]:
        """Yield the queries that are there for a split, judged or not."""

    @abstractmethod
    def count_passages(self) -> int | None:
        """Return how many passages there are, at least roughly; None where counting takes too long."""

    @abstractmethod
    def _iterate_qrels(self, split: str) -> Iterator[Qrel]: ...

    def query_ids(self, split: str) -> Set[str]:
        """Return the ids of all queries that are there for a split, judged or not."""
        return {query.query_id for query in self.iterate_queries(split)}

    def doc_ids(self, found: Set[str]) -> Set[str]:
        """Return the ids that candidates may name.

        Args:
            found: Those of the candidates that the collection has.
        """
        return found

    def passages(self, split: str = "test") -> list[Passage]:
        """Return the whole collection.

        Args:
            split: Of no account: the collection is that of every split. A parallel dataset has one for each.

        Raises:
            InputError: It is empty, or the file is bad.
        """
        passages = list(self.iterate_passages())
        if not passages:
            raise InputError("the collection is empty", path=self.collection_place)
        return passages

    def queries(self, split: str) -> list[Query]:
        """Return the queries that the split's qrels judge, in the order of their file.

        Raises:
            InputError: There is none, or a file is bad.
        """
        return self._split(split).queries

    def qrels(self, split: str) -> list[Qrel]:
        """Return the split's judgements of the queries that have a text.

        Raises:
            InputError: There is none, or a file is bad.
        """
        found = self._split(split)
        if not found.unasked:
            return found.qrels
        return [qrel for qrel in found.qrels if qrel.query_id not in found.unasked]

    def missing(self, split: str, passages: Container[str] | None) -> Missing:
        """Return how many judged queries and relevant passages have no text.

        Args:
            split: The split.
            passages: The ids of the collection, or those that are relevant among them; None where they are
                not known, and not counted.

        Raises:
            InputError: Relevant passages are judged, and the collection has none of them.
        """
        unasked = len(self._split(split).unasked)
        if passages is None:
            return Missing(unasked)
        relevant = {qrel.doc_id for qrel in self.qrels(split) if qrel.relevance > 0}
        unknown = missing_ids(
            relevant,
            passages,
            "relevant passage",
            path=self.qrels_place(split),
            holder=self.collection_place,
        )
        return Missing(unasked, len(unknown))

    def _split(self, split: str) -> Split:
        if split not in self._splits:
            self._splits[split] = self._read_split(split)
        return self._splits[split]

    def _read_split(self, split: str) -> Split:
        qrels = list(self._iterate_qrels(split))
        if not qrels:
            raise InputError("no judgements", path=self.qrels_place(split), remedy="check the file")
        judged = {qrel.query_id for qrel in qrels}
        queries = [query for query in self.iterate_queries(split) if query.query_id in judged]
        unasked = missing_ids(
            judged,
            {query.query_id for query in queries},
            "query",
            path=self.qrels_place(split),
            holder=self.queries_place(split),
        )
        return Split(queries, qrels, unasked)


class DatasetFiles(NamedTuple):
    """A dataset named file by file: mMARCO keeps collections, queries and qrels apart."""

    collection: Path
    queries: Path
    qrels: Path


@dataclass(frozen=True)
class FileDataset(Dataset):
    """A BEIR folder, an MS MARCO one, or files named one by one.

    Queries and passages carry the language of their record, else `language`, else that of mMARCO's name.

    Attributes:
        collection_file: BEIR `corpus.jsonl` or MS MARCO `collection.tsv`.
        queries_file: The queries file of a split.
        qrels_file: The qrels file of a split.
        language: Code of the records without one; empty when unknown.
        notes: See `description`.
    """

    collection_file: Path
    queries_file: Callable[[str], Path]
    qrels_file: Callable[[str], Path]
    language: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def description(self) -> Mapping[str, Any]:
        """The `notes`."""
        return self.notes

    @property
    def collection_place(self) -> Path:
        """The collection's file."""
        return self.collection_file

    def queries_place(self, split: str) -> Path:
        """Return the queries' file."""
        return self.queries_file(split)

    def qrels_place(self, split: str) -> Path:
        """Return the file of the judgements."""
        return self.qrels_file(split)

    def iterate_passages(self) -> Iterator[Passage]:
        """Yield the passages as they are read."""
        return read_passages(self.collection_file, self.language)

    def iterate_queries(self, split: str) -> Iterator[Query]:
        """Yield the queries as they are read, judged or not."""
        return read_queries(self.queries_file(split), self.language)

    def count_passages(self) -> int:
        """Return the number of lines of the collection's file."""
        return sum(1 for _ in read_raw_lines(self.collection_file))

    def _iterate_qrels(self, split: str) -> Iterator[Qrel]:
        return read_qrels(self.qrels_file(split))
