"""Response time per query, by stage."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ResponseTime", "measure_response_time"]


class ResponseTime(NamedTuple):
    """Milliseconds per query over the timed queries: median and 95th percentile, by stage and in all."""

    p50: dict[str, float]
    p95: dict[str, float]
    queries: int


def measure_response_time(
    stages: Sequence[tuple[str, Callable[[Any], Any]]], queries: Sequence[str], *, warm_up: int = 5
) -> ResponseTime:
    """Time single queries through stages, each of which takes what the one before returned.

    Args:
        stages: (name, function); the first takes the query text.
        queries: Texts, timed one at a time.
        warm_up: Queries that run before the clock starts.

    Returns:
        Milliseconds by stage name, and `total`.
    """
    names = [name for name, _ in stages]
    times: NDArray[np.float64] = np.zeros((len(queries), len(stages)))
    for number, query in enumerate([*queries[:warm_up], *queries], start=-min(warm_up, len(queries))):
        value: Any = query
        for stage, (_, function) in enumerate(stages):
            start = time.perf_counter()
            value = function(value)
            if number >= 0:
                times[number, stage] = (time.perf_counter() - start) * 1000
    columns = [*((name, times[:, stage]) for stage, name in enumerate(names)), ("total", times.sum(axis=1))]
    return ResponseTime(
        p50={name: float(np.percentile(column, 50)) for name, column in columns},
        p95={name: float(np.percentile(column, 95)) for name, column in columns},
        queries=len(queries),
    )
