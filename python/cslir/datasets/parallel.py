"""Parallel datasets on disk: one folder per language, the same ids in every language.

```
FOLDER/en/corpus.jsonl       {"_id", "title", "text"}      FOLDER/de/...   FOLDER/zh-Hant/...
FOLDER/en/queries.jsonl      {"_id", "text"}
FOLDER/en/qrels/train.tsv    query-id, corpus-id, score
FOLDER/en/qrels/dev.tsv, test.tsv
FOLDER/dataset.json          optional: where it comes from, and the SHA-256 of every file
```

The folder of a language may have MS MARCO's files instead, and those of mMARCO may be together in one folder
(see `cslir.datasets.layouts`). Each file may be compressed.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from cslir.datasets.judgements import Missing, missing_ids
from cslir.datasets.layouts import Layout, find_layouts, read_passages, read_queries
from cslir.errors import DamagedFileError, InputError, MissingFileError, UnknownNameError
from cslir.files import sha256_of
from cslir.formats import read_qrels
from cslir.json_values import read_json
from cslir.languages import language_code, language_label
from cslir.records import Example, Passage, Qrel, Query

if TYPE_CHECKING:
    from cslir.datasets.mixing import SettingDataset

__all__ = [
    "DESCRIPTION_FILE",
    "SEEN_LANGUAGES",
    "TRAINING_LANGUAGE",
    "UNSEEN_LANGUAGES",
    "ParallelDataset",
    "has_languages",
    "load_parallel",
    "read_description",
    "verify_files",
]

TRAINING_LANGUAGE = "en"
SEEN_LANGUAGES = ("en", "de", "it", "fr", "ru")
UNSEEN_LANGUAGES = ("es", "ja", "pl")
DESCRIPTION_FILE = "dataset.json"

_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True)
class ParallelDataset:
    """Queries, passages and qrels in several languages that share their ids.

    A split's collection in a language is made of the passages that its qrels name there, so the candidates
    of a parallel split are parallel too. Files are read when first asked for and kept in memory.

    Attributes:
        name: Name of the dataset.
        languages: Their codes, the training language first.
        folder: Where it lies.
        description: The content of its `dataset.json`; empty without one.
        layouts: The files of each language.
    """

    name: str
    languages: tuple[str, ...]
    folder: Path
    description: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    layouts: Mapping[str, Layout] = field(default_factory=dict, repr=False, compare=False)
    _parsed: dict[tuple[str, ...], object] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def splits(self, language: str = TRAINING_LANGUAGE) -> tuple[str, ...]:
        """Return the names of the splits that have qrels in a language, in alphabetical order."""
        return self._layout(language).splits()

    def has_split(self, split: str, language: str) -> bool:
        """Return whether there are judgements of a split in a language; `dev` may be `dev.small`."""
        return self._layout(language).full_name(split) is not None

    def train(self, split: str = "train") -> list[Example]:
        """Return the English training pairs, one per relevant judgement of a split.

        Raises:
            InputError: There is no such split, or a file is bad.
        """
        queries, passages = self._queries(split, TRAINING_LANGUAGE), self._passages(TRAINING_LANGUAGE)
        return [
            Example(queries[one.query_id], passages[one.doc_id])
            for one in self.qrels(split)
            if one.relevance > 0 and one.doc_id in passages
        ]

    def queries(self, split: str, language: str) -> list[Query]:
        """Return the queries of a split in a language, in the order of its qrels."""
        queries = self._queries(split, language)
        return [queries[one] for one in dict.fromkeys(qrel.query_id for qrel in self.qrels(split, language))]

    def passages(self, split: str, language: str | None = None) -> list[Passage]:
        """Return the collection of a split: the passages that its qrels name, in their order.

        Args:
            split: The split.
            language: One of the languages; if None all of them, each passage with an id of the form
                `language/doc_id`, since the versions of a passage share theirs.
        """
        if language is None:
            having = [one for one in self.languages if self.has_split(split, one)]
            return list(self.passages_in(split, having or self.languages))
        passages = self._passages(language)
        judged = dict.fromkeys(qrel.doc_id for qrel in self.qrels(split, language))
        return [passages[one] for one in judged if one in passages]

    def passages_in(self, split: str, languages: Iterable[str]) -> Iterator[Passage]:
        """Yield the passages of a split in some languages, each with an id of the form `language/doc_id`."""
        for language in languages:
            for passage in self.passages(split, language):
                yield passage._replace(doc_id=f"{language}/{passage.doc_id}")

    def qrels(self, split: str, language: str = TRAINING_LANGUAGE) -> list[Qrel]:
        """Return the judgements of a split in a language, of the queries that have a text in it.

        Raises:
            InputError: No such language or split, or the qrels are of another collection.
        """
        queries = self._queries(split, language)
        return [qrel for qrel in self._judgements(split, language) if qrel.query_id in queries]

    def setting(
        self, name: str, split: str = "test", *, languages: Sequence[str] | None = None, seed: int = 1
    ) -> "SettingDataset":
        """Return one setting, over the ids that all its languages have.

        Args:
            name: A language pair such as `en-de`, queries first; or `X-en`, `en-X` or `X-X`, where X is drawn
                for each query or passage.
            split: The split that it is made of.
            languages: Among which X is drawn; if None, those that have all ids of the split.
            seed: Of the draws.

        Raises:
            InputError: There is no such setting, language or split, `languages` do not go with the setting,
                or its languages share no id.
        """
        from cslir.datasets.mixing import setting_of_dataset

        return setting_of_dataset(self, name, split, languages, seed=seed)

    def missing(self, split: str, languages: Sequence[str]) -> Missing:
        """Return how many judged queries and relevant passages have a text in none of some languages."""
        qrels = {qrel for one in languages for qrel in self._judgements(split, one)}
        queries = set().union(*(self._queries(split, one) for one in languages))
        passages = set().union(*(self._passages(one) for one in languages))
        return Missing(
            len({qrel.query_id for qrel in qrels} - queries),
            len(
                {qrel.doc_id for qrel in qrels if qrel.relevance > 0 and qrel.query_id in queries} - passages
            ),
        )

    def files(self, split: str, language: str) -> list[Path]:
        """Return the files that hold a split in a language: corpus, queries and qrels."""
        layout = self._layout(language)
        return [layout.collection, layout.queries(split), layout.qrels(split)]

    def _judgements(self, split: str, language: str) -> list[Qrel]:
        return self._cached(("qrels", split, language), lambda: self._read_qrels(split, language))

    def _read_qrels(self, split: str, language: str) -> list[Qrel]:
        corpus, queries, path = self.files(split, language)
        qrels = list(read_qrels(path))
        if not qrels:
            raise InputError("no judgements", path=path, remedy="a split needs one judgement at least")
        for kind, judged, known, holder in (
            ("query", {qrel.query_id for qrel in qrels}, self._queries(split, language), queries),
            ("passage", {qrel.doc_id for qrel in qrels}, self._passages(language), corpus),
        ):
            missing_ids(judged, known, kind, path=path, holder=holder)
        return qrels

    def _queries(self, split: str, language: str) -> dict[str, Query]:
        path = self._layout(language).queries(split)
        return self._cached(
            ("queries", str(path)), lambda: {one.query_id: one for one in read_queries(path, language)}
        )

    def _passages(self, language: str) -> dict[str, Passage]:
        path = self._layout(language).collection
        return self._cached(
            ("passages", str(path)), lambda: {one.doc_id: one for one in read_passages(path, language)}
        )

    def _cached(self, key: tuple[str, ...], read: Callable[[], _Parsed]) -> _Parsed:
        if key not in self._parsed:
            self._parsed[key] = read()
        return cast(_Parsed, self._parsed[key])

    def _layout(self, language: str) -> Layout:
        found = self.layouts.get(language_label(language))
        if found is None:
            raise UnknownNameError(
                f"no language {language!r}", path=self.folder, remedy=f"it has {', '.join(self.languages)}"
            )
        return found


def load_parallel(folder: str | PathLike[str]) -> ParallelDataset:
    """Open a folder with one BEIR or MS MARCO folder per language, or mMARCO's files of several.

    Where the folder has a `dataset.json` with checksums, every file is verified; the records themselves are
    read when they are asked for.

    Raises:
        InputError: The folder is missing or holds no language, `dataset.json` is malformed, or a file is
            missing or differs from its checksum.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(
            "no such folder", path=folder, remedy="name a folder with a BEIR folder per language"
        )
    description = read_description(folder / DESCRIPTION_FILE)
    verify_files(folder, description)
    layouts: dict[str, Layout] = {}
    for language, layout in _layouts_by_language(folder):
        if other := layouts.get(language):
            first, second = (one.collection.relative_to(folder) for one in (other, layout))
            raise InputError(
                f"{first} and {second} are the same language, {language}",
                path=folder,
                remedy="keep one of them",
            )
        layouts[language] = layout
    if not layouts:
        raise InputError(
            "no language folder with a corpus.jsonl or collection.tsv",
            path=folder,
            remedy="the layout is FOLDER/en/corpus.jsonl",
        )
    listed = [language_label(one) for one in description.get("languages", ()) if isinstance(one, str)]
    ordered = [one for one in dict.fromkeys((*listed, *layouts)) if one in layouts]
    ordered.sort(key=lambda one: one != TRAINING_LANGUAGE)
    return ParallelDataset(
        str(description.get("name", folder.name)), tuple(ordered), folder, description, layouts
    )


def has_languages(folder: Path) -> bool:
    """Return whether a folder holds a BEIR or MS MARCO folder named by a language's code."""
    return next(_layouts_by_language(folder), None) is not None


def _layouts_by_language(folder: Path) -> Iterator[tuple[str, Layout]]:
    """Yield the code and the files of each language."""
    if len(layouts := find_layouts(folder)) > 1:
        # MS MARCO's own files, which name no language, are English.
        yield from ((layout.language or TRAINING_LANGUAGE, layout) for layout in layouts)
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir() and len(layouts := find_layouts(path)) == 1:
            try:
                yield language_code(path.name), layouts[0]
            except InputError:
                continue


def read_description(path: Path) -> Mapping[str, Any]:
    """Return the content of a `dataset.json`; empty where there is none.

    Raises:
        InputError: It is no JSON object, or its `files` are none.
    """
    # A link to nowhere is no absent file: without it, damage would go unnoticed.
    if not os.path.lexists(path):
        return {}
    description = read_json(path, remedy="build the dataset again").value
    if not isinstance(description, dict) or not isinstance(description.get("files", {}), dict):
        raise InputError("not a dataset's description", path=path, remedy="build the dataset again")
    return description


def verify_files(folder: Path, description: Mapping[str, Any]) -> None:
    """Refuse a folder of which a file is missing or differs from its checksum in `dataset.json`."""
    for name, expected in description.get("files", {}).items():
        path = folder / name
        if not path.is_file():
            raise MissingFileError(
                "no such file, though dataset.json lists it", path=path, remedy="build the dataset again"
            )
        if sha256_of(path) != expected:
            raise DamagedFileError(
                "SHA-256 differs from the one in dataset.json",
                path=path,
                remedy="build the dataset again, or remove dataset.json if the change is yours",
            )
