"""Lexicons that switch little or nothing of the texts they are given, and the likely reason."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from cslir._core import Lexicon
from cslir.lexicons.tokens import is_number, source_form, tokens_in

__all__ = ["ChosenWords", "Misfit", "find_misfits"]

FEWEST_CHOSEN = 100
"""Of fewer words chosen for a language, it says nothing that none was switched into it."""
_LOW_RATE = 0.25
"""A lexicon that switches fewer of the words chosen may be the wrong way round."""
_FEWEST_TARGETS = 20
_TIMES_AS_MANY = 3
"""A lexicon is the wrong way round if this many words of the texts, and this many times those that are its
sources, are its targets."""


class ChosenWords(Protocol):
    """What became of the words chosen, by target language: `SwitchCounts` and `SwitchingTotals` have it."""

    @property
    def switched_by_language(self) -> Mapping[str, int]:
        """Words switched."""

    @property
    def missed_by_language(self) -> Mapping[str, int]:
        """Words that the lexicon lacks."""


class Misfit(NamedTuple):
    """A language whose lexicons don't fit the texts.

    Attributes:
        pair: The language pair, such as `en-de`.
        switched: How many words were switched into the language.
        chosen: How many were chosen for it.
        as_sources: How many different words of the texts are sources of the lexicons.
        as_targets: How many are targets.
    """

    pair: str
    switched: int
    chosen: int
    as_sources: int
    as_targets: int

    @property
    def is_reversed(self) -> bool:
        """Whether the lexicons' sources look like targets."""
        return self.as_targets >= max(_FEWEST_TARGETS, _TIMES_AS_MANY * self.as_sources)

    @property
    def message(self) -> str:
        """What is wrong."""
        rate = f"{self.switched:,} of {self.chosen:,} words chosen ({self.switched / self.chosen:.1%})"
        reason = (
            f", and its sources look like targets: {self.as_targets:,} different words of the texts are among"
            f" its targets, {self.as_sources:,} among its sources"
        )
        return f"the lexicon {self.pair} switches {rate}{reason if self.is_reversed else ''}"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        source, _, target = self.pair.partition("-")
        if self.is_reversed:
            return f"turn it round with `cslir lexicons invert {target}-{source}=FILE --output NEW.tsv`"
        return f"check that its sources are words of {source} that the texts have"


def find_misfits(lexicons: Sequence[Lexicon], counts: ChosenWords, texts: Iterable[str]) -> list[Misfit]:
    """Find the languages into which nothing was switched, and those whose lexicons are the wrong way round.

    One of several languages needs a hundred words that were chosen for it.

    Args:
        lexicons: Those that were switched by, all of one source language.
        counts: What became of the words chosen.
        texts: Some of the texts, to look for the reason; read if a language has few words switched.
    """
    sample: list[str] | None = None
    is_nothing_switched = not any(counts.switched_by_language.values())
    found = []
    for language in dict.fromkeys(lexicon.target_language for lexicon in lexicons):
        switched = counts.switched_by_language.get(language, 0)
        chosen = switched + counts.missed_by_language.get(language, 0)
        if not chosen or switched >= _LOW_RATE * chosen:
            continue
        if sample is None:
            sample = list(texts)
        own = [lexicon for lexicon in lexicons if lexicon.target_language == language]
        sides = _count_sides(own, sample)
        misfit = Misfit(f"{own[0].source_language}-{language}", switched, chosen, *sides)
        is_idle = switched == 0 and (is_nothing_switched or chosen >= FEWEST_CHOSEN)
        if is_idle or misfit.is_reversed:
            found.append(misfit)
    return found


def _count_sides(lexicons: Sequence[Lexicon], texts: Iterable[str]) -> tuple[int, int]:
    """Return how many different words of texts are sources of lexicons, and how many are targets."""
    words = {word for text in texts for word in tokens_in(text) if not is_number(word)}
    sources = {word for word in words if any(lexicon.lookup(word) for lexicon in lexicons)}
    targets = {
        form
        for lexicon in lexicons
        for _, of_source in lexicon.entries()
        for target, _ in of_source
        if (form := source_form(target)) in words
    }
    return len(sources), len(targets)
