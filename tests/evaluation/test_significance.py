"""Paired tests beside their definitions, written out, and their properties."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cslir.errors import InputError
from cslir.evaluation.significance import TESTS, bonferroni, correct, holm, paired_test

RECIPROCAL_RANKS = st.sampled_from([0.0, *(1 / rank for rank in range(1, 11))])
PAIRS = st.lists(st.tuples(RECIPROCAL_RANKS, RECIPROCAL_RANKS), min_size=2, max_size=12)


def columns(pairs):
    system, baseline = np.array(pairs, dtype=np.float64).T
    return system, baseline


def test_t_test_agrees_with_its_formula_and_with_scipy():
    system, baseline = columns([(0.5, 0.1), (1, 0.2), (0.25, 0.5), (0, 0), (1, 0.5)])
    found = paired_test("t", system, baseline)
    differences = system - baseline
    error = differences.std(ddof=1) / math.sqrt(5)
    assert found.difference == pytest.approx(differences.mean())
    assert found.p_value == pytest.approx(2 * stats.t.sf(differences.mean() / error, 4))
    assert found.p_value == pytest.approx(stats.ttest_rel(system, baseline).pvalue)
    half = stats.t.ppf(0.975, 4) * error
    np.testing.assert_allclose(found.interval, [differences.mean() - half, differences.mean() + half])
    assert found.effect_size == pytest.approx(differences.mean() / differences.std(ddof=1))


def test_wilcoxon_agrees_with_all_assignments_of_signs():
    differences = np.array([0.5, -0.1, 0.25, 0.3, -0.05, 0.7, 0.9])
    found = paired_test("wilcoxon", differences, np.zeros(7))
    ranks = stats.rankdata(np.abs(differences))
    observed = ranks[differences > 0].sum() - ranks[differences < 0].sum()
    sums = np.array([np.dot(signs, ranks) for signs in itertools.product([-1, 1], repeat=7)])
    assert found.p_value == pytest.approx(np.mean(np.abs(sums) >= abs(observed)))
    assert found.effect_size == pytest.approx(observed / ranks.sum())


def test_wilcoxon_leaves_equal_queries_out():
    moved = np.array([0.5, -0.1, 0.25, 0.3])
    with_ties = np.concatenate([moved, np.zeros(5)])
    found = paired_test("wilcoxon", with_ties, np.zeros(9))
    assert found.p_value == paired_test("wilcoxon", moved, np.zeros(4)).p_value
    assert found.effect_size == paired_test("wilcoxon", moved, np.zeros(4)).effect_size
    assert found.queries == 9


def test_bootstrap_agrees_with_all_resamples():
    differences = np.array([0.5, -0.1, 0.25, 0.4])
    found = paired_test("bootstrap", differences, np.zeros(4))
    means = np.array([np.mean(one) for one in itertools.product(differences, repeat=4)])
    mean = differences.mean()
    exact = np.mean(np.abs(means - mean) >= mean - 1e-12)
    assert found.p_value == pytest.approx(exact, abs=0.015)
    many = np.random.default_rng(3).choice([0.0, 0.5, 1.0], 400)
    wide = paired_test("bootstrap", many, np.full(400, 0.5))
    # Over hundreds of queries the bootstrap's interval is close to that of the t-test.
    np.testing.assert_allclose(wide.interval, paired_test("t", many, np.full(400, 0.5)).interval, atol=0.005)


@pytest.mark.parametrize("test", TESTS)
@settings(max_examples=25, deadline=None)
@given(pairs=PAIRS)
def test_swapping_the_systems_swaps_the_sign(test, pairs):
    system, baseline = columns(pairs)
    one, other = paired_test(test, system, baseline), paired_test(test, baseline, system)
    assert one.difference == pytest.approx(-other.difference, abs=1e-12)
    assert one.p_value == pytest.approx(other.p_value, abs=1e-9)
    assert 0 <= one.p_value <= 1
    assert one.interval[0] - 1e-12 <= one.difference <= one.interval[1] + 1e-12
    if one.effect_size is not None:
        assert other.effect_size == pytest.approx(-one.effect_size, abs=1e-9)


@pytest.mark.parametrize("test", TESTS)
def test_same_seed_same_outcome(test):
    system, baseline = np.random.default_rng(1).random((2, 50))
    assert paired_test(test, system, baseline, seed=3) == paired_test(test, system, baseline, seed=3)


@pytest.mark.parametrize("test", TESTS)
def test_equal_systems_do_not_differ(test):
    values = np.array([0.1, 0.2, 0.5])
    assert paired_test(test, values, values) == (0.0, (0.0, 0.0), 1.0, 3, 0.0)
    # The order of summation is no difference.
    assert paired_test(test, np.full(3, 0.1 + 0.2), np.full(3, 0.3)).p_value == 1


@pytest.mark.parametrize("test", TESTS)
def test_a_constant_shift_has_no_spread(test):
    found = paired_test(test, np.array([0.3, 0.4, 0.6]), np.array([0.1, 0.2, 0.4]))
    assert found.interval == pytest.approx((0.2, 0.2))
    assert found.effect_size == (1.0 if test == "wilcoxon" else None)


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(("own", "other"), [([1.0], [0.0]), ([], []), ([1.0, 0.0], [1.0])])
def test_one_query_or_other_queries_are_refused(test, own, other):
    with pytest.raises(InputError, match="of the same queries|two queries at least"):
        paired_test(test, np.array(own), np.array(other))


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="no test 'z'; choose among t, wilcoxon, bootstrap"):
        paired_test("z", np.zeros(2), np.zeros(2))
    with pytest.raises(InputError, match="no correction 'sidak'; choose among holm, bonferroni, none"):
        correct("sidak", [0.1])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_whatever_bonferroni_does(p_values):
    for raw, mild, strict in zip(p_values, holm(p_values), bonferroni(p_values), strict=True):
        assert raw <= mild <= strict <= 1
    assert correct("none", p_values) == p_values
