"""What can go wrong, in two classes: the user's input, and everything else that cslir foresees."""

from os import PathLike, fspath

__all__ = ["CslirError", "InputError"]


class CslirError(Exception):
    """An operation failed for a foreseen reason (CLI exit code 1)."""


class InputError(CslirError):
    """Wrong use or bad input (CLI exit code 2).

    Args:
        message: What is wrong.
        path: The file that holds the bad data, where there is one.
        line: Line number in that file, from 1.
        remedy: What the user can do about it; empty when the message says it.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | PathLike[str] | None = None,
        line: int | None = None,
        remedy: str = "",
    ) -> None:
        self.message = message
        self.path = None if path is None else fspath(path)
        self.line = line
        self.remedy = remedy
        place = "" if self.path is None else f"{self.path}: " if line is None else f"{self.path}:{line}: "
        super().__init__(f"{place}{message}{f'; {remedy}' if remedy else ''}")
