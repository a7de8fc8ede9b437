"""Putting systems over the same settings, seeds and queries, so that their values can be paired."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError, UnknownNameError
from cslir.evaluation.results import (
    ONLY_SETTING,
    QueryValues,
    SystemResult,
    mean_values,
    query_order,
    within_languages,
)
from cslir.evaluation.settings import GROUPS

__all__ = [
    "BY",
    "SeedValues",
    "baselines",
    "common_places",
    "require_same_data",
    "runs_by_name",
    "values_by_seed",
]

BY = ("group", "setting")


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
                f"two systems are named {system.name!r}{seed}", remedy="name one otherwise: NAME=FILE"
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
                        remedy="compare systems on one task; --different-data compares them all the same, as"
                        " where the queries were translated",
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
