"""`cslir compare`."""

from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import IdenticalIds, Seed

__all__ = ["compare"]


def compare(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Result files of eval and demo, or TREC runs (with --qrels); NAME=FILE gives another name.",
        ),
    ],
    *,
    qrels: Annotated[Path | None, typer.Option(metavar="FILE", help="Judgements of the runs.")] = None,
    system: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only these systems of the files; repeat.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Test all others against it; if left out, each against its own, or against the first.",
        ),
    ] = None,
    measure: Annotated[
        list[str] | None, typer.Option(help="As ir_measures names it; repeat. The files' first if left out.")
    ] = None,
    test: Annotated[str, typer.Option(metavar="t|wilcoxon|bootstrap", help="Over queries, paired.")] = "t",
    correction: Annotated[
        str, typer.Option(metavar="holm|bonferroni|none", help="For many tests of one measure.")
    ] = "holm",
    by: Annotated[
        str,
        typer.Option(metavar="group|setting", help="The mean over each group's settings, or every setting."),
    ] = "group",
    setting: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this setting or group; repeat.")
    ] = None,
    changed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Also show the N queries that gained, and lost, most.")
    ] = 0,
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, json, csv, markdown or latex.")
    ] = "table",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write there, not to stdout.")] = None,
    seed: Seed = 1,
    different_data: Annotated[
        bool,
        typer.Option(
            "--different-data",
            help="Compare systems whose queries or judgements differ, too: translated queries for example.",
        ),
    ] = False,
    ignore_identical_ids: IdenticalIds = True,
) -> None:
    """Compare two or more systems over the same queries: means, paired tests, changed queries.

    Systems of one name with different seeds are one system: a query's value is its mean over the seeds.
    """
    from cslir.evaluation.compare import CompareOptions, compare_files

    options = CompareOptions(
        test=test,
        correction=correction,
        by=by,
        baseline=baseline,
        systems=system,
        measures=measure,
        settings=setting,
        changed=changed,
        seed=seed,
        different_data=different_data,
        ignore_identical_ids=ignore_identical_ids,
    )
    compare_files(files, options, qrels=qrels, output_format=output_format, output=output)
