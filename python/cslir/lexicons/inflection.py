"""Inflected forms and their base forms, for dictionaries that list base forms only."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from cslir.errors import InputError, UnknownNameError
from cslir.languages import known_as, primary_language
from cslir.lexicons.irregular_forms import irregular_forms
from cslir.lexicons.tokens import source_form, token_ranges
from cslir.shell import pip_command

__all__ = ["RULE_SOURCES", "base_forms", "lemma_forms", "lemma_sources", "rule_forms"]

RULE_SOURCES = "suffix rules and irregular forms of English"
"""What `rule_forms` draws on, for the account of a lexicon."""

_SHORTEST_BASE = 3
_VOWELS = "aeiou"
_ENGLISH_WORD = re.compile(r"[a-z]{3,}")
_HISSING = ("s", "x", "z", "ch", "sh")

Lemmatiser = Callable[[str], str | None]


def base_forms(word: str, language: str) -> Iterator[str]:
    """Yield the base forms that an English word may be a regular inflection of, likeliest first.

    Plurals and third persons in -s, past tenses in -ed and participles in -ing are undone, together with what
    they do to the stem (libraries, stopped, using). The candidates need not be words: look them up.
    Other languages have none.
    """
    if primary_language(language) != "en" or " " in word:
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


def lemma_sources(language: str) -> str:
    """Return what `lemma_forms` draws on for a language, with versions, for the account of a lexicon.

    Raises:
        InputError: As `lemma_forms`.
    """
    packages = _lemmatiser(language) is not None
    english = primary_language(language) == "en"
    if not english:
        _require(packages, language)
    parts = [RULE_SOURCES] if english else []
    if packages:
        from importlib.metadata import version

        parts.append(" and ".join(f"{package} {version(package)}" for package in ("simplemma", "wordfreq")))
    return ", ".join(parts)


def lemma_forms(sources: Iterable[str], language: str) -> Iterator[tuple[str, str]]:
    """Yield (form, base) for inflected forms that are no sources themselves and whose base form is one.

    Forms are the words of wordfreq's list whose lemma, by simplemma, is a source. English adds irregular
    forms and those that suffix rules make (plurals, third persons, -ed, -ing), and needs no package for
    these. A form has one base: an irregular one before simplemma's, that before a regular one, and of two
    regular ones that of the earlier source.

    Args:
        sources: Sources of a lexicon; phrases have no forms here.
        language: Their code.

    Raises:
        InputError: The language is not English and the packages simplemma and wordfreq (the extra
            `cslir[lexicons]`) are not installed or don't know it.
    """
    known = dict.fromkeys(source_form(source) for source in sources)
    lemmatise = _lemmatiser(language)
    if primary_language(language) == "en":
        pairs = _english_forms(known, lemmatise)
    else:
        _require(lemmatise is not None, language)
        pairs = _attested_forms(known, language, lemmatise)
    yield from _distinct(pairs, known)


def rule_forms(sources: Iterable[str], language: str) -> Iterator[tuple[str, str]]:
    """Yield (form, base) as `lemma_forms` does without packages: the same whatever is installed.

    Args:
        sources: Sources of a lexicon.
        language: Their code.

    Raises:
        InputError: The language is not English.
    """
    if primary_language(language) != "en":
        raise UnknownNameError(
            f"there are no rules for base forms of the language {language!r}, only for English",
            remedy="compile it with `cslir lexicons build PAIR=FILE --lemma-forms --output NAME.cslex`",
        )
    known = dict.fromkeys(source_form(source) for source in sources)
    yield from _distinct(_english_forms(known, None), known)


def _distinct(pairs: Iterable[tuple[str, str]], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the first pair of each form that is no source itself, where its base is one."""
    yielded: set[str] = set()
    for form, base in pairs:
        if base in known and form not in known and form not in yielded:
            yielded.add(form)
            yield form, base


def _require(packages: bool, language: str) -> None:
    if not packages:
        raise InputError(
            f"no base forms of the language {language!r}: the packages simplemma and wordfreq are missing, or"
            " lack it",
            remedy=f"install them with {pip_command('cslir[lexicons]')}, or go without lemma forms",
        )


def _lemmatiser(language: str) -> Lemmatiser | None:
    """Return simplemma's dictionary look-up; None where a package is missing or lacks the language."""
    try:
        from simplemma.strategies import DictionaryLookupStrategy
        from wordfreq import available_languages
    except ImportError:
        return None
    lookup = DictionaryLookupStrategy()

    def has_lemmas(code: str) -> bool:
        try:
            lookup.get_lemma("", code)
        except ValueError:
            return False
        return True

    code = known_as(language, has_lemmas)
    if code is None or known_as(language, available_languages().__contains__) is None:
        return None
    return lambda word: lookup.get_lemma(word, code)


def _attested_forms(
    sources: Collection[str], language: str, lemmatise: Lemmatiser | None
) -> Iterator[tuple[str, str]]:
    """Yield the words of wordfreq's list whose lemma is a source, the most frequent first."""
    if lemmatise is None:
        return
    from wordfreq import available_languages, iter_wordlist

    for word in iter_wordlist(known_as(language, available_languages().__contains__) or language):
        lemma = lemmatise(word)
        if lemma is None or (base := source_form(lemma)) not in sources:
            continue
        # Contractions say more than their lemma (`isn't`: `be`), and lists hold pieces of them (`ca`).
        if primary_language(language) == "en" and not _ENGLISH_WORD.fullmatch(word):
            continue
        if "'" not in (form := source_form(word)) and list(token_ranges(word)) == [(0, len(word))]:
            yield form, base


def _english_forms(sources: Collection[str], lemmatise: Lemmatiser | None) -> Iterator[tuple[str, str]]:
    for form, bases in irregular_forms().items():
        for base in bases:
            yield form, base
    yield from _attested_forms(sources, "en", lemmatise)
    for source in sources:
        if any(base in sources for base in base_forms(source, "en")):
            continue  # It is an inflected form itself.
        # A form that simplemma knows by another base, or as a base of its own (`during`), is none of ours.
        for form in _regular_forms(source):
            if lemmatise is None or lemmatise(form) is None:
                yield form, source


def _regular_forms(word: str) -> Iterator[str]:
    """Yield what the suffix rules make of an English word, whatever its part of speech."""
    if not _ENGLISH_WORD.fullmatch(word):
        return
    if word.endswith("y") and word[-2] not in _VOWELS:
        yield word[:-1] + "ies"
        yield word[:-1] + "ied"
        yield word + "ing"
        return
    if word.endswith(_HISSING) or (word.endswith("o") and word[-2] not in _VOWELS):
        yield word + "es"
    if not word.endswith(_HISSING):
        yield word + "s"
    if word.endswith("e"):
        yield word + "d"
        yield (word if word.endswith(("ee", "oe", "ye")) else word[:-1]) + "ing"
        return
    stems = [word]
    if _doubles(word):
        # Of longer words only those stressed at the end double their consonant, which spelling doesn't show.
        doubled = word + word[-1]
        stems = [doubled] if len(re.findall(f"[{_VOWELS}y]+", word)) == 1 else [word, doubled]
    for stem in stems:
        yield stem + "ed"
        yield stem + "ing"


def _doubles(word: str) -> bool:
    """Whether a word ends in a single vowel and a consonant that may double (`stop`, `occur`)."""
    return (
        word[-1] not in _VOWELS + "wxy"
        and word[-2] in _VOWELS
        and (word[-3] not in _VOWELS or word[-3:-1] == "ui")
    )
