"""Lexicon files, `source TAB target TAB translation_weight`, sorted and without a header."""

import math
import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from cslir.errors import InputError
from cslir.outputs import replace_file

__all__ = ["LexiconEntry", "tokens_of", "write_entries"]

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class LexiconEntry(NamedTuple):
    """One line of a lexicon.

    Attributes:
        source: Word or phrase of the source language; in small letters in the files that are built here.
        target: Its translation.
        weight: `translation_weight` among the targets of this source, above 0.
    """

    source: str
    target: str
    weight: float


def write_entries(path: str | PathLike[str], entries: Iterable[tuple[str, str, float]]) -> int:
    """Write a lexicon file, whole or not at all; return the number of entries.

    The lines are sorted by source, then falling weight, then target, so that the same entries in any order
    make the same bytes. Weights are written with as many decimals as it takes to read the same number again.

    Raises:
        InputError: A source or target is empty or holds a tab or a line break, or a weight is not positive
            and finite.
    """
    ordered = sorted(entries, key=lambda entry: (entry[0], -entry[2], entry[1]))
    with replace_file(Path(path)) as file:
        for source, target, weight in ordered:
            if not source or not target or any(letter in source + target for letter in "\t\n\r"):
                raise InputError(f"cannot be written as a lexicon entry: {source!r} -> {target!r}")
            if not 0.0 < weight < math.inf:
                raise InputError(
                    f"weight {weight} of {source!r} -> {target!r} is not positive and finite",
                    remedy="mend or drop the entry",
                )
            file.write(f"{source}\t{target}\t{float(weight)!r}\n".encode())
    return len(ordered)


def tokens_of(text: str) -> list[str]:
    """Return the words of a text in small letters: runs of letters, joined by apostrophes and hyphens."""
    return [token.replace("’", "'") for token in _TOKEN.findall(text.lower())]
