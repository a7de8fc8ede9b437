import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir.errors import InputError
from cslir.evaluation.metrics import (
    evaluate,
    largest_cutoff,
    measure_names,
    own_language_share,
    rank_biased_shares,
    tied_queries,
    trec_order,
    usual_name,
    without_identical_ids,
)
from cslir.evaluation.settings import GROUPS, draw_languages, language_pairs, mixed_settings
from cslir.evaluation.significance import holm, paired_t_test
from cslir.records import Qrel, ScoredPassage


def test_measures_of_a_run_worked_by_hand():
    qrels = [Qrel("q1", "d3", 1), Qrel("q2", "d1", 1), Qrel("q3", "d1", 1), Qrel("q4", "d1", 0)]
    run = [
        ScoredPassage("q2", "d1", 5.0),
        ScoredPassage("q1", "d1", 3.0),
        ScoredPassage("q1", "d2", 2.0),
        ScoredPassage("q1", "d3", 1.0),
        ScoredPassage("unjudged", "d3", 1.0),
    ]
    judged = evaluate(run, qrels, ["RR@10", "R@100", "nDCG@10"])
    assert judged.query_ids == ("q1", "q2", "q3")
    assert judged.missing == ("q3",)
    np.testing.assert_allclose(judged.values["RR@10"], [1 / 3, 1, 0])
    np.testing.assert_allclose(judged.values["R@100"], [1, 1, 0])
    np.testing.assert_allclose(judged.values["nDCG@10"], [1 / math.log2(4), 1, 0])
    assert judged.means["RR@10"] == pytest.approx(4 / 9)


@given(st.lists(st.integers(0, 14), min_size=1, max_size=30))
def test_reciprocal_rank_at_10_agrees_with_its_definition(ranks):
    qrels = [Qrel(f"q{i}", "relevant", 1) for i in range(len(ranks))]
    run = {
        f"q{i}": {("relevant" if rank == place else f"d{place}"): -float(place) for place in range(15)}
        for i, rank in enumerate(ranks)
    }
    expected = [1 / (rank + 1) if rank < 10 else 0 for rank in ranks]
    np.testing.assert_allclose(evaluate(run, qrels).values["RR@10"], expected)


def test_unknown_measure_and_empty_qrels():
    with pytest.raises(InputError, match="unknown measure"):
        evaluate({}, [Qrel("q", "d", 1)], ["accuracy"])
    with pytest.raises(InputError, match="no query has a relevant passage"):
        evaluate({}, [Qrel("q", "d", 0)])


@pytest.mark.parametrize(
    "measure",
    [
        "nDCG@0", "P@0", "R@0", "AP@0", "Success@0", "P(cutoff=0)", "RR@0", "Judged@0", "nDCG@True", "nDCG@1.5",
        "nDCG@1000000000000000000000000", "R@9223372036854775808", "P(rel=0)@5", "RR(rel=0)",
        "P(rel=100000000000000000000)@5", "IPrec@2.0", "IPrec@1", "SetF(beta=1e400)", "R", "nDCG(foo=1)",
        "nDCG(gains={1:'a'})@10", "nDCG(gains={1:100000000000000000000000})@10", "nDCG(gains={'a':1})@10",
        "nDCG(gains={1:1.5})@10", "nDCG" + "(" * 5000, "-" * 100_000 + "1", "nDCG@" + "9" * 5000, "nDCG@10\0",
        "nDCG(gains=" + "{0:" * 50 + "1" + "}" * 50 + ")@10", "", "import os", "nDCG@10@5",
    ],
)  # fmt: skip
def test_measures_that_would_end_the_process_or_raise_are_refused(measure):
    """trec_eval aborts on a cutoff of zero: all are checked before it sees them."""
    for call in (lambda: evaluate({"q": {"d": 1.0}}, [Qrel("q", "d", 1)], [measure]),
                 lambda: largest_cutoff([measure]), lambda: measure_names([measure])):  # fmt: skip
        with pytest.raises(InputError, match="measure"):
            call()


@pytest.mark.parametrize("measure", ["nDCG@2147483647", "P(rel=2147483647)@5", "IPrec@0.5", "R@1000000"])
def test_measures_at_the_ends_of_their_ranges(measure):
    judged = evaluate({"q": {"d": 1.0}}, [Qrel("q", "d", 1)], [measure])
    assert 0 <= judged.means[measure] <= 1


def test_a_program_behind_a_measure_that_fails_is_an_error_of_the_measure():
    # gdeval, which computes ERR, takes numbers alone as query ids, and needs Perl.
    with pytest.raises(InputError, match="can't be measured here"):
        evaluate({"q": {"d": 1.0}}, [Qrel("q", "d", 1)], ["ERR@10"])


def test_measures_have_one_name():
    assert measure_names(["MRR@10", "RR@10", "NDCG@5", "MAP", "P(rel=2)@5"]) == (
        "RR@10", "nDCG@5", "AP", "P(rel=2)@5",
    )  # fmt: skip
    assert (usual_name("MRR@10"), usual_name("mine")) == ("RR@10", "mine")


def test_the_passage_with_the_id_of_the_query_is_left_out_unless_it_is_relevant():
    run = {"a": {"a": 3.0, "b": 2.0, "c": 1.0}, "b": {"b": 2.0, "a": 1.0}, "c": {"a": 1.0}}
    qrels = [Qrel("a", "b", 1), Qrel("a", "a", 0), Qrel("b", "b", 1), Qrel("c", "a", 1)]
    kept, left_out = without_identical_ids(run, qrels)
    assert kept == {"a": {"b": 2.0, "c": 1.0}, "b": run["b"], "c": run["c"]}
    assert left_out == 1
    assert without_identical_ids(run, qrels, 1)[0] == {"a": {"b": 2.0}, "b": {"b": 2.0}, "c": {"a": 1.0}}
    assert run["a"] == {"a": 3.0, "b": 2.0, "c": 1.0}


def test_two_names_of_one_measure_have_the_same_values():
    judged = evaluate({"q": {"a": 2.0, "d": 1.0}}, [Qrel("q", "d", 1)], ["RR@10", "MRR@10"])
    assert judged.means == {"RR@10": 0.5, "MRR@10": 0.5}


@pytest.mark.parametrize("measure", ["RBP", "alpha_nDCG@10"])
def test_measures_that_nothing_here_computes(measure):
    with pytest.raises(InputError, match="can't be measured here"):
        evaluate({"q": {"d": 1.0}}, [Qrel("q", "d", 1)], [measure])


# Few distinct scores, so that most rankings have ties; some differ by less than a 32-bit float tells.
SCORES = st.sampled_from([0.0, 0.5, 0.5 + 1e-12, -0.5, 1.0, 1e-3, 1e300, -1e300])
DOC_IDS = st.sampled_from(["1", "10", "2", "a", "B", "é", "語", "z", "zz", "𐍈", "\uffee"])
RANKINGS = st.dictionaries(DOC_IDS, SCORES, min_size=1)


@given(RANKINGS, st.dictionaries(DOC_IDS, st.integers(0, 3), min_size=1))
def test_ties_are_broken_as_trec_eval_breaks_them(scores, relevances):
    """trec_eval's own code, through pytrec_eval, and every measure worked out from one order."""
    import pytrec_eval

    if max(relevances.values()) == 0:
        relevances["a"] = 1
    qrels = [Qrel("q", doc_id, relevance) for doc_id, relevance in relevances.items()]
    judged = evaluate({"q": scores}, qrels, ["RR", "RR@10", "RR@2", "P@2", "AP", "nDCG@10", "R@2"])
    values = {measure: value for measure, (value,) in judged.values.items()}
    reference = pytrec_eval.RelevanceEvaluator(
        {"q": relevances}, {"recip_rank", "P.2", "map", "ndcg_cut.10", "recall.2"}
    ).evaluate({"q": scores})["q"]
    assert values["RR"] == pytest.approx(reference["recip_rank"])
    assert values["P@2"] == pytest.approx(reference["P_2"])
    assert values["AP"] == pytest.approx(reference["map"])
    assert values["nDCG@10"] == pytest.approx(reference["ndcg_cut_10"])
    assert values["R@2"] == pytest.approx(reference["recall_2"])
    gains = [relevances.get(doc_id, 0) for doc_id in by_definition(scores)]
    ranks = [rank for rank, gain in enumerate(gains, start=1) if gain > 0]
    relevant = sum(relevance > 0 for relevance in relevances.values())
    best = 1 / ranks[0] if ranks else 0
    assert values["RR"] == pytest.approx(best)
    assert values["RR@10"] == pytest.approx(best if best >= 1 / 10 else 0)
    assert values["RR@2"] == pytest.approx(best if best >= 1 / 2 else 0)
    assert values["AP"] == pytest.approx(sum(n / rank for n, rank in enumerate(ranks, 1)) / relevant)
    ideal = sorted(relevances.values(), reverse=True)
    dcg, most = (sum(g / math.log2(i + 2) for i, g in enumerate(one[:10])) for one in (gains, ideal))
    assert values["nDCG@10"] == pytest.approx(dcg / most)


def by_definition(scores):
    """Descending score as a C float, then descending id by its bytes."""
    with np.errstate(over="ignore"):
        return [
            doc_id
            for _, _, doc_id in sorted(
                (
                    (float(np.float64(score).astype(np.float32)), doc_id.encode(), doc_id)
                    for doc_id, score in scores.items()
                ),
                reverse=True,
            )
        ]


@given(RANKINGS)
def test_trec_order(scores):
    assert trec_order(scores) == by_definition(scores)


def test_equal_scores_have_the_greater_id_first_whatever_the_order_of_the_lines():
    qrels = [Qrel("q", "b", 1)]
    for order in itertools.permutations("abc"):
        judged = evaluate([ScoredPassage("q", one, 1.0) for one in order], qrels, ["RR@10", "RR"])
        assert judged.means == {"RR@10": 0.5, "RR": 0.5}
    assert tied_queries({"q": {"a": 1.0, "b": 1.0}, "p": {"a": 1.0, "b": 1.1}, "none": {}}) == 1


def test_language_pairs_cover_every_group_once():
    settings = language_pairs(["en", "de", "it"], 4, 5)
    assert len(settings) == 9
    assert {s.group for s in settings} == set(GROUPS[:4])
    assert sum(s.group == "MoIR" for s in settings) == 3


def test_drawn_languages_depend_on_seed_and_id_alone():
    ids = [f"package{i}" for i in range(2000)]
    drawn = draw_languages(["en", "de", "ru"], ids, 1, "query")
    assert draw_languages(["ru", "de", "en"], ids[::-1], 1, "query") == drawn[::-1]
    assert draw_languages(["en", "de", "ru"], ids, 2, "query") != drawn
    assert draw_languages(["en", "de", "ru"], ids, 1, "passage") != drawn
    # Recorded: the collections that others rebuild from the same seed must not change.
    assert drawn[:6] == DRAWN
    counts = [drawn.count(language) for language in ("en", "de", "ru")]
    assert min(counts) > 600
    mixed = mixed_settings(["en", "de", "ru"], ids, ids, 1)
    assert [s.name for s in mixed] == ["X-en", "en-X", "X-X"]
    assert mixed[2].query_languages == drawn


DRAWN = ("de", "de", "en", "ru", "de", "en")


def test_own_language_share():
    assert own_language_share(["en", "de"], [["en", "en", "de", "fr"], ["en"]], cutoff=4) == 0.25
    assert own_language_share(["en"], [[]]) == 0


def test_rank_biased_shares_worked_by_hand():
    shares = rank_biased_shares([["de", "en", "de"], ["en"], []], persistence=0.5)
    assert shares == pytest.approx({"de": (1.25 / 1.75) / 2, "en": (0.5 / 1.75 + 1) / 2})
    assert rank_biased_shares([[], []]) == {}


@given(st.lists(st.lists(st.sampled_from(["de", "en", "ja"]), min_size=1, max_size=12), min_size=1))
def test_rank_biased_shares_sum_to_one_and_favour_the_first(retrieved):
    shares = rank_biased_shares(retrieved)
    assert sum(shares.values()) == pytest.approx(1)
    first = rank_biased_shares([["de", *one] for one in retrieved])
    assert first["de"] >= shares.get("de", 0) - 1e-12


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_monotone_and_never_below_the_raw_value(p_values):
    adjusted = holm(p_values)
    assert all(raw <= new <= 1 for raw, new in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(pairs))


def test_holm_worked_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_paired_t_test():
    generator = np.random.default_rng(1)
    baseline = generator.random(200)
    better = baseline + generator.normal(0.05, 0.1, 200)
    outcome = paired_t_test(better, baseline)
    assert outcome.p_value < 1e-6
    assert outcome.interval[0] < outcome.difference < outcome.interval[1]
    assert paired_t_test(baseline, baseline).p_value == 1
    assert paired_t_test(baseline, better).difference == pytest.approx(-outcome.difference)
    with pytest.raises(InputError, match="values of the same queries"):
        paired_t_test(baseline, baseline[:-1])
