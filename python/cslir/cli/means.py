"""`cslir means`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cslir.cli.arguments import DeviceOption
from cslir.plurals import count_of
from cslir.progress import announce, counting

if TYPE_CHECKING:
    from cslir.records import Passage

__all__ = ["means"]


def means(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Texts in several languages: debian-sample, a folder, or one corpus.jsonl with `language`.",
        ),
    ],
    *,
    model: Annotated[Path, typer.Option(help="The model's folder.")],
    split: Annotated[
        str, typer.Option(help="Split of a parallel dataset, not the one to evaluate on.")
    ] = "dev",
    language: Annotated[
        list[str] | None, typer.Option(help="Languages of a parallel dataset; repeat. All if left out.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Estimate a model's language means, and keep them in its folder for `eval`, `index` and `search`."""
    from cslir.datasets.collections import passages_of
    from cslir.models import load_encoder
    from cslir.models.language_means import estimate_language_means, save_language_means

    encoder = load_encoder(str(model), device=device)
    with counting("reading", "passage") as update:

        def counted() -> "Iterator[Passage]":
            for done, passage in enumerate(passages_of(dataset, split, language), 1):
                update(done, None)
                yield passage

        estimated = estimate_language_means(encoder, counted())
    path = save_language_means(model, estimated)
    announce(f"means of {count_of(len(estimated), 'language')}: {', '.join(estimated)}")
    typer.echo(path)
