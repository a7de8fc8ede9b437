"""Lexicon files, `source TAB target TAB translation_weight`, sorted and without a header; their coverage."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from cslir.errors import InputError
from cslir.files import replace_file

__all__ = ["Coverage", "LexiconEntry", "coverage", "tokens_of", "write_entries"]

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class LexiconEntry(NamedTuple):
    """One line of a lexicon.

    Attributes:
        source: Word or phrase of the source language; case-folded in the files that are built here.
        target: Its translation.
        weight: `translation_weight` among the targets of this source, above 0.
    """

    source: str
    target: str
    weight: float


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


@dataclass(frozen=True)
class Coverage:
    """How much of a text a lexicon knows.

    Attributes:
        tokens: Words of the texts.
        tokens_covered: Those that the lexicon has, alone or as part of a phrase (longest match first).
        types: Distinct words of the texts.
        types_covered: Distinct words of which at least one occurrence is covered.
    """

    tokens: int
    tokens_covered: int
    types: int
    types_covered: int

    @property
    def token_share(self) -> float:
        """Share of tokens covered, 0 for no text."""
        return self.tokens_covered / self.tokens if self.tokens else 0.0

    @property
    def type_share(self) -> float:
        """Share of types covered, 0 for no text."""
        return self.types_covered / self.types if self.types else 0.0


def coverage(entries: Iterable[tuple[str, str, float]], texts: Iterable[str]) -> Coverage:
    """Measure how many words of the texts a lexicon covers, by longest match over whole words."""
    sources = {tuple(tokens_of(source)) for source, _, _ in entries}
    longest = max(map(len, sources), default=0)
    seen: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    for text in texts:
        tokens = tokens_of(text)
        seen.update(tokens)
        at = 0
        while at < len(tokens):
            sizes = range(min(longest, len(tokens) - at), 0, -1)
            size = next((size for size in sizes if tuple(tokens[at : at + size]) in sources), 0)
            covered.update(tokens[at : at + size])
            at += max(size, 1)
    return Coverage(seen.total(), covered.total(), len(seen), len(covered))
