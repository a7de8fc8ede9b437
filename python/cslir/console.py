"""Consoles of rich that show text of files as it is, without what would steer the terminal."""

from collections.abc import Iterable
from typing import IO, Literal

import rich.console
from rich.segment import Segment

from cslir.plain_text import plain_text

__all__ = ["Console"]


class Console(rich.console.Console):
    """A console whose printed text has passed `plain_text`; rich's own colours and cursor moves stay.

    Neither `[markup]` nor `:emoji:` in a text means anything, since texts and names of files hold both.

    Args:
        file: Where to print; stdout if None.
        stderr: Whether to print to stderr instead.
        highlight: Whether numbers and the like are coloured.
        width: Columns; those of the terminal if None.
        color_system: `auto` for what the terminal has, None for no colours.
        force_terminal: Whether to take the file for a terminal; found out if None.
    """

    def __init__(
        self,
        file: IO[str] | None = None,
        *,
        stderr: bool = False,
        highlight: bool = True,
        width: int | None = None,
        color_system: Literal["auto", "standard"] | None = "auto",
        force_terminal: bool | None = None,
    ) -> None:
        super().__init__(
            file=file,
            stderr=stderr,
            highlight=highlight,
            width=width,
            color_system=color_system,
            force_terminal=force_terminal,
            markup=False,
            emoji=False,
        )

    def render(
        self,
        renderable: rich.console.RenderableType,
        options: rich.console.ConsoleOptions | None = None,
    ) -> Iterable[Segment]:
        """Yield the segments of a renderable, each line of their text made plain."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                lines = segment.text.split("\n")
                yield segment._replace(text="\n".join(map(plain_text, lines)))
