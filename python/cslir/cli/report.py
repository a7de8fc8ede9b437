"""`cslir report`."""

from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import DifferentData, command_progress

__all__ = ["report"]


def report(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUNS...",
            help="Files of `eval --json`, `demo`, `bench latency --json` and `lexicons coverage --json`;"
            " folders of `train` and `demo`. Several seeds of a system are averaged.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the page and the pictures.")
    ] = Path("report"),
    title: Annotated[str | None, typer.Option(help="Of the page.")] = None,
    measure: Annotated[
        str | None, typer.Option(help="To compare by, as in the files; RR@10 or nDCG@10 if left out.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="That all others are compared with; each one's own if left out."),
    ] = None,
    changed: Annotated[
        int,
        typer.Option(min=0, help="Queries shown that gained most from each baseline, and that lost most."),
    ] = 1,
    different_data: DifferentData = False,
) -> None:
    """Write a report that people look at: one self-contained HTML page, and its pictures as SVG and PNG."""
    from cslir import reporting

    page = reporting.report(
        inputs,
        output,
        title=title,
        measure=measure,
        baseline=baseline,
        changed=changed,
        different_data=different_data,
        progress=command_progress(),
    )
    typer.echo(page)
