"""Fixed candidates: which passages a model scores for each query, from a top1000 file or a run."""

from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cslir.datasets.judgements import Missing
from cslir.datasets.plain import Dataset
from cslir.errors import InputError
from cslir.files import read_lines, require_readable_again
from cslir.formats import numbered_run, read_qrels
from cslir.plurals import count_of
from cslir.records import Passage, Qrel, Query

__all__ = ["Candidates", "CandidatesDataset", "is_top1000", "read_candidates"]

_TOP1000 = "query_id <tab> doc_id <tab> query <tab> passage"


@dataclass(frozen=True)
class Candidates:
    """The passages that are scored for each query.

    Attributes:
        path: Where they were read; None for candidates in memory.
        doc_ids: By query id, in the order of the file.
    """

    path: Path | None
    doc_ids: dict[str, tuple[str, ...]]

    def check_passage_ids(self, known: Collection[str], holder: Path | str) -> None:
        """Refuse candidates that are not in the collection.

        Raises:
            InputError: One is unknown; with its line.
        """
        unknown = {one for doc_ids in self.doc_ids.values() for one in doc_ids if one not in known}
        if unknown:
            line, doc_id = None, min(unknown)
            if self.path is not None:
                line, _, doc_id = next(pair for pair in _pairs(self.path) if pair[2] in unknown)
            raise InputError(
                f"passage {doc_id!r} is not in {holder} ({count_of(len(unknown), 'such id')})",
                path=self.path,
                line=line,
                remedy="use the candidates that belong to this collection",
            )


class _Row(NamedTuple):
    query_id: str
    doc_id: str
    query: str
    passage: str


def is_top1000(path: Path) -> bool:
    """Return whether a file has MS MARCO's four columns, with the texts, rather than those of a run.

    Raises:
        InputError: It can't be read, or is a pipe: it is read again as what it is.
    """
    require_readable_again(path)
    first = next((line for _, line in read_lines(path) if line.strip()), "")
    return first.count("\t") == 3


def read_candidates(path: Path, known_queries: Collection[str], holder: Path | str) -> Candidates:
    """Read the candidates of queries: MS MARCO's top1000 file (`qid pid query passage`) or a run.

    Args:
        path: The file, plain or compressed. The texts of a top1000 file are left aside.
        known_queries: Ids of all queries that the dataset has, judged or not.
        holder: Where these come from, for the message.

    Raises:
        InputError: A line is malformed, names an unknown query, or names a passage for the second time; or
            there is no line.
    """
    found: dict[str, dict[str, None]] = {}
    for line, query_id, doc_id in _pairs(path):
        if query_id not in known_queries:
            raise InputError(
                f"query {query_id!r} is not in {holder}",
                path=path,
                line=line,
                remedy="use the candidates that belong to these queries",
            )
        mine = found.setdefault(query_id, {})
        if doc_id in mine:
            raise InputError(
                f"passage {doc_id!r} is a candidate twice for query {query_id!r}", path=path, line=line
            )
        mine[doc_id] = None
    if not found:
        raise InputError("holds no candidate", path=path, remedy="check the file")
    return Candidates(path, {query_id: tuple(doc_ids) for query_id, doc_ids in found.items()})


def _pairs(path: Path) -> Iterator[tuple[int, str, str]]:
    if is_top1000(path):
        yield from ((line, row.query_id, row.doc_id) for line, row in _rows(path))
    else:
        yield from ((line, scored.query_id, scored.doc_id) for line, scored in numbered_run(path))


def _rows(path: Path) -> Iterator[tuple[int, _Row]]:
    for line, text in read_lines(path):
        if not text.strip():
            continue
        columns = text.split("\t")
        if len(columns) != 4:
            raise InputError(
                f"{len(columns)} tab-separated columns, 4 are needed",
                path=path,
                line=line,
                remedy=f"the layout is {_TOP1000}",
            )
        yield line, _Row(*columns)


@dataclass(frozen=True)
class CandidatesDataset(Dataset):
    """Queries and passages as a top1000 file has them, with judgements from a file of their own.

    Attributes:
        path: The top1000 file.
        qrels_file: The judgements; they may name passages that are no candidates.
    """

    path: Path
    qrels_file: Path

    @property
    def collection_place(self) -> Path:
        """The collection's file."""
        return self.path

    def queries_place(self, split: str) -> Path:
        """Return the queries' file."""
        return self.path

    def qrels_place(self, split: str) -> Path:
        """Return the file of the judgements."""
        return self.qrels_file

    def iterate_passages(self) -> Iterator[Passage]:
        """Yield the passages as they are read."""
        seen: set[str] = set()
        for _, row in _rows(self.path):
            if row.doc_id not in seen:
                seen.add(row.doc_id)
                yield Passage(row.doc_id, row.passage)

    def iterate_queries(self, split: str) -> Iterator[Query]:
        """Yield the queries as they are read, judged or not."""
        texts = {row.query_id: row.query for _, row in _rows(self.path)}
        return (Query(query_id, text) for query_id, text in texts.items())

    def qrels(self, split: str) -> list[Qrel]:
        """Return all judgements: a query without candidates counts as zero, as in a run."""
        return self._split(split).qrels

    def missing(self, split: str, passages: Container[str] | None) -> Missing:
        """Return none: not every relevant passage is a candidate."""
        return Missing()

    def count_passages(self) -> None:
        """Return None: the passages are not counted before they are read."""
        return

    def _iterate_qrels(self, split: str) -> Iterator[Qrel]:
        return read_qrels(self.qrels_file)
