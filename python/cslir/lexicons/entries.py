"""Lexicon files, `source TAB target TAB translation_weight`, sorted and without a header."""

import math
import re
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from cslir.errors import InputError
from cslir.files import read_lines, replace_file

__all__ = ["LexiconEntry", "read_entries", "tokens_of", "write_entries"]

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_REMEDY = "each line is `source TAB target` or `source TAB target TAB weight`"


class LexiconEntry(NamedTuple):
    """One line of a lexicon.

    Attributes:
        source: Word or phrase of the source language, case-folded.
        target: Its translation.
        weight: `translation_weight` among the targets of this source, in (0, 1].
    """

    source: str
    target: str
    weight: float


def read_entries(path: str | PathLike[str]) -> Iterator[LexiconEntry]:
    """Yield the entries of a lexicon file; a missing weight counts as 1.

    Raises:
        InputError: The file cannot be read, or a line lacks a source or target or has a bad weight.
    """
    path = Path(path)
    for number, line in read_lines(path):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) < 2 or not fields[0] or not fields[1]:
            raise InputError("has no target", path=path, line=number, remedy=_REMEDY)
        if len(fields) > 3:
            raise InputError(f"has {len(fields)} fields", path=path, line=number, remedy=_REMEDY)
        try:
            weight = float(fields[2]) if len(fields) == 3 else 1.0
        except ValueError:
            weight = math.nan
        if not 0.0 < weight < math.inf:
            raise InputError(
                f"weight {fields[2]!r} is not a positive number", path=path, line=number, remedy=_REMEDY
            )
        yield LexiconEntry(fields[0], fields[1], weight)


def write_entries(path: str | PathLike[str], entries: Iterable[tuple[str, str, float]]) -> int:
    """Write a lexicon file, whole or not at all; return the number of entries.

    The lines are sorted by source, then falling weight, then target, so that the same entries in any order
    make the same bytes. Weights are written with three decimals, and never as zero.

    Raises:
        InputError: A source or target is empty or holds a tab or a line break.
    """
    ordered = sorted(entries, key=lambda entry: (entry[0], -entry[2], entry[1]))
    with replace_file(Path(path)) as file:
        for source, target, weight in ordered:
            if not source or not target or any(letter in source + target for letter in "\t\n\r"):
                raise InputError(f"cannot be written as a lexicon entry: {source!r} -> {target!r}")
            file.write(f"{source}\t{target}\t{max(weight, 1e-3):.3f}\n".encode())
    return len(ordered)


def tokens_of(text: str) -> list[str]:
    """Return the case-folded words of a text: runs of letters, joined by inner apostrophes and hyphens."""
    return [token.replace("’", "'") for token in _TOKEN.findall(text.casefold())]
