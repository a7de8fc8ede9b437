"""The numbers of a report: systems averaged over seeds, their means and their tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from cslir.errors import InputError
from cslir.evaluation.comparison import Compared
from cslir.evaluation.metrics import Judged, usual_name
from cslir.evaluation.pairing import compare_alignment, compare_systems, runs_by_name
from cslir.evaluation.results import ONLY_SETTING, Result, SettingScores, SystemResult, group_values
from cslir.evaluation.settings import GROUPS
from cslir.evaluation.significance import paired_t_test

__all__ = [
    "PERCENT",
    "Estimate",
    "Summary",
    "measure_title",
    "milliseconds",
    "over_seeds",
    "significance_mark",
    "summarise",
]

PERCENT = 100.0
"""Means are shown in percent."""
_PREFERRED = ("RR@10", "nDCG@10")


class Estimate(NamedTuple):
    """A mean over queries in percent, and the 95% confidence interval of it."""

    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Summary:
    """What the tables and pictures show; means and differences in percent.

    Attributes:
        measure: The measure that is compared.
        systems: Averaged over seeds, in the order of the files.
        seeds: By name of the system.
        columns: The groups that any system has, in the order of the tables; one empty one without languages.
        languages: Seen ones, then unseen ones; none without languages.
        seen: Languages over whose pairs groups are averaged.
        means: By (system, column).
        tests: By (system, column), of what has a baseline.
        alignment_tests: By (system, column), of arms with alignment, where the same arm without it is there.
        pair_means: By (system, setting).
        pair_tests: By (system, setting), of what has a baseline.
    """

    measure: str
    systems: tuple[SystemResult, ...]
    seeds: Mapping[str, tuple[int, ...]]
    columns: tuple[str, ...]
    languages: tuple[str, ...]
    seen: tuple[str, ...]
    means: Mapping[tuple[str, str], Estimate]
    tests: Mapping[tuple[str, str], Compared]
    alignment_tests: Mapping[tuple[str, str], Compared]
    pair_means: Mapping[tuple[str, str], float]
    pair_tests: Mapping[tuple[str, str], Compared]

    @property
    def title(self) -> str:
        """The measure as a mean: MRR@10."""
        return measure_title(self.measure)

    def mark(self, system: SystemResult, column: str) -> str:
        """Return the mark of a system in a column; see `significance_mark`."""
        return significance_mark(self.tests.get((system.name, column)))

    def average(self, name: str) -> float | None:
        """Return a system's mean over all columns, None where it lacks one."""
        means = [self.means.get((name, column)) for column in self.columns]
        found = [estimate.mean for estimate in means if estimate is not None]
        return sum(found) / len(found) if len(found) == len(means) else None


def significance_mark(compared: Compared | None) -> str:
    """Return `+` or `-` for a significant difference, a space for none, nothing without a baseline."""
    if compared is None:
        return ""
    return compared.mark or " "


def measure_title(measure: str) -> str:
    """Return what the mean of a measure is called: MRR@10 of RR@10, MAP of AP."""
    return f"M{measure}" if measure.partition("@")[0].partition("(")[0] in {"RR", "AP"} else measure


def milliseconds(value: float) -> str:
    """Return a time with three significant digits at least, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def summarise(
    results: Sequence[Result],
    measure: str | None = None,
    baseline: str | None = None,
    *,
    different_data: bool = False,
) -> Summary:
    """Average over seeds, and test.

    Args:
        results: Of one dataset; their systems may have several seeds.
        measure: As in the files; if None the first of RR@10, nDCG@10 and their own that all systems have.
        baseline: Name of the system that all others are tested against; each one's own if None.
        different_data: As for `compare`.

    Raises:
        InputError: No measure is shared, or the systems can't be compared.
    """
    everything = [system for file in results for system in file.systems]
    chosen = usual_name(measure) if measure else _shared_measure(everything)
    systems = over_seeds(everything)
    seen = next((file.seen for file in results if file.seen), ())
    unseen = tuple(dict.fromkeys(one for file in results for one in file.unseen if one not in seen))
    having = {scores.group for system in systems for scores in system.settings.values()}
    columns = tuple(group for group in (*GROUPS, "") if group in having)
    pairs = {(system.name, name): scores for system in systems for name, scores in system.settings.items()}
    return Summary(
        measure=chosen,
        systems=tuple(systems),
        seeds={
            name: tuple(one.seed for one in members if one.seed is not None)
            for name, members in runs_by_name(everything).items()
        },
        columns=columns,
        languages=(*seen, *unseen),
        seen=seen,
        means=_means(systems, columns, chosen, seen),
        tests=_tests(everything, chosen, baseline, "group", seen, different_data),
        alignment_tests=_by_column(
            compare_alignment(
                everything, measure=chosen, languages=seen or None, different_data=different_data
            )
        ),
        pair_means={key: PERCENT * scores.judged.means[chosen] for key, scores in pairs.items()},
        pair_tests=_tests(everything, chosen, baseline, "setting", seen, different_data),
    )


def _shared_measure(systems: Sequence[SystemResult]) -> str:
    judged = [scores.judged.values for system in systems for scores in system.settings.values()]
    for name in (*_PREFERRED, *judged[0]):
        if all(name in values for values in judged):
            return name
    raise InputError("the systems share no measure", remedy="evaluate them by the same measures")


def over_seeds(systems: Sequence[SystemResult]) -> list[SystemResult]:
    """Return one system for each name: the values of every query are means over its seeds.

    Raises:
        InputError: Two seeds of a system judge different settings or queries.
    """
    return [
        _averaged(members) if len(members) > 1 else members[0] for members in runs_by_name(systems).values()
    ]


def _averaged(runs: Sequence[SystemResult]) -> SystemResult:
    first = runs[0]
    if any(run.settings.keys() != first.settings.keys() for run in runs):
        raise InputError(
            f"the seeds of {first.name!r} have different settings",
            remedy="evaluate them with the same options",
        )
    settings = {name: _averaged_scores([run.settings[name] for run in runs]) for name in first.settings}
    return replace(first, seed=None, settings=settings)


def _averaged_scores(scores: Sequence[SettingScores]) -> SettingScores:
    first = scores[0]
    values = {
        measure: np.mean([group_values({"": one}, one.group, measure).values for one in scores], axis=0)
        for measure in first.judged.values
    }
    biases = [one.language_bias for one in scores if one.language_bias is not None]
    shares = {
        language: float(np.mean([one.language_shares.get(language, 0.0) for one in scores]))
        for language in first.language_shares
    }
    judged = Judged(first.judged.query_ids, values, first.judged.missing)
    bias = float(np.mean(biases)) if biases else None
    return replace(first, judged=judged, language_bias=bias, language_shares=shares, top={})


def _means(
    systems: Sequence[SystemResult], columns: Sequence[str], measure: str, seen: Sequence[str]
) -> dict[tuple[str, str], Estimate]:
    means: dict[tuple[str, str], Estimate] = {}
    for system in systems:
        for column in columns:
            if all(scores.group != column for scores in system.settings.values()):
                continue
            values = PERCENT * group_values(system.settings, column, measure, seen or None).values
            # The interval of a mean is that of its difference from zero.
            found = paired_t_test(values, np.zeros_like(values)) if len(values) > 1 else None
            mean = float(values.mean())
            means[system.name, column] = Estimate(mean, found.interval if found else (mean, mean))
    return means


def _tests(
    systems: Sequence[SystemResult],
    measure: str,
    baseline: str | None,
    by: str,
    seen: Sequence[str],
    different_data: bool,
) -> dict[tuple[str, str], Compared]:
    """Return the tests by (system, column or setting); none where there is one system only."""
    if len({system.name for system in systems}) < 2:
        return {}
    found = compare_systems(
        systems,
        measure=measure,
        baseline=baseline,
        by=by,
        languages=seen or None,
        different_data=different_data,
    )
    return _by_column(found) if by == "group" else {(one.system, one.place): one for one in found}


def _by_column(found: Sequence[Compared]) -> dict[tuple[str, str], Compared]:
    """Return the tests of groups by (system, column)."""
    return {(one.system, "" if one.place == ONLY_SETTING else one.place): one for one in found}
