"""How much of a corpus lexicons cover: by token, type and content word."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from cslir._core import Lexicon, Switcher
from cslir.errors import InputError
from cslir.files import read_lines
from cslir.formats import read_jsonl
from cslir.lexicons.tokens import is_number, normal_form, token_ranges

__all__ = ["Coverage", "Covered", "measure_coverage", "read_texts"]

_LOOKED_AT = 1000
"""Lines of a file that tell whether it has ids."""


@dataclass(frozen=True)
class Covered:
    """How many of so many words a lexicon covers."""

    covered: int
    total: int

    @property
    def share(self) -> float:
        """The share covered, 0 of none."""
        return self.covered / self.total if self.total else 0.0


@dataclass(frozen=True)
class Coverage:
    """How much of a corpus a lexicon covers.

    Attributes:
        tokens: Its words, without those that hold a digit.
        types: Its distinct words; one is covered if it is so at some place.
        content: Its words without stop words.
    """

    tokens: Covered
    types: Covered
    content: Covered


def read_texts(path: Path) -> Iterator[str]:
    """Yield the texts of a file, plain or compressed.

    A `.tsv` file gives the columns after the id, a `.jsonl` file the fields `title` and `text`, any other its
    lines.

    Raises:
        InputError: The file can't be read, or the ids of a `.tsv` file are texts.
    """
    if ".jsonl" in path.suffixes:
        for _, record in read_jsonl(path):
            yield from (record[name] for name in ("title", "text") if isinstance(record.get(name), str))
        return
    lines = (line for _, line in read_lines(path))
    if ".tsv" not in path.suffixes:
        yield from lines
        return
    first = list(islice(lines, _LOOKED_AT))
    # An id has no white space: what has is the first text of lines without ids, and would be lost.
    with_words = sum(len(line.partition("\t")[0].split()) > 1 for line in first)
    if with_words > len(first) / 2:
        raise InputError(
            "the first column, which is the id, holds words",
            path=path,
            remedy="put an id before the texts, or give the file a name without .tsv where it has no ids",
        )
    for line in chain(first, lines):
        yield from line.split("\t")[1:]


def measure_coverage(
    lexicons: Sequence[Lexicon], texts: Iterable[str], *, stop_words: Collection[str] = ()
) -> list[Coverage]:
    """Measure the coverage of texts by each lexicon, in one pass over the texts.

    A word is covered if the switcher, choosing every token, switches it, alone or in a phrase; stop words are
    switched too, and nothing is protected, since that is no matter of the lexicon. A lexicon with inflected
    forms (`compile_lexicon` with `lemma_forms`) covers them too, by the lemma fallback.

    Args:
        lexicons: All of one source language.
        texts: Texts in that language.
        stop_words: Single tokens in normal form, which are no content words.
    """
    counters = [_Counter(lexicon) for lexicon in lexicons]
    words = _Words(frozenset(stop_words))
    for text in texts:
        places = words.add(text)
        for counter in counters:
            counter.add(text, places)
    return [
        Coverage(
            Covered(counter.tokens, words.tokens),
            Covered(len(counter.types), len(words.types)),
            Covered(counter.content, words.content),
        )
        for counter in counters
    ]


@dataclass
class _Words:
    """The words of the texts so far."""

    stop_words: frozenset[str]
    tokens: int = 0
    content: int = 0
    types: set[str] = field(default_factory=set)

    def add(self, text: str) -> list[tuple[int, str, bool]]:
        """Count the words of a text; return where each starts, its normal form, whether it is content."""
        places = []
        for start, end in token_ranges(text):
            token = normal_form(text[start:end])
            if not is_number(token):
                places.append((start, token, token not in self.stop_words))
        self.tokens += len(places)
        self.content += sum(content for _, _, content in places)
        self.types.update(token for _, token, _ in places)
        return places


class _Counter:
    """The words of the texts so far that one lexicon covers."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._switcher = Switcher(
            [lexicon],
            translation_prob=1.0,
            seed=0,
            target_choice="best",
            lemma_fallback=True,
            protect=False,
        )
        self.tokens = self.content = 0
        self.types: set[str] = set()

    def add(self, text: str, places: Sequence[tuple[int, str, bool]]) -> None:
        """Count a text, given its words."""
        words = iter(places)
        start, token, content = next(words, (-1, "", False))
        for span in self._switcher.switch_with_spans(text, "").spans:
            first, last = span.source_start, span.source_end
            while 0 <= start < last:
                if start >= first:
                    self.tokens += 1
                    self.content += content
                    self.types.add(token)
                start, token, content = next(words, (-1, "", False))
