"""Exact top-k beside numpy and faiss, in one process, as times and as shares of the machine's limits.

Run with `pytest benches/test_topk.py`. Each peer runs at its best settings: faiss with its BLAS
path (which it leaves off below 128,000 / dimension queries) or without, whichever is faster.
Each engine's answer is checked before it is timed. The last lines compare every engine
with this package, and this package with the read bandwidth (one query) or the rate of fused
multiply-adds (more queries) that the same process measured on all cores.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
import pytest

from cslir import _core

ROWS = int(os.environ.get("CSLIR_BENCH_ROWS", "100000"))
DIMENSION = 384
BATCHES = (1, 8, 64)
DEPTHS = (10, 100)


def clustered(rows: int, seed: int) -> np.ndarray[Any, Any]:
    """Unit vectors like a text encoder's: a common direction, topics of uneven size, a falling spectrum."""
    world = np.random.default_rng(0)
    topics = world.standard_normal((2000, DIMENSION), np.float32)
    common = world.standard_normal(DIMENSION, np.float32)
    spectrum = np.arange(1, DIMENSION + 1, dtype=np.float32) ** -0.3
    random = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, len(topics) + 1)
    chosen = random.choice(len(topics), rows, p=popularity / popularity.sum())
    vectors = topics[chosen]
    vectors += common
    vectors += random.standard_normal((rows, DIMENSION), np.float32)
    vectors *= spectrum
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


class Numpy:
    """Matrix product, then a partition and a sort of the k best."""

    def __init__(self, vectors: np.ndarray[Any, Any]) -> None:
        self.vectors = vectors

    def search(self, queries: np.ndarray[Any, Any], k: int) -> tuple[Any, Any]:
        scores = queries @ self.vectors.T
        rows = np.argpartition(scores, -k, axis=1)[:, -k:]
        scores = np.take_along_axis(scores, rows, axis=1)
        order = np.argsort(-scores, axis=1)
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


class Faiss:
    """IndexFlatIP, with matrix products for every batch or for none."""

    def __init__(self, vectors: np.ndarray[Any, Any], *, blas: bool) -> None:
        self.index = faiss.IndexFlatIP(DIMENSION)
        self.index.add(vectors)
        self.threshold = 0 if blas else 1 << 30

    def search(self, queries: np.ndarray[Any, Any], k: int) -> tuple[Any, Any]:
        faiss.cvar.distance_compute_blas_threshold = self.threshold
        return self.index.search(queries, k)


class Cslir:
    """This package."""

    def __init__(self, vectors: np.ndarray[Any, Any]) -> None:
        self.vectors = vectors

    def search(self, queries: np.ndarray[Any, Any], k: int) -> tuple[Any, Any]:
        return _core.top_k(self.vectors, queries, k)


@dataclass
class Limits:
    """What the machine can do on all cores."""

    read_bytes_per_second: float
    operations_per_second: float


@dataclass
class Board:
    """Times by engine, batch and depth, and the limits to hold them against."""

    limits: Limits
    seconds: dict[tuple[str, int, int], float] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """One line per batch and depth."""
        size, operations = ROWS * DIMENSION * 4, ROWS * DIMENSION * 2
        lines = [
            f"kernel {_core.kernel()}, {ROWS:,} x {DIMENSION} float32, {os.cpu_count()} cores, "
            f"read {self.limits.read_bytes_per_second / 1e9:.1f} GB/s, "
            f"fused multiply-add {self.limits.operations_per_second / 1e9:.0f} GFLOP/s"
        ]
        for batch in BATCHES:
            for k in DEPTHS:
                times = {engine: self.seconds.get((engine, batch, k)) for engine in ENGINES}
                ours = times.pop("cslir")
                if ours is None:
                    continue
                peers = ", ".join(
                    f"{engine} {seconds * 1e3:.2f} ms ({seconds / ours:.2f}x)"
                    for engine, seconds in times.items()
                    if seconds is not None
                )
                read = size / ours / self.limits.read_bytes_per_second
                arithmetic = operations * batch / ours / self.limits.operations_per_second
                lines.append(
                    f"batch {batch:>2}, k {k:>3}: cslir {ours * 1e3:.2f} ms; {peers}; "
                    f"{read:.0%} of read bandwidth, {arithmetic:.0%} of the fused multiply-add peak"
                )
        return lines


ENGINES: dict[str, Callable[[np.ndarray[Any, Any]], Any]] = {
    "cslir": Cslir,
    "numpy": Numpy,
    "faiss": lambda vectors: Faiss(vectors, blas=False),
    "faiss-blas": lambda vectors: Faiss(vectors, blas=True),
}


@pytest.fixture(scope="module")
def vectors():
    return clustered(ROWS, seed=1)


@pytest.fixture(scope="module")
def board():
    board = Board(Limits(_core.read_bandwidth(), _core.multiply_add_peak()))
    yield board
    print("\n" + "\n".join(board.lines()))


@pytest.mark.parametrize("k", DEPTHS)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("engine", ENGINES)
def test_search(benchmark, board, vectors, engine, batch, k):
    queries = clustered(batch, seed=2)
    search = ENGINES[engine](vectors).search
    scores, rows = search(queries, k)
    exact = queries.astype(np.float64) @ vectors.astype(np.float64).T
    best = -np.sort(-exact, axis=1)[:, :k]
    np.testing.assert_allclose(np.take_along_axis(exact, rows, axis=1), best, atol=1e-6)
    np.testing.assert_allclose(scores, best, atol=1e-5)
    benchmark.group = f"batch {batch}, k {k}"
    benchmark(search, queries, k)
    board.seconds[engine, batch, k] = benchmark.stats.stats.median
