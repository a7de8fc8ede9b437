"""From the translations that dictionaries print to entries of a lexicon: cleaned, weighted, directed."""

import math
from collections.abc import Iterable, Iterator

from cslir.lexicons.cleaning import clean
from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.ranking import REGISTER_FACTOR, has_rare_register
from cslir.lexicons.readers.languages import Pair
from cslir.lexicons.translations import Translation

__all__ = ["clean_entries"]


def clean_entries(
    translations: Iterable[Translation], found: Pair, *, inverted: bool
) -> Iterator[LexiconEntry]:
    """Yield what can stand in a text, with the weight `register / (sqrt(sense) * alternatives)`.

    `register` is 1, or `REGISTER_FACTOR` for what is marked rare, archaic, slang or regional.

    Args:
        translations: Of a dictionary, in its order.
        found: Source and target language of the dictionary.
        inverted: Make its targets the sources.
    """
    near, far = found
    for one in translations:
        source, target = clean(one.source, near), clean(one.target, far)
        if source and target:
            weight = 1 / (math.sqrt(one.sense) * one.alternatives)
            if one.labels and has_rare_register(one.labels):
                weight *= REGISTER_FACTOR
            yield LexiconEntry(target, source, weight) if inverted else LexiconEntry(source, target, weight)
