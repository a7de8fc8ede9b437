"""Reading and writing files safely: transparent decompression, errors with a line, atomic replacement."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

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
    "replace_file",
    "replace_folder",
    "require_replaceable",
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


@contextmanager
def replace_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file so that it appears whole or not at all.

    Yields a binary file in the same folder; on success it is flushed to disk and renamed over `path`, on
    any exception, Ctrl-C included, it is removed and `path` stays as it was. Missing parent folders are made.

    Raises:
        InputError: `path` is a folder, a pipe, a device or a standard stream, or its parent is a file or may
            not be written.
    """
    _require_regular(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise InputError(
            f"can't be written ({error.strerror})", path=path, remedy="choose another folder"
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _require_regular(path: Path) -> None:
    """Refuse to rename a file over what is no file: a device would be gone for every program.

    Raises:
        InputError: `path` is there and no regular file, or it stands for an open one (`/dev/stdout`).
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # Not there, or out of reach: writing tells.
    if stat.S_ISDIR(mode):
        raise InputError("is a folder, a file is needed", path=path, remedy="name a file")
    # Of a redirected stream the device is a link through /proc to a regular file.
    stands_for_open = path.is_symlink() and path.readlink().is_relative_to("/proc")
    if not stat.S_ISREG(mode) or stands_for_open:
        raise InputError(
            "is a pipe, a device or a standard stream, a file is needed",
            path=path,
            remedy="name a file, which appears whole or not at all",
        )


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder so that it appears whole or not at all.

    Yields a temporary folder beside `folder`. On success its files are flushed to disk and it takes the
    place of `folder`; on any exception, Ctrl-C included, it is removed and `folder` stays as it was.

    Raises:
        InputError: `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file, a folder is needed", path=folder, remedy="name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    retired = work.with_suffix(".old")
    try:
        yield work
        umask = os.umask(0)
        os.umask(umask)
        _flush(work, 0o666 & ~umask)
        work.chmod(0o777 & ~umask)
        if folder.exists():
            folder.rename(retired)
        work.rename(folder)
    except BaseException:
        if retired.exists() and not folder.exists():
            retired.rename(folder)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(retired, ignore_errors=True)


def require_replaceable(folder: Path, kind: str, *markers: str) -> None:
    """Refuse to replace what a stage did not make: call it before the work, not after.

    Args:
        folder: Where the output goes.
        kind: What it holds after, for the message: `model`, `index`.
        markers: Files of which an earlier output has one at least.

    Raises:
        InputError: `folder` is a file, or a folder that is not empty and holds none of the markers.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError("is a file, a folder is needed", path=folder, remedy="name another folder")
    if any(folder.iterdir()) and not any((folder / marker).is_file() for marker in markers):
        raise InputError(
            f"is not empty and holds no {kind} of ours", path=folder, remedy="name a new or an empty folder"
        )


def _flush(folder: Path, mode: int) -> None:
    """Flush files to disk, and give them the usual mode: some writers make theirs private."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
