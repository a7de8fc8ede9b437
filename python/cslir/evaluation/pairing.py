"""Systems over the same settings, seeds and queries: their means, and paired tests of their differences.

Queries are the sampling unit. Where a system was run with several seeds, a query's value is its mean over
them, and that mean is tested; how the seeds differ is shown beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError, UnknownNameError
from cslir.evaluation.comparison import Compared, Score
from cslir.evaluation.results import (
    ONLY_SETTING,
    QueryValues,
    SystemResult,
    mean_values,
    query_order,
    within_languages,
)
from cslir.evaluation.settings import GROUPS
from cslir.evaluation.significance import LEVEL, PairedTest, correct, paired_test

__all__ = [
    "BY",
    "TIE",
    "SeedValues",
    "baselines",
    "common_places",
    "compare_alignment",
    "compare_systems",
    "require_same_data",
    "runs_by_name",
    "score_systems",
    "values_by_seed",
    "without_alignment",
]

BY = ("group", "setting")
TIE = 1e-9
"""Values of a query that differ by less are a tie: means over seeds and settings carry rounding errors."""
_ALIGNED = " + align"


class SeedValues(NamedTuple):
    """A system's values in one place, float64 of shape (seeds, queries), with the seed of each row."""

    query_ids: tuple[str, ...]
    rows: NDArray[np.float64]
    seeds: tuple[int | None, ...]

    def of(self, seeds: Sequence[int | None]) -> "SeedValues":
        """Return the rows of these seeds."""
        return SeedValues(self.query_ids, self.rows[[self.seeds.index(one) for one in seeds]], tuple(seeds))

    @property
    def known_seeds(self) -> tuple[int, ...]:
        """The seeds without None."""
        return tuple(one for one in self.seeds if one is not None)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds of the mean over queries."""
        return float(self.rows.mean(axis=1).std(ddof=1)) if len(self.rows) > 1 else None

    def in_order(self, query_ids: tuple[str, ...], who: str, place: str) -> "SeedValues":
        """Return the values in the order of `query_ids`.

        Raises:
            InputError: They are of other queries.
        """
        order = query_order(self.query_ids, query_ids)
        if order is None:
            own, other = set(self.query_ids), set(query_ids)
            raise InputError(
                f"{who} judge different queries in {place} ({len(own & other):,} are shared,"
                f" {len(own ^ other):,} are not)",
                remedy="judge them by the same qrels: queries without passages then count as zero",
            )
        return SeedValues(query_ids, self.rows[:, order], self.seeds)


def baselines(systems: Sequence[SystemResult], baseline: str | None = None) -> dict[str, str]:
    """Return the baseline of each system that has one, by name.

    Args:
        systems: Of one or several result files.
        baseline: Of all others. If None, each system's own, as its file says, where it is among the systems;
            and the first system if that leaves none.

    Raises:
        InputError: There are fewer than two systems, or none of that name.
    """
    names = list(runs_by_name(systems))
    if len(names) < 2:
        raise InputError(
            f"only one system, {names[0]!r}" if names else "no system",
            remedy="a comparison needs two at least",
        )
    if baseline is not None and baseline not in names:
        raise UnknownNameError(
            f"no system {baseline!r}", remedy=f"choose among {', '.join(map(repr, names))}"
        )
    if baseline is None:
        own = {one.name: one.baseline for one in systems if one.baseline in names}
        if own:
            return own
    chosen = baseline if baseline is not None else names[0]
    return {name: chosen for name in names if name != chosen}


def common_places(
    systems: Sequence[SystemResult], by: str, languages: Sequence[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the places of a comparison in the order of a table, and the settings that each is the mean of.

    A group is the mean over those of its settings that every system has which has the group at all, so that
    all are measured alike.

    Args:
        systems: To be compared.
        by: `group` or `setting`.
        languages: A group is restricted to settings of these languages, and drawn ones; without them to those
            that judge the most queries, since some may lack in an unseen language.

    Raises:
        InputError: `by` is neither.
    """
    if by not in BY:
        raise UnknownNameError(f"can't compare by {by!r}", remedy=f"choose among {', '.join(BY)}")
    if by == "setting":
        return {name: (name,) for name in dict.fromkeys(name for one in systems for name in one.settings)}
    places: dict[str, tuple[str, ...]] = {}
    groups = dict.fromkeys(scores.group for one in systems for scores in one.settings.values())
    for group in sorted(groups, key=lambda one: GROUPS.index(one) if one in GROUPS else -1):
        held = [
            {name: scores for name, scores in one.settings.items() if scores.group == group}
            for one in systems
        ]
        held = [settings for settings in held if settings]
        shared = {name: one for name, one in held[0].items() if all(name in settings for settings in held)}
        common = within_languages(shared, languages)
        if common:
            places[group or ONLY_SETTING] = tuple(common)
    return places


def runs_by_name(systems: Sequence[SystemResult]) -> dict[str, list[SystemResult]]:
    """Return the runs of each system, one per seed."""
    named: dict[str, list[SystemResult]] = {}
    for system in systems:
        members = named.setdefault(system.name, [])
        if any(one.seed == system.seed for one in members):
            seed = "" if system.seed is None else f" with seed {system.seed}"
            raise InputError(
                f"two systems are named {system.name!r}{seed}", remedy="name one otherwise by `names`"
            )
        members.append(system)
    return named


def require_same_data(members: Sequence[SystemResult], settings: Sequence[str]) -> None:
    """Refuse results of one place that were made on other queries or judgements.

    What a file does not say, as those of earlier versions and runs don't, is not compared. Where languages
    are drawn, each seed has queries of its own.

    Raises:
        InputError: The checksums of two results differ.
    """
    first: dict[tuple[str, str, int | None], tuple[str, str]] = {}
    for name in settings:
        for member in (one for one in members if name in one.settings):
            seed = member.seed if "X" in name else None
            for kind, found in member.settings[name].checksums._asdict().items():
                other, expected = first.setdefault((name, kind, seed), (member.name, found))
                if not expected:
                    first[name, kind, seed] = (member.name, found)
                elif found and found != expected:
                    raise InputError(
                        f"{member.name} and {other} were evaluated with different {kind} in {name}",
                        remedy="compare systems on one task; `different_data=True` compares them all the"
                        " same, as where the queries were translated",
                    )


def values_by_seed(
    members: Sequence[SystemResult], settings: Sequence[str], measure: str, place: str
) -> SeedValues:
    """Return a system's values in a place, a row per seed."""
    rows: list[QueryValues] = []
    for member in members:
        missing = [name for name in settings if name not in member.settings]
        if missing:
            raise InputError(
                f"{member.name} lacks {', '.join(missing)} with seed {member.seed}",
                remedy="evaluate it in the same settings with every seed",
            )
        try:
            rows.append(mean_values({name: member.settings[name] for name in settings}, measure))
        except InputError as error:
            raise InputError(f"{member.name}: {error.message}", remedy=error.remedy) from None
    first = SeedValues(rows[0].query_ids, np.stack([rows[0].values]), (members[0].seed,))
    aligned = [first] + [
        SeedValues(row.query_ids, row.values[np.newaxis], (member.seed,)).in_order(
            first.query_ids,
            f"{member.name} with seed {members[0].seed} and with seed {member.seed}",
            place,
        )
        for row, member in zip(rows[1:], members[1:], strict=True)
    ]
    seeds = tuple(member.seed for member in members)
    return SeedValues(first.query_ids, np.concatenate([one.rows for one in aligned]), seeds)


def score_systems(
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


def compare_systems(
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
    """Test systems against their baseline in every place that both have; all these tests are one family.

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
                remedy="evaluate both with the same seed",
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


def without_alignment(names: Iterable[str]) -> dict[str, str]:
    """Return the name of the arm without alignment by that of the arm with it, where both are there.

    Args:
        names: Of systems: `ML-CS + align` is trained as `ML-CS`, and with an alignment loss; what follows the
            word, such as `, language means removed`, is the same for both.
    """
    known = dict.fromkeys(names)
    return {
        name: other
        for name in known
        if _ALIGNED in name and (other := name.replace(_ALIGNED, "", 1)) in known
    }


def compare_alignment(
    systems: Sequence[SystemResult],
    *,
    measure: str,
    languages: Sequence[str] | None = None,
    different_data: bool = False,
) -> list[Compared]:
    """Test every arm with alignment against the same arm without it; all these tests are one family.

    Args:
        systems: As for `compare_systems`.
        measure: Name of a measure that all of them have.
        languages: See `common_places`.
        different_data: As for `compare_systems`.

    Raises:
        InputError: As for `compare_systems`.
    """
    compared: list[Compared] = []
    for name, other in without_alignment(system.name for system in systems).items():
        both = [system for system in systems if system.name in (name, other)]
        if set.intersection(*(set(system.settings) for system in both)):
            compared += compare_systems(
                both, measure=measure, baseline=other, languages=languages, different_data=different_data
            )
    adjusted = correct("holm", [one.p_value for one in compared])
    return [replace(one, adjusted_p=p_value) for one, p_value in zip(compared, adjusted, strict=True)]
