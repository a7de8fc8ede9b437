"""Settings of cross-lingual evaluation over parallel versions of the same queries and passages.

A setting says in which language each query and each passage appears: one (MoIR), two (CLIR), or drawn
at random for each of them (MLIR).
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from cslir.errors import InputError

__all__ = [
    "GROUPS",
    "Setting",
    "draw_languages",
    "language_pairs",
    "mixed_settings",
    "pair_group",
    "parse_pair",
]

GROUPS = ("MoIR", "CLIR en-x", "CLIR x-en", "CLIR x-y", "MLIR X-en", "MLIR en-X", "MLIR X-X")
"""The aggregates of a table, in its order; x and y are languages other than English, X is drawn per text."""


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


def parse_pair(pair: str) -> tuple[str, str]:
    """Split a language pair such as `en-de`.

    Raises:
        InputError: It is not two ISO 639-1 codes with a hyphen.
    """
    source, hyphen, target = pair.partition("-")
    if not hyphen or not all(
        len(code) == 2 and code.isalpha() and code.islower() for code in (source, target)
    ):
        raise InputError(
            f"{pair!r} is not a language pair", remedy="write two ISO 639-1 codes, en-de for example"
        )
    return source, target


def language_pairs(languages: Sequence[str], queries: int, passages: int) -> list[Setting]:
    """Return the settings of all ordered pairs of languages, equal ones included.

    Args:
        languages: ISO 639-1 codes.
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
    queries = draw_languages(languages, query_ids, seed, "query")
    passages = draw_languages(languages, doc_ids, seed, "passage")
    english_queries, english_passages = ("en",) * len(query_ids), ("en",) * len(doc_ids)
    return [
        Setting("X-en", "MLIR X-en", queries, english_passages),
        Setting("en-X", "MLIR en-X", english_queries, passages),
        Setting("X-X", "MLIR X-X", queries, passages),
    ]
