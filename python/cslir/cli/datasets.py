"""`cslir datasets`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cslir.cli.arguments import Seed
from cslir.progress import announce

__all__ = ["app"]

app = typer.Typer(help="Build and describe collections.", no_args_is_help=True)
build_app = typer.Typer(help="Build a collection from its sources.", no_args_is_help=True)
app.add_typer(build_app, name="build")


@build_app.command("debian")
def build_debian(
    *,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write; a folder in cslir's cache if left out.")
    ] = None,
    lists: Annotated[
        Path | None,
        typer.Option(help="Folder with Translation-XX and Packages lists; fetched through apt if left out."),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Language to include; repeat. All eight if left out.")
    ] = None,
    train: Annotated[int | None, typer.Option(min=1, help="English training pairs; all if left out.")] = None,
    dev: Annotated[int, typer.Option(min=1, help="Ids of the dev split.")] = 1000,
    test: Annotated[int, typer.Option(min=1, help="Ids of the test split.")] = 1000,
    compression: Annotated[Literal["none", "gz", "xz"], typer.Option(help="Of the written files.")] = "gz",
    name: Annotated[str, typer.Option(help="Name of the dataset.")] = "debian-12",
    strict: Annotated[bool, typer.Option("--strict", help="Malformed stanzas are errors.")] = False,
    seed: Annotated[int, typer.Option(help="Decides the splits.", min=0)] = 13,
) -> None:
    """Make the Debian 12 collection: package descriptions and their translations, split by source package."""
    from cslir.datasets import DEBIAN_LANGUAGES
    from cslir.datasets import build_debian as build

    dataset = build(
        lists,
        output,
        languages=language or DEBIAN_LANGUAGES,
        seed=seed,
        dev=dev,
        test=test,
        train_limit=train,
        compression=compression,
        strict=strict,
        name=name,
        progress=announce,
    )
    typer.echo(dataset.folder)


@app.command("mix")
def mix(
    dataset: Annotated[
        str, typer.Argument(metavar="DATA", help="A parallel dataset: debian-sample, debian or a folder.")
    ],
    *,
    setting: Annotated[
        str, typer.Option(help="X-X, X-en, en-X, or a language pair; X is drawn for each query or passage.")
    ],
    output: Annotated[Path, typer.Option(help="BEIR folder to write.")],
    language: Annotated[
        list[str] | None,
        typer.Option(help="A language that X may be; repeat. Those that have every id if left out."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split to take.")] = "test",
    compression: Annotated[Literal["none", "gz", "xz"], typer.Option(help="Of the written files.")] = "none",
    seed: Seed = 1,
) -> None:
    """Write one setting of a parallel dataset as a BEIR folder, so that others evaluate the same mixture."""
    from cslir.datasets.collections import load_dataset
    from cslir.datasets.mixing import write_mixture
    from cslir.datasets.parallel import ParallelDataset
    from cslir.errors import InputError
    from cslir.outputs import require_output_folder

    require_output_folder(output, "mixture")
    opened = load_dataset(dataset)
    if not isinstance(opened, ParallelDataset):
        raise InputError("is no parallel dataset", path=dataset, remedy="mixing needs a folder per language")
    texts = opened.setting(setting, split, languages=language, seed=seed)
    suffix = "" if compression == "none" else f".{compression}"
    write_mixture(texts, output, suffix=suffix)
    announce(f"{texts.summary}, seed {seed}")
    if texts.absent.any():
        announce(texts.absent.note(f"{opened.name} {split}"))
    typer.echo(output)


@app.command("describe")
def describe(
    dataset: Annotated[str, typer.Argument(help="debian-sample or a folder.")] = "debian-sample",
) -> None:
    """Print a collection's languages, splits and counts."""
    from rich.table import Table

    from cslir.console import Console
    from cslir.datasets.collections import load_dataset
    from cslir.datasets.parallel import ParallelDataset

    opened = load_dataset(dataset)
    table = Table(title=opened.name, title_justify="left")
    if isinstance(opened, ParallelDataset):
        for heading in ("split", "language", "queries", "passages"):
            table.add_column(heading, justify="right" if heading[-1] == "s" else "left")
        for split in sorted({split for one in opened.languages for split in opened.splits(one)}):
            for language in opened.languages:
                if split in opened.splits(language):
                    queries, passages = opened.queries(split, language), opened.passages(split, language)
                    table.add_row(split, language, f"{len(queries):,}", f"{len(passages):,}")
    else:
        table.add_column("file")
        table.add_column("passages", justify="right")
        table.add_row(str(opened.collection_place), f"{sum(1 for _ in opened.iterate_passages()):,}")
    Console().print(table)
