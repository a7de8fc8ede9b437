"""Settings of cross-lingual evaluation over parallel versions of the same queries and passages.

A setting says in which language each query and each passage appears: one (MoIR), two (CLIR), or drawn
at random for each of them (MLIR).
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from cslir.errors import UnknownNameError
from cslir.languages import split_pair

__all__ = [
    "GROUPS",
    "MIXTURES",
    "Setting",
    "draw_languages",
    "language_pairs",
    "mixed_settings",
    "pair_group",
    "parse_setting",
    "setting_languages",
    "setting_of",
]

GROUPS = ("MoIR", "CLIR en-x", "CLIR x-en", "CLIR x-y", "MLIR X-en", "MLIR en-X", "MLIR X-X")
"""The aggregates of a table, in its order; x and y are languages other than English, X is drawn per text."""

MIXTURES = ("X-en", "en-X", "X-X")
"""The settings with a language drawn for each query, for each passage, or for both."""


class Setting(NamedTuple):
    """Languages of the queries and passages of one evaluation.

    Args:
        name: The language pair, query language first: `en-de`, or with X for a drawn language: `X-en`.
        group: The aggregate that the setting belongs to, one of `GROUPS`.
        query_languages: The language of each query.
        passage_languages: The language of each passage.
    """

    name: str
    group: str
    query_languages: tuple[str, ...]
    passage_languages: tuple[str, ...]


def pair_group(query_language: str, passage_language: str) -> str:
    """Return the aggregate of a language pair."""
    if query_language == passage_language:
        return "MoIR"
    if query_language == "en":
        return "CLIR en-x"
    return "CLIR x-en" if passage_language == "en" else "CLIR x-y"


def setting_languages(name: str) -> tuple[str, str] | None:
    """Return the query and the passage language of a setting's name, X where it is drawn; None for others."""
    if name in MIXTURES:
        source, _, target = name.partition("-")
        return source, target
    return split_pair(name)


def parse_setting(name: str) -> tuple[str, str]:
    """Split the name of a setting: a language pair such as `en-de`, or one of `MIXTURES`.

    Raises:
        InputError: It is neither.
    """
    if (languages := setting_languages(name)) is None:
        raise UnknownNameError(
            f"{name!r} is no setting",
            remedy=f"write two language codes, en-de for example, or one of {', '.join(MIXTURES)}",
        )
    return languages


def setting_of(
    name: str, languages: Sequence[str], query_ids: Sequence[str], doc_ids: Sequence[str], seed: int
) -> Setting:
    """Return a setting with the language of every query and passage.

    Args:
        name: As for `parse_setting`.
        languages: Of the draws for X.
        query_ids: The queries.
        doc_ids: The passages.
        seed: Of the draws.
    """
    source, target = parse_setting(name)
    name = f"{source}-{target}"
    group = f"MLIR {name}" if name in MIXTURES else pair_group(source, target)

    def of(code: str, identifiers: Sequence[str], role: str) -> tuple[str, ...]:
        if code == "X":
            return draw_languages(languages, identifiers, seed, role)
        return (code,) * len(identifiers)

    return Setting(name, group, of(source, query_ids, "query"), of(target, doc_ids, "passage"))


def language_pairs(languages: Sequence[str], queries: int, passages: int) -> list[Setting]:
    """Return the settings of all ordered pairs of languages, equal ones included.

    Args:
        languages: Their codes.
        queries: Number of queries.
        passages: Number of passages.
    """
    return [
        Setting(f"{source}-{target}", pair_group(source, target), (source,) * queries, (target,) * passages)
        for source in languages
        for target in languages
    ]


def draw_languages(
    languages: Sequence[str], identifiers: Sequence[str], seed: int, role: str
) -> tuple[str, ...]:
    """Draw a language for each identifier, uniformly, from (seed, role, identifier) alone.

    The draw of one text depends neither on the others nor on their order, so that everybody who has the same
    identifiers gets the same collection.
    """
    ordered = sorted(languages)
    return tuple(random.Random(f"{seed}/{role}/{identifier}").choice(ordered) for identifier in identifiers)


def mixed_settings(
    languages: Sequence[str], query_ids: Sequence[str], doc_ids: Sequence[str], seed: int
) -> list[Setting]:
    """Return X-en, en-X and X-X, with X drawn among `languages` for each query and passage."""
    return [setting_of(name, languages, query_ids, doc_ids, seed) for name in MIXTURES]
