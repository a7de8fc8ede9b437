"""The size of a cache folder, kept below a limit by removing what was not used for the longest time."""

import contextlib
import os
from pathlib import Path

__all__ = ["keep_recent"]


def keep_recent(folder: Path, limit: int, *, used: Path) -> None:
    """Note that a file of a cache was used just now, and remove the others unused for longest beyond a size.

    Several processes may do so at a time: a file that another one is reading stays readable to it, and one
    that another has removed is removed. A reader must take a missing file for one that was never there.

    Args:
        folder: Its files are the cache, each useful alone.
        limit: Bytes that they may take together.
        used: One of them, which stays however large it is.
    """
    with contextlib.suppress(OSError):
        os.utime(used)
    found: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            status = path.stat()
            if path.is_file() and path != used and not path.name.startswith("."):
                found.append((status.st_mtime, status.st_size, path))
    with contextlib.suppress(OSError):
        limit -= used.stat().st_size
    for _, size, path in sorted(found, reverse=True):
        limit -= size
        if limit < 0:
            with contextlib.suppress(OSError):
                path.unlink()
