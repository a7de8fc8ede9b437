"""Base forms of regular English inflections, for dictionaries that list base forms only."""

from collections.abc import Iterator

__all__ = ["base_forms"]

_SHORTEST_BASE = 3
_VOWELS = "aeiou"


def base_forms(word: str, language: str) -> Iterator[str]:
    """Yield the base forms that an English word may be a regular inflection of, likeliest first.

    Plurals and third persons in -s, past tenses in -ed and participles in -ing are undone, together with what
    they do to the stem (libraries, stopped, using). The candidates need not be words: look them up.
    Other languages have none.
    """
    if language != "en" or " " in word:
        return
    for candidate in _candidates(word):
        if len(candidate) >= _SHORTEST_BASE:
            yield candidate


def _candidates(word: str) -> Iterator[str]:
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        yield word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        yield word[:-1]
    if word.endswith("ied"):
        yield word[:-3] + "y"
    for ending in ("ed", "ing"):
        stem = word.removesuffix(ending)
        if stem == word or not any(vowel in stem for vowel in _VOWELS + "y"):
            continue
        if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in "lsz":
            yield stem[:-1]
        yield stem
        yield stem + "e"
        if len(stem) > 2 and stem[-1] == stem[-2] == "l":
            yield stem[:-1]
