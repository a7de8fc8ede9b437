"""Tokens and normal forms in Python, as the Rust core has them: to count and compare, not to switch."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

__all__ = ["is_number", "normal_form", "source_form", "token_ranges", "tokens_in"]

_JOINERS = "'’‘·\u05f3\u05f4\u00ad\u200c\u200d"
# Thai, Lao, Myanmar, Khmer, Kana, Bopomofo, Han: each character is a token.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30fa\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
_ASCII_TOKEN = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*")
_SPACES = re.compile(r"[\s\-\u2010\u2011]+")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "\u00ad": None})
_GAP_BYTES_LIMIT = 8


def token_ranges(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the tokens of a text start and end, in characters.

    A token is a run of letters, digits and combining marks, held together by single apostrophes and soft
    hyphens, or one character of a script without spaces; a hyphen separates. The Rust core's tokens are the
    same but for a few symbols, such as circled letters.
    """
    pattern = _ASCII_TOKEN if text.isascii() else _token_pattern()
    for found in pattern.finditer(text):
        yield found.span()


def tokens_in(text: str) -> list[str]:
    """Return the tokens of a text in normal form."""
    return [normal_form(text[start:end]) for start, end in token_ranges(text)]


def normal_form(token: str) -> str:
    """Return a token as it is compared: NFKC, case-folded, plain apostrophes, no soft hyphens."""
    if token.isascii():
        return token.lower()
    folded = unicodedata.normalize("NFD", token.translate(_APOSTROPHES)).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())


def source_form(source: str) -> str:
    """Return the normal form of a lexicon's source; empty where it can match no text.

    The tokens are in normal form, white space and hyphens between them are one space: `Ice-Cream` and
    `ice cream` are the same source.
    """
    if source.isascii() and source.isalnum():
        return source.lower()
    parts: list[str] = []
    previous = -1
    for start, end in token_ranges(source):
        if previous >= 0:
            gap = source[previous:start]
            normal_gap = _SPACES.sub(" ", gap).replace("’", "'").replace("‘", "'")
            if gap.count("\n") > 1 or "\0" in gap or len(normal_gap.encode()) > _GAP_BYTES_LIMIT:
                return ""
            parts.append(normal_gap)
        parts.append(normal_form(source[start:end]))
        previous = end
    return "".join(parts)


def is_number(token: str) -> bool:
    """Whether a token holds a digit or another numeric character."""
    return not token.isalpha() and any(character.isnumeric() for character in token)


@lru_cache
def _token_pattern() -> re.Pattern[str]:
    word = rf"[^\W_{_UNSPACED}]"
    going_on = f"(?:{word}|(?![{_UNSPACED}])[{_marks()}])"
    return re.compile(rf"(?=[^\W_])[{_UNSPACED}][{_marks()}]*|{word}{going_on}*(?:[{_JOINERS}]{going_on}+)*")


@lru_cache
def _marks() -> str:
    """Return the combining marks as ranges of a character class."""
    ranges: list[list[int]] = []
    # Beyond the second plane there are no marks but the variation selectors.
    for code in (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)):
        if unicodedata.category(chr(code))[0] == "M":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
