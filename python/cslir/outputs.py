"""Outputs that appear whole or not at all: files and folders, written beside their place and then renamed.

While `NAME` is written it is `.NAME.part` in the same folder, locked by its writer. A second writer of the
same output is told so (or waits), and what a killed writer left there is taken over by the next one. A folder
is exchanged for the one that it replaces in one step, so that readers always see one of the two.

Each folder holds a list of the files that were written into it, `.cslir.json`. A folder is replaced only if
it has such a list and holds nothing else: people's own files are never removed.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from cslir.errors import CslirError, InputError
from cslir.json_values import read_json

__all__ = [
    "FILE_LIST",
    "changing_folder",
    "replace_file",
    "replace_folder",
    "require_output_file",
    "require_output_folder",
    "synchronise",
    "within_folder",
]

FILE_LIST = ".cslir.json"
"""Name of the list of files in each folder that `replace_folder` writes."""

_FORMAT = "cslir output"
_NOT_OPEN = -1
_MOST_SHOWN = 3


@contextmanager
def replace_file(path: str | os.PathLike[str], *, wait: bool = False) -> Iterator[IO[bytes]]:
    """Write a file so that it appears whole or not at all.

    Yields a binary file in the same folder; on success it is flushed to disk and renamed over `path`, on any
    exception, Ctrl-C included, it is removed and `path` stays as it was. Missing parent folders are made. A
    symbolic link is followed: the file that it points to is replaced.

    Args:
        path: The file.
        wait: Wait for another writer of the same file instead of refusing.

    Raises:
        InputError: `path` is a folder, a pipe, a device or a standard stream, its parent is a file or may not
            be written, or another process is writing it.
        CslirError: Writing failed, on a full disk for example.
    """
    place = require_output_file(path)
    part = _part_of(place)
    descriptor = _NOT_OPEN
    try:
        with _refusing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _claim(part, _open_file, wait)
        with _saying(place, part), os.fdopen(descriptor, "r+b", closefd=False) as file:
            file.truncate()
            yield file
            file.flush()
            os.fsync(descriptor)
            part.replace(place)
    except BaseException:
        if descriptor == _NOT_OPEN:
            _remove_unclaimed(part, _open_file)
        elif _is_still(descriptor, part):
            part.unlink()
        raise
    finally:
        _close(descriptor)


@contextmanager
def replace_folder(folder: str | os.PathLike[str], kind: str | None, *, wait: bool = False) -> Iterator[Path]:
    """Fill a folder so that it appears whole or not at all.

    Yields an empty folder beside `folder`. On success its files are flushed to disk and it takes the place of
    `folder`, in one step where the file system can exchange folders; on any exception, Ctrl-C included, it is
    removed and `folder` stays as it was. Enter this before the work, not after: what can't be written is
    refused at the start. A symbolic link is followed.

    Args:
        folder: The folder.
        kind: What it holds, for messages: `model`, `index`. None for a folder in cslir's cache, which is
            replaced whatever it holds.
        wait: Wait for another writer of the same folder instead of refusing.

    Raises:
        InputError: `folder` is a file, holds what `replace_folder` did not write, can't be written, or
            another process is writing it. If files of somebody else came into it during the work, the result
            is kept beside it and the message says where.
        CslirError: Writing failed, on a full disk for example.
    """
    place = require_output_folder(folder, kind)
    part, retired = _part_of(place), place.with_name(f".{place.name}.old")
    descriptor = _NOT_OPEN
    try:
        with _refusing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _claim(part, _open_folder, wait)
            _recover(place, retired)
            _empty(part)
        with _saying(place, part):
            yield part
            _list_files(part, kind)
            _flush(part)
            _exchange(part, place, retired, kind)
    except BaseException:
        if descriptor == _NOT_OPEN:
            _remove_unclaimed(part, _open_folder)
        elif _is_still(descriptor, part):
            shutil.rmtree(part, ignore_errors=True)
        raise
    finally:
        _close(descriptor)


@contextmanager
def changing_folder(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Be the only one who changes a folder that `replace_folder` wrote; how is up to the block.

    Raises:
        InputError: Another process is writing the folder, or it can't be written.
    """
    place = _place(folder, "folder")
    part, retired = _part_of(place), place.with_name(f".{place.name}.old")
    descriptor = _NOT_OPEN
    try:
        with _refusing(place):
            descriptor = _claim(part, _open_folder, wait=False)
            _recover(place, retired)
        with _saying(place, place):
            yield
    finally:
        if _is_still(descriptor, part):
            shutil.rmtree(part, ignore_errors=True)
        _close(descriptor)


def within_folder(folder: str | os.PathLike[str], name: str) -> Path:
    """Return the place of a further file of a folder that `replace_folder` wrote, and list it as ours.

    A folder of somebody else has no list, and gets none.

    Args:
        folder: The folder.
        name: Of the file.

    Raises:
        InputError: The folder can't be written.
    """
    place = Path(folder)
    path = place / FILE_LIST
    if path.is_file() and (content := _read_list(path)) is not None and name not in content["files"]:
        # A listed file that is not there yet does no harm; the other way round the folder would be refused.
        with replace_file(path, wait=True) as file:
            file.write(_list_content(content["kind"], sorted({*map(str, content["files"]), name})))
    return place / name


def require_output_file(path: str | os.PathLike[str]) -> Path:
    """Refuse a place where `replace_file` could not write; call it before the work that makes the content.

    Returns:
        The place, with symbolic links followed.

    Raises:
        InputError: As for `replace_file`.
    """
    place = _place(path, "file")
    if place.is_dir():
        raise InputError("is a folder, a file is needed", path=path, remedy="name a file")
    # Renaming a file over a device would take the device from every program.
    if place.exists() and not place.is_file():
        raise _no_place(path, "file")
    return place


def require_output_folder(folder: str | os.PathLike[str], kind: str | None) -> Path:
    """Refuse a place where `replace_folder` could not write; call it before the work that makes the content.

    Args:
        folder: Where the output goes.
        kind: As for `replace_folder`.

    Returns:
        The place, with symbolic links followed.

    Raises:
        InputError: As for `replace_folder`.
    """
    place = _place(folder, "folder")
    if place.exists() and not place.is_dir():
        raise InputError("is a file, a folder is needed", path=folder, remedy="name another folder")
    if kind is not None and (others := _not_written_here(place)):
        shown = ", ".join(others[:_MOST_SHOWN]) + (", ..." if len(others) > _MOST_SHOWN else "")
        raise InputError(
            f"holds files that are not part of an output of cslir ({shown}), and is not replaced",
            path=folder,
            remedy="move them away, or name a new or an empty folder",
        )
    return place


def _place(path: str | os.PathLike[str], needed: str) -> Path:
    """Return where an output goes, links followed; refuse what can't be written there."""
    given = Path(path)
    is_stream = given.is_symlink() and given.readlink().is_relative_to("/proc")
    if str(given) == "-" or is_stream:
        raise _no_place(path, needed)
    with _refusing(given):
        place = Path(os.path.realpath(given)) if given.is_symlink() else given
        parent = next(one for one in (place.absolute().parents) if one.exists())
        if not parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{parent} is not a folder", str(parent))
        if not os.access(parent, os.W_OK | os.X_OK):
            code = errno.EROFS if os.statvfs(parent).f_flag & os.ST_RDONLY else errno.EACCES
            raise PermissionError(code, os.strerror(code), str(parent))
    return place


def _no_place(path: str | os.PathLike[str], needed: str) -> InputError:
    return InputError(
        f"is a pipe, a device or a standard stream, a {needed} is needed",
        path=path,
        remedy=f"name a {needed}, which appears whole or not at all",
    )


def _part_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.part")


def _named(part: str) -> str:
    """Return the name of the output whose unfinished file has this name."""
    return part.removeprefix(".").removesuffix(".part")


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Raise what keeps an output from being written as an error of the user's input."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"can't be written ({error.strerror or error})", path=path, remedy="choose another place"
        ) from None


@contextmanager
def _saying(place: Path, part: Path) -> Iterator[None]:
    """Name the output in an error of writing, which names no file or the temporary one: a full disk, say."""
    try:
        yield
    except InputError:
        raise  # of what the output is made from
    except OSError as error:
        name = "" if error.filename is None else os.fspath(error.filename)
        within = isinstance(name, str) and Path(name).is_relative_to(part)
        if error.errno is None or isinstance(error, BrokenPipeError) or (name and not within):
            raise
        raise CslirError(f"{place}: can't be written ({error.strerror})") from error


def _open_file(part: Path) -> int:
    return os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)


def _open_folder(part: Path) -> int:
    part.mkdir(exist_ok=True)
    return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)


def _claim(part: Path, open_part: Callable[[Path], int], wait: bool) -> int:
    """Open the unfinished output, new or left by a killed writer, and lock it.

    Raises:
        InputError: Another process is writing it.
    """
    while True:
        try:
            descriptor = open_part(part)
        except FileNotFoundError:
            if not part.parent.is_dir():
                raise
            continue  # removed by its writer between the two steps of opening it
        try:
            if not _lock(descriptor, wait):
                raise InputError(
                    "another process is writing this output",
                    path=part.with_name(_named(part.name)),
                    remedy="wait for its end, or name another",
                )
            # The writer before us may have renamed or removed what we opened, before we had the lock.
            if _is_still(descriptor, part):
                return descriptor
        except InputError:
            os.close(descriptor)
            raise
        except BaseException:  # Ctrl-C: what nobody else writes goes
            if _lock(descriptor, wait=False) and _is_still(descriptor, part):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
            os.close(descriptor)
            raise
        os.close(descriptor)


def _remove_unclaimed(part: Path, open_part: Callable[[Path], int]) -> None:
    """Remove an unfinished output that Ctrl-C left between its creation and our hold of it.

    One that another process holds stays.
    """
    descriptor = _NOT_OPEN
    with suppress(OSError, InputError):
        if not part.exists():
            return
        descriptor = _claim(part, open_part, wait=False)
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink()
    _close(descriptor)


def _lock(descriptor: int, wait: bool) -> bool:
    """Lock an opened file or folder; return False if another process has it."""
    try:
        import fcntl
    except ImportError:  # a system without such locks
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


def _close(descriptor: int) -> None:
    if descriptor != _NOT_OPEN:
        os.close(descriptor)


def _is_still(descriptor: int, part: Path) -> bool:
    if descriptor == _NOT_OPEN:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), part.lstat())
    except FileNotFoundError:
        return False


def _recover(place: Path, retired: Path) -> None:
    """Undo what a writer left that was killed between the two renames, where folders can't be exchanged."""
    if retired.is_dir():
        if place.exists():
            shutil.rmtree(retired)
        else:
            retired.rename(place)


def _remove(folder: Path) -> None:
    """Remove a folder that was replaced, also when Ctrl-C comes meanwhile, which is heard after."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _files_of(folder: Path) -> Iterator[Path]:
    """Yield every file, link and empty folder below a folder, links not followed."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            inner = list(_files_of(path))
            yield from inner or [path]
        else:
            yield path


def _list_files(folder: Path, kind: str | None) -> None:
    names = [path.relative_to(folder).as_posix() for path in _files_of(folder)]
    (folder / FILE_LIST).write_bytes(_list_content(kind, names))


def _list_content(kind: str | None, names: list[str]) -> bytes:
    return json.dumps({"format": _FORMAT, "kind": kind, "files": names}, indent=1).encode() + b"\n"


def _read_list(path: Path) -> dict[str, Any] | None:
    """Return the content of a list that we wrote; None of another file."""
    try:
        content = read_json(path, remedy="").value
        if content["format"] == _FORMAT and isinstance(content["files"], list):
            return {"kind": content["kind"], "files": content["files"]}
    except (InputError, OSError, LookupError, TypeError):
        pass
    return None


def _not_written_here(folder: Path) -> list[str]:
    """Return what a folder holds beside the files that its list names; everything where it has no list.

    Of an index of vectors that the list names, files come and go; they are told by their names. What a killed
    writer of a listed file left is no one else's either.
    """
    if not folder.is_dir():
        return []
    content = _read_list(folder / FILE_LIST) if (folder / FILE_LIST).is_file() else None
    listed = set() if content is None else {FILE_LIST, *map(str, content["files"])}
    from cslir._core import is_index_file

    def is_ours(name: PurePosixPath) -> bool:
        of_index = str(name.with_name("manifest.jsonl")) in listed and is_index_file(name.name)
        return str(name) in listed or of_index or str(name.with_name(_named(name.name))) in listed

    names = (PurePosixPath(one.relative_to(folder)) for one in _files_of(folder))
    return [str(name) for name in names if not is_ours(name)]


def _flush(folder: Path) -> None:
    """Flush files to disk, and give them the usual mode: some writers make theirs private."""
    umask = os.umask(0)
    os.umask(umask)
    for path in _files_of(folder):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o666 & ~umask)
            synchronise(path)
    synchronise(folder)


def synchronise(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(part: Path, place: Path, retired: Path, kind: str | None) -> None:
    """Put the finished folder into its place; the one that was there is `part` after."""
    from cslir._core import exchange_paths

    if not place.exists():
        part.rename(place)
    else:
        # Locked, too, until it is removed: it is what the next writer finds as `part`.
        old = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _lock(old, wait=False)
            try:
                require_output_folder(place, kind)
            except InputError as error:
                kept = _first_free(place)
                part.rename(kept)
                raise InputError(f"{error.message}; the result is in {kept}", path=place) from None
            if not exchange_paths(part, place):
                place.rename(retired)
                part.rename(place)
                _remove(retired)
            _remove(part)
        finally:
            os.close(old)
    synchronise(place.parent)


def _first_free(place: Path) -> Path:
    number = 1
    while (kept := place.with_name(f"{place.name}.{number}")).exists():
        number += 1
    return kept
