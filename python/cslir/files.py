"""Reading files safely: transparent decompression, errors with a line."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from cslir.errors import DamagedFileError, InputError, MissingFileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "DAMAGE_ERRORS",
    "LONGEST_LINE",
    "cache_folder",
    "open_bytes",
    "read_lines",
    "read_raw_lines",
    "read_whole",
    "require_readable_again",
    "sha256_of",
]

DAMAGE_ERRORS = (EOFError, OSError, RuntimeError, lzma.LZMAError, zlib.error)
"""What reading from `open_bytes` raises where a file is truncated or corrupt."""

LONGEST_LINE = 64 << 20
"""Bytes of the longest line that is read: it and what is made of it must fit into memory."""

_LARGEST_WHOLE = 256 << 20
_MAGIC_BYTES = 6
_BUFFER_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 20


def cache_folder() -> Path:
    """Return cslir's cache folder: `$CSLIR_CACHE`, else `$XDG_CACHE_HOME/cslir`, else `~/.cache/cslir`."""
    if own := os.environ.get("CSLIR_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cslir"


def open_bytes(path: Path, *, pipe: bool = True) -> BinaryIO:
    """Open a file for reading, decompressed according to its first bytes.

    It may be gzip, bzip2, xz, zstandard, lz4 or plain, and a pipe: it is opened once and read from its
    beginning to its end. Whoever reads it for a second time calls `require_readable_again` before the first.

    Args:
        path: The file.
        pipe: Whether it may be a pipe, as a file may that the user names. One that is found in a folder may
            not: nothing would ever be written to it.

    Raises:
        InputError: The file is missing, is a folder or may not be read, or is a pipe where it must not be.
    """
    try:
        if not pipe:
            require_readable_again(path)
        # Without a buffer, which would keep a pipe's beginning to itself.
        file = path.open("rb", buffering=0)
        magic = b""
        while len(magic) < _MAGIC_BYTES and (more := file.read(_MAGIC_BYTES - len(magic))):
            magic += more
    except FileNotFoundError:
        raise MissingFileError("no such file", path=path, remedy="check the path") from None
    except IsADirectoryError:
        raise InputError("is a folder, a file is needed", path=path) from None
    except PermissionError:
        raise InputError("may not be read", path=path, remedy="check its permissions") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"can't be read ({reason})", path=path, remedy="check the path") from None
    plain: BinaryIO
    if file.seekable():
        file.seek(0)
        plain = io.BufferedReader(file, _BUFFER_BYTES)
    else:
        plain = io.BufferedReader(_Source(file, file, magic), _BUFFER_BYTES)
    if (decompressor := _decompressor(magic, plain)) is None:
        return plain
    return io.BufferedReader(_Source(decompressor, plain), _BUFFER_BYTES)


def require_readable_again(path: Path) -> None:
    """Refuse a pipe or a device, which can be read once: call it before a file is read that is read again.

    Raises:
        InputError: `path` is there and no regular file.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # Not there, or out of reach: opening it tells.
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(
            "is a pipe or a device, which can't be read twice",
            path=path,
            remedy="write what it gives to a file, and name that",
        )


def _decompressor(magic: bytes, file: BinaryIO) -> "_Reader | None":
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file, mode="rb")
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(file)
    if magic.startswith(b"\x04\x22\x4d\x18"):
        import lz4.frame

        return cast("_Reader", lz4.frame.LZ4FrameFile(file))
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        from cslir._core import ZstandardReader

        return ZstandardReader(file)
    return None


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


class _Source(io.RawIOBase):
    """What a pipe or a decompressor gives, as a file that closes the one which it comes from."""

    def __init__(self, reader: _Reader, file: io.IOBase | BinaryIO, first: bytes = b"") -> None:
        self._reader = reader
        self._file = file
        self._first = first

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        if self._first:
            read, self._first = self._first[: len(view)], self._first[len(view) :]
        else:
            read = self._reader.read(len(view)) or b""
        view[: len(read)] = read
        return len(read)

    def close(self) -> None:
        super().close()
        self._file.close()


def read_whole(path: Path, *, pipe: bool = False) -> bytes:
    """Return a file's bytes, decompressed: of files that are small, JSON above all.

    Args:
        path: The file.
        pipe: As for `open_bytes`.

    Raises:
        InputError: The file can't be opened, is truncated or corrupt, or larger than 256 MiB.
    """
    content = bytearray()
    with open_bytes(path, pipe=pipe) as file:
        try:
            while block := file.read(_BLOCK_BYTES):
                content += block
                if len(content) > _LARGEST_WHOLE:
                    raise InputError(
                        f"is larger than {_LARGEST_WHOLE >> 20} MiB", path=path, remedy="name the right file"
                    )
        except DAMAGE_ERRORS as error:
            raise DamagedFileError(
                f"truncated or corrupt ({error})", path=path, remedy="make or fetch the file again"
            ) from None
    return bytes(content)


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
        InputError: The file can't be opened, is truncated or corrupt, or a line is longer than 64 MiB.
    """
    number = 0
    with open_bytes(path) as file:
        try:
            while raw := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(raw) > LONGEST_LINE:
                    raise InputError(
                        f"a line of more than {LONGEST_LINE >> 20} MiB",
                        path=path,
                        line=number,
                        remedy="one record a line, each line ended by a line feed",
                    )
                yield number, raw
        except DAMAGE_ERRORS as error:
            raise DamagedFileError(
                f"truncated or corrupt after line {number} ({error})",
                path=path,
                remedy="fetch the file again",
            ) from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
