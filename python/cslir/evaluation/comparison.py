"""Comparison of systems over the same queries: means, paired tests, and the spread over seeds.

Queries are the sampling unit. Where a system was run with several seeds, a query's value is its mean over
them, and that mean is tested; how the seeds differ is shown beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from cslir.errors import InputError
from cslir.evaluation.pairing import (
    SeedValues,
    baselines,
    common_places,
    require_same_data,
    runs_by_name,
    values_by_seed,
)
from cslir.evaluation.results import SystemResult
from cslir.evaluation.significance import LEVEL, PairedTest, correct, paired_test

__all__ = ["TIE", "Compared", "Score", "compare", "score"]

TIE = 1e-9
"""Values of a query that differ by less are a tie: means over seeds and settings carry rounding errors."""


@dataclass(frozen=True)
class Score:
    """The mean of one system in one place.

    Attributes:
        system: Its name.
        place: A setting or a group; `all` for a dataset without languages.
        measure: As ir_measures names it.
        mean: Over queries and seeds.
        deviation: Standard deviation over seeds of the mean over queries; None with one seed.
        queries: How many.
        seeds: Those of the system; empty where it has none.
    """

    system: str
    place: str
    measure: str
    mean: float
    deviation: float | None
    queries: int
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Compared:
    """One system tested against its baseline in one place.

    Attributes:
        system: Its name.
        baseline: The other's.
        place: A setting or a group; `all` for a dataset without languages.
        measure: As ir_measures names it.
        mean: Of the system, over queries and the seeds that were compared.
        baseline_mean: Of the baseline.
        difference: Mean minus baseline's mean.
        interval: 95% confidence interval of the difference.
        p_value: Of the test over queries.
        adjusted_p: Corrected over all tests of the comparison.
        effect_size: See `PairedTest`.
        wins: Queries in which the system is better.
        ties: Queries in which it is equal.
        losses: Queries in which it is worse.
        queries: Their sum.
        seeds: Those that both have; empty where there are none, or they have none in common.
        deviation: Standard deviation over these seeds of the difference; None with fewer than two.
        better_seeds: With how many of these seeds alone the system is significantly better, corrected over
            all tests with that seed; None with fewer than two.
        worse_seeds: With how many it is significantly worse.
    """

    system: str
    baseline: str
    place: str
    measure: str
    mean: float
    baseline_mean: float
    difference: float
    interval: tuple[float, float]
    p_value: float
    adjusted_p: float
    effect_size: float | None
    wins: int
    ties: int
    losses: int
    queries: int
    seeds: tuple[int, ...] = ()
    deviation: float | None = None
    better_seeds: int | None = None
    worse_seeds: int | None = None

    @property
    def mark(self) -> str:
        """`+` or `-` where the difference is significant, else empty."""
        if self.adjusted_p >= LEVEL:
            return ""
        return "+" if self.difference > 0 else "-"

    @property
    def seed_mark(self) -> str:
        """`+3`: significantly better with three seeds by themselves; `-3`: worse; empty for none."""
        better = f"+{self.better_seeds}" if self.better_seeds else ""
        return better + (f"-{self.worse_seeds}" if self.worse_seeds else "")


def score(
    systems: Sequence[SystemResult],
    *,
    measures: Sequence[str],
    by: str = "group",
    languages: Sequence[str] | None = None,
) -> list[Score]:
    """Return the mean of every system in every place by every measure.

    Args:
        systems: Those of one name are runs with different seeds.
        measures: Names of measures that all of them have.
        by: `group` or `setting`.
        languages: See `common_places`.

    Raises:
        InputError: A measure is missing, runs of one system judge different queries, or a name is given twice
            with the same seed.
    """
    places = common_places(systems, by, languages)
    scores = []
    for measure in measures:
        for name, members in runs_by_name(systems).items():
            for place, settings in places.items():
                if settings[0] in members[0].settings:
                    values = values_by_seed(members, settings, measure, place)
                    scores.append(
                        Score(
                            name,
                            place,
                            measure,
                            float(values.rows.mean()),
                            values.deviation,
                            len(values.query_ids),
                            values.known_seeds,
                        )
                    )
    return scores


def compare(
    systems: Sequence[SystemResult],
    *,
    measure: str,
    baseline: str | None = None,
    test: str = "t",
    correction: str = "holm",
    by: str = "group",
    languages: Sequence[str] | None = None,
    seed: int = 1,
    different_data: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Compared]:
    """Test systems against their baseline, in every place that both have; all these tests are one family.

    In a place where languages are drawn (`X-X`, `MLIR X-X`), systems are compared with the seeds that both
    have, since another seed is another collection.

    Args:
        systems: Those of one name are runs with different seeds.
        measure: Name of a measure that all of them have.
        baseline: Name of the system that all others are tested against; see `baselines` if None.
        test: `t`, `wilcoxon` or `bootstrap`.
        correction: `holm`, `bonferroni` or `none`.
        by: `group` or `setting`.
        languages: See `common_places`.
        seed: Of the bootstrap's draws.
        different_data: Compare systems whose queries or judgements differ too; see `require_same_data`.
        progress: Called with (tests done, tests in all).

    Raises:
        InputError: There are fewer than two systems or none of that name, two share no setting, the measure
            is missing, or they were evaluated with different queries or judgements.
    """
    named = runs_by_name(systems)
    places = common_places(systems, by, languages)
    pairs = [
        (name, base, place)
        for name, base in baselines(systems, baseline).items()
        for place, settings in places.items()
        if all(settings[0] in named[one][0].settings for one in (name, base))
    ]
    if not pairs:
        listed = "; ".join(f"{name} has {', '.join(members[0].settings)}" for name, members in named.items())
        raise InputError(
            "the systems share no setting", remedy=f"evaluate them in the same settings ({_shorten(listed)})"
        )
    outcomes = []
    for done, (name, base, place) in enumerate(pairs):
        if progress:
            progress(done, len(pairs))
        if not different_data:
            require_same_data([*named[base], *named[name]], places[place])
        own = values_by_seed(named[name], places[place], measure, place)
        other = values_by_seed(named[base], places[place], measure, place)
        outcomes.append(_compare_pair(name, base, place, measure, own, other, test, seed))
    if progress:
        progress(len(pairs), len(pairs))
    return _corrected(outcomes, correction)


class _Outcome(NamedTuple):
    """A comparison before correction, with the test of each seed."""

    compared: Compared
    by_seed: dict[int, PairedTest]


def _compare_pair(
    name: str,
    base: str,
    place: str,
    measure: str,
    own: SeedValues,
    other: SeedValues,
    test: str,
    seed: int,
) -> _Outcome:
    other = other.in_order(own.query_ids, f"{name} and {base}", place)
    shared = tuple(one for one in own.known_seeds if one in other.seeds)
    if "X" in place and own.known_seeds and other.known_seeds:
        if not shared:
            raise InputError(
                f"{place} of {name} and of {base} was drawn with different seeds",
                remedy="evaluate both with the same --seed",
            )
        own, other = own.of(shared), other.of(shared)
    system_values, baseline_values = own.rows.mean(axis=0), other.rows.mean(axis=0)
    try:
        result = paired_test(test, system_values, baseline_values, seed=seed)
    except InputError as error:
        raise InputError(f"{place}: {error.message}", remedy=error.remedy) from None
    differences = system_values - baseline_values
    wins, losses = int(np.sum(differences > TIE)), int(np.sum(differences < -TIE))
    by_seed: dict[int, PairedTest] = {}
    deviation = None
    if len(shared) > 1:
        both = own.of(shared).rows - other.of(shared).rows
        deviation = float(both.mean(axis=1).std(ddof=1))
        by_seed = {
            one: paired_test(test, own.of([one]).rows[0], other.of([one]).rows[0], seed=seed)
            for one in shared
        }
    compared = Compared(
        system=name,
        baseline=base,
        place=place,
        measure=measure,
        mean=float(system_values.mean()),
        baseline_mean=float(baseline_values.mean()),
        difference=result.difference,
        interval=result.interval,
        p_value=result.p_value,
        adjusted_p=result.p_value,
        effect_size=result.effect_size,
        wins=wins,
        ties=len(differences) - wins - losses,
        losses=losses,
        queries=len(differences),
        seeds=shared,
        deviation=deviation,
    )
    return _Outcome(compared, by_seed)


def _corrected(outcomes: Sequence[_Outcome], correction: str) -> list[Compared]:
    """Correct the p-values, those of the means over seeds as one family, and those of each seed as one."""
    adjusted = correct(correction, [one.compared.p_value for one in outcomes])
    better, worse = [0] * len(outcomes), [0] * len(outcomes)
    for seed in dict.fromkeys(seed for one in outcomes for seed in one.by_seed):
        rows = [row for row, one in enumerate(outcomes) if seed in one.by_seed]
        family = correct(correction, [outcomes[row].by_seed[seed].p_value for row in rows])
        for row, p_value in zip(rows, family, strict=True):
            if p_value < LEVEL:
                counts = better if outcomes[row].by_seed[seed].difference > 0 else worse
                counts[row] += 1
    return [
        replace(
            outcome.compared,
            adjusted_p=p_value,
            better_seeds=better[row] if outcome.by_seed else None,
            worse_seeds=worse[row] if outcome.by_seed else None,
        )
        for row, (outcome, p_value) in enumerate(zip(outcomes, adjusted, strict=True))
    ]


def _shorten(text: str, length: int = 200) -> str:
    return text if len(text) <= length else f"{text[:length]} ..."
