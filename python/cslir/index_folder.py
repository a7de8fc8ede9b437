"""The folder of an index of texts, opened in one of its states.

It holds `index.json` (version, encoder, counts, checksums), `vectors` (a `cslir.VectorIndex`: a unit row per
passage, with its id and language), the texts (see `passage_files`), and `language_means.npy` where these were
removed.
"""

import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cslir._core import VectorIndex
from cslir.errors import DamagedFileError, InputError, MissingFileError
from cslir.json_values import read_json
from cslir.languages import language_label
from cslir.models.folders import fingerprint
from cslir.passage_files import REBUILD, PassageFile, map_array, map_file
from cslir.plurals import count_of
from cslir.records import Passage
from cslir.shell import own_command

__all__ = ["FORMAT_VERSION", "IndexFolder", "description_bytes", "model_fingerprint", "portable_name"]

FORMAT_VERSION = 2
_CHUNK = 4096
"""Queries that are searched at once."""


class IndexFolder:
    """One state of an index folder, opened."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number
        self.description = _read_description(folder / "index.json")
        try:
            self.vectors = VectorIndex.open(folder / "vectors")
        except InputError:
            raise
        except OSError as error:  # a folder in a file's place, for one
            raise DamagedFileError(
                f"incomplete or corrupt ({error.strerror})", path=error.filename, remedy=REBUILD
            ) from None
        codes, dimension = self.description["language_means"], self.description["dimension"]
        if self.vectors.dimension != dimension:
            raise DamagedFileError("its files do not fit each other", path=folder, remedy=REBUILD)
        self._files = self._open_passages()
        self.means_file = map_file(folder / "language_means.npy") if codes else None
        means: Any = ()
        if self.means_file is not None:
            path = folder / "language_means.npy"
            means = map_array(path, self.means_file, np.float32, (len(codes), dimension))
            if not np.isfinite(means).all():
                raise DamagedFileError("a value is not finite", path=path, remedy=REBUILD)
        self.means: Mapping[str, NDArray[np.float32]] = dict(zip(codes, means, strict=True))

    @classmethod
    def open(cls, folder: Path) -> "IndexFolder":
        """Open the newest state, all of it one; errors as for `Index.open`."""
        path = folder / "index.json"
        while path.is_file():
            # No other file has its number while it is open: if it is there in the end, nothing was replaced.
            with path.open("rb") as held:
                number = os.fstat(held.fileno()).st_ino
                try:
                    opened = cls(folder, number)
                except InputError:
                    if _is_number(path, number):
                        raise
                else:
                    if _is_number(path, number):
                        return opened
        raise _no_index(folder)

    def _open_passages(self) -> list[PassageFile]:
        rows = self.vectors.rows
        listed = [(one["first_row"], one["passages"]) for one in self.description["added"]]
        listed.insert(0, (0, self.description["passages"]))
        # What was to be added by a process that was killed has its texts, but no vectors.
        used = [one for one in listed if one[0] < rows]
        if not used or sum(used[-1]) > rows:
            raise self._changed(f"{rows} vectors are left of {sum(used[-1] if used else listed[0])}")
        files = [PassageFile(self.folder, *one) for one in used]
        if len(used) < len(listed):
            last = files[-1].rows[-1]
            try:
                files[-1].passage(last, *self.vectors.ids([last]))
            except InputError:
                raise self._changed("they have other numbers") from None
        if sum(len(file.rows) for file in files) < rows:
            live = self.vectors.live_rows()
            for file in files:
                live = live[(live < file.rows.start) | (live >= file.rows.stop)]
            if len(live):
                ids = self.vectors.ids(live[:3])
                raise InputError(
                    f"its vectors were changed without their passages: {count_of(len(live), 'vector')} more,"
                    f" {', '.join(map(repr, ids))}{', ...' if len(live) > len(ids) else ''}",
                    path=self.folder,
                    remedy=f"delete these by VectorIndex.open({str(self.folder / 'vectors')!r}).delete, and"
                    " call Index.add",
                )
        return files

    def _changed(self, how: str) -> InputError:
        return InputError(
            f"its vectors were changed without their passages: {how}",
            path=self.folder,
            remedy=f"{REBUILD}; Index.compact compacts both",
        )

    @property
    def encoder_name(self) -> str:
        """What the index names as its encoder: a folder or a hub id; empty if it had no name."""
        name = str(self.description["encoder"])
        return str((self.folder / name).resolve()) if name.startswith(".") else name

    @cached_property
    def languages(self) -> list[str]:
        """The languages of the passages, in order."""
        return sorted(self.vectors.counts("language").keys() - {""})

    @property
    def stamp(self) -> tuple[object, ...]:
        """What is another in each state."""
        return self.number, self.description, self.vectors.generation

    def ranked(
        self, queries: NDArray[np.float32], k: int, languages: Sequence[str] | None
    ) -> Iterator[tuple[list[float], list[int]]]:
        """Yield scores and rows for each query."""
        where = None if languages is None else {"language": [language_label(one) for one in languages]}
        for start in range(0, len(queries), _CHUNK):
            scores, rows = self.vectors.search(queries[start : start + _CHUNK], k, where=where)
            yield from zip(scores.tolist(), rows.tolist(), strict=True)

    def file_of(self, row: int) -> PassageFile:
        """Return the file that holds a row's passage."""
        return self._files[bisect_right(self._files, row, key=lambda file: file.rows.start) - 1]

    def passages(self, ids: Sequence[str], rows: Sequence[int]) -> Iterator[Passage]:
        """Yield the passages of rows that have these ids."""
        for doc_id, row in zip(ids, rows, strict=True):
            yield self.file_of(row).passage(row, doc_id)

    def verify(self) -> None:
        """Compare all checksums; raises InputError if a file is damaged."""
        self.vectors.verify()
        files = {name: file for one in self._files for name, file in one.files.items()}
        if self.means_file is not None:
            files["language_means.npy"] = self.means_file
        for name, file in files.items():
            if hashlib.sha256(file).hexdigest() != self.description["sha256"].get(name):
                raise DamagedFileError(
                    "damaged: its checksum is another", path=self.folder / name, remedy=REBUILD
                )


def _no_index(folder: Path) -> InputError:
    """Say that a folder is no index of texts, and what it may be."""
    if (folder / "manifest.jsonl").is_file():
        if (folder.parent / "index.json").is_file():
            return InputError(
                "holds the vectors of an index of texts", path=folder, remedy=f"open that: {folder.parent}"
            )
        return InputError(
            "is an index of vectors, without texts", path=folder, remedy="open it with cslir.VectorIndex"
        )
    return MissingFileError(
        "no index here", path=folder, remedy=f"make one with 'cslir index', or {own_command('demo')}"
    )


def model_fingerprint(name: str) -> str | None:
    """Return the fingerprint of a model that is a folder; None for another."""
    return fingerprint(Path(name)) if name else None


def _read_description(path: Path) -> dict[str, Any]:
    """Return what index.json says, checked."""
    whole = read_json(path, remedy=REBUILD)
    whole.require_format("cslir index", FORMAT_VERSION, "description of an index")
    described: dict[str, Any] = whole.value
    for key, kind in (("encoder", str), ("dimension", int), ("passages", int), ("sha256", dict)):
        whole.get(key, kind)
    whole.get("encoder_fingerprint", (str, NoneType))
    codes = whole.get("language_means", list, []).strings()
    if len(set(codes)) < len(codes):
        raise whole.wrong("language_means: a language stands there twice")
    end, added = whole.get("passages", int).value, []
    if end < 1:
        raise whole.wrong("passages: is not 1 or more")
    for one in whole.get("added", list, []).items():
        first, passages = one.get("first_row", int).value, one.get("passages", int).value
        if first < end or passages < 1:
            raise one.wrong("does not go on where the passages before end")
        end = first + passages
        added.append({"first_row": first, "passages": passages})
    return described | {
        "language_means": list(codes),
        "added": added,
        # Indexes of earlier releases do not say it.
        "precision": whole.get("precision", str, "float32").value,
    }


def description_bytes(description: Mapping[str, Any]) -> bytes:
    """Return the content of index.json; what was added is named only where there is something."""
    kept = {key: value for key, value in description.items() if key != "added" or value}
    return (json.dumps(kept, indent=2) + "\n").encode()


def _is_number(path: Path, number: int) -> bool:
    try:
        return path.stat().st_ino == number
    except FileNotFoundError:
        return False


def portable_name(encoder_name: str, folder: Path) -> str:
    """Return a folder beside the index relative to it, another one as absolute, a hub id as it is."""
    path = Path(encoder_name)
    if not encoder_name or not path.is_dir():
        return encoder_name
    path, parent = path.resolve(), folder.resolve().parent
    return os.path.relpath(path, folder.resolve()) if path.is_relative_to(parent) else str(path)
