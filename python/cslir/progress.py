"""Progress and messages on stderr: a bar on a terminal, a line now and then in a log or a pipe."""

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from cslir.errors import MissingExtraError
from cslir.plain_text import MESSAGE_LENGTH, plain_text
from cslir.plurals import count_of

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from cslir.console import Console

__all__ = [
    "SILENT",
    "Progress",
    "Stage",
    "Update",
    "announce",
    "counting",
    "duration",
    "notebook_progress",
    "reading",
    "stderr_console",
    "terminal_progress",
    "watching",
]

Update = Callable[[int, int | None], None]
"""Called with (done, total or None)."""
Stage = Callable[[str, str], AbstractContextManager[Update]]
"""Shows a stage of some work, by its description and what it counts: `counting` for one."""


@contextmanager
def _uncounted(_description: str, _unit: str) -> Iterator[Update]:
    def update(_done: int, _total: int | None = None) -> None: ...

    yield update


class Progress(NamedTuple):
    """How library calls say what they do: nothing by default; the command line passes `terminal_progress()`.

    Attributes:
        notice: Called with what deserves a look, such as passages that are judged and missing.
        stage: Shows a stage of the work: a context manager that yields a function to call with (done, total).
    """

    notice: Callable[[str], None] = lambda _message: None
    stage: Stage = _uncounted

    def __repr__(self) -> str:
        return "SILENT" if self == Progress() else "<Progress>"


SILENT = Progress()


def terminal_progress() -> Progress:
    """Return what prints notices, and draws bars or logs lines, on stderr."""
    return Progress(announce, counting)


def notebook_progress() -> Progress:
    """Return what shows stages as bars of tqdm, widgets in a notebook, and notices as warnings.

    >>> progress = notebook_progress()
    >>> with progress.stage("encoding", "text") as update:
    ...     update(1, 2)

    Raises:
        MissingExtraError: tqdm is not installed.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise MissingExtraError(
            "bars in a notebook need tqdm", name="tqdm", remedy="pip install tqdm"
        ) from None

    @contextmanager
    def stage(description: str, unit: str) -> Iterator[Update]:
        with tqdm(desc=description, unit=f" {unit}", leave=False) as bar:

            def update(done: int, total: int | None = None) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield update

    return Progress(lambda message: warnings.warn(message, stacklevel=2), stage)


_SHORTEST, _LONGEST = 30.0, 300.0
"""Seconds between two lines of a log, at the start and after an hour."""


def stderr_console() -> "Console":
    """Return the console for messages."""
    from cslir.console import Console

    return Console(stderr=True, highlight=False)


def announce(message: str) -> None:
    """Print a message, whether or not stderr is a terminal; long values in it are cut."""
    for line in message.split("\n"):
        stderr_console().print(plain_text(line, MESSAGE_LENGTH), soft_wrap=True)


def duration(seconds: float) -> str:
    """Return a time span for people: `8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _Log:
    """The work that is going on, told in lines where there is no terminal to draw a bar on."""

    def __init__(
        self, description: str, count: Callable[[int, int | None], str] = lambda _done, _total: ""
    ) -> None:
        self._description = description
        self._count = count
        self._started = time.monotonic()
        self._state: tuple[int, int | None] = 0, None
        self._first: tuple[int, float] | None = None
        self.told = False

    def update(self, done: int, total: int | None = None) -> None:
        self._state = done, total
        if self._first is None:
            self._first = done, time.monotonic()

    def line(self) -> str:
        """Return how far the work is."""
        done, total = self._state
        elapsed = time.monotonic() - self._started
        parts = [f"{self._description}:", self._count(done, total) if done else "", duration(elapsed)]
        text = " ".join(part for part in parts if part)
        # A training that goes on from a checkpoint has not done the steps before it now.
        before, since = self._first or (0, self._started)
        if total and before < done < total:
            left = (time.monotonic() - since) / (done - before) * (total - done)
            text += f", about {duration(left)} left"
        return text

    def tell(self) -> None:
        self.told = True
        announce(self.line())


_going_on: list[_Log] = []
"""The running command and, within it, the stage that it is in: the last one is told of."""


def _draws_bars() -> bool:
    """Return whether stderr is a terminal that can draw a bar."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


@contextmanager
def watching(command: str) -> Iterator[None]:
    """Print a line about the running command now and then, unless stderr is a terminal.

    Args:
        command: Its name, for the time in which it is in no stage that counts.
    """
    if sys.stderr is None or _draws_bars():
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_tell_until, args=(ended,), name="progress", daemon=True)
    _going_on.append(_Log(command))
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        _going_on.clear()


def _tell_until(ended: threading.Event) -> None:
    started = time.monotonic()
    wait = _SHORTEST
    while not ended.wait(wait):
        try:
            _going_on[-1].tell()
        except (OSError, ValueError, IndexError):
            return  # nobody reads stderr any more
        # As often as it takes to see that work goes on; a log of a night stays short.
        wait = min(max(_SHORTEST, (time.monotonic() - started) / 10), _LONGEST)


@contextmanager
def counting(description: str, unit: str) -> Iterator[Update]:
    """Show work that is counted while it goes on; yields a function to call with (done, total or None).

    Args:
        description: What is done.
        unit: What is counted, one of it: `passage`.
    """

    def count(done: int, total: int | None) -> str:
        return f"{count_of(done, unit)}," if total is None else f"{done:,} of {count_of(total, unit)},"

    def columns() -> "tuple[ProgressColumn, ...]":
        from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn

        return MofNCompleteColumn(), TextColumn(count_of(2, unit).partition(" ")[2]), TimeRemainingColumn()

    with _showing(description, count, columns) as update:
        yield update


@contextmanager
def reading(description: str) -> Iterator[Update]:
    """Show how far a file is read; yields a function to call with (bytes done, bytes in all or None)."""

    def count(done: int, total: int | None) -> str:
        return f"{done / 1e6:,.1f} MB," if total is None else f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB,"

    def columns() -> "tuple[ProgressColumn, ...]":
        from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

        return DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()

    with _showing(description, count, columns) as update:
        yield update


@contextmanager
def _showing(
    description: str,
    count: Callable[[int, int | None], str],
    columns: "Callable[[], tuple[ProgressColumn, ...]]",
) -> Iterator[Update]:
    if not _draws_bars():
        log = _Log(description, count)
        _going_on.append(log)
        try:
            yield log.update
        finally:
            if log in _going_on:
                _going_on.remove(log)
        if log.told:
            log.tell()
        return
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    shown = TextColumn("{task.description}"), BarColumn(bar_width=20), *columns()
    with Bars(*shown, console=stderr_console(), transient=True) as bar:
        task = bar.add_task(description, total=None)

        def update(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield update
