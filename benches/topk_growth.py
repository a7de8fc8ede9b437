"""How the time of a search grows with rows, dimension and threads, for this package, faiss and PyTorch.

`python benches/topk_growth.py` measures and writes results/topk_growth.csv and .svg; with --plot it draws
what an earlier run wrote. Vectors of dimension 384 are the real ones of `topk_inputs`, beyond their number
again with noise; those of other dimensions are made up (`clustered`). They lie in a scratch file that is mapped:
engines that keep a copy of their own do not need the file's pages any more. Where all engines don't fit into
--memory together they are measured one after the other, and what does not fit alone is left out and said.
"""

import argparse
import csv
import gc
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from topk_board import Times, best_variant, interleave
from topk_inputs import DIMENSION, clustered, normalise, real_embeddings
from topk_peers import ENGINES, OURS, SCAN, Search, make_cslir_half, set_threads
from topk_reference import Reference

from cslir.errors import CslirError
from cslir.files import cache_folder

Array = np.ndarray[Any, Any]

HALF = "cslir float16"
GROWING = {
    OURS: ENGINES[OURS].make,
    SCAN: ENGINES[SCAN].make,
    HALF: make_cslir_half,
    "faiss flat": ENGINES["faiss flat"].make,
    "torch": ENGINES["torch"].make,
}
BYTES_PER_VALUE = {OURS: 5.5, SCAN: 4, HALF: 3.5, "faiss flat": 4, "torch": 4}
"""What an engine has to have in memory to run at its speed."""

DEPTH = 10
CHECKED = 16
HALF_TOLERANCE = 1e-3
_QUERIES = 1024
_BLOCK = 1 << 14
_NOISE = 0.25
"""Gives repeated rows a cosine of about 0.95 with those that they repeat."""

_RESULTS = Path(__file__).parent / "results"


class Point(NamedTuple):
    """One row of the table: a search and the engine's time for it."""

    vectors: str
    rows: int
    dimension: int
    threads: int
    batch: int
    k: int
    engine: str
    variant: str
    median_ms: float
    low_ms: float
    high_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    numbers = {"type": int, "nargs": "+"}
    parser.add_argument("--rows", default=[10_000, 100_000, 1_000_000, 5_000_000], **numbers)
    parser.add_argument("--dimensions", default=[128, 384, 768, 1024], **numbers)
    parser.add_argument("--threads", default=[1, 2], **numbers)
    parser.add_argument("--batches", default=[1, 64], **numbers)
    parser.add_argument("--memory", type=float, default=14.0, help="GB that engines may take together")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine at a search")
    parser.add_argument("--output", type=Path, default=_RESULTS / "topk_growth.csv")
    parser.add_argument("--plot", action="store_true", help="draw what --output has, measure nothing")
    options = parser.parse_args()
    if not options.plot:
        measure_all(options)
    elif not options.output.is_file():
        parser.error(f"{options.output}: no such file; measure first, without --plot")
    plot(options.output, options.output.with_suffix(".svg"))


def measure_all(options: argparse.Namespace) -> None:
    """Measure every combination and write each as soon as it is measured."""
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with options.output.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(Point._fields)
        for dimension in options.dimensions:
            for rows in options.rows:
                for point in measure(rows, dimension, options):
                    table.writerow(point)
                    print(*point, sep="\t", flush=True)
                file.flush()


def measure(rows: int, dimension: int, options: argparse.Namespace) -> Iterator[Point]:
    """Measure all engines on one matrix."""
    groups = grouped(rows * dimension, options.memory * 1e9)
    for engine in GROWING:
        if any(engine in group for group in groups):
            continue
        print(f"left out: {engine} on {rows:,} x {dimension}, too large for --memory", file=sys.stderr)
    if not groups:
        return
    scratch = cache_folder() / "benches"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        name, vectors, queries = make_vectors(Path(folder) / "vectors.npy", rows, dimension)
        reference = Reference(vectors, queries[:CHECKED], min(DEPTH, rows))
        for group in groups:
            searches = {engine: GROWING[engine](vectors, queries) for engine in group}
            for threads in options.threads:
                set_threads(threads)
                for batch in options.batches:
                    times = time_group(searches, queries, batch, reference, options.rounds)
                    for engine, one in times.items():
                        milliseconds = (round(1e3 * value, 4) for value in one[:3])
                        search = (name, rows, dimension, threads, batch, DEPTH)
                        yield Point(*search, engine, one.variant, *milliseconds)
            del searches
            gc.collect()


def grouped(values: int, memory: float) -> list[list[str]]:
    """The engines that are measured together, and those that don't fit left out."""
    fitting = [engine for engine, size in BYTES_PER_VALUE.items() if size * values <= memory]
    # The scan and PyTorch read the scratch file's pages, the others have a copy.
    together = sum(BYTES_PER_VALUE[engine] for engine in (OURS, HALF, "faiss flat", "torch")) * values
    return [fitting] if together <= memory else [[engine] for engine in fitting]


def make_vectors(path: Path, rows: int, dimension: int) -> tuple[str, Array, Array]:
    """Write vectors into a file; return what they are, the file mapped, and queries."""
    real = None
    if dimension == DIMENSION:
        try:
            folder = real_embeddings(progress=lambda line: print(line, file=sys.stderr))
            real = np.load(folder / "vectors.npy", mmap_mode="r")
        except (CslirError, OSError) as error:
            print(f"clustered vectors stand in for real ones: {error}", file=sys.stderr)
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dimension))
    for start in range(0, rows, _BLOCK):
        part = vectors[start : start + _BLOCK]
        part[:] = made_up(start, *part.shape) if real is None else real_or_near(real, start, len(part))
    vectors.flush()
    # Private pages that are never written to: engines want an array that says it may be.
    mapped = np.load(path, mmap_mode="c")
    if real is None:
        return "clustered", mapped, clustered(_QUERIES, seed=2**32, dimension=dimension)
    return "real", mapped, np.load(folder / "queries.npy")[:_QUERIES]


def made_up(start: int, rows: int, dimension: int) -> Array:
    """Rows of the clustered matrix from `start` on, the same whatever the number of rows."""
    return clustered(rows, seed=start + 1, dimension=dimension)


def real_or_near(real: Array, start: int, rows: int) -> Array:
    """Rows of the real matrix, repeated as often as needed, the repetitions with noise.

    The noise is differences of real rows, so that it has their spectrum.
    """
    numbers = np.arange(start, start + rows)
    part = np.array(real[numbers % len(real)])
    again = numbers >= len(real)
    if again.any():
        others = np.random.default_rng(start).integers(len(real), size=(2, again.sum()))
        part[again] += np.float32(_NOISE) * (real[others[0]] - real[others[1]])
        normalise(part)
    return part


def time_group(
    searches: dict[str, dict[str, Search]], queries: Array, batch: int, reference: Reference, rounds: int
) -> dict[str, Times]:
    """Check the engines' answers, then time them in turns."""
    depth = reference.best.shape[1]
    for engine, variants in searches.items():
        for search in variants.values():
            scores, rows = search(queries[: min(batch, CHECKED)], depth)
            if engine == HALF:
                found = -np.sort(-reference.scores_of(rows), axis=1)
                np.testing.assert_allclose(found, reference.best[: len(rows)], atol=HALF_TOLERANCE)
            else:
                reference.check(scores, rows)

    def call_of(search: Search):
        def call(number: int) -> None:
            start = number * batch % (len(queries) - batch + 1)
            search(queries[start : start + batch], depth)

        return call

    seconds = interleave(
        {
            (engine, variant): call_of(search)
            for engine, variants in searches.items()
            for variant, search in variants.items()
        },
        rounds=rounds,
    )
    return {
        engine: best_variant({variant: Times.of(seconds[engine, variant], variant) for variant in variants})
        for engine, variants in searches.items()
    }


def read_points(path: Path) -> list[Point]:
    """Read a table that `measure_all` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Point(
                row["vectors"],
                *(int(row[name]) for name in ("rows", "dimension", "threads", "batch", "k")),
                row["engine"],
                row["variant"],
                *(float(row[name]) for name in ("median_ms", "low_ms", "high_ms")),
            )
            for row in csv.DictReader(file)
        ]


def plot(table: Path, drawing: Path) -> None:
    """Draw time over rows: a panel for each dimension and batch, a line for each engine and thread count."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    # The same table gives the same bytes.
    plt.rcParams["svg.hashsalt"] = "cslir"
    points = read_points(table)
    if not points:
        sys.exit(f"{table}: nothing was measured")
    dimensions = sorted({point.dimension for point in points})
    batches = sorted({point.batch for point in points})
    most = max(point.threads for point in points)
    size = (4 * len(dimensions), 3.5 * len(batches))
    figure, axes = plt.subplots(
        len(batches),
        len(dimensions),
        figsize=size,
        squeeze=False,
        sharex=True,
        sharey="row",
        layout="constrained",
    )
    for line, batch in enumerate(batches):
        for column, dimension in enumerate(dimensions):
            panel = axes[line][column]
            chosen = [one for one in points if (one.batch, one.dimension) == (batch, dimension)]
            draw_panel(panel, chosen, most)
            panel.set(title=f"d = {dimension}, batch {batch}, k {DEPTH}", xscale="log", yscale="log")
            panel.grid(visible=True, alpha=0.3)
            if line == len(batches) - 1:
                panel.set_xlabel("rows")
            if column == 0:
                panel.set_ylabel("ms")
    lines = {
        label: handle
        for panel in axes.flat
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        lines.values(),
        lines,
        loc="outside lower center",
        ncols=min(len(GROWING), (3 * len(dimensions) + 1) // 2),
    )
    figure.savefig(drawing, metadata={"Date": None})
    plt.close(figure)
    print(drawing)


def draw_panel(panel: Any, points: Sequence[Point], most_threads: int) -> None:
    """A solid line for the most threads, a dashed one for fewer, engines by colour."""
    for number, engine in enumerate(GROWING):
        for threads in sorted({point.threads for point in points}, reverse=True):
            line = sorted(
                (point.rows, point.median_ms)
                for point in points
                if (point.engine, point.threads) == (engine, threads)
            )
            if line:
                style = "-" if threads == most_threads else "--"
                label = f"{engine}, {threads} threads" if threads > 1 else f"{engine}, 1 thread"
                panel.plot(*zip(*line, strict=True), style, marker=".", color=f"C{number}", label=label)


if __name__ == "__main__":
    main()
