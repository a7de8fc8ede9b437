"""The engines: this package, and what people use today for the same answer, each at its best settings.

Where it depends on the batch which settings are best an engine has variants, of which the best counts: faiss
with its BLAS path (which it leaves off below 128,000 / dimension queries), with larger blocks and without it,
PyTorch and numpy with either order of the matrix product.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import torch
import usearch.index
from threadpoolctl import threadpool_limits
from topk_inputs import Inputs

import cslir
from cslir import _core

Array = np.ndarray[Any, Any]
Search = Callable[[Array, int], tuple[Array, Array]]
"""Queries and k -> scores and rows, the best first."""

OURS = "cslir"
SCAN = "cslir f32 scan"
HNSW_ROWS = 100_000
HNSW_RECALL = 0.97

_HNSW_WIDTHS = [round(16 * 2 ** (step / 4)) for step in range(25)]
_HNSW_QUERIES = 256
_BLAS_BLOCK = faiss.cvar.distance_compute_blas_database_bs
_I8_SCALE = 127
_threads = 1


@dataclass(frozen=True)
class Engine:
    """How an engine is made, and what is to be expected of it.

    Attributes:
        make: Rows and queries to tune for -> search by variant; may keep a reference to the rows.
        exact: Whether it has to find the right rows.
        most_rows: It is not made for more.
    """

    make: Callable[[Array, Array], dict[str, Search]]
    exact: bool = True
    most_rows: int | None = None

    def takes(self, inputs: Inputs) -> bool:
        """Whether to compare with it; a graph, made for few rows, has nothing to go by in random directions."""
        if self.most_rows is None:
            return True
        return len(inputs.vectors) <= self.most_rows and inputs.name != "isotropic"


def set_threads(threads: int) -> None:
    """Let every engine run on so many threads from now on."""
    global _threads
    _threads = threads
    faiss.omp_set_num_threads(threads)
    torch.set_num_threads(threads)
    threadpool_limits(threads)


def default_threads() -> int:
    """The threads to compare on: CSLIR_BENCH_THREADS, else two where there are two cores."""
    return int(os.environ.get("CSLIR_BENCH_THREADS", min(2, len(os.sched_getaffinity(0)))))


def make_cslir(vectors: Array, _: Array) -> dict[str, Search]:
    """The exact search of this package's index."""
    index = cslir.VectorIndex.build(vectors)
    return {"": lambda queries, k: index.search(queries, k, threads=_threads)}


def make_scan(vectors: Array, _: Array) -> dict[str, Search]:
    """The f32 scan of this package."""
    return {"": lambda queries, k: _core.top_k(vectors, queries, k, threads=_threads)}


def make_cslir_half(vectors: Array, _: Array) -> dict[str, Search]:
    """The exact search of this package's index, the vectors stored in 16 bits."""
    index = cslir.VectorIndex.build(vectors, dtype="float16")
    return {"": lambda queries, k: index.search(queries, k, threads=_threads)}


def make_faiss_flat(vectors: Array, _: Array) -> dict[str, Search]:
    """IndexFlatIP without BLAS, and with it in blocks of the default size and larger ones."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)

    def with_settings(threshold: int, block: int) -> Search:
        def search(queries: Array, k: int) -> tuple[Array, Array]:
            faiss.cvar.distance_compute_blas_threshold = threshold
            faiss.cvar.distance_compute_blas_database_bs = block
            return index.search(queries, k)

        return search

    return {
        "no BLAS": with_settings(1 << 30, _BLAS_BLOCK),
        "BLAS": with_settings(0, _BLAS_BLOCK),
        "BLAS, large blocks": with_settings(0, 16 * _BLAS_BLOCK),
    }


def make_faiss_sq8(vectors: Array, _: Array) -> dict[str, Search]:
    """Bytes trained per dimension."""
    index = faiss.IndexScalarQuantizer(
        vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.train(vectors[:HNSW_ROWS])
    index.add(vectors)
    return {"": index.search}


def make_faiss_hnsw(vectors: Array, queries: Array) -> dict[str, Search]:
    """A graph of 32 links, searched just wide enough for the wanted recall at 10."""
    index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    queries = queries[:_HNSW_QUERIES]
    _, right = faiss.knn(queries, vectors, 10, metric=faiss.METRIC_INNER_PRODUCT)
    for width in _HNSW_WIDTHS:
        index.hnsw.efSearch = width
        _, rows = index.search(queries, 10)
        found = [len(set(one) & set(other)) for one, other in zip(rows, right, strict=True)]
        if np.mean(found) / 10 >= HNSW_RECALL:
            break
    return {f"efSearch {width}": index.search}


def make_usearch_f32(vectors: Array, _: Array) -> dict[str, Search]:
    """usearch's exact search."""

    def search(queries: Array, k: int) -> tuple[Array, Array]:
        rows, distances = _usearch(vectors, queries, k)
        return 1 - distances, rows

    return {"": search}


def make_usearch_i8(vectors: Array, _: Array) -> dict[str, Search]:
    """usearch's exact search of bytes, one scale for all."""
    scale = _I8_SCALE / np.abs(vectors).max()
    rounded = np.empty(vectors.shape, np.int8)
    for start in range(0, len(vectors), 1 << 14):
        np.rint(
            vectors[start : start + (1 << 14)] * scale,
            out=rounded[start : start + (1 << 14)],
            casting="unsafe",
        )

    def search(queries: Array, k: int) -> tuple[Array, Array]:
        query_scale = _I8_SCALE / np.abs(queries).max(axis=1, keepdims=True)
        rows, distances = _usearch(rounded, np.rint(queries * query_scale).astype(np.int8), k)
        return -distances / (scale * query_scale), rows

    return {"": search}


def _usearch(vectors: Array, queries: Array, k: int) -> tuple[Array, Array]:
    found = usearch.index.search(
        vectors, queries, k, usearch.index.MetricKind.IP, exact=True, threads=_threads
    )
    shape = len(queries), k
    return found.keys.reshape(shape).astype(np.int64), found.distances.reshape(shape)


def make_torch(vectors: Array, _: Array) -> dict[str, Search]:
    """Matrix product and topk."""
    matrix = torch.from_numpy(vectors)

    def searching(product: Callable[[torch.Tensor], torch.Tensor]) -> Search:
        @torch.inference_mode()
        def search(queries: Array, k: int) -> tuple[Array, Array]:
            scores, rows = product(torch.from_numpy(queries)).topk(k)
            return scores.numpy(), rows.numpy()

        return search

    return {
        "queries first": searching(lambda queries: queries @ matrix.T),
        "rows first": searching(lambda queries: (matrix @ queries.T).T.contiguous()),
    }


def make_numpy(vectors: Array, _: Array) -> dict[str, Search]:
    """Matrix product, then a partition and a sort of the k best."""

    def searching(product: Callable[[Array], Array]) -> Search:
        def search(queries: Array, k: int) -> tuple[Array, Array]:
            scores = product(queries)
            rows = np.argpartition(scores, -k, axis=1)[:, -k:]
            scores = np.take_along_axis(scores, rows, axis=1)
            order = np.argsort(-scores, axis=1)
            return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

        return search

    return {
        "queries first": searching(lambda queries: queries @ vectors.T),
        "rows first": searching(lambda queries: np.ascontiguousarray((vectors @ queries.T).T)),
    }


ENGINES = {
    OURS: Engine(make_cslir),
    SCAN: Engine(make_scan),
    "faiss flat": Engine(make_faiss_flat),
    "faiss SQ8": Engine(make_faiss_sq8, exact=False),
    "faiss HNSW32": Engine(make_faiss_hnsw, exact=False, most_rows=HNSW_ROWS),
    "usearch f32": Engine(make_usearch_f32),
    "usearch i8": Engine(make_usearch_i8, exact=False),
    "torch": Engine(make_torch),
    "numpy": Engine(make_numpy),
}
