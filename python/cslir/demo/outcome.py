"""What the demo measures: rows of the table, with their tests, and their JSON form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cslir.evaluation.evaluate import evaluation_json
from cslir.evaluation.latency import ResponseTime
from cslir.evaluation.metrics import MEASURES
from cslir.evaluation.parallel import Evaluation
from cslir.evaluation.settings import GROUPS
from cslir.evaluation.significance import PairedTest, holm, paired_t_test

__all__ = ["SIGNIFICANCE_LEVEL", "Comparison", "Row", "compare", "row_json"]

SIGNIFICANCE_LEVEL = 0.05
TESTED_MEASURE = MEASURES[0]


@dataclass(frozen=True)
class Row:
    """One system of the table.

    Attributes:
        name: Unique among the rows.
        baseline: Name of the row that it is tested against; empty for a baseline itself.
        evaluation: Every setting, judged.
        response_time: Per query, over the passages of all seen languages; None for a variant of another row
            that costs the same.
        training_seconds: Wall-clock time of the training; 0 without one.
        dev_mrr: On the dev split, the mean over all groups of MRR@10, for choosing a model; None where no
            choice depends on it.
        label: As the tables show it, where that is not the name.
    """

    name: str
    baseline: str
    evaluation: Evaluation
    response_time: ResponseTime | None = None
    training_seconds: float = 0.0
    dev_mrr: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Comparison:
    """A row's paired t-test against its baseline in one group, p-value adjusted by Holm's method."""

    test: PairedTest
    adjusted_p: float

    @property
    def mark(self) -> str:
        """`+` or `-` where the difference is significant, else a space."""
        if self.adjusted_p >= SIGNIFICANCE_LEVEL:
            return " "
        return "+" if self.test.difference > 0 else "-"


def compare(rows: Sequence[Row], seen: Sequence[str]) -> dict[tuple[str, str], Comparison]:
    """Test every row against its baseline in every group; all these tests are one family.

    A query's value in a group is the mean of its RR@10 over the group's settings.

    Returns:
        Comparisons by (row name, group).
    """
    by_name = {row.name: row for row in rows}
    tests: dict[tuple[str, str], PairedTest] = {}
    for row in rows:
        if not row.baseline:
            continue
        for group in GROUPS:
            own = row.evaluation.group_values(group, TESTED_MEASURE, seen)
            base = by_name[row.baseline].evaluation.group_values(group, TESTED_MEASURE, seen)
            tests[row.name, group] = paired_t_test(own, base)
    adjusted = holm([test.p_value for test in tests.values()])
    return {
        key: Comparison(test, p_value) for (key, test), p_value in zip(tests.items(), adjusted, strict=True)
    }


def row_json(row: Row, comparisons: dict[tuple[str, str], Comparison], seen: Sequence[str]) -> dict[str, Any]:
    """Return a row as a JSON object; see docs/demo.md."""
    groups: dict[str, Any] = {}
    for group in GROUPS:
        means = {
            measure: float(np.mean(row.evaluation.group_values(group, measure, seen))) for measure in MEASURES
        }
        groups[group] = {"measures": means}
        comparison = comparisons.get((row.name, group))
        if comparison is not None:
            groups[group]["test"] = {
                "baseline": row.baseline,
                "measure": TESTED_MEASURE,
                "difference": comparison.test.difference,
                "interval": list(comparison.test.interval),
                "p_value": comparison.test.p_value,
                "adjusted_p": comparison.adjusted_p,
                "queries": comparison.test.queries,
            }
    return {
        "name": row.name,
        "training_seconds": round(row.training_seconds, 3),
        "dev_mrr": row.dev_mrr,
        "groups": groups,
        "response_time_ms": None
        if row.response_time is None
        else {
            "p50": row.response_time.p50,
            "p95": row.response_time.p95,
            "queries": row.response_time.queries,
        },
    } | evaluation_json(row.evaluation)
