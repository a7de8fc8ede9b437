"""What a report says first: what was compared, and what came out, in sentences made from the numbers."""

from collections.abc import Mapping
from typing import NamedTuple

from cslir.evaluation.comparison import Compared
from cslir.plurals import count_of
from cslir.reporting.material import Material
from cslir.reporting.summary import PERCENT, Summary, milliseconds, significance_mark

__all__ = ["Findings", "compared", "findings"]

_MIXED = "X-X"


def compared(summary: Summary, material: Material) -> str:
    """Say which systems were compared on what."""
    named = dict.fromkeys(
        f"{one.dataset}, split {one.split}" if one.split else one.dataset for one in material.results.values()
    )
    queries = max(len(s.judged.query_ids) for system in summary.systems for s in system.settings.values())
    count = len(summary.systems)
    systems = "One system was judged" if count == 1 else f"{count} systems were compared"
    sentence = f"{systems} on {_listed(list(named))}: {count_of(queries, 'query')}"
    unseen = [language for language in summary.languages if language not in summary.seen]
    if summary.seen:
        sentence += f" in {_listed(summary.seen)}"
    if unseen:
        sentence += f" and, unseen in training, {_listed(unseen)}"
    seeds = sorted({seed for several in summary.seeds.values() for seed in several})
    if len(seeds) > 1:
        return f"{sentence}. Values are means over the seeds {_listed([str(seed) for seed in seeds])}."
    return f"{sentence}. One seed ({seeds[0]})." if seeds else f"{sentence}."


class Findings(NamedTuple):
    """What came out.

    Args:
        sentences: The main findings, three at most, negative ones included.
        details: Every system against its baseline, and what else there is, a sentence or two each.
    """

    sentences: list[str]
    details: list[str]


def findings(summary: Summary) -> Findings:
    """Return what came out, in prose made from the numbers."""
    averages = {
        system.name: average
        for system in summary.systems
        if (average := summary.average(system.name)) is not None
    }
    ranked = sorted(averages, key=lambda name: -averages[name])
    sentences = [_best(summary, averages, ranked), _gains(summary), _costs(summary, ranked)]
    details = [
        *_against_baselines(summary),
        *_alignment(summary),
        _gap(summary),
        _bias(summary),
        *_time(summary),
    ]
    return Findings([one for one in sentences if one], [one for one in details if one])


def _best(summary: Summary, averages: Mapping[str, float], ranked: list[str]) -> str:
    """Say which system finds most."""
    if len(ranked) < 2:
        return ""
    groups = len(summary.columns)
    over = f" averaged over the {groups} groups" if groups > 1 else ""
    best, second, last = ranked[0], ranked[1], ranked[-1]
    ahead = f"{averages[best] - averages[second]:.1f} points ahead of {_quoted(second)}"
    if len(ranked) > 2:
        ahead += f" and {averages[best] - averages[last]:.1f} ahead of {_quoted(last)}, the last"
    return f"{_quoted(best)} finds most: {summary.title} is {averages[best]:.1f} percent{over}, {ahead}."


class _Gain(NamedTuple):
    """How a system differs from its baseline: mean over the tested columns, and where significantly."""

    name: str
    baseline: str
    mean: float
    better: list[str]
    worse: list[str]
    tested: int


def _all_gains(summary: Summary) -> list[_Gain]:
    gains = []
    for name, tests in _tests_by_system(summary, summary.tests):
        better, worse = (
            [column for column, one in tests.items() if significance_mark(one) == mark] for mark in "+-"
        )
        mean = PERCENT * sum(one.difference for one in tests.values()) / len(tests)
        baseline = next(iter(tests.values())).baseline
        gains.append(_Gain(name, baseline, mean, better, worse, len(tests)))
    return gains


def _gains(summary: Summary) -> str:
    """Say what helps most against its baseline, what hurts, and whether alignment adds anything."""
    gains = _all_gains(summary)
    if not gains:
        return ""
    top = max(gains, key=lambda one: one.mean)
    if not top.better:
        told = "No system is significantly better than its baseline"
    else:
        average = " on average" if top.tested > 1 else ""
        told = (
            f"{_quoted(top.name)} gains most over its baseline, {_quoted(top.baseline)}:"
            f" {top.mean:+.1f} points{average}, significantly {_where(top.better, top.tested)}"
        )
    worse = [one for one in gains if one.worse]
    if len(worse) == 1:
        where = _where(worse[0].worse, worse[0].tested)
        told += f"; {_quoted(worse[0].name)} is significantly worse than its own {where}"
    elif worse:
        columns = dict.fromkeys(column for one in worse for column in one.worse)
        told += (
            f"; {len(worse)} of {count_of(len(gains), 'system')} are significantly worse than theirs"
            f" {_where(list(columns), len(summary.columns))}"
        )
    elif top.better:
        told += "; no system is significantly worse than its own"
    return f"{told}."


def _costs(summary: Summary, ranked: list[str]) -> str:
    """Say what the best system loses in mixed collections, and how long it takes."""
    if not ranked:
        return ""
    best = ranked[0]
    parts = []
    if (loss := _loss(summary, best)) is not None:
        change = f"loses {loss:.1f}" if loss >= 0 else f"gains {-loss:.1f}"
        parts.append(f"from one language to a mixed collection (X-X) {_quoted(best)} {change} points")
    times = _times(summary)
    if best in times and len(times) > 1:
        fast = min(times, key=times.__getitem__)
        told = f"a query takes {milliseconds(times[best])} ms"
        if fast != best:
            told += f", {times[best] / times[fast]:,.1f} times as long as with {_quoted(fast)}, the fastest"
        parts.append(told)
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if parts else ""


def _alignment(summary: Summary) -> list[str]:
    """Say what alignment adds to each arm that is there without it too."""
    return [_tested(name, tests) for name, tests in _tests_by_system(summary, summary.alignment_tests)]


def _against_baselines(summary: Summary) -> list[str]:
    return [_tested(name, tests) for name, tests in _tests_by_system(summary, summary.tests)]


def _tests_by_system(
    summary: Summary, tests: Mapping[tuple[str, str], Compared]
) -> list[tuple[str, dict[str, Compared]]]:
    """Return the tests of each system by column, in the order of the systems and of the columns."""
    found = [
        (
            system.name,
            {column: one for column in summary.columns if (one := tests.get((system.name, column)))},
        )
        for system in summary.systems
    ]
    return [(name, of_system) for name, of_system in found if of_system]


def _tested(name: str, tests: Mapping[str, Compared]) -> str:
    """Say where a system is better and where it is worse than what it was tested against."""
    parts = []
    for mark, word in (("+", "better"), ("-", "worse"), (" ", "")):
        columns = [column for column, one in tests.items() if significance_mark(one) == mark]
        if not columns:
            continue
        differences = sorted(PERCENT * tests[column].difference for column in columns)
        size = f"{differences[0]:+.1f}"
        if len(differences) > 1:
            size += f" to {differences[-1]:+.1f}"
        where = _where(columns, len(tests))
        parts.append(
            f"significantly {word} {where} ({size} points)"
            if word
            else f"not significantly different {where} ({size})"
        )
    return f"{name}, against {next(iter(tests.values())).baseline}: {', '.join(parts)}."


def _where(columns: list[str], tested: int) -> str:
    if columns == [""]:
        return "over all queries"
    if len(columns) == tested > 1:
        return f"in all {tested} groups"
    if len(columns) > 3:
        return f"in {len(columns)} of {tested} groups"
    return f"in {_listed(columns)}"


def _loss(summary: Summary, name: str) -> float | None:
    """Return by how much a system's mean falls from one language to mixed collections; None if unknown."""
    one, mixed = (summary.means.get((name, column)) for column in ("MoIR", "MLIR X-X"))
    return one.mean - mixed.mean if one and mixed else None


def _gap(summary: Summary) -> str:
    """Say how much is lost from one language to mixed collections."""
    losses = {
        system.name: loss for system in summary.systems if (loss := _loss(summary, system.name)) is not None
    }
    if not losses:
        return ""
    low, high = min(losses, key=losses.__getitem__), max(losses, key=losses.__getitem__)
    if low == high:
        return f"From one language to a mixed collection {low} loses {losses[low]:.1f} points."
    return (
        f"From one language (MoIR) to a mixed collection (X-X), {high} loses most, {losses[high]:.1f}"
        f" points, and {low} least, {losses[low]:.1f}."
    )


def _bias(summary: Summary) -> str:
    biases = {
        system.name: PERCENT * bias
        for system in summary.systems
        if _MIXED in system.settings and (bias := system.settings[_MIXED].language_bias) is not None
    }
    if not biases:
        return ""
    chance = f"; chance would be {PERCENT / len(summary.seen):.0f}" if summary.seen else ""
    low, high = min(biases, key=biases.__getitem__), max(biases, key=biases.__getitem__)
    if low == high:
        return (
            f"Language bias: {biases[low]:.0f} percent of X-X's top 10 are in the query's language{chance}."
        )
    return (
        f"Language bias: of X-X's top 10, {biases[high]:.0f} percent are in the query's own language for"
        f" {high},"
        f" the most biased, and {biases[low]:.0f} for {low}, the least{chance}."
    )


def _times(summary: Summary) -> dict[str, float]:
    """Return the median response time of each system whose file has it, in milliseconds."""
    times = {}
    for system in summary.systems:
        measured = system.details.get("response_time_ms")
        if isinstance(measured, dict) and isinstance(measured.get("p50"), dict):
            total = measured["p50"].get("total")
            if isinstance(total, int | float) and total > 0:
                times[system.name] = float(total)
    return times


def _time(summary: Summary) -> list[str]:
    """Say how much longer the slowest system takes, where the files have response times."""
    times = _times(summary)
    if len(times) < 2:
        return []
    slow, fast = max(times, key=times.__getitem__), min(times, key=times.__getitem__)
    return [
        f"Response time: a query takes {milliseconds(times[slow])} ms with {slow} and"
        f" {milliseconds(times[fast])} ms with {fast} (medians), a factor of {times[slow] / times[fast]:.0f}."
    ]


def _quoted(name: str) -> str:
    """Return a name for a sentence: in quotes if it holds a comma, which would seem to be the sentence's."""
    return f"“{name}”" if "," in name else name


def _listed(words: "list[str] | tuple[str, ...]") -> str:
    return ", ".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"
