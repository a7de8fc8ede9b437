"""Parallel datasets on disk: one BEIR folder per language, the same ids in every language.

```
FOLDER/en/corpus.jsonl       {"_id", "title", "text"}      FOLDER/de/...   FOLDER/zh-Hant/...
FOLDER/en/queries.jsonl      {"_id", "text"}
FOLDER/en/qrels/train.tsv    query-id, corpus-id, score
FOLDER/en/qrels/dev.tsv, test.tsv
FOLDER/dataset.json          optional: where it comes from, and the SHA-256 of every file
```

Each file may be compressed (`.gz`, `.bz2`, `.xz`, `.lz4`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from cslir.datasets.judgements import Missing, missing_ids
from cslir.errors import InputError
from cslir.files import sha256_of
from cslir.formats import find_compressed, read_beir_corpus, read_beir_queries, read_qrels
from cslir.languages import language_code, language_label
from cslir.records import Example, Passage, Qrel, Query

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
        folders: The folder of each language, which another spelling of the code may name.
    """

    name: str
    languages: tuple[str, ...]
    folder: Path
    description: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    folders: Mapping[str, Path] = field(default_factory=dict, repr=False, compare=False)
    _parsed: dict[tuple[str, ...], object] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def splits(self, language: str = TRAINING_LANGUAGE) -> tuple[str, ...]:
        """Return the names of the splits that have qrels in a language, in alphabetical order."""
        qrels = self._folder(language) / "qrels"
        return tuple(sorted({path.name.partition(".tsv")[0] for path in qrels.glob("*.tsv*")}))

    def train(self, split: str = "train") -> list[Example]:
        """Return the English training pairs, one per relevant judgement of a split.

        Raises:
            InputError: There is no such split, or a file is bad.
        """
        queries, passages = self._queries(TRAINING_LANGUAGE), self._passages(TRAINING_LANGUAGE)
        return [
            Example(queries[one.query_id], passages[one.doc_id])
            for one in self.qrels(split)
            if one.relevance > 0 and one.doc_id in passages
        ]

    def queries(self, split: str, language: str) -> list[Query]:
        """Return the queries of a split in a language, in the order of its qrels."""
        queries = self._queries(language)
        return [queries[one] for one in dict.fromkeys(qrel.query_id for qrel in self.qrels(split, language))]

    def passages(self, split: str, language: str) -> list[Passage]:
        """Return the collection of a split in a language: the passages its qrels name, in their order."""
        passages = self._passages(language)
        judged = dict.fromkeys(qrel.doc_id for qrel in self.qrels(split, language))
        return [passages[one] for one in judged if one in passages]

    def qrels(self, split: str, language: str = TRAINING_LANGUAGE) -> list[Qrel]:
        """Return the judgements of a split in a language, of the queries that have a text in it.

        Raises:
            InputError: No such language or split, or the qrels are of another collection.
        """
        queries = self._queries(language)
        return [qrel for qrel in self._judgements(split, language) if qrel.query_id in queries]

    def missing(self, split: str, languages: Sequence[str]) -> Missing:
        """Return how many judged queries and relevant passages have a text in none of some languages."""
        qrels = {qrel for one in languages for qrel in self._judgements(split, one)}
        queries = set().union(*(self._queries(one) for one in languages))
        passages = set().union(*(self._passages(one) for one in languages))
        return Missing(
            len({qrel.query_id for qrel in qrels} - queries),
            len(
                {qrel.doc_id for qrel in qrels if qrel.relevance > 0 and qrel.query_id in queries} - passages
            ),
        )

    def files(self, split: str, language: str) -> list[Path]:
        """Return the files that hold a split in a language: corpus, queries and qrels."""
        names = ("corpus.jsonl", "queries.jsonl", f"qrels/{split}.tsv")
        return [self._file(language, name) for name in names]

    def _judgements(self, split: str, language: str) -> list[Qrel]:
        return self._cached(("qrels", split, language), lambda: self._read_qrels(split, language))

    def _read_qrels(self, split: str, language: str) -> list[Qrel]:
        path = self._file(language, f"qrels/{split}.tsv")
        qrels = list(read_qrels(path))
        if not qrels:
            raise InputError("no judgements", path=path, remedy="a split needs one judgement at least")
        for kind, judged, known, name in (
            ("query", {qrel.query_id for qrel in qrels}, self._queries(language), "queries.jsonl"),
            ("passage", {qrel.doc_id for qrel in qrels}, self._passages(language), "corpus.jsonl"),
        ):
            missing_ids(judged, known, kind, path=path, holder=self._file(language, name))
        return qrels

    def _queries(self, language: str) -> dict[str, Query]:
        return self._cached(("queries", language), lambda: self._read_queries(language))

    def _passages(self, language: str) -> dict[str, Passage]:
        return self._cached(("corpus", language), lambda: self._read_passages(language))

    def _read_queries(self, language: str) -> dict[str, Query]:
        path = self._file(language, "queries.jsonl")
        return {query.query_id: query for query in read_beir_queries(path, language)}

    def _read_passages(self, language: str) -> dict[str, Passage]:
        path = self._file(language, "corpus.jsonl")
        return {passage.doc_id: passage for passage in read_beir_corpus(path, language)}

    def _cached(self, key: tuple[str, ...], read: Callable[[], _Parsed]) -> _Parsed:
        if key not in self._parsed:
            self._parsed[key] = read()
        return cast(_Parsed, self._parsed[key])

    def _folder(self, language: str) -> Path:
        found = self.folders.get(language_label(language))
        if found is None:
            raise InputError(
                f"no language {language!r}", path=self.folder, remedy=f"it has {', '.join(self.languages)}"
            )
        return found

    def _file(self, language: str, name: str) -> Path:
        path = self._folder(language) / name
        found = find_compressed(path)
        if found is None:
            remedy = "check the split's name" if name.startswith("qrels/") else "the folder is not complete"
            raise InputError("no such file, compressed or plain", path=path, remedy=remedy)
        return found


def load_parallel(folder: Path) -> ParallelDataset:
    """Open a folder with one BEIR folder per language.

    Where the folder has a `dataset.json` with checksums, every file is verified; the records themselves are
    read when they are asked for.

    Raises:
        InputError: The folder is missing or holds no language, `dataset.json` is malformed, or a file is
            missing or differs from its checksum.
    """
    if not folder.is_dir():
        raise InputError(
            "no such folder", path=folder, remedy="name a folder with a BEIR folder per language"
        )
    description = read_description(folder / DESCRIPTION_FILE)
    verify_files(folder, description)
    folders: dict[str, Path] = {}
    for language, path in _language_folders(folder):
        if other := folders.get(language):
            raise InputError(
                f"{other.name} and {path.name} are the same language, {language}",
                path=folder,
                remedy="keep one folder for each language",
            )
        folders[language] = path
    if not folders:
        raise InputError(
            "no language folder with a corpus.jsonl",
            path=folder,
            remedy="the layout is FOLDER/en/corpus.jsonl",
        )
    listed = [language_label(one) for one in description.get("languages", ()) if isinstance(one, str)]
    ordered = [one for one in dict.fromkeys((*listed, *folders)) if one in folders]
    ordered.sort(key=lambda one: one != TRAINING_LANGUAGE)
    return ParallelDataset(
        str(description.get("name", folder.name)), tuple(ordered), folder, description, folders
    )


def has_languages(folder: Path) -> bool:
    """Return whether a folder holds a BEIR folder named by a language's code."""
    return next(_language_folders(folder), None) is not None


def _language_folders(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the code and the path of each folder of a language that holds a collection."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and find_compressed(path / "corpus.jsonl") is not None:
            try:
                yield language_code(path.name), path
            except InputError:
                continue


def read_description(path: Path) -> Mapping[str, Any]:
    """Return the content of a `dataset.json`; empty where there is none.

    Raises:
        InputError: It is no JSON object, or its `files` are none.
    """
    try:
        description = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"not JSON: {error}", path=path, remedy="build the dataset again") from None
    if not isinstance(description, dict) or not isinstance(description.get("files", {}), dict):
        raise InputError("not a dataset's description", path=path, remedy="build the dataset again")
    return description


def verify_files(folder: Path, description: Mapping[str, Any]) -> None:
    """Refuse a folder of which a file is missing or differs from its checksum in `dataset.json`."""
    for name, expected in description.get("files", {}).items():
        path = folder / name
        if not path.is_file():
            raise InputError(
                "no such file, though dataset.json lists it", path=path, remedy="build the dataset again"
            )
        if sha256_of(path) != expected:
            raise InputError(
                "SHA-256 differs from the one in dataset.json",
                path=path,
                remedy="build the dataset again, or remove dataset.json if the change is yours",
            )
