import itertools

import numpy as np
import pytest

from cslir.evaluation.latency import ResponseTime, Schedule, measure_response_time, measure_systems, spread


class Clock:
    """Time that passes when stages say so."""

    def __init__(self):
        self.now = 0.0
        self.pauses = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)

    def stage(self, seconds, log=None, name=""):
        def run(value):
            self.now += seconds
            if log is not None:
                log.append((name, tuple(value)))
            return value

        return run


def schedule(clock, **settings):
    return Schedule(clock=clock, sleep=clock.sleep, **settings)


def test_response_time_passes_values_through_the_stages():
    seen = []
    times = measure_response_time(
        [("tokenise", lambda texts: texts[0].split()), ("search", lambda tokens: seen.append(tokens))],
        ["a b", "c"] * 3,
        warm_up=2,
    )
    assert seen == [["a", "b"], ["c"]] * 4
    assert (times.calls, times.batch) == (6, 1)
    assert list(times.stages) == ["tokenise", "search", "total"]
    assert all(0 <= one.p50 <= one.p95 <= one.p99 for one in times.stages.values())


def test_systems_take_turns_on_the_same_queries():
    clock, log = Clock(), []
    systems = {
        "slow": [("encode", clock.stage(0.2, log, "slow")), ("search", clock.stage(0.05))],
        "fast": [("search", clock.stage(0.01, log, "fast"))],
    }
    times = measure_systems(
        systems,
        ["a", "b", "c"],
        batch=2,
        schedule=schedule(clock, turns=3, seconds=0.5, least_calls=3, warm_up=1, pause=0.05),
    )
    order = [name for name, _ in itertools.groupby(log, key=lambda entry: entry[0])]
    assert order == ["slow", "fast", "slow", "fast"]  # slow, fast; fast, slow; slow, fast
    assert len(clock.pauses) == 6
    texts = {name: [texts for one, texts in log if one == name] for name in systems}
    assert texts["slow"][:3] == texts["fast"][:3] == [("a", "b"), ("c", "a"), ("b", "c")]
    slow = times["slow"]
    assert slow.calls == 9
    assert slow.stages["encode"].p50 == pytest.approx(200)
    assert slow.total == pytest.approx((250, 250, 250))
    assert slow.turn_medians == pytest.approx((250, 250, 250))
    assert slow.queries_per_second == pytest.approx(2 / 0.25)
    assert times["fast"].calls > 100
    assert spread(slow) == pytest.approx(0)


def test_percentiles_are_over_all_turns():
    turns = [np.array([[0.001, 0.002]] * 10), np.array([[0.003, 0.006]] * 10)]
    times = ResponseTime.of(["one", "two"], turns, batch=4)
    assert times.stages["one"] == pytest.approx((2, 3, 3))
    assert times.turn_medians == pytest.approx((3, 9))
    assert spread(times) == pytest.approx(1)
    assert times.queries_per_second == pytest.approx(4 * 20 / 0.12)
