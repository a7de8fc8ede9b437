"""What can go wrong: one tree of errors, each also the builtin error that people expect in its place."""

import functools
from collections.abc import Callable
from errno import ENOENT
from os import PathLike, fspath, strerror
from typing import ParamSpec, TypeVar

__all__ = [
    "CslirError",
    "DamagedFileError",
    "InputError",
    "MissingExtraError",
    "MissingFileError",
    "UnknownNameError",
    "naming_extras",
]

_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")


class CslirError(Exception):
    """An operation failed for a reason that cslir foresees; the command ends with exit code 1.

    The root of all errors of cslir: those of wrong use or bad input are `InputError`.

    Example:
        >>> try:
        ...     cslir.load_dataset("no-such-folder")
        ... except cslir.CslirError as error:
        ...     print(type(error).__name__, error.path)
        MissingFileError no-such-folder
    """


class InputError(CslirError, ValueError):
    """Wrong use or bad input; the command ends with exit code 2.

    A `ValueError` too. More closely it may be a `cslir.errors.MissingFileError` (also `FileNotFoundError`),
    `DamagedFileError`, `UnknownNameError` (also `LookupError`) or `MissingExtraError` (also
    `ModuleNotFoundError`). `str` gives all there is to say: `path:line: message; remedy`.

    Args:
        message: What is wrong.
        path: The file that holds the bad data, where there is one.
        line: Line number in that file, from 1.
        remedy: What the user can do about it; empty when the message says it.

    Example:
        >>> str(InputError("no tab", path="qrels.tsv", line=3, remedy="separate columns by tabs"))
        'qrels.tsv:3: no tab; separate columns by tabs'
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
        self.path: str | None = None if path is None else fspath(path)
        self.line = line
        self.remedy = remedy
        place = "" if self.path is None else f"{self.path}: " if line is None else f"{self.path}:{line}: "
        super().__init__(f"{place}{message}{f'; {remedy}' if remedy else ''}")

    def __str__(self) -> str:
        # Of the builtin errors below, some would print an error number or quotation marks instead.
        return str(self.args[0])


class MissingFileError(InputError, FileNotFoundError):
    """A file or folder is not there."""

    errno = ENOENT
    strerror = strerror(ENOENT)

    @property
    def filename(self) -> str | None:
        """The path, as an `OSError` names it."""
        return self.path


class DamagedFileError(InputError):
    """A file is truncated, corrupt, or not what its checksum says."""


class UnknownNameError(InputError, LookupError):
    """There is nothing of that name: no lexicon, language, measure, setting, split or choice of an option."""


class MissingExtraError(InputError, ModuleNotFoundError):
    """A package is missing that cslir does not install by itself.

    Args:
        message: What needs it.
        name: The module, as it is imported.
        remedy: How to install it.
    """

    def __init__(self, message: str, *, name: str | None = None, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.name = name
        self.msg = str(self)


def naming_extras(function: Callable[_Arguments, _Value]) -> Callable[_Arguments, _Value]:
    """Have a public function say how to install a package of cslir's extras that an import in it lacks.

    It then raises `MissingExtraError`; other packages are none of our business.
    """

    @functools.wraps(function)
    def call(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Value:
        try:
            return function(*arguments, **named)
        except MissingExtraError:
            raise
        except ModuleNotFoundError as error:
            from cslir.diagnosis import missing_extra

            raise missing_extra(error) from None

    return call
