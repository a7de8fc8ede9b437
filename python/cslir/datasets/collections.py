"""Finding a dataset by name or folder: embedded, parallel, BEIR or MS MARCO."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cslir.datasets.debian import default_output
from cslir.datasets.embedded import load_embedded
from cslir.datasets.parallel import ParallelDataset, has_languages, load_parallel
from cslir.errors import InputError
from cslir.files import read_lines
from cslir.formats import (
    find_compressed,
    read_beir_corpus,
    read_beir_queries,
    read_msmarco_collection,
    read_msmarco_queries,
    read_qrels,
)
from cslir.records import Example, Passage, Qrel, Query

__all__ = ["EMBEDDED_NAME", "DatasetFiles", "PlainDataset", "examples_of", "open_dataset", "passages_of"]

EMBEDDED_NAME = "debian-sample"
FULL_NAME = "debian"


class DatasetFiles(NamedTuple):
    """A dataset named file by file: mMARCO keeps collections, queries and qrels apart."""

    collection: Path
    queries: Path
    qrels: Path


@dataclass(frozen=True)
class PlainDataset:
    """Queries, passages and qrels in files: a BEIR folder, an MS MARCO one, or files named one by one.

    Queries and passages carry the language of their record, else `language`.

    Attributes:
        name: For messages.
        collection_file: BEIR `corpus.jsonl` or MS MARCO `collection.tsv`.
        queries_file: The queries file of a split.
        qrels_file: The qrels file of a split.
        language: ISO 639-1 code of records without one; empty when unknown.
    """

    name: str
    collection_file: Path
    queries_file: Callable[[str], Path]
    qrels_file: Callable[[str], Path]
    language: str = ""

    def iterate_passages(self) -> Iterator[Passage]:
        """Yield the collection's passages as they are read."""
        path = self.collection_file
        read = read_beir_corpus if ".jsonl" in path.suffixes else read_msmarco_collection
        return read(path, self.language)

    def passages(self) -> list[Passage]:
        """Return the whole collection.

        Raises:
            InputError: It is empty, or the file is bad.
        """
        passages = list(self.iterate_passages())
        if not passages:
            raise InputError("the collection is empty", path=self.collection_file)
        return passages

    def queries(self, split: str) -> list[Query]:
        """Return the queries that the split's qrels judge, in the order of their file.

        Raises:
            InputError: There is none, or the qrels name an unknown query.
        """
        path = self.queries_file(split)
        read = read_beir_queries if ".jsonl" in path.suffixes else read_msmarco_queries
        judged = {qrel.query_id for qrel in self.qrels(split)}
        queries = [query for query in read(path, self.language) if query.query_id in judged]
        self._refuse_unknown(split, judged - {query.query_id for query in queries}, "query", path)
        if not queries:
            raise InputError(
                "no judged query", path=path, remedy="check that queries and qrels belong together"
            )
        return queries

    def qrels(self, split: str) -> list[Qrel]:
        """Return the split's judgements."""
        return list(read_qrels(self.qrels_file(split)))

    def check_passage_ids(self, split: str, known: set[str]) -> None:
        """Refuse qrels that judge passages which are not in the collection."""
        unknown = {qrel.doc_id for qrel in self.qrels(split)} - known
        self._refuse_unknown(split, unknown, "passage", self.collection_file)

    def _refuse_unknown(self, split: str, unknown: set[str], kind: str, holder: Path) -> None:
        if not unknown:
            return
        path, column = self.qrels_file(split), 0 if kind == "query" else 1
        qrel = next(qrel for qrel in read_qrels(path) if qrel[column] in unknown)
        raise InputError(
            f"{kind} {qrel[column]!r} is judged but not in {holder} ({len(unknown)} such ids)",
            path=path,
            line=_line_of(path, qrel),
            remedy="use the qrels that belong to these files",
        )


def _line_of(path: Path, wanted: Qrel) -> int | None:
    for number, line in read_lines(path):
        columns = line.split("\t") if "\t" in line else line.split()
        if columns and columns[0] == wanted.query_id and wanted.doc_id in columns[1:3]:
            return number
    return None


def _file(folder: Path, *names: str) -> Path:
    """Return the first of the files that exists, plain or compressed."""
    for name in names:
        if found := find_compressed(folder / name):
            return found
    raise InputError(f"no {' or '.join(names)}", path=folder, remedy="check the folder and the split's name")


def _plain(folder: Path, language: str) -> PlainDataset | None:
    if corpus := find_compressed(folder / "corpus.jsonl"):
        return PlainDataset(
            name=folder.name,
            collection_file=corpus,
            queries_file=lambda _: _file(folder, "queries.jsonl"),
            qrels_file=lambda split: _file(folder, f"qrels/{split}.tsv"),
            language=language,
        )
    if collection := find_compressed(folder / "collection.tsv"):
        return PlainDataset(
            name=folder.name,
            collection_file=collection,
            queries_file=lambda split: _file(folder, f"queries.{split}.tsv", "queries.tsv"),
            qrels_file=lambda split: _file(folder, f"qrels.{split}.tsv", "qrels.tsv"),
            language=language,
        )
    return None


def open_dataset(source: str | DatasetFiles, language: str = "") -> ParallelDataset | PlainDataset:
    """Return the dataset of that name, folder or files.

    Args:
        source: `debian-sample` (embedded), `debian` (built before, in the cache), a folder with one BEIR
            folder per language, a BEIR folder (`corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`) or an
            MS MARCO one (`collection.tsv`, `queries.<split>.tsv`, `qrels.<split>.tsv`), each file plain or
            compressed; or single files.
        language: ISO 639-1 code for the records of a BEIR or MS MARCO folder that do not say theirs.

    Raises:
        InputError: It is none of these.
    """
    if isinstance(source, DatasetFiles):
        queries, qrels = source.queries, source.qrels
        return PlainDataset(
            source.collection.name, source.collection, lambda _: queries, lambda _: qrels, language
        )
    if source == EMBEDDED_NAME:
        return load_embedded()
    if source == FULL_NAME and not Path(source).is_dir():
        if not default_output().is_dir():
            raise InputError(
                "the Debian collection is not built yet",
                path=default_output(),
                remedy="build it with 'cslir datasets build debian'",
            )
        return load_parallel(default_output())
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(
            "no such folder", path=folder, remedy=f"name a dataset's folder, or the embedded {EMBEDDED_NAME}"
        )
    plain = _plain(folder, language)
    if plain is not None:
        return plain
    if has_languages(folder):
        return load_parallel(folder)
    raise InputError(
        "not a dataset",
        path=folder,
        remedy="a BEIR folder holds corpus.jsonl, an MS MARCO folder collection.tsv, a parallel one a BEIR"
        " folder per language, named by its code",
    )


def examples_of(dataset: ParallelDataset | PlainDataset, split: str = "train") -> list[Example]:
    """Return a split's relevant pairs as training examples.

    Only the passages that are relevant to a query are kept in memory.

    Raises:
        InputError: The split has no relevant pair, or names ids that do not exist.
    """
    if isinstance(dataset, ParallelDataset):
        return dataset.train(split)
    qrels = dataset.qrels(split)
    relevant = [qrel for qrel in qrels if qrel.relevance > 0]
    queries = {query.query_id: query for query in dataset.queries(split)}
    wanted = {qrel.doc_id for qrel in relevant}
    passages = {p.doc_id: p for p in dataset.iterate_passages() if p.doc_id in wanted}
    dataset.check_passage_ids(split, set(passages) | {qrel.doc_id for qrel in qrels if qrel.relevance <= 0})
    if not relevant:
        raise InputError("no relevant pair", path=dataset.qrels_file(split), remedy="training needs some")
    return [Example(queries[qrel.query_id], passages[qrel.doc_id]) for qrel in relevant]


def passages_of(source: str, split: str, languages: Sequence[str] | None = None) -> Iterator[Passage]:
    """Yield a collection for indexing.

    Args:
        source: A dataset as for `open_dataset`, or one `corpus.jsonl` or `collection.tsv`.
        split: Of a parallel dataset, whose passages get ids of the form `language/doc_id`.
        languages: Of a parallel dataset; all of them if None.

    Raises:
        InputError: There is no such dataset, split or language.
    """
    path = Path(source)
    if path.is_file():
        read = read_beir_corpus if ".jsonl" in path.suffixes else read_msmarco_collection
        yield from read(path)
        return
    dataset = open_dataset(source)
    if isinstance(dataset, PlainDataset):
        yield from dataset.iterate_passages()
        return
    for language in languages or dataset.languages:
        for passage in dataset.passages(split, language):
            yield passage._replace(doc_id=f"{language}/{passage.doc_id}")
