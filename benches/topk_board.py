"""Interleaved timing of several engines, and the table in which they stand beside the machine's limits."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, NamedTuple

import numpy as np

from cslir import _core

Array = np.ndarray[Any, Any]

BUDGET = 10.0
"""Seconds of an engine's measured calls after which it gets no more turns, but for the second."""

_BURST = 5
_BURST_SECONDS = 0.2
_PAUSE = 0.15
"""Seconds before each turn, in which the threads of the engine before stop spinning: OpenBLAS's take over 0.1."""


class Times(NamedTuple):
    """Seconds of an engine's calls: median and quartiles, and the variant they are of."""

    median: float
    low: float
    high: float
    calls: int
    variant: str = ""

    @classmethod
    def of(cls, seconds: list[float], variant: str = "") -> "Times":
        """Sum up the seconds of some calls."""
        low, middle, high = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else 3 * seconds
        return cls(middle, low, high, len(seconds), variant)


def best_variant(times: Mapping[str, Times]) -> Times:
    """The variant with the lowest median."""
    return min(times.values(), key=lambda one: one.median)


def interleave(
    calls: Mapping[str, Callable[[int], object]],
    *,
    rounds: int,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.perf_counter,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, list[float]]:
    """Time calls in turns, so that what disturbs the machine disturbs all of them.

    In its turn a call is made several times if it is short, after one that does not count, so that
    threads are awake. A call is told its number; all get the same numbers.

    Returns:
        Seconds of each call, two at least unless there is one round only.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds):
        # Another one begins each time, so that none always follows the same.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            mine = seconds[name]
            if len(mine) >= 2 and sum(mine) >= budget:
                continue
            pause(_PAUSE)
            number = turn * _BURST
            start = clock()
            calls[name](number)
            first = clock() - start
            if first >= _BURST_SECONDS:
                mine.append(first)
                continue
            turn_seconds: list[float] = []
            while len(turn_seconds) < _BURST and sum(turn_seconds) < _BURST_SECONDS:
                start = clock()
                calls[name](number + len(turn_seconds))
                turn_seconds.append(clock() - start)
            mine.extend(turn_seconds)
    return seconds


@dataclass(frozen=True)
class Limits:
    """What the machine can do on the threads that the engines have."""

    threads: int
    read_bytes: float
    """Per second."""
    multiply_adds: float
    """Floating-point operations per second, two to each fused multiply-add."""
    int8_operations: float | None = None
    """Per second, two to each multiply-add; None where the kernel has no instruction for it."""

    @classmethod
    def measure(cls, threads: int, vectors: Array | None = None) -> "Limits":
        """Measure them in a second or two, that of reading on these vectors if there are any."""
        return cls(
            threads,
            _core.read_bandwidth(vectors, threads=threads),
            _core.multiply_add_peak(threads=threads),
            _core.int8_peak(threads=threads),
        )

    @classmethod
    def median(cls, limits: Sequence["Limits"]) -> "Limits":
        """The median of each of them, over some measurements on the same machine."""
        int8 = [one.int8_operations for one in limits if one.int8_operations is not None]
        return cls(
            limits[0].threads,
            median(one.read_bytes for one in limits),
            median(one.multiply_adds for one in limits),
            median(int8) if int8 else None,
        )

    def line(self) -> str:
        """All of them in words."""
        int8 = f", int8 {self.int8_operations / 1e9:.0f} GOP/s" if self.int8_operations else ""
        return (
            f"kernel {_core.kernel()}, threads {self.threads}: read {self.read_bytes / 1e9:.1f} GB/s, "
            f"fused multiply-add {self.multiply_adds / 1e9:.0f} GFLOP/s{int8}"
        )

    def f32_seconds(self, work: "Work") -> float:
        """The least time to score 32-bit floats, read once."""
        return max(4 * work.values / self.read_bytes, work.operations / self.multiply_adds)


class Work(NamedTuple):
    """One search: how many queries against how many rows of which dimension."""

    rows: int
    dimension: int
    batch: int
    k: int

    @property
    def values(self) -> int:
        """Numbers in the rows."""
        return self.rows * self.dimension

    @property
    def operations(self) -> int:
        """Multiplications and additions to score every row."""
        return 2 * self.values * self.batch


@dataclass
class Table:
    """The engines' times for one search, on vectors of one kind."""

    name: str
    work: Work
    limits: Limits
    times: dict[str, Times] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    """By engine: recall, build time."""

    def ratio(self, engine: str, ours: str) -> float:
        """How many times as fast as an engine ours is."""
        return self.times[engine].median / self.times[ours].median

    def shares(self, engine: str) -> str:
        """The rates an engine would need if it read and scored all values, as shares of the limits.

        One that scores fewer values, or smaller ones, passes the limits for 32-bit floats.
        """
        seconds, work, limits = self.times[engine].median, self.work, self.limits
        shares = [
            4 * work.values / seconds / limits.read_bytes,
            work.operations / seconds / limits.multiply_adds,
        ]
        if limits.int8_operations:
            shares.append(work.operations / seconds / limits.int8_operations)
        return " ".join(f"{share:8.0%}" for share in shares)

    def lines(self, *ours: str) -> list[str]:
        """A title, a head, and a line for each engine, ours first."""
        work = self.work
        int8 = "     int8" if self.limits.int8_operations else ""
        against = " ".join(f"{f'x {engine}':>16}" for engine in ours)
        lines = [
            f"{self.name}, {work.rows:,} x {work.dimension}, batch {work.batch}, k {work.k}; "
            f"f32 limit {self.limits.f32_seconds(work) * 1e3:.2f} ms",
            f"  {'engine':16} {'median ms':>10} {'quartiles':>21} {'queries/s':>10} {against} "
            f"{'read f32':>8} {'FMA':>8}{int8}",
        ]
        for engine, times in self.times.items():
            ratios = " ".join(f"{self.ratio(engine, one):16.2f}" for one in ours)
            note = "; ".join(one for one in (times.variant, self.notes.get(engine, "")) if one)
            quartiles = f"{times.low * 1e3:.2f} - {times.high * 1e3:.2f}"
            lines.append(
                f"  {engine:16} {times.median * 1e3:10.2f} {quartiles:>21} {work.batch / times.median:10.0f} "
                f"{ratios} {self.shares(engine)}  {note}".rstrip()
            )
        return lines


def summary(tables: Sequence[Table], ours: str) -> list[str]:
    """A Markdown table: for each search the time of ours, and in brackets how many times a peer's it is."""
    peers = list(dict.fromkeys(engine for table in tables for engine in table.times if engine != ours))
    lines = [
        f"| vectors | rows | batch | k | {ours}, ms | {' | '.join(peers)} |",
        f"|---|---:|---:|---:|---:|{'---:|' * len(peers)}",
    ]
    for table in tables:
        work = table.work
        cells = [table.name, f"{work.rows:,}", str(work.batch), str(work.k)]
        cells.append(f"{table.times[ours].median * 1e3:.2f}")
        for peer in peers:
            times = table.times.get(peer)
            cells.append(f"{times.median * 1e3:.2f} ({table.ratio(peer, ours):.1f}x)" if times else "")
        lines.append(f"| {' | '.join(cells)} |")
    return lines
