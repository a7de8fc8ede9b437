"""Tokens of texts as the switcher has them, to count and compare."""

from cslir._core import caseless_form, normal_form, source_form, token_ranges, without_reading_signs

__all__ = [
    "caseless_form",
    "is_number",
    "normal_form",
    "source_form",
    "token_ranges",
    "tokens_in",
    "without_reading_signs",
]


def tokens_in(text: str) -> list[str]:
    """Return the tokens of a text in normal form."""
    return [normal_form(text[start:end]) for start, end in token_ranges(text)]


def is_number(token: str) -> bool:
    """Whether a token holds a digit or another numeric character."""
    return not token.isalpha() and any(character.isnumeric() for character in token)
