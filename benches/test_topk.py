"""Top-k beside its peers and the machine's limits, in one process.

Run with `pytest -s benches/test_topk.py --benchmark-only`. Vectors are those of `topk_inputs`, engines those of
`topk_peers`. Every exact engine's answers are first held against 64-bit floats (and this package's two against
each other, bit for bit), of the others the recall is measured. Then the engines take turns, each call with
queries of its own; of an engine with several settings the best at that search counts. The machine's limits are
measured in turns with the engines, of which the median counts, as of the engines: on a virtual machine they change
within minutes. That of reading is measured on the same vectors, because it depends on where in memory they lie.

CSLIR_BENCH_ROWS (100000,1000000) are the numbers of rows, CSLIR_BENCH_THREADS (2) the threads of all engines,
CSLIR_BENCH_ROUNDS (7) the turns that each engine gets at a search, CSLIR_BENCH_ENGINES (all) the names of peers to
compare with, set apart by commas. A million rows take about 10 GB and half an hour with all of them, ten minutes
with "faiss flat,torch".
"""

import gc
import os
import time
from dataclasses import dataclass

import numpy as np
import pytest
from topk_board import Limits, Table, Times, Work, best_variant, interleave, summary
from topk_inputs import Inputs, grouped, isotropic, load
from topk_peers import ENGINES, OURS, SCAN, Search, default_threads, set_threads
from topk_reference import Reference

ROWS = tuple(int(rows) for rows in os.environ.get("CSLIR_BENCH_ROWS", "100000,1000000").split(","))
ROUNDS = int(os.environ.get("CSLIR_BENCH_ROUNDS", "7"))
PEERS = os.environ.get("CSLIR_BENCH_ENGINES", ",".join(ENGINES)).split(",")
assert set(PEERS) <= set(ENGINES), f"CSLIR_BENCH_ENGINES: {PEERS}, not all of {list(ENGINES)}"
COMPARED = {name: engine for name, engine in ENGINES.items() if name in (OURS, SCAN, *PEERS)}
INPUTS = [*(("real", rows) for rows in ROWS), ("grouped", max(ROWS)), ("isotropic", max(ROWS))]
SEARCHES = [(1, 10), (1, 100), (1, 1000), (8, 10), (8, 100), (64, 10), (64, 100), (256, 10), (256, 100)]
ONLY = {"isotropic": [(1, 10)], "grouped": [(1, 1000), (8, 100), (64, 100)]}
"""Of these vectors, the searches that they may make a difference to."""
DEEP, SHALLOW = (1, 1000), 10
"""The search for many results, and the results of the one that it is held against."""
CHECKED = 256


@dataclass
class Stand:
    """Vectors with the engines that were built on them."""

    inputs: Inputs
    limits: Limits
    reference: Reference
    searches: dict[str, dict[str, Search]]
    build_seconds: dict[str, float]

    def queries(self, batch, number):
        """The queries of a call; the first are those that the answers are checked on."""
        start = number * batch % (len(self.inputs.queries) - batch + 1)
        return self.inputs.queries[start : start + batch]


def make_inputs(name, rows):
    if name == "isotropic":
        return Inputs(name, isotropic(rows, seed=1), isotropic(2 * CHECKED, seed=2))
    return grouped(load(rows)) if name == "grouped" else load(rows)


@pytest.fixture(scope="module")
def tables():
    tables = []
    yield tables
    print("\n" + "\n".join(summary(tables, OURS)))


@pytest.fixture(scope="module", params=INPUTS, ids=lambda one: f"{one[0]}-{one[1]}")
def stand(request):
    set_threads(default_threads())
    limits = Limits.measure(default_threads())
    print(f"\n{limits.line()}")
    inputs = make_inputs(*request.param)
    depth = min(max(k for _, k in SEARCHES), len(inputs.vectors))
    stand = Stand(inputs, limits, Reference(inputs.vectors, inputs.queries[:CHECKED], depth), {}, {})
    for name, engine in COMPARED.items():
        if engine.takes(inputs):
            start = time.perf_counter()
            # The graph is tuned on queries that it is not judged by.
            stand.searches[name] = engine.make(inputs.vectors, inputs.queries[CHECKED:])
            stand.build_seconds[name] = time.perf_counter() - start
    yield stand
    stand.searches.clear()
    gc.collect()


@pytest.mark.parametrize(("batch", "k"), SEARCHES)
def test_search(benchmark, stand, tables, batch, k):
    name, vectors, _ = stand.inputs
    if (batch, k) not in ONLY.get(name, SEARCHES):
        pytest.skip("these vectors make no difference to this search")
    if k > len(vectors):
        pytest.skip("there are not so many rows")
    table = Table(name, Work(*vectors.shape, batch, k), stand.limits)
    ours = []
    for engine, variants in stand.searches.items():
        for search in variants.values():
            scores, rows = search(stand.queries(batch, 0), k)
            if ENGINES[engine].exact:
                stand.reference.check(scores, rows)
            else:
                table.notes[engine] = f"recall {recall_of(stand, search, k):.3f}"
        if engine in (OURS, SCAN):
            ours.append((scores, rows))
        if (seconds := stand.build_seconds[engine]) > 1:
            note(table, engine, f"built in {seconds:.1f} s")
    assert all(np.array_equal(one, other) for one, other in zip(*ours, strict=True))
    calls = {
        (engine, variant): lambda number, search=search: search(stand.queries(batch, number), k)
        for engine, variants in stand.searches.items()
        for variant, search in variants.items()
    }
    if (batch, k) == DEEP:
        # What more results cost is only seen in the same turns.
        same = stand.searches[OURS][""]
        calls["shallow", ""] = lambda number: same(stand.queries(batch, number), SHALLOW)
    limits: list[Limits] = []
    calls["limits", ""] = lambda _: limits.append(Limits.measure(default_threads(), vectors))
    seconds = benchmark.pedantic(interleave, args=[calls], kwargs={"rounds": ROUNDS}, rounds=1)
    table.limits = Limits.median(limits)
    for engine, variants in stand.searches.items():
        times = {variant: Times.of(seconds[engine, variant], variant) for variant in variants}
        table.times[engine] = best_variant(times)
        benchmark.extra_info[engine] = f"{table.times[engine].median * 1e3:.3f} ms"
    if (batch, k) == DEEP:
        times = table.times[OURS].median / Times.of(seconds["shallow", ""]).median
        note(table, OURS, f"{times:.2f} times k {SHALLOW}")
    tables.append(table)
    print("\n" + "\n".join(table.lines(OURS, SCAN)))


def note(table, engine, text):
    """Add to what stands behind an engine's line."""
    table.notes[engine] = "; ".join(one for one in (table.notes.get(engine), text) if one)


def recall_of(stand, search, k):
    """The recall of an approximate engine over all checked queries."""
    _, rows = search(stand.inputs.queries[:CHECKED], k)
    return stand.reference.recall(rows)
