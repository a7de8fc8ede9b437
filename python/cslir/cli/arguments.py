"""Arguments that several commands share, and their parsing."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cslir.errors import InputError
from cslir.models import Device, Precision

if TYPE_CHECKING:
    from cslir.datasets.collections import DatasetFiles

__all__ = [
    "CollectionFile",
    "DeviceOption",
    "DifferentData",
    "IdenticalIds",
    "Lexicons",
    "PrecisionOption",
    "QrelsFile",
    "QueriesFile",
    "RerankDepth",
    "Reranker",
    "Seed",
    "Strict",
    "choose_dataset",
    "naming_options",
]

CollectionFile = Annotated[
    Path | None,
    typer.Option("--collection", metavar="FILE", help="Instead of DATA: a corpus.jsonl or collection.tsv,"),
]
QueriesFile = Annotated[
    Path | None, typer.Option("--queries", metavar="FILE", help="its queries.jsonl or queries.tsv,")
]
QrelsFile = Annotated[Path | None, typer.Option("--qrels", metavar="FILE", help="and its qrels.")]

DeviceOption = Annotated[
    Device,
    typer.Option(
        "--device",
        help="Where PyTorch computes; auto: a GPU if there is one. "
        "Static encoders and onnxruntime use the CPU.",
    ),
]
DifferentData = Annotated[
    bool,
    typer.Option(
        "--different-data",
        help="Compare systems whose queries or judgements differ, too: translated queries for example.",
    ),
]
IdenticalIds = Annotated[
    bool,
    typer.Option(
        "--ignore-identical-ids/--keep-identical-ids",
        help="Leave out the passage with a query's own id, unless it is judged relevant: as BEIR does it.",
    ),
]
Lexicons = Annotated[
    list[str] | None,
    typer.Option(
        "--lexicon",
        metavar="PAIR[=FILE]",
        help="Bilingual lexicon, such as en-de=FILE (any format that `cslir lexicons build` reads); "
        "en-de alone is the embedded one (with --arm wiki-cs, CLDR's names). Repeat for more languages.",
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        help="What a transformer computes in: PyTorch, or onnxruntime, several times faster on a CPU; "
        "converted on first use."
    ),
]
Reranker = Annotated[
    str | None,
    typer.Option("--rerank", metavar="MODEL", help="Cross-encoder that reranks: a folder or hub id."),
]
RerankDepth = Annotated[
    int, typer.Option(min=1, help="Candidates per query that it reranks; further ones follow as they were.")
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="A malformed line of a lexicon is an error; otherwise skipped and counted."
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.", min=0, max=2**64 - 1)]


def choose_dataset(
    dataset: str | None, collection: Path | None, queries: Path | None, qrels: Path | None
) -> "str | DatasetFiles":
    """Return what `load_dataset` takes: the dataset's name or folder, or its three files.

    Raises:
        InputError: Neither was given, both were, or a file is missing.
    """
    from cslir.datasets.collections import DatasetFiles

    files = (collection, queries, qrels)
    if dataset is not None and not any(files):
        return dataset
    if dataset is None and collection and queries and qrels:
        return DatasetFiles(collection, queries, qrels)
    if dataset is not None:
        raise InputError(
            "DATA and single files exclude each other",
            remedy="give DATA, or --collection, --queries and --qrels",
        )
    raise InputError(
        "a dataset is needed", remedy="give its name or folder, or --collection, --queries and --qrels"
    )


@contextmanager
def naming_options(options: Mapping[str, str]) -> Iterator[None]:
    """Name the options of a command in the errors of the library, which name its arguments.

    Args:
        options: By the argument's name, which stands between backticks, as in `name` or `name=True`.
    """

    def named(text: str) -> str:
        return re.sub(r"`(\w+)(=True)?`", lambda found: options.get(found[1], found[0]), text)

    try:
        yield
    except InputError as error:
        message, remedy = named(error.message), named(error.remedy)
        shown = InputError(message, path=error.path, line=error.line, remedy=remedy)
        error.message, error.remedy, error.args = message, remedy, shown.args
        raise
