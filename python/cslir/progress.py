"""Progress and messages on stderr, quiet when that is not a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cslir.plain_text import MESSAGE_LENGTH, plain_text

if TYPE_CHECKING:
    from cslir.console import Console

__all__ = ["announce", "counting", "reading", "stderr_console"]


def stderr_console() -> "Console":
    """Return the console for messages."""
    from cslir.console import Console

    return Console(stderr=True, highlight=False)


def announce(message: str) -> None:
    """Print a message, whether or not stderr is a terminal; long values in it are cut."""
    for line in message.split("\n"):
        stderr_console().print(plain_text(line, MESSAGE_LENGTH), soft_wrap=True)


@contextmanager
def counting(description: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar while work goes on; yields a function to call with (done, total or None)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    console = stderr_console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=None)

        def update(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield update


@contextmanager
def reading(description: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar of bytes while a file is read; yields a function to call with (done, total or None)."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = stderr_console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=None)

        def update(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield update
