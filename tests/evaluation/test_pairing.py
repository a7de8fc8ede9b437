"""Comparison over groups, settings and seeds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cslir.errors import InputError
from cslir.evaluation.checksums import Checksums
from cslir.evaluation.metrics import Judged
from cslir.evaluation.pairing import compare_systems, score_systems
from cslir.evaluation.results import SettingScores, SystemResult
from cslir.evaluation.significance import holm, paired_t_test

QUERIES = tuple(f"q{number}" for number in range(40))
GROUPS = {"en-en": "MoIR", "en-de": "CLIR en-x", "en-it": "CLIR en-x", "X-X": "MLIR X-X"}


def setting(group, values, queries=QUERIES):
    return SettingScores(group, Judged(queries, {"RR@10": np.asarray(values, dtype=np.float64)}, ()))


def system(name, baseline="", seed=1, shift=0.0, groups=None):
    # The same name and seed give the same values.
    draw = np.random.default_rng([seed or 0, *name.encode()])
    settings = {
        key: setting(group, np.clip(draw.random(40) + shift, 0, 1))
        for key, group in (groups or GROUPS).items()
    }
    return SystemResult(name, baseline, seed, settings)


def values(one, *names):
    return np.mean([one.settings[name].judged.values["RR@10"] for name in names], axis=0)


def test_groups_are_means_over_settings_and_one_family():
    base, better, worse = (
        system("base"),
        system("better", "base", shift=0.3),
        system("worse", "base", shift=-0.3),
    )
    compared = compare_systems([base, better, worse], measure="RR@10")
    assert [(one.system, one.place) for one in compared] == [
        (name, place) for name in ("better", "worse") for place in ("MoIR", "CLIR en-x", "MLIR X-X")
    ]
    tests = [
        paired_t_test(values(one, *names), values(base, *names))
        for one in (better, worse)
        for names in (("en-en",), ("en-de", "en-it"), ("X-X",))
    ]
    np.testing.assert_allclose([one.p_value for one in compared], [one.p_value for one in tests])
    np.testing.assert_allclose([one.adjusted_p for one in compared], holm([one.p_value for one in tests]))
    assert {one.mark for one in compared if one.system == "better"} == {"+"}
    assert {one.mark for one in compared if one.system == "worse"} == {"-"}
    for one in compared:
        assert one.wins + one.ties + one.losses == one.queries == 40
        assert one.mean - one.baseline_mean == pytest.approx(one.difference)
        assert (one.seeds, one.deviation, one.better_seeds) == ((1,), None, None)


def test_settings_one_by_one_with_other_test_and_correction():
    base, other = system("base"), system("other", shift=0.1)
    compared = compare_systems(
        [base, other], measure="RR@10", by="setting", test="wilcoxon", correction="bonferroni"
    )
    assert [one.place for one in compared] == list(GROUPS)
    for one in compared:
        expected = stats.wilcoxon(values(other, one.place), values(base, one.place)).pvalue
        assert one.p_value == pytest.approx(expected)
        assert one.adjusted_p == min(1, 4 * one.p_value)


def test_swapping_the_baseline_swaps_the_outcome():
    one, other = system("one"), system("other", shift=0.1)
    for forth, back in zip(
        compare_systems([one, other], measure="RR@10", baseline="one"),
        compare_systems([one, other], measure="RR@10", baseline="other"),
        strict=True,
    ):
        assert (forth.system, back.system) == ("other", "one")
        assert forth.difference == pytest.approx(-back.difference)
        assert (forth.wins, forth.losses) == (back.losses, back.wins)
        assert forth.adjusted_p == pytest.approx(back.adjusted_p)


def test_each_system_has_its_own_baseline_and_the_first_is_that_of_systems_without():
    trained, zero, encoder = system("trained", "zero"), system("zero"), system("encoder")
    pairs = {(one.system, one.baseline) for one in compare_systems([trained, zero, encoder], measure="RR@10")}
    assert pairs == {("trained", "zero")}
    pairs = {(one.system, one.baseline) for one in compare_systems([encoder, zero], measure="RR@10")}
    assert pairs == {("zero", "encoder")}
    pairs = {(one.system, one.baseline) for one in compare_systems([trained, encoder], measure="RR@10")}
    assert pairs == {("encoder", "trained")}


def test_over_seeds_the_mean_of_each_query_is_tested():
    base = [system("base", seed=seed) for seed in (1, 2, 3)]
    better = [system("better", "base", seed=seed, shift=0.35) for seed in (3, 2, 1)]
    compared = compare_systems([*base, *better], measure="RR@10")
    own = np.stack([values(one, "en-de", "en-it") for one in better])
    other = np.stack([values(one, "en-de", "en-it") for one in reversed(base)])
    found = next(one for one in compared if one.place == "CLIR en-x")
    assert found.p_value == pytest.approx(paired_t_test(own.mean(axis=0), other.mean(axis=0)).p_value)
    assert found.seeds == (3, 2, 1)
    assert found.deviation == pytest.approx(np.std((own - other).mean(axis=1), ddof=1))
    assert found.better_seeds == 3
    assert found.worse_seeds == 0
    assert found.mark_with_seeds == "+3"
    scores = score_systems([*base, *better], measures=["RR@10"])
    mean = next(one for one in scores if one.system == "better" and one.place == "CLIR en-x")
    assert mean.mean == pytest.approx(own.mean())
    assert mean.deviation == pytest.approx(np.std(own.mean(axis=1), ddof=1))
    assert mean.seeds == (3, 2, 1)


def test_drawn_languages_are_compared_with_shared_seeds_only():
    base, others = system("base", seed=1), [system("other", seed=seed) for seed in (1, 2)]
    mixed = next(one for one in compare_systems([base, *others], measure="RR@10") if one.place == "MLIR X-X")
    assert mixed.mean == pytest.approx(values(others[0], "X-X").mean())
    with pytest.raises(InputError, match="MLIR X-X of other and of base was drawn with different seeds"):
        compare_systems([base, others[1]], measure="RR@10")
    # A run of somebody else has no seed.
    foreign = replace(others[1], seed=None)
    assert len(compare_systems([base, foreign], measure="RR@10")) == 3


def test_a_group_is_restricted_to_settings_that_all_have():
    base = system("base")
    run = system("run", groups={"en-de": "CLIR en-x"})
    (found,) = compare_systems([base, run], measure="RR@10")
    assert found.place == "CLIR en-x"
    assert found.baseline_mean == pytest.approx(values(base, "en-de").mean())
    assert {one.place for one in score_systems([base, run], measures=["RR@10"])} == {
        "MoIR",
        "CLIR en-x",
        "MLIR X-X",
    }


def test_languages_restrict_the_groups():
    base, other = system("base"), system("other")
    found = compare_systems([base, other], measure="RR@10", languages=("en", "de"))
    assert found[1].mean == pytest.approx(values(other, "en-de").mean())


def test_queries_in_another_order_are_paired_by_id():
    base = SystemResult("base", "", None, {"all": setting("", [0, 0.5, 1], ("a", "b", "c"))})
    other = SystemResult("other", "", None, {"all": setting("", [1, 0.5, 0.25], ("c", "b", "a"))})
    (found,) = compare_systems([base, other], measure="RR@10")
    assert (found.place, found.wins, found.ties, found.losses) == ("all", 1, 2, 0)


def test_what_can_not_be_compared_is_refused():
    one, other = system("one"), system("other")
    with pytest.raises(InputError, match="only one system, 'one'"):
        compare_systems([one], measure="RR@10")
    with pytest.raises(InputError, match="no system 'x'; choose among 'one', 'other'"):
        compare_systems([one, other], measure="RR@10", baseline="x")
    with pytest.raises(InputError, match="two systems are named 'one' with seed 1"):
        compare_systems([one, one, other], measure="RR@10")
    with pytest.raises(InputError, match="one: en-en has no AP; it has RR@10"):
        compare_systems([other, one], measure="AP")
    with pytest.raises(InputError, match="can't compare by 'language'"):
        compare_systems([one, other], measure="RR@10", by="language")
    with pytest.raises(InputError, match=r"share no setting; .*\(one has en-en.*; run has all\)"):
        compare_systems(
            [one, replace(system("run"), settings={"all": setting("", [0, 1], ("a", "b"))})], measure="RR@10"
        )
    single = [SystemResult(name, "", None, {"all": setting("", [1], ("a",))}) for name in "ab"]
    with pytest.raises(InputError, match="all: a paired test needs two queries at least, there is 1;"):
        compare_systems(single, measure="RR@10")


def test_different_queries_are_refused():
    one = SystemResult("one", "", None, {"all": setting("", [0, 0.5, 1], ("a", "b", "c"))})
    other = SystemResult("other", "", None, {"all": setting("", [1, 0.5], ("a", "d"))})
    with pytest.raises(InputError, match=r"different queries in all \(1 are shared, 3 are not\)"):
        compare_systems([one, other], measure="RR@10")


def made_on(one, queries, qrels="q", names=None):
    """A system whose settings, or those of these names, have these checksums."""
    settings = {
        name: replace(scores, checksums=Checksums(queries, qrels))
        if names is None or name in names
        else scores
        for name, scores in one.settings.items()
    }
    return replace(one, settings=settings)


def test_results_of_other_queries_or_qrels_are_refused():
    one, other = system("one"), system("other")
    refused = [
        (
            made_on(one, "en"),
            made_on(other, "de"),
            "other and one were evaluated with different queries in en-en",
        ),
        (made_on(one, "en"), made_on(other, "en", "p"), "different qrels in en-en"),
        (made_on(one, "en"), made_on(other, "de", names=["en-it"]), "different queries in en-it"),
        (made_on(one, "en", names=["X-X"]), made_on(other, "de", names=["X-X"]), "different queries in X-X"),
    ]
    for first, second, message in refused:
        with pytest.raises(InputError, match=message):
            compare_systems([first, second], measure="RR@10")
        assert len(compare_systems([first, second], measure="RR@10", different_data=True)) == 3
    # Files of earlier versions say nothing, nor do runs of their queries.
    for silent in (other, made_on(other, "", ""), made_on(other, "", "q")):
        assert len(compare_systems([made_on(one, "en"), silent], measure="RR@10")) == 3


def test_each_seed_draws_its_own_queries():
    base = [made_on(system("base", seed=seed), str(seed), names=["X-X"]) for seed in (1, 2)]
    other = [made_on(system("other", seed=seed), str(seed), names=["X-X"]) for seed in (1, 2)]
    assert len(compare_systems([*base, *other], measure="RR@10")) == 3
    other = [made_on(system("other", seed=seed), "1", names=["en-en"]) for seed in (1, 2)]
    base = [made_on(system("base", seed=seed), str(seed), names=["en-en"]) for seed in (1, 2)]
    with pytest.raises(InputError, match="base and base were evaluated with different queries in en-en"):
        compare_systems([*base, *other], measure="RR@10")


def test_every_seed_needs_the_same_settings():
    base = [system("base", seed=seed) for seed in (1, 2)]
    other = [system("other", seed=1), system("other", seed=2, groups={"en-en": "MoIR"})]
    with pytest.raises(InputError, match=r"other lacks .* with seed 2"):
        compare_systems([*base, *other], measure="RR@10", by="setting")
