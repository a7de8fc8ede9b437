"""Paired tests between rankers over the same queries."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError

__all__ = ["PairedTest", "holm", "paired_t_test"]


class PairedTest(NamedTuple):
    """Outcome of a two-sided paired t-test.

    Args:
        difference: Mean of (system - baseline).
        interval: 95% confidence interval of that mean.
        p_value: Uncorrected.
        queries: Number of pairs.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    queries: int


def paired_t_test(system: NDArray[np.float64], baseline: NDArray[np.float64]) -> PairedTest:
    """Test whether the mean difference of two systems over the same queries is zero.

    Args:
        system: Values per query, shape (queries,).
        baseline: Values of the same queries in the same order, shape (queries,).

    Raises:
        InputError: The shapes differ or there are fewer than two queries.
    """
    from scipy import stats

    if system.shape != baseline.shape or system.ndim != 1 or len(system) < 2:
        raise InputError(
            f"a paired test needs the same two or more queries, got {system.shape} and {baseline.shape}"
        )
    differences = system - baseline
    mean, count = float(differences.mean()), len(differences)
    if np.all(differences == differences[0]):
        # Without variance the t statistic is undefined: equal systems do not differ, a constant shift does.
        return PairedTest(mean, (mean, mean), 1.0 if mean == 0 else 0.0, count)
    result = stats.ttest_rel(system, baseline)
    interval = result.confidence_interval(0.95)
    return PairedTest(mean, (float(interval.low), float(interval.high)), float(result.pvalue), count)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of a family of tests by Holm's step-down method.

    The i-th smallest of m p-values becomes max over j <= i of min(1, (m - j + 1) p_j).

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979).
    """
    order = sorted(range(len(p_values)), key=lambda position: p_values[position])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, position in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = running
    return adjusted
