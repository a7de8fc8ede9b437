"""Which files of a folder are a dataset: BEIR's names, MS MARCO's, and mMARCO's, which begin with a language.

```
corpus.jsonl           queries.jsonl                   qrels/dev.tsv            BEIR
collection.tsv         queries.dev.small.tsv           qrels.dev.small.tsv      MS MARCO
german_collection.tsv  german_queries.dev.small.tsv    qrels.dev.small.tsv      mMARCO
```

Each file may be compressed (`.gz`, `.bz2`, `.xz`, `.lz4`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cslir import formats
from cslir.errors import InputError, MissingFileError
from cslir.formats import find_compressed
from cslir.records import Passage, Query

__all__ = ["Layout", "find_layouts", "read_passages", "read_queries"]

_LANGUAGES = {
    "arabic": "ar",
    "chinese": "zh",
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "hindi": "hi",
    "indonesian": "id",
    "italian": "it",
    "japanese": "ja",
    "portuguese": "pt",
    "russian": "ru",
    "spanish": "es",
    "vietnamese": "vi",
}
"""How mMARCO's files name their languages."""
_MMARCO_NAME = re.compile(rf"({'|'.join(_LANGUAGES)})_(?:collection|queries)\.")


@dataclass(frozen=True)
class Layout:
    """The files of one collection in a folder.

    Attributes:
        folder: Where they are.
        collection: The passages.
        prefix: With which mMARCO's names begin, `german_`; empty for others.
    """

    folder: Path
    collection: Path
    prefix: str = ""

    @property
    def language(self) -> str:
        """The language that the collection's name tells; empty for most."""
        return _language_in_name(self.collection)

    def splits(self) -> tuple[str, ...]:
        """Return the splits that have judgements, in alphabetical order."""
        folder, start = (self.folder / "qrels", "") if self._is_beir else (self.folder, r"qrels\.")
        name = re.compile(rf"(?:{self.prefix})?{start}(.+?)\.tsv(?:\.(?:gz|bz2|xz|lz4))?")
        matches = (name.fullmatch(path.name) for path in folder.glob("*.tsv*"))
        return tuple(sorted({match[1] for match in matches if match}))

    def full_name(self, split: str) -> str | None:
        """Return the split of that name, else the only one that goes on after it: `dev.small` for `dev`."""
        splits = self.splits()
        longer = [one for one in splits if one.startswith(f"{split}.")]
        return split if split in splits else longer[0] if len(longer) == 1 else None

    def qrels(self, split: str) -> Path:
        """Return the judgements of a split, by its `full_name`.

        Raises:
            InputError: There are none; with the splits that there are.
        """
        splits = self.splits()
        remedy = f"it has the splits {', '.join(splits)}" if splits else "a split's judgements belong there"
        name = self.full_name(split) or split
        if self._is_beir:
            return self._file(f"qrels/{name}.tsv", remedy=remedy)
        return self._file(*self._named(f"qrels.{name}.tsv"), *self._named("qrels.tsv"), remedy=remedy)

    def queries(self, split: str) -> Path:
        """Return the queries of a split: those of `dev` are among others the queries of `dev.small`.

        Raises:
            InputError: There are none.
        """
        if self._is_beir:
            return self._file("queries.jsonl")
        name = self.full_name(split) or split
        names = [name[:end] for end in range(len(name), 0, -1) if name[end : end + 1] in ("", ".")]
        wanted = [one for part in names for one in self._named(f"queries.{part}.tsv")]
        return self._file(*wanted, *self._named("queries.tsv"))

    @property
    def _is_beir(self) -> bool:
        return ".jsonl" in self.collection.suffixes

    def _named(self, name: str) -> list[str]:
        return [f"{self.prefix}{name}", name] if self.prefix else [name]

    def _file(self, *names: str, remedy: str = "the folder is not complete") -> Path:
        """Return the first of the files that exists, plain or compressed."""
        for name in names:
            if found := find_compressed(self.folder / name):
                return found
        raise MissingFileError(f"no {' or '.join(names)}", path=self.folder, remedy=remedy)


def find_layouts(folder: Path) -> list[Layout]:
    """Return the collections of a folder: one for each language with mMARCO's names, else one or none."""
    if corpus := find_compressed(folder / "corpus.jsonl"):
        return [Layout(folder, corpus)]
    prefixes = ("", *(f"{name}_" for name in _LANGUAGES))
    found = ((prefix, find_compressed(folder / f"{prefix}collection.tsv")) for prefix in prefixes)
    return [Layout(folder, path, prefix) for prefix, path in found if path is not None]


def read_passages(path: Path, language: str = "") -> Iterator[Passage]:
    """Yield the passages of a BEIR `corpus.jsonl`, or of an MS MARCO or mMARCO collection.

    Args:
        path: The file, or a pipe; its name tells the format, else its first line.
        language: Of the records that do not tell theirs; if empty, the one that mMARCO's name tells.

    Raises:
        InputError: There is none, or the file is bad.
    """
    passages = formats.read_collection(path, language or _language_in_name(path))
    if (first := next(passages, None)) is None:
        raise InputError("the collection is empty", path=path, remedy="check the file")
    yield first
    yield from passages


def read_queries(path: Path, language: str = "") -> Iterator[Query]:
    """Yield the queries of a BEIR `queries.jsonl`, or of an MS MARCO or mMARCO file; see `read_passages`."""
    return formats.read_queries(path, language or _language_in_name(path))


def _language_in_name(path: Path) -> str:
    match = _MMARCO_NAME.match(path.name)
    return _LANGUAGES[match[1]] if match else ""
