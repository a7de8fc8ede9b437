"""Reader of word lists: the field's own TSV with weights, and MUSE's pairs of words."""

import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from cslir.files import read_lines
from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.translations import SkippedLines
from cslir.plurals import count_of

__all__ = ["parse_weight", "read_entries", "read_word_list"]

_REMEDY = "give `source TAB target` or `source TAB target TAB weight`"
_MUSE_REMEDY = "give a word and its translation, separated by one space or TAB"


def read_entries(path: str | PathLike[str]) -> Iterator[LexiconEntry]:
    """Yield the entries of a lexicon as `write_entries` writes it; a missing weight counts as 1.

    Raises:
        InputError: The file cannot be read, or a line lacks a source or target or has a bad weight.
    """
    return read_word_list(Path(path), skipped=SkippedLines(strict=True))


def read_word_list(path: Path, *, skipped: SkippedLines, spaces: bool = False) -> Iterator[LexiconEntry]:
    """Yield one entry a line: `source TAB target`, or `source TAB target TAB weight`.

    A missing weight counts as 1; a repeated source has a further target. Blank lines are passed over.

    Args:
        path: The list, UTF-8, plain or compressed.
        skipped: Receives the malformed lines.
        spaces: Lines without TAB are two words separated by spaces, as MUSE has them.

    Raises:
        InputError: The file can't be read; a line is malformed, under `strict`.
    """
    for number, line in read_lines(path):
        fields = line.split("\t")
        if spaces and len(fields) == 1:
            fields = line.split()
        if len(fields) == 3:
            source, target, column = fields
            weight = parse_weight(column)
        elif len(fields) == 2:
            source, target = fields
            weight = 1.0
        elif not line.strip():
            continue
        else:
            message = "no source and target" if len(fields) < 2 else count_of(len(fields), "column")
            skipped.skip(path, number, message, _MUSE_REMEDY if spaces else _REMEDY)
            continue
        source, target = source.strip(), target.strip()
        if source and target and weight is not None:
            yield LexiconEntry(source, target, weight)
        elif line.strip():
            problem = (
                "no source and target"
                if weight is not None
                else f"weight {column!r} is not a positive number"
            )
            skipped.skip(path, number, problem, _REMEDY)


def parse_weight(column: str) -> float | None:
    """Return a translation weight, or None if it is no positive, finite number."""
    try:
        weight = float(column)
    except ValueError:
        return None
    return weight if 0.0 < weight < math.inf else None
