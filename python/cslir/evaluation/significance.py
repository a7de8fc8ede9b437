"""Paired tests between rankers over the same queries, and corrections for many of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError, UnknownNameError

__all__ = [
    "CORRECTIONS",
    "LEVEL",
    "RESAMPLES",
    "TESTS",
    "PairedTest",
    "bonferroni",
    "correct",
    "holm",
    "paired_bootstrap_test",
    "paired_t_test",
    "paired_test",
    "wilcoxon_test",
]

LEVEL = 0.05
"""A difference is called significant below this (adjusted) p-value; intervals are of 1 - LEVEL."""
RESAMPLES = 9999
"""Random resamples of the bootstrap; 1 / (RESAMPLES + 1) is the least p-value."""
_BATCH_VALUES = 10_000_000
"""Resampled values that are held in memory at a time."""
_NOISE = 1e-12
"""Differences that are smaller come from the order of summation."""


class PairedTest(NamedTuple):
    """Outcome of a two-sided paired test.

    Args:
        difference: Mean of (system - baseline).
        interval: 95% confidence interval of that mean.
        p_value: Uncorrected.
        queries: Number of pairs.
        effect_size: Cohen's d_z, the mean over the standard deviation of the differences; of Wilcoxon's test,
            the matched-pairs rank-biserial correlation, between -1 and 1. None where all queries differ by
            the same amount, which leaves d_z without bound.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    queries: int
    effect_size: float | None = None


def paired_t_test(system: NDArray[np.float64], baseline: NDArray[np.float64]) -> PairedTest:
    """Test whether the mean difference of two systems over the same queries is zero.

    Args:
        system: Values per query, shape (queries,).
        baseline: Values of the same queries in the same order, shape (queries,).

    Raises:
        InputError: The shapes differ or there are fewer than two queries.
    """
    from scipy import stats

    differences = _differences(system, baseline)
    mean, count = float(differences.mean()), len(differences)
    if _constant(differences):
        # Without variance the t statistic is undefined: equal systems do not differ, a constant shift does.
        return PairedTest(mean, (mean, mean), 1.0 if mean == 0 else 0.0, count, _d_z(differences))
    result = stats.ttest_1samp(differences, 0.0)
    interval = result.confidence_interval(1 - LEVEL)
    return PairedTest(
        mean, (float(interval.low), float(interval.high)), float(result.pvalue), count, _d_z(differences)
    )


def wilcoxon_test(system: NDArray[np.float64], baseline: NDArray[np.float64], *, seed: int = 1) -> PairedTest:
    """Test whether gains and losses over the same queries are alike in number and size: signed ranks.

    Queries without a difference are left out of the ranks (Wilcoxon's own treatment of zeros). The p-value is
    exact for few queries and of the normal approximation with ties corrected for otherwise, as scipy
    chooses. The effect size is (W+ - W-) / (W+ + W-), the rank sums of gains and of losses over the sum of
    both (D. Kerby, The simple difference formula, Comprehensive Psychology 3, 2014). The interval is that of
    the mean difference, by bootstrap.

    Raises:
        InputError: As for `paired_t_test`.
    """
    from scipy import stats

    differences = _differences(system, baseline)
    mean, count = float(differences.mean()), len(differences)
    moved = differences[differences != 0]
    if not len(moved):
        return PairedTest(0.0, (0.0, 0.0), 1.0, count, 0.0)
    # Ranks tie where differences do but for noise of the last bits.
    ranks = stats.rankdata(np.round(np.abs(moved), 12))
    effect = float(np.sum(ranks * np.sign(moved)) / np.sum(ranks))
    result = stats.wilcoxon(np.round(moved, 12), zero_method="wilcox")
    interval, _ = _bootstrap(differences, seed)
    return PairedTest(mean, interval, float(result.pvalue), count, effect)


def paired_bootstrap_test(
    system: NDArray[np.float64], baseline: NDArray[np.float64], *, seed: int = 1
) -> PairedTest:
    """Test whether the mean difference is zero, by drawing queries with replacement.

    The p-value is the share of resamples whose mean lies at least as far from the observed mean as zero does
    (B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, on shifting to the null hypothesis);
    the interval is bias-corrected and accelerated (BCa). Both want some tens of queries.

    Args:
        system: Values per query, shape (queries,).
        baseline: Values of the same queries in the same order, shape (queries,).
        seed: Of the draws: the same seed gives the same outcome.

    Raises:
        InputError: As for `paired_t_test`.
    """
    differences = _differences(system, baseline)
    mean = float(differences.mean())
    interval, means = _bootstrap(differences, seed)
    # The observed mean counts as one resample, so that no p-value is zero.
    extreme = 1 + np.count_nonzero(np.abs(means - mean) >= abs(mean) - _NOISE)
    return PairedTest(mean, interval, float(extreme / (1 + len(means))), len(differences), _d_z(differences))


TESTS = ("t", "wilcoxon", "bootstrap")


def paired_test(
    test: str, system: NDArray[np.float64], baseline: NDArray[np.float64], *, seed: int = 1
) -> PairedTest:
    """Run the test of that name, one of `TESTS`.

    Raises:
        InputError: There is no such test, or as for `paired_t_test`.
    """
    if test == "t":
        return paired_t_test(system, baseline)
    if test not in TESTS:
        raise UnknownNameError(f"no test {test!r}", remedy=f"choose among {', '.join(TESTS)}")
    resampled = wilcoxon_test if test == "wilcoxon" else paired_bootstrap_test
    return resampled(system, baseline, seed=seed)


def _differences(system: NDArray[np.float64], baseline: NDArray[np.float64]) -> NDArray[np.float64]:
    if system.shape != baseline.shape or system.ndim != 1:
        raise InputError(
            "a paired test needs values of the same queries, got arrays of the shapes"
            f" {system.shape} and {baseline.shape}"
        )
    if len(system) < 2:
        raise InputError(
            f"a paired test needs two queries at least, there is {len(system)}",
            remedy="evaluate with more judged queries",
        )
    differences = system - baseline
    return np.where(np.abs(differences) < _NOISE, 0.0, differences)


def _constant(differences: NDArray[np.float64]) -> bool:
    return bool(np.ptp(differences) < _NOISE)


def _d_z(differences: NDArray[np.float64]) -> float | None:
    if _constant(differences):
        return 0.0 if differences[0] == 0 else None
    return float(differences.mean() / differences.std(ddof=1))


def _bootstrap(
    differences: NDArray[np.float64], seed: int
) -> tuple[tuple[float, float], NDArray[np.float64]]:
    """Return the BCa interval of the mean, and the means of the resamples."""
    from scipy import stats

    mean = float(differences.mean())
    if _constant(differences):
        return (mean, mean), np.full(RESAMPLES, mean)
    result = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=1 - LEVEL,
        method="BCa",
        batch=max(1, _BATCH_VALUES // len(differences)),
        rng=np.random.default_rng(seed),
    )
    interval = (float(result.confidence_interval.low), float(result.confidence_interval.high))
    return interval, np.asarray(result.bootstrap_distribution)


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


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of a family of m tests by Bonferroni's method: min(1, m p)."""
    return [min(1.0, len(p_values) * p_value) for p_value in p_values]


_CORRECTIONS: dict[str, Callable[[Sequence[float]], list[float]]] = {
    "holm": holm,
    "bonferroni": bonferroni,
    "none": list,
}
CORRECTIONS = tuple(_CORRECTIONS)


def correct(correction: str, p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of a family of tests by the method of that name, one of `CORRECTIONS`.

    Raises:
        InputError: There is no such method.
    """
    if correction not in _CORRECTIONS:
        raise UnknownNameError(
            f"no correction {correction!r}", remedy=f"choose among {', '.join(CORRECTIONS)}"
        )
    return _CORRECTIONS[correction](p_values)
