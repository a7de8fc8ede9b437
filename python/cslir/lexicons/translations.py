"""What every dictionary reader yields, and the account of the lines that it could not read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cslir.errors import InputError
from cslir.plurals import count_of

__all__ = ["SHOWN_LIMIT", "SkippedLines", "Translation"]

SHOWN_LIMIT = 10
"""How many malformed lines are kept with their place; the rest is only counted."""


class Translation(NamedTuple):
    """One source expression and one of its translations, as the dictionary prints them (not yet cleaned).

    Attributes:
        source: The headword.
        target: One translation.
        sense: Number of the sense under the headword, from 1; 1 where the dictionary does not number senses.
        alternatives: How many translations share this sense, from 1; more of them say less about each.
        labels: Labels of domain and register of this translation, without brackets (`comp.`, `archaic`).
    """

    source: str
    target: str
    sense: int = 1
    alternatives: int = 1
    labels: tuple[str, ...] = ()


@dataclass
class SkippedLines:
    """Counts malformed lines and keeps the first ten; under `strict` the first one is an error.

    Attributes:
        strict: Raise instead of counting.
        count: Malformed lines met so far.
        shown: The first `SHOWN_LIMIT` of them as `file:line: what is wrong`.
    """

    strict: bool = False
    count: int = 0
    shown: list[str] = field(default_factory=list)

    def skip(self, path: Path, line: int, message: str, remedy: str = "") -> None:
        """Record one malformed line.

        Args:
            path: The file.
            line: Number of the line, from 1.
            message: What is wrong with it.
            remedy: What the user can do about it; to correct the line, or to skip it, if left out.

        Raises:
            InputError: `strict` is set.
        """
        if self.strict:
            raise InputError(
                message,
                path=path,
                line=line,
                remedy=remedy or "correct the line, or read without strict to skip it",
            )
        self.count += 1
        if len(self.shown) < SHOWN_LIMIT:
            self.shown.append(f"{path}:{line}: {message}")

    def report(self, path: Path, notice: Callable[[str], None]) -> None:
        """Tell the lines that are shown, and the number of all; nothing where there is none.

        Args:
            path: The file.
            notice: Receives each message.
        """
        for line in self.shown:
            notice(f"skipped {line}")
        if self.count:
            notice(f"{path}: {count_of(self.count, 'malformed line')} skipped in all")
