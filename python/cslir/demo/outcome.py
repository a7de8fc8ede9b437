"""The tests of the demo's table, and what its systems say beside their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cslir.evaluation.latency import ResponseTime
from cslir.evaluation.metrics import MEASURES
from cslir.evaluation.results import SystemResult, group_values
from cslir.evaluation.settings import GROUPS
from cslir.evaluation.significance import PairedTest, holm, paired_t_test

__all__ = ["SIGNIFICANCE_LEVEL", "Comparison", "compare", "response_time_json", "with_groups"]

SIGNIFICANCE_LEVEL = 0.05
TESTED_MEASURE = MEASURES[0]


@dataclass(frozen=True)
class Comparison:
    """A system's paired t-test against its baseline in one group, p-value adjusted by Holm's method."""

    test: PairedTest
    adjusted_p: float

    @property
    def mark(self) -> str:
        """`+` or `-` where the difference is significant, else a space."""
        if self.adjusted_p >= SIGNIFICANCE_LEVEL:
            return " "
        return "+" if self.test.difference > 0 else "-"


def compare(systems: Sequence[SystemResult], seen: Sequence[str]) -> dict[tuple[str, str], Comparison]:
    """Test every system against its baseline in every group; all these tests are one family.

    A query's value in a group is the mean of its RR@10 over the group's settings.

    Returns:
        Comparisons by (name of the system, group).
    """
    by_name = {system.name: system for system in systems}
    tests: dict[tuple[str, str], PairedTest] = {}
    for system in systems:
        if not system.baseline:
            continue
        for group in GROUPS:
            own = group_values(system.settings, group, TESTED_MEASURE, seen)
            base = group_values(by_name[system.baseline].settings, group, TESTED_MEASURE, seen)
            tests[system.name, group] = paired_t_test(own.values, base.values)
    adjusted = holm([test.p_value for test in tests.values()])
    return {
        key: Comparison(test, p_value) for (key, test), p_value in zip(tests.items(), adjusted, strict=True)
    }


def response_time_json(times: ResponseTime) -> dict[str, Any]:
    """Return response times as a system's `response_time_ms`."""
    return {"p50": times.p50, "p95": times.p95, "queries": times.queries}


def with_groups(
    system: SystemResult, comparisons: Mapping[tuple[str, str], Comparison], seen: Sequence[str]
) -> SystemResult:
    """Return a system whose details have `groups`: means and the test of each; see docs/demo.md."""
    groups: dict[str, Any] = {}
    for group in GROUPS:
        means = {
            measure: float(group_values(system.settings, group, measure, seen).values.mean())
            for measure in MEASURES
        }
        groups[group] = {"measures": means}
        comparison = comparisons.get((system.name, group))
        if comparison is not None:
            groups[group]["test"] = {
                "baseline": system.baseline,
                "measure": TESTED_MEASURE,
                "difference": comparison.test.difference,
                "interval": list(comparison.test.interval),
                "p_value": comparison.test.p_value,
                "adjusted_p": comparison.adjusted_p,
                "queries": comparison.test.queries,
            }
    bias = system.settings["X-X"].language_bias
    return replace(system, details={**system.details, "groups": groups, "language_bias": bias})
