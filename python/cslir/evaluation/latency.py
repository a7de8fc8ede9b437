"""Response time by stage: systems timed in turns, percentiles, throughput and spread."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Percentiles",
    "ResponseTime",
    "Schedule",
    "Stages",
    "measure_response_time",
    "measure_systems",
    "spread",
]

Stages = Sequence[tuple[str, Callable[[Any], Any]]]
"""(name, function) from a batch of query texts to an answer; each takes what the one before returned."""

TOTAL = "total"


class Percentiles(NamedTuple):
    """Milliseconds of a call: median, 95th and 99th percentile."""

    p50: float
    p95: float
    p99: float


class ResponseTime(NamedTuple):
    """How long the calls of one system took.

    Attributes:
        stages: By stage, in order, and `total`.
        calls: Calls that were timed.
        batch: Queries of a call.
        turn_medians: Median milliseconds of a whole call in each turn: how steady the machine was.
    """

    stages: dict[str, Percentiles]
    calls: int
    batch: int
    turn_medians: tuple[float, ...]
    queries_per_second: float

    @classmethod
    def of(cls, names: Sequence[str], turns: Sequence[NDArray[np.float64]], batch: int) -> "ResponseTime":
        """Sum up the seconds of calls, one array of shape (calls, stages) for each turn."""
        seconds = np.concatenate(turns)
        totals = seconds.sum(axis=1)
        columns = [*zip(names, seconds.T, strict=True), (TOTAL, totals)]
        return cls(
            {
                name: Percentiles(*(1000 * float(value) for value in np.percentile(column, (50, 95, 99))))
                for name, column in columns
            },
            len(seconds),
            batch,
            tuple(1000 * float(np.median(turn.sum(axis=1))) for turn in turns),
            batch * len(seconds) / float(totals.sum()),
        )

    @property
    def total(self) -> Percentiles:
        """From the texts to the answer."""
        return self.stages[TOTAL]


@dataclass(frozen=True)
class Schedule:
    """How long and in which order systems are timed.

    Attributes:
        turns: Of each system; in every round another one begins, so that none always follows the same.
        seconds: Of a turn, after which no further call begins; each has `least_calls` at least.
        least_calls: Of a turn.
        pause: Seconds before a turn, in which the threads of the system before stop spinning.
        warm_up: Calls at the start of a turn that do not count: caches are filled and threads awake.
    """

    turns: int = 5
    seconds: float = 0.4
    least_calls: int = 3
    pause: float = 0.05
    warm_up: int = 2
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


def measure_response_time(stages: Stages, queries: Sequence[str], *, warm_up: int = 5) -> ResponseTime:
    """Time single queries through the stages of one system, each of them once.

    Args:
        stages: The first takes a list of one text.
        queries: Texts, timed one at a time.
        warm_up: Queries that run before the clock starts.
    """
    for query in queries[:warm_up]:
        _call(stages, [query], time.perf_counter)
    seconds = np.array([_call(stages, [query], time.perf_counter) for query in queries])
    return ResponseTime.of([name for name, _ in stages], [seconds], 1)


def measure_systems(
    systems: Mapping[str, Stages],
    queries: Sequence[str],
    *,
    batch: int = 1,
    schedule: Schedule | None = None,
    before: Callable[[str], None] = lambda _: None,
) -> dict[str, ResponseTime]:
    """Time systems in turns, so that what disturbs the machine disturbs all of them, on the same queries.

    Args:
        systems: Stages by name.
        queries: Texts, of which a call takes the next `batch`, from the start again at the end.
        batch: Queries of a call.
        schedule: Number and length of the turns.
        before: Called with the system's name before each of its turns.
    """
    schedule = schedule or Schedule()
    seconds: dict[str, list[NDArray[np.float64]]] = {name: [] for name in systems}
    names = list(systems)
    for turn in range(schedule.turns):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            before(name)
            schedule.sleep(schedule.pause)
            # All systems of a turn get the same queries, as far as they come.
            batches = _batches(queries, batch, start=turn * 37)
            seconds[name].append(_turn(systems[name], batches, schedule))
    return {
        name: ResponseTime.of([stage for stage, _ in systems[name]], turns, batch)
        for name, turns in seconds.items()
    }


def spread(response_time: ResponseTime) -> float:
    """Return by what part of their median the turns' medians differ, from the lowest to the highest."""
    turns = response_time.turn_medians
    return (max(turns) - min(turns)) / median(turns)


def _turn(stages: Stages, batches: Iterator[list[str]], schedule: Schedule) -> NDArray[np.float64]:
    for _ in range(schedule.warm_up):
        _call(stages, next(batches), schedule.clock)
    calls: list[list[float]] = []
    start = schedule.clock()
    while len(calls) < schedule.least_calls or schedule.clock() - start < schedule.seconds:
        calls.append(_call(stages, next(batches), schedule.clock))
    return np.array(calls)


def _call(stages: Stages, texts: list[str], clock: Callable[[], float]) -> list[float]:
    """Run the stages and return the seconds that each took."""
    value: Any = texts
    seconds: list[float] = []
    for _, function in stages:
        start = clock()
        value = function(value)
        seconds.append(clock() - start)
    return seconds


def _batches(queries: Sequence[str], batch: int, start: int) -> Iterator[list[str]]:
    """Yield batches without end, the texts in their order from the given one on."""
    place = start % len(queries)
    while True:
        yield [queries[(place + number) % len(queries)] for number in range(batch)]
        place = (place + batch) % len(queries)
