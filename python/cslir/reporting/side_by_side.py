"""The queries that changed most between a system and its baseline, with what both retrieve."""

from collections import Counter

from cslir.errors import InputError
from cslir.evaluation.changes import changed_queries, with_texts
from cslir.evaluation.comparison import Change, Ranked
from cslir.reporting.material import Material
from cslir.reporting.page import Passage, QueryPair, Side
from cslir.reporting.summary import PERCENT, Summary

__all__ = ["most_changed"]

_MOST = 12
"""Queries of a page at most: those that changed most of all pairs of systems."""
_LENGTH = 180


def most_changed(summary: Summary, material: Material, count: int, baseline: str | None) -> list[QueryPair]:
    """Return so many gains and losses of each system; none where texts or passages are not known.

    A query is shown once, where it changed most: the same few change most in many systems.
    """
    if not summary.tests or not count:
        return []
    systems = [system for file in material.results.values() for system in file.systems]
    candidates = changed_queries(systems, max(count, _MOST), measure=summary.measure, baseline=baseline)
    changes: list[Change] = []
    shown: set[str] = set()
    by_system: Counter[tuple[str, bool]] = Counter()
    for one in sorted(candidates, key=lambda one: -abs(one.overall)):
        gains = (one.system.system, one.overall > 0)
        if (one.system.top or one.baseline.top) and one.query_id not in shown and by_system[gains] < count:
            changes.append(one)
            shown.add(one.query_id)
            by_system[gains] += 1
    changes = changes[:_MOST]
    if not changes:
        return []
    first = next(iter(material.results.values()))
    try:
        changes = with_texts(changes, first.dataset, first.split, first.seen)
    except InputError:
        # The dataset may be on another machine: ids alone would tell a reader nothing.
        return []
    return [_pair(one, summary) for one in changes]


def _pair(change: Change, summary: Summary) -> QueryPair:
    note = (
        f"query {change.query_id} in {change.setting}: {summary.measure} {change.baseline.value:.2f} →"
        f" {change.system.value:.2f}; mean change over all settings {PERCENT * change.overall:+.1f} points"
    )
    sides = _side(change.baseline, change), _side(change.system, change)
    return QueryPair(change.query or change.query_id, note, sides)


def _side(ranked: Ranked, change: Change) -> Side:
    passages = tuple(
        Passage(_cut(change.passages.get(one) or one), one in change.relevant) for one in ranked.top
    )
    return Side(ranked.system, passages)


def _cut(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _LENGTH else f"{joined[: _LENGTH - 1].rstrip()}…"
