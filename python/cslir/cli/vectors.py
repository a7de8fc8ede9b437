"""`cslir vectors`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cslir.plain_text import plain_text
from cslir.plurals import count_of
from cslir.progress import announce, counting

__all__ = ["app"]

app = typer.Typer(help="Make, check and export indexes of vectors.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The index.")]


@app.command("build")
def build(
    source: Annotated[Path, typer.Argument(metavar="FILE", help=".npy, .fvecs, .faiss or .usearch.")],
    *,
    output: Annotated[Path, typer.Option(help="Folder of the index; one that is there is replaced.")],
    ids: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="An id per line; those of the source, or row numbers, if left out."
        ),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=FILE", help="A column of metadata, a value per line; repeat."),
    ] = None,
    dtype: Annotated[
        Literal["float32", "float16", "bfloat16"], typer.Option(help="What the vectors are stored as.")
    ] = "float32",
    normalise: Annotated[
        bool, typer.Option("--normalise", help="Scale rows to length 1: scores are cosines.")
    ] = False,
) -> None:
    """Make an index of the vectors in a file."""
    from cslir.errors import InputError
    from cslir.vector_files import build_index

    columns = {}
    for pair in metadata or []:
        name, equals, path = pair.partition("=")
        if not name or not equals or not path or name in columns:
            raise InputError(
                f"--metadata {pair!r} is no new column with a file", remedy="give --metadata language=FILE"
            )
        columns[name] = Path(path)
    with counting("indexing", "vector") as update:
        made = build_index(
            source, output, ids=ids, metadata=columns, dtype=dtype, normalise=normalise, progress=update
        )
    announce(f"{count_of(len(made), 'vector')} of {count_of(made.dimension, 'dimension')}")
    typer.echo(output)


@app.command("info")
def info(
    folder: Folder,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what an index holds."""
    import json

    from cslir._core import VectorIndex

    index = VectorIndex.open(folder)
    facts = {
        "vectors": len(index),
        "deleted": index.rows - len(index),
        "dimension": index.dimension,
        "dtype": index.dtype,
        "columns": index.columns,
        "segments": index.segments,
        "filtered": index.filtered_rows,
        "bytes": index.size,
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        if isinstance(value, list):
            shown = plain_text(", ".join(value)) or "none"
        else:
            shown = f"{value:,}" if isinstance(value, int) else value
        typer.echo(f"{name:9}  {shown}")


@app.command("verify")
def verify(folder: Folder) -> None:
    """Compare every checksum of an index, of vectors or of passages; exit code 2 if a file is damaged."""
    from cslir._core import VectorIndex
    from cslir.search import Index

    passages = (folder / "index.json").is_file()
    index = Index.open(folder) if passages else VectorIndex.open(folder)
    index.verify()
    announce(f"{count_of(len(index), 'passage' if passages else 'vector')}, nothing wrong")


@app.command("compact")
def compact(folder: Folder) -> None:
    """Make one segment of all vectors that are not deleted; of an index of passages, of these too."""
    from cslir._core import VectorIndex
    from cslir.search import Index

    passages = (folder / "index.json").is_file()
    index = Index.open(folder) if passages else VectorIndex.open(folder)
    index.compact()
    vectors = index.vectors if isinstance(index, Index) else index
    announce(f"{count_of(len(vectors), 'vector')} in {count_of(vectors.segments, 'segment')}")


@app.command("export")
def export(
    folder: Folder,
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Named .npy, .fvecs or .faiss.")],
    *,
    ids_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the ids, one per line.")] = None,
) -> None:
    """Write the vectors of an index for other programs, deleted ones left out."""
    from cslir._core import VectorIndex
    from cslir.outputs import require_output_file
    from cslir.vector_files import export_ids, export_vectors

    if ids_out is not None:
        require_output_file(ids_out)
    index = VectorIndex.open(folder)
    with counting("exporting", "vector") as update:
        export_vectors(index, output, progress=update)
    if ids_out is not None:
        export_ids(index, ids_out)
    typer.echo(output)
