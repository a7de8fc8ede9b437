"""Figures by language pair: heat maps of the means, and of their differences from the baseline."""

import math
from collections.abc import Mapping

from cslir.evaluation.significance import LEVEL
from cslir.languages import split_pair
from cslir.reporting.drawing.heat_maps import MARGINS, difference_map, heat_map_height, value_map
from cslir.reporting.drawing.pictures import Figure, Panel, Table
from cslir.reporting.summary import PERCENT, Summary

__all__ = ["difference_figure", "language_pair_figures", "mean_figure"]

Pair = tuple[str, str]


def language_pair_figures(summary: Summary) -> list[Figure]:
    """Return the heat maps of the means and of the differences, as far as there are language pairs."""
    return [figure for figure in (mean_figure(summary), difference_figure(summary)) if figure is not None]


def mean_figure(summary: Summary) -> Figure | None:
    """Return a heat map of every system; None without two language pairs."""
    maps = {system.name: _by_pair(summary.pair_means, system.name) for system in summary.systems}
    maps = {name: values for name, values in maps.items() if len(values) > 1}
    if not maps:
        return None
    languages = _languages(summary, maps)
    highest = max(10.0, 10 * math.ceil(max(max(values.values()) for values in maps.values()) / 10))
    panels = tuple(
        Panel(
            name,
            f"{summary.title} of {name} by query and passage language: {_extremes(values)}.",
            heat_map_height(len(languages)),
            value_map(languages, values, highest),
            MARGINS,
        )
        for name, values in maps.items()
    )
    rows = [
        (name, *_cells(query, languages, {pair: f"{value:.1f}" for pair, value in values.items()}))
        for name, values in maps.items()
        for query in languages
        if any(pair[0] == query for pair in values)
    ]
    return Figure(
        "heat-maps",
        f"{summary.title} by query language and passage language",
        f"Percent; one colour scale for all maps, from 0 (dark) to {highest:.0f} (bright). Within one"
        f" language"
        f" (MoIR) along the diagonal.{_unseen_note(summary)}",
        panels,
        Table(("system", "queries in", *languages), tuple(rows)),
    )


def difference_figure(summary: Summary) -> Figure | None:
    """Return a heat map of the difference of every system from its baseline; None without two such pairs."""
    tests: dict[str, dict[Pair, tuple[float, float]]] = {}
    baselines: dict[str, str] = {}
    for (name, setting), one in summary.pair_tests.items():
        if (pair := split_pair(setting)) is not None:
            tests.setdefault(name, {})[pair] = (PERCENT * one.difference, one.adjusted_p)
            baselines[name] = one.baseline
    tests = {name: found for name, found in tests.items() if len(found) > 1}
    if not tests:
        return None
    languages = _languages(summary, tests)
    largest = max(1.0, math.ceil(max(abs(value) for found in tests.values() for value, _ in found.values())))
    panels, rows = [], []
    for name, found in tests.items():
        values = {pair: value for pair, (value, _) in found.items()}
        significant = {pair for pair, (_, adjusted_p) in found.items() if adjusted_p < LEVEL}
        alt = (
            f"Difference in {summary.title} of {name} from {baselines[name]} by query and passage language:"
            f" {_extremes(values, '+')}; {len(significant)} of {len(values)} differences are significant."
        )
        drawing = difference_map(languages, values, significant, largest)
        panels.append(
            Panel(name, alt, heat_map_height(len(languages)), drawing, MARGINS, f"less {baselines[name]}")
        )
        texts = {
            pair: f"{value:+.1f}{'' if pair in significant else ' n.s.'}" for pair, value in values.items()
        }
        rows += [
            (name, baselines[name], *_cells(query, languages, texts))
            for query in languages
            if any(pair[0] == query for pair in values)
        ]
    return Figure(
        "difference-maps",
        f"Difference in {summary.title} from the baseline",
        f"Points of percent; blue is better than the baseline, red is worse, ±{largest:.0f} at the ends"
        f" of the"
        f" scale. Hatched: not significant (paired t-test over queries, p ≥ {LEVEL} after Holm's"
        f" correction over"
        " all pairs and systems); n.s. in the table.",
        tuple(panels),
        Table(("system", "baseline", "queries in", *languages), tuple(rows)),
    )


def _by_pair(values: Mapping[tuple[str, str], float], name: str) -> dict[Pair, float]:
    return {
        pair: value
        for (system, setting), value in values.items()
        if system == name and (pair := split_pair(setting)) is not None
    }


def _languages(summary: Summary, maps: Mapping[str, Mapping[Pair, object]]) -> list[str]:
    """Return the languages of the pairs: seen, unseen, then others."""
    used = dict.fromkeys(language for values in maps.values() for pair in values for language in pair)
    known = [language for language in summary.languages if language in used]
    return [*known, *(language for language in used if language not in known)]


def _cells(query: str, languages: list[str], texts: Mapping[Pair, str]) -> tuple[str, ...]:
    return (query, *(texts.get((query, passage), "") for passage in languages))


def _extremes(values: Mapping[Pair, float], sign: str = "") -> str:
    low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    return f"from {values[low]:{sign}.1f} ({'-'.join(low)}) to {values[high]:{sign}.1f} ({'-'.join(high)})"


def _unseen_note(summary: Summary) -> str:
    unseen = [language for language in summary.languages if language not in summary.seen]
    if not unseen:
        return ""
    return (
        f" No lexicon and no training text of {', '.join(unseen)}: tested with themselves and with English."
    )
