"""The texts of an index: a BEIR corpus in the order of the vectors' rows, and where each of its lines starts.

What an index is built of is `passages.jsonl` with `offsets.npy`; passages that were added since have files of
their own, named by the row of the first of them: `passages-00000004.jsonl`, `offsets-00000004.npy`. No file
changes once the vectors have its rows.
"""

import hashlib
import math
import os
from array import array
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cslir.errors import DamagedFileError, InputError
from cslir.formats import passage_line, passage_of_line
from cslir.records import Passage

__all__ = ["REBUILD", "PassageFile", "PassageWriter", "map_array", "map_file", "passage_file_names"]

REBUILD = "build the index again"
"""What to do about a damaged file of an index."""


def passage_file_names(first_row: int) -> tuple[str, str]:
    """Return the names of the file of passages that begins with a row, and of the file of its offsets."""
    number = f"-{first_row:08}" if first_row else ""
    return f"passages{number}.jsonl", f"offsets{number}.npy"


class PassageFile:
    """The passages of some successive rows, mapped; shared freely among threads.

    Attributes:
        rows: The rows.
        files: Both files by name.
    """

    def __init__(self, folder: Path, first_row: int, passages: int) -> None:
        """Open the files.

        Raises:
            InputError: One is missing or damaged, or they don't fit each other, as far as sizes tell.
        """
        self.rows = range(first_row, first_row + passages)
        texts, offsets = passage_file_names(first_row)
        self._path = folder / texts
        self._lines = map_file(self._path)
        self.files = {texts: self._lines, offsets: map_file(folder / offsets)}
        self._offsets = map_array(folder / offsets, self.files[offsets], np.int64, (passages + 1,))
        if self._offsets[0] != 0 or self._offsets[-1] != len(self._lines):
            raise DamagedFileError(f"does not fit {texts}", path=folder / offsets, remedy=REBUILD)

    def passage(self, row: int, doc_id: str) -> Passage:
        """Return the passage of a row.

        Raises:
            InputError: What stands there is no passage, or not that with this id.
        """
        place = row - self.rows.start
        try:
            passage = passage_of_line(self._lines[self._offsets[place] : self._offsets[place + 1]])
        except InputError:
            passage = None
        if passage is None or passage.doc_id != doc_id:
            raise DamagedFileError(
                f"damaged: passage {doc_id!r} is not where {passage_file_names(self.rows.start)[1]} says",
                path=self._path,
                line=place + 1,
                remedy=REBUILD,
            )
        return passage


class PassageWriter:
    """Writes the files of passages in a `with` block, and flushes them to disk at its end.

    Attributes:
        sha256: Of both files by name; after the block.
    """

    def __init__(self, folder: Path, first_row: int) -> None:
        self.sha256: dict[str, str] = {}
        self._folder, self._names = folder, passage_file_names(first_row)
        self._offsets = array("q", [0])
        self._digest = hashlib.sha256()

    @property
    def passages(self) -> int:
        """How many there are so far."""
        return len(self._offsets) - 1

    def __enter__(self) -> Self:
        self._file = (self._folder / self._names[0]).open("wb")
        return self

    def add(self, passage: Passage) -> None:
        """Write a passage."""
        line = passage_line(passage).encode() + b"\n"
        self._file.write(line)
        self._digest.update(line)
        self._offsets.append(self._offsets[-1] + len(line))

    def written(self) -> Iterator[Passage]:
        """Yield the passages so far again; none may be added meanwhile."""
        self._file.flush()
        with (self._folder / self._names[0]).open("rb") as file:
            yield from map(passage_of_line, file)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file as file:
            if kind is not None:
                return
            file.flush()
            os.fsync(file.fileno())
        texts, offsets = self._names
        with (self._folder / offsets).open("w+b") as file:
            np.save(file, np.asarray(self._offsets, dtype=np.int64))
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            self.sha256 = {
                texts: self._digest.hexdigest(),
                offsets: hashlib.file_digest(file, "sha256").hexdigest(),
            }


def map_file(path: Path) -> mmap:
    """Map a file of an index.

    Raises:
        InputError: It is missing, empty or no file.
    """
    try:
        # A pipe in its place would never open.
        if not path.is_file():
            raise ValueError("no such file")
        with path.open("rb") as file:
            return mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError) as error:
        raise DamagedFileError(f"incomplete or corrupt ({error})", path=path, remedy=REBUILD) from None


def map_array(path: Path, file: mmap, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the array in a mapped .npy file.

    Raises:
        InputError: It is no such file, or the array has another type or shape.
    """
    try:
        file.seek(0)
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version")
        found, by_columns, kind = np.lib.format.read_array_header_1_0(file)
        if (found, kind, by_columns) != (shape, np.dtype(dtype), False):
            raise ValueError(f"{kind} of shape {found}, {np.dtype(dtype)} of shape {shape} is needed")
        return np.frombuffer(file, dtype, math.prod(shape), file.tell()).reshape(shape)
    except Exception as error:  # numpy raises nothing narrower for a damaged header
        raise DamagedFileError(f"incomplete or corrupt ({error})", path=path, remedy=REBUILD) from None
