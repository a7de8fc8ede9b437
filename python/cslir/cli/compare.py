"""`cslir compare`."""

from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import DifferentData, IdenticalIds, Seed, command_progress
from cslir.errors import InputError, UnknownNameError

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
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, json, csv, markdown or latex; if left out by the ending of --output (.json, .csv,"
            " .md, .tex), else table.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write there, not to stdout.")] = None,
    seed: Seed = 1,
    different_data: DifferentData = False,
    ignore_identical_ids: IdenticalIds = True,
) -> None:
    """Compare two or more systems over the same queries: means, paired tests, changed queries.

    Systems of one name with different seeds are one system: a query's value is its mean over the seeds.
    """
    from cslir.console import Console
    from cslir.evaluation import compare as comparing
    from cslir.evaluation.export import FORMATS, format_of, print_comparison
    from cslir.outputs import require_output_file

    chosen = output_format or (output and format_of(output, "table")) or "table"
    if chosen not in FORMATS:
        raise UnknownNameError(f"no format {chosen!r}", remedy=f"choose among {', '.join(FORMATS)}")
    if changed and chosen not in ("table", "json"):
        raise InputError(f"--changed has no {chosen} form", remedy="use --format table or json")
    if output is not None:
        require_output_file(output)
    named = [_named(file) for file in files]
    comparison = comparing.compare(
        *(path for _, path in named),
        names=[name for name, _ in named],
        qrels=qrels,
        systems=system,
        baseline=baseline,
        measures=measure,
        settings=setting,
        by=by,
        test=test,
        correction=correction,
        changed=changed,
        seed=seed,
        different_data=different_data,
        ignore_identical_ids=ignore_identical_ids,
        progress=command_progress(),
    )
    if output is not None:
        comparison.save(output, chosen)
    elif chosen == "table":
        print_comparison(Console(), comparison)
    else:
        typer.echo(comparison.text(chosen), nl=False)


def _named(file: str) -> tuple[str, Path]:
    name, equals, path = file.partition("=")
    if equals and name and not Path(file).exists():
        return name, Path(path)
    return "", Path(file)
