"""Which languages a file has: FreeDict's three-letter names, and the direction that was asked for."""

import re
from pathlib import Path

from cslir.errors import InputError
from cslir.languages import language_code, language_label

__all__ = ["Pair", "is_reversed", "pair_in_name"]

Pair = tuple[str, str]
"""Source and target language."""

_NAMES = re.compile(r"(?<![a-z])([a-z]{3})-([a-z]{3})(?![a-z])")


def pair_in_name(path: Path) -> Pair | None:
    """Return the languages of a FreeDict file from its name (`freedict-eng-fra.index`), if it tells them."""
    for found in _NAMES.findall(path.name):
        first, second = map(language_code, found)
        # Three letters that are no language's with a code of two may be any word.
        if len(first) == len(second) == 2:
            return first, second
    return None


def is_reversed(found: Pair, asked: Pair, path: Path) -> bool:
    """Return whether a file's sources are the targets that were asked for.

    Args:
        found: Source and target language of the file.
        asked: Those wanted.
        path: The file, for the message.

    Raises:
        InputError: The file has other languages.
    """
    first, second = (tuple(map(language_label, pair)) for pair in (found, asked))
    if first == second:
        return False
    if first == second[::-1]:
        return True
    raise InputError(
        f"has {'-'.join(found)}, {'-'.join(asked)} was asked for",
        path=path,
        remedy="name the language pair of the file, in either direction",
    )
