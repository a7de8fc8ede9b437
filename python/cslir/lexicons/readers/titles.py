"""Titles of encyclopedia articles as entries of a lexicon."""

import re
import unicodedata

from cslir.lexicons.entries import LexiconEntry

__all__ = ["DIRECTION_MARKS", "title_entry"]

SECONDARY_WEIGHT = 0.5
"""Weight where the source title needed a disambiguating suffix: it is not what the bare name means first."""

# `Mercury (planet)`; full-width parentheses in Chinese and Japanese.
_SUFFIX = re.compile(r"\s*[(（][^()（）]*[)）]$")
# MediaWiki writes spaces as underscores; a lexicon takes no control characters.
_BLANKS = re.compile(r"[\s_\x00-\x1f\x7f-\x9f]+")
DIRECTION_MARKS = str.maketrans(dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff"))
"""Invisible marks, often unpaired, that would turn the text around a name; for `str.translate`."""


def title_entry(source: str, target: str) -> LexiconEntry | None:
    """Return the entry of two linked titles without disambiguating suffixes; None if nothing is left."""
    near, far = _name(source), _name(target)
    bare_near, bare_far = _SUFFIX.sub("", near), _SUFFIX.sub("", far)
    if not bare_near or not bare_far:
        return None
    return LexiconEntry(bare_near, bare_far, 1.0 if bare_near == near else SECONDARY_WEIGHT)


def _name(title: str) -> str:
    title = unicodedata.normalize("NFC", title.translate(DIRECTION_MARKS))
    return _BLANKS.sub(" ", title).strip()
