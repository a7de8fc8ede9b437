"""The tests of the demo's table, and what its systems say beside their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cslir.evaluation.comparison import Compared
from cslir.evaluation.latency import ResponseTime
from cslir.evaluation.metrics import MEASURES
from cslir.evaluation.pairing import compare_alignment, compare_systems
from cslir.evaluation.results import SystemResult, group_values
from cslir.evaluation.settings import GROUPS

__all__ = ["alignment_rows", "compare_rows", "response_time_json", "with_groups"]

TESTED_MEASURE = MEASURES[0]


def compare_rows(systems: Sequence[SystemResult], seen: Sequence[str]) -> dict[tuple[str, str], Compared]:
    """Test every system against its baseline in every group; all these tests are one family.

    Returns:
        Comparisons by (name of the system, group).
    """
    compared = compare_systems(systems, measure=TESTED_MEASURE, languages=seen)
    return {(one.system, one.place): one for one in compared}


def alignment_rows(systems: Sequence[SystemResult], seen: Sequence[str]) -> dict[tuple[str, str], Compared]:
    """Test every arm with alignment against the arm without it in every group; these are a family too.

    Returns:
        Comparisons by (name of the arm with alignment, group).
    """
    compared = compare_alignment(systems, measure=TESTED_MEASURE, languages=seen)
    return {(one.system, one.place): one for one in compared}


def response_time_json(times: ResponseTime) -> dict[str, Any]:
    """Return response times as a system's `response_time_ms`."""
    return {
        "p50": {name: stage.p50 for name, stage in times.stages.items()},
        "p95": {name: stage.p95 for name, stage in times.stages.items()},
        "queries": times.calls,
    }


def with_groups(
    system: SystemResult,
    comparisons: Mapping[tuple[str, str], Compared],
    alignment: Mapping[tuple[str, str], Compared],
    seen: Sequence[str],
) -> SystemResult:
    """Return a system whose details have `groups`: means and the tests of each; see docs/demo.md."""
    groups: dict[str, Any] = {}
    for group in GROUPS:
        means = {
            measure: float(group_values(system.settings, group, measure, seen).values.mean())
            for measure in MEASURES
        }
        groups[group] = {"measures": means}
        for key, tests in (("test", comparisons), ("alignment_test", alignment)):
            if (comparison := tests.get((system.name, group))) is not None:
                groups[group][key] = _test_json(comparison)
    bias = system.settings["X-X"].language_bias
    return replace(system, details={**system.details, "groups": groups, "language_bias": bias})


def _test_json(comparison: Compared) -> dict[str, Any]:
    return {
        "baseline": comparison.baseline,
        "measure": comparison.measure,
        "difference": comparison.difference,
        "interval": list(comparison.interval),
        "p_value": comparison.p_value,
        "adjusted_p": comparison.adjusted_p,
        "queries": comparison.queries,
    }
