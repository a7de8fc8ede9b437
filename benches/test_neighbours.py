"""Nearest neighbours of every row among all rows of another matrix, as lexicon induction needs them.

Run with `pytest -s benches/test_neighbours.py --benchmark-only`. The vectors are made up: two languages of
300-d word vectors, the second the first with noise, so that the right translation of each word is known. Timed
are the 10 nearest neighbours of all words, whose mean is the hubness that CSLS corrects, and the best
translation by CSLS, 2 s.t - r(s) - r(t), which is a search of the rows (2t, -r(t)) with the queries (s, 1). No
engine holds all scores at once. A sample of the answers is first held against 64-bit floats.

CSLIR_BENCH_WORDS (20000) is the number of words of each language. 200000 is the size that MUSE has; it takes
some 20 minutes, each search being made once.
"""

import os

import faiss
import numpy as np
import pytest
import torch
from topk_board import Limits, Table, Times, Work, interleave
from topk_inputs import clustered, normalise
from topk_peers import default_threads, set_threads
from topk_reference import Reference, best_scores

from cslir import _core

WORDS = int(os.environ.get("CSLIR_BENCH_WORDS", "20000"))
DIMENSION = 300
NEIGHBOURS = 10
SAMPLE = 100
ROUNDS = 3 if WORDS <= 50_000 else 1
OURS = "cslir"
THREADS = default_threads()


def nearest_cslir(rows, queries, k):
    return _core.top_k(rows, queries, k, threads=THREADS)


def nearest_faiss(rows, queries, k):
    faiss.cvar.distance_compute_blas_database_bs = 16_384
    return faiss.knn(queries, rows, k, metric=faiss.METRIC_INNER_PRODUCT)


@torch.inference_mode()
def nearest_torch(rows, queries, k):
    rows = torch.from_numpy(rows).T
    found = [(part @ rows).topk(k) for part in torch.from_numpy(queries).split(512)]
    scores, numbers = zip(*found, strict=True)
    return torch.cat(scores).numpy(), torch.cat(numbers).numpy()


def nearest_numpy(rows, queries, k):
    scores = np.empty((len(queries), k), np.float32)
    numbers = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), 512):
        found = queries[start : start + 512] @ rows.T
        chosen = np.argpartition(found, -k, axis=1)[:, -k:]
        values = np.take_along_axis(found, chosen, axis=1)
        order = np.argsort(-values, axis=1)
        scores[start : start + 512] = np.take_along_axis(values, order, axis=1)
        numbers[start : start + 512] = np.take_along_axis(chosen, order, axis=1)
    return scores, numbers


ENGINES = {OURS: nearest_cslir, "faiss": nearest_faiss, "torch": nearest_torch, "numpy": nearest_numpy}


@pytest.fixture(scope="module")
def limits():
    set_threads(THREADS)
    limits = Limits.measure(THREADS)
    print(f"\n{limits.line()}")
    return limits


@pytest.fixture(scope="module")
def words():
    """Sources and targets; the translation of each source has its number."""
    targets = clustered(WORDS, seed=1, dimension=DIMENSION)
    noise = np.random.default_rng(2).standard_normal(targets.shape, np.float32)
    return normalise(targets + noise * np.float32(DIMENSION**-0.5)), targets


def measure(benchmark, limits, name, rows, queries, k):
    """Time all engines, check a sample of their answers, and return ours."""
    answers = {}

    def call_of(engine):
        def call(_):
            answers[engine] = ENGINES[engine](rows, queries, k)

        return call

    calls = {engine: call_of(engine) for engine in ENGINES}
    seconds = benchmark.pedantic(interleave, args=[calls], kwargs={"rounds": ROUNDS}, rounds=1)
    table = Table(name, Work(*rows.shape, len(queries), k), limits)
    sample = np.linspace(0, len(queries) - 1, SAMPLE, dtype=np.int64)
    reference = Reference(rows, queries[sample], k)
    for engine, (scores, numbers) in answers.items():
        reference.check(scores[sample], numbers[sample])
        table.times[engine] = Times.of(seconds[engine])
        benchmark.extra_info[engine] = f"{table.times[engine].median:.3f} s"
    print("\n" + "\n".join(table.lines(OURS)))
    return answers[OURS]


def test_nearest(benchmark, limits, words):
    sources, targets = words
    scores, _ = measure(benchmark, limits, "nearest targets", targets, sources, NEIGHBOURS)
    means = scores.mean(axis=1)
    right = best_scores(targets, sources[:SAMPLE].astype(np.float64), NEIGHBOURS).mean(axis=1)
    np.testing.assert_allclose(means[:SAMPLE], right, atol=1e-5)


def test_csls(benchmark, limits, words):
    sources, targets = words
    hubness = nearest_cslir(sources, targets, NEIGHBOURS)[0].mean(axis=1)
    rows = np.hstack([2 * targets, -hubness[:, None]])
    queries = np.hstack([sources, np.ones((len(sources), 1), np.float32)])
    _, numbers = measure(benchmark, limits, "translations by CSLS", rows, queries, 1)
    found = (numbers[:, 0] == np.arange(WORDS)).mean()
    print(f"  the right translation is found for {found:.1%} of {WORDS:,} words")
    assert found > 0.5
