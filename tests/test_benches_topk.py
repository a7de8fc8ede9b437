"""What the benchmarks of top-k compute from what they measure."""

import numpy as np
import pytest
from topk_board import Limits, Table, Times, Work, best_variant, interleave, summary
from topk_inputs import clustered, isotropic, passages_of
from topk_reference import Reference, best_scores

LIMITS = Limits(threads=2, read_bytes=20e9, multiply_adds=200e9, int8_operations=1e12)


class Clock:
    """A clock that calls and pauses advance."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def call_of(self, seconds, log=None):
        def call(number):
            self.now += seconds
            if log is not None:
                log.append(number)

        return call

    def pause(self, seconds):
        self.now += seconds


def timed(calls, clock, **options):
    return interleave(calls, clock=clock, pause=clock.pause, **options)


def test_times_are_those_of_the_calls_without_the_pauses():
    clock = Clock()
    seconds = timed({"slow": clock.call_of(1.0), "quick": clock.call_of(0.01)}, clock, rounds=3)
    assert seconds["slow"] == pytest.approx([1.0] * 3)
    assert seconds["quick"] == pytest.approx([0.01] * 15)


def test_calls_take_turns():
    order = []
    calls = {name: lambda _, name=name: order.append(name) for name in "abc"}
    clock = Clock()

    def tick():
        clock.now += 0.15  # a call lasts 0.15 s, two fill a burst
        return clock.now

    interleave(calls, rounds=2, clock=tick, pause=clock.pause)
    turns = "".join(one for number, one in enumerate(order) if number == 0 or order[number - 1] != one)
    assert turns == "abcbca"


def test_an_engine_over_its_budget_gets_two_calls():
    clock = Clock()
    seconds = timed({"slow": clock.call_of(30.0), "other": clock.call_of(1.0)}, clock, rounds=7, budget=10.0)
    assert [len(seconds[name]) for name in ("slow", "other")] == [2, 7]


def test_all_engines_get_the_same_calls():
    clock, first, second = Clock(), [], []
    calls = {"first": clock.call_of(0.01, first), "second": clock.call_of(0.02, second)}
    timed(calls, clock, rounds=3)
    assert first == second
    assert len(set(first)) == 15


def test_quartiles():
    assert Times.of([1.0, 2.0, 3.0, 4.0, 5.0])[:4] == (3.0, 2.0, 4.0, 5)
    assert Times.of([2.0])[:4] == (2.0, 2.0, 2.0, 1)


def test_the_variant_with_the_lowest_median_counts():
    variants = {"a": Times.of([1.0, 5.0, 6.0], "a"), "b": Times.of([3.0, 3.0, 3.0], "b")}
    assert best_variant(variants).variant == "b"


def test_limits_of_a_search():
    one = Work(1_000_000, 384, 1, 10)
    assert LIMITS.f32_seconds(one) == pytest.approx(1_000_000 * 384 * 4 / 20e9)  # memory
    many = one._replace(batch=64)
    assert LIMITS.f32_seconds(many) == pytest.approx(1_000_000 * 384 * 64 * 2 / 200e9)  # arithmetic


def test_the_median_of_each_limit_counts():
    measured = [Limits(2, 10e9, 100e9, 1e12), Limits(2, 30e9, 300e9, 2e12), Limits(2, 20e9, 400e9, 3e12)]
    assert Limits.median(measured) == Limits(2, 20e9, 300e9, 2e12)
    assert Limits.median([Limits(1, 20e9, 200e9)]).int8_operations is None


def test_table():
    table = Table("real", Work(1_000_000, 500, 2, 10), LIMITS, notes={"peer": "recall 0.970"})
    table.times = {"ours": Times.of([0.1]), "peer": Times.of([0.4], "some setting")}
    assert table.ratio("peer", "ours") == pytest.approx(4.0)
    # 2 GB at 20 GB/s and 2 GFLOP at 200 and at 1,000 a second, done in 0.1 s.
    assert table.shares("ours").split() == ["100%", "10%", "2%"]
    title, _, ours, peer = table.lines("ours")
    assert "f32 limit 100.00 ms" in title
    assert ours.split()[1] == "100.00"
    assert peer.endswith("some setting; recall 0.970")
    assert peer.split()[5:7] == ["5", "4.00"]


def test_table_without_an_int8_peak():
    table = Table("real", Work(1000, 500, 2, 10), Limits(1, 20e9, 200e9))
    table.times = {"ours": Times.of([0.1])}
    assert len(table.shares("ours").split()) == 2
    assert not any("int8" in line for line in table.lines("ours"))


def test_summary_leaves_out_what_was_not_measured():
    small, large = (Table("real", Work(rows, 384, 1, 10), LIMITS) for rows in (1000, 2000))
    small.times = {"ours": Times.of([0.001]), "graph": Times.of([0.002])}
    large.times = {"ours": Times.of([0.002]), "flat": Times.of([0.024])}
    assert summary([small, large], "ours") == [
        "| vectors | rows | batch | k | ours, ms | graph | flat |",
        "|---|---:|---:|---:|---:|---:|---:|",
        "| real | 1,000 | 1 | 10 | 1.00 | 2.00 (2.0x) |  |",
        "| real | 2,000 | 1 | 10 | 2.00 |  | 24.00 (12.0x) |",
    ]


def test_reference_over_several_blocks():
    vectors, queries = isotropic(40_000, seed=1, dimension=8), isotropic(3, seed=2, dimension=8)
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T
    right = -np.sort(-scores, axis=1)[:, :5]
    np.testing.assert_array_equal(best_scores(vectors, queries.astype(np.float64), 5), right)
    reference = Reference(vectors, queries, 5)
    rows = np.argsort(-scores, axis=1)[:, :5]
    found = np.take_along_axis(scores, rows, axis=1).astype(np.float32)
    reference.check(found, rows)
    assert reference.recall(rows) == 1.0
    worse = rows.copy()
    worse[:, -1] = np.argsort(-scores, axis=1)[:, 6]
    assert reference.recall(worse) == pytest.approx(0.8)
    with pytest.raises(AssertionError):
        reference.check(np.take_along_axis(scores, worse, axis=1).astype(np.float32), worse)
    with pytest.raises(AssertionError):
        reference.check(found + 1, rows)
    with pytest.raises(AssertionError, match="twice"):
        reference.check(found[:, :2], rows[:, [0, 0]])


@pytest.mark.parametrize("make", [clustered, isotropic])
def test_made_up_vectors_are_of_length_one_and_depend_on_the_seed(make):
    vectors = make(9000, seed=1, dimension=16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    assert np.array_equal(vectors, make(9000, seed=1, dimension=16))
    assert not np.array_equal(vectors, make(9000, seed=2, dimension=16))


def test_passages_of_a_description():
    text = "A paragraph of two sentences. The second one is long enough to stand alone.\nshort"
    assert list(passages_of(text)) == [
        text,
        "A paragraph of two sentences. The second one is long enough to stand alone.",
        "The second one is long enough to stand alone.",
    ]
