"""Reading files safely: transparent decompression, errors with a line."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from cslir.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from cslir._core import ZstandardReader

__all__ = [
    "DAMAGE_ERRORS",
    "cache_folder",
    "open_bytes",
    "read_lines",
    "read_raw_lines",
    "sha256_of",
]

DAMAGE_ERRORS = (EOFError, OSError, RuntimeError, lzma.LZMAError, zlib.error)
"""What reading from `open_bytes` raises where a file is truncated or corrupt."""


def cache_folder() -> Path:
    """Return cslir's cache folder: `$CSLIR_CACHE`, else `$XDG_CACHE_HOME/cslir`, else `~/.cache/cslir`."""
    if own := os.environ.get("CSLIR_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cslir"


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, decompressed according to its first bytes.

    It may be gzip, bzip2, xz, zstandard, lz4 or plain.

    Raises:
        InputError: The file is missing, is a folder or may not be read.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(6)
        if magic.startswith(b"\x1f\x8b"):
            return cast(BinaryIO, gzip.open(path, "rb"))
        if magic.startswith(b"BZh"):
            return cast(BinaryIO, bz2.open(path, "rb"))
        if magic.startswith(b"\xfd7zXZ\x00"):
            return cast(BinaryIO, lzma.open(path, "rb"))
        if magic.startswith(b"\x04\x22\x4d\x18"):
            import lz4.frame

            return cast(BinaryIO, lz4.frame.open(path, "rb"))
        if magic.startswith(b"\x28\xb5\x2f\xfd"):
            from cslir._core import ZstandardReader

            return io.BufferedReader(_Zstandard(ZstandardReader(path)))
        return path.open("rb")
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="check the path") from None
    except IsADirectoryError:
        raise InputError("is a folder, a file is needed", path=path) from None
    except PermissionError:
        raise InputError("may not be read", path=path, remedy="check its permissions") from None


class _Zstandard(io.RawIOBase):
    """What the core decompresses, as a file."""

    def __init__(self, reader: "ZstandardReader") -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        read = self._reader.read(len(view))
        view[: len(read)] = read
        return len(read)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Yield (line number from 1, line without its end) of a UTF-8 text file, decompressed as it is read.

    Lines end at LF or CRLF only: other Unicode line separators belong to the text. A byte-order mark at
    the start is dropped.

    Raises:
        InputError: The file can't be opened, is truncated or corrupt, or a line is not UTF-8.
    """
    for number, raw in read_raw_lines(path):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"not UTF-8 (byte {error.object[error.start]:#04x} at column {error.start + 1})",
                path=path,
                line=number,
                remedy="convert the file to UTF-8, with iconv for example",
            ) from None
        yield number, line.removesuffix("\n").removesuffix("\r")


def read_raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, bytes of the line with its end), decompressed as they are read.

    Raises:
        InputError: The file can't be opened, or is truncated or corrupt.
    """
    number = 0
    with open_bytes(path) as file:
        try:
            for raw in file:
                number += 1
                yield number, raw
        except DAMAGE_ERRORS as error:
            raise InputError(
                f"truncated or corrupt after line {number} ({error})",
                path=path,
                remedy="fetch the file again",
            ) from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
