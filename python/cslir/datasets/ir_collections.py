"""Collections of the library ir_datasets, by id: `mmarco/v2/de/dev/small`, `neuclir/1/zh/trec-2022`.

The library fetches what is missing and keeps it in `$IR_DATASETS_HOME` (`~/.ir_datasets`); a file that lies
there already is used.
"""

import difflib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from cslir.datasets.plain import Dataset
from cslir.errors import CslirError, InputError, MissingExtraError, UnknownNameError
from cslir.languages import language_label
from cslir.records import Passage, Qrel, Query
from cslir.shell import pip_command

__all__ = ["PREFIX", "IrDataset", "open_ir_dataset"]

PREFIX = "irds:"
"""Before an id, tells it from a folder's name."""
_LANGUAGES = {"dt": "nl"}
"""Codes of ir_datasets that are no code of a language."""

_Record = TypeVar("_Record")


class _LibraryDataset(Protocol):
    """What is used of a dataset of the library; its records are NamedTuples whose fields differ."""

    def dataset_id(self) -> str: ...
    def has_docs(self) -> bool: ...
    def has_queries(self) -> bool: ...
    def has_qrels(self) -> bool: ...
    def docs_iter(self) -> Iterator[Any]: ...
    def docs_lang(self) -> str | None: ...
    def docs_count(self) -> int | None: ...
    def queries_iter(self) -> Iterator[Any]: ...
    def queries_lang(self) -> str | None: ...
    def qrels_iter(self) -> Iterator[Any]: ...


@dataclass(frozen=True)
class IrDataset(Dataset):
    """A dataset of ir_datasets; its `name` is the id.

    The id of a collection without judgements takes the split as its last part: `beir/scifact` and `test`.
    """

    def _of(self, split: str) -> _LibraryDataset:
        """Return the library's dataset that has a split's queries and judgements.

        Args:
            split: Of the collection; empty for what the id itself names, else its split `test`.
        """
        registry = _registry()
        names = (f"{self.name}/{split}",) if split else (self.name, f"{self.name}/test")
        if split in self.name.split("/"):
            names = (*names, self.name)
        for name in names:
            found = _registered(registry, name)
            if found is not None and found.has_qrels() and found.has_queries():
                return found
        judged = [
            name
            for name in registry
            if name.startswith(f"{self.name}/")
            and registry[name].has_qrels()
            and registry[name].has_queries()
        ]
        raise UnknownNameError(
            f"no judgements of a split {split!r}" if split else "has no judgements of its own",
            path=self.name,
            remedy=f"ir_datasets has them for {', '.join(sorted(judged)[:8])}"
            if judged
            else "name another id",
        )

    @property
    def collection_place(self) -> str:
        """The id."""
        return self.name

    def queries_place(self, split: str) -> str:
        """Return the id that has the queries."""
        return str(self._of(split).dataset_id())

    def qrels_place(self, split: str) -> str:
        """Return the id that has the judgements."""
        return str(self._of(split).dataset_id())

    def iterate_passages(self) -> Iterator[Passage]:
        """Yield the passages as they are read."""
        dataset = _registry()[self.name]
        if not dataset.has_docs():
            raise InputError("has no passages", path=self.name, remedy="name the id of a collection")
        language = _language(dataset.docs_lang())
        for record in self._records("passages", dataset.docs_iter):
            if hasattr(record, "title") and hasattr(record, "text"):
                title, text = record.title or "", record.text
            else:
                title, text = "", record.default_text()
            yield Passage(record.doc_id, text, title, _language(getattr(record, "lang", "")) or language)

    def iterate_queries(self, split: str) -> Iterator[Query]:
        """Yield the queries as they are read, judged or not."""
        dataset = self._of(split)
        language = _language(dataset.queries_lang())
        for record in self._records("queries", dataset.queries_iter):
            yield Query(record.query_id, record.default_text(), language)

    def count_passages(self) -> int | None:
        """Return what the library says, if it says it."""
        try:
            count = _registry()[self.name].docs_count()
        except Exception:  # a count is for the progress bar alone, and each format fails in its own way
            return None
        return count if isinstance(count, int) else None

    def _iterate_qrels(self, split: str) -> Iterator[Qrel]:
        for record in self._records("judgements", self._of(split).qrels_iter):
            yield Qrel(record.query_id, record.doc_id, record.relevance)

    def _records(self, kind: str, iterate: Callable[[], Iterator[_Record]]) -> Iterator[_Record]:
        """Yield the library's records; whatever fails in it is one error."""
        try:
            yield from iterate()
        except CslirError:
            raise
        except Exception as error:  # network, file system, archive, checksum, a parser's library: anything
            reason = " ".join(str(error).split()) or type(error).__name__
            raise CslirError(
                f"{self.name}: ir_datasets could not give the {kind} ({type(error).__name__}: {reason[:120]})"
                "; check the network, or put the files where its own messages say, below $IR_DATASETS_HOME"
            ) from None


def open_ir_dataset(identifier: str) -> IrDataset:
    """Return the dataset of an id.

    Raises:
        InputError: The library is not installed, or does not know the id.
    """
    registry = _registry()
    if _registered(registry, identifier) is None:
        close = difflib.get_close_matches(identifier, list(registry), n=3)
        raise UnknownNameError(
            "neither a folder nor an id of ir_datasets",
            path=identifier,
            remedy=f"there is {', '.join(close)}" if close else "check the id",
        )
    return IrDataset(identifier)


def _registered(registry: Mapping[str, _LibraryDataset], identifier: str) -> _LibraryDataset | None:
    try:
        return registry[identifier]
    except KeyError:
        return None


def _registry() -> Mapping[str, _LibraryDataset]:
    """Return the library's datasets by id; those of a pattern of ids are not listed, but are there."""
    if not sys.stderr.isatty():
        os.environ.setdefault("IR_DATASETS_DL_DISABLE_PBAR", "true")
    try:
        import ir_datasets
    except ImportError:
        raise MissingExtraError(
            "an id of ir_datasets needs that library",
            name="ir_datasets",
            remedy=pip_command("cslir[ir-datasets]"),
        ) from None
    return cast(Mapping[str, _LibraryDataset], ir_datasets.registry)


def _language(code: object) -> str:
    return language_label(_LANGUAGES.get(code, code)) if isinstance(code, str) else ""
