"""How much of a text is read: tokenizers need memory for all of it, whatever is cut from their output."""

from collections.abc import Iterable

from cslir.errors import InputError

__all__ = ["CHARACTERS_PER_TOKEN", "STATIC_CHARACTERS", "cut", "refuse_one_text"]

CHARACTERS_PER_TOKEN = 1000
"""Characters that are read for each token that an encoder takes. A token covers some 4 in the mean; long runs
of blanks and words of a hundred letters, which some tokenizers make one token of, stay well below this."""
STATIC_CHARACTERS = 1_000_000
"""Characters that a static encoder, which has no greatest number of tokens, reads of a text."""


def cut(texts: Iterable[str], max_length: int | None = None) -> list[str]:
    """Return texts without what an encoder would never read, so that no text is too long for a tokenizer.

    Args:
        texts: Texts with their prompts.
        max_length: Tokens that the encoder takes of each; None for a static encoder, which takes all tokens
            of `STATIC_CHARACTERS`.
    """
    limit = STATIC_CHARACTERS if max_length is None else CHARACTERS_PER_TOKEN * max_length
    return [text[:limit] for text in texts]


def refuse_one_text(texts: Iterable[str]) -> None:
    """Refuse a text where several are taken: each of its characters would be one.

    Raises:
        InputError: It is a `str`.
    """
    if isinstance(texts, str):
        raise InputError("`texts` is one text, a list of texts is needed", remedy="write [text]")
