"""Arguments that the commands on lexicons share, and how they read and write."""

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cslir.plurals import count_of
from cslir.progress import announce

if TYPE_CHECKING:
    from cslir.lexicons.tables import LexiconTable

__all__ = ["Format", "Output", "read_named", "source_texts", "write"]

Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="Format of the files; found by name and contents if left out."
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Written as .tsv or .cslex.")]


def read_named(specifications: Sequence[str], file_format: str | None, strict: bool) -> "list[LexiconTable]":
    """Read each `PAIR[=FILE]`, saying which lines were skipped; the format is not that of embedded lexicons.

    Raises:
        InputError: A pair, format or file is wrong.
    """
    from cslir.lexicons.embedded_lexicons import parse_lexicons
    from cslir.lexicons.tables import read_table
    from cslir.lexicons.translations import SkippedLines

    named = [(parse_lexicons([one])[0], file_format if "=" in one else None) for one in specifications]
    tables = []
    for (source, target, path), own_format in named:
        skipped = SkippedLines(strict)
        try:
            tables.append(read_table(path, source, target, format=own_format, skipped=skipped))
        finally:
            skipped.report(path, announce)
        # A table of a million entries stays to the end: spare the collector going through it again and again.
        gc.freeze()
    return tables


def write(path: Path, table: "LexiconTable", *, lemma_forms: bool = False) -> None:
    """Write a lexicon and say what was written."""
    from cslir.lexicons.tables import write_table

    compiled = write_table(path, table, lemma_forms=lemma_forms)
    typer.echo(f"{path}\t{count_of(len(table.targets), 'source')}, {count_of(table.entries, 'entry')}")
    if compiled is not None and compiled.left_out:
        announce(f"{count_of(compiled.left_out, 'entry')} left out: punctuation alone, or of too many tokens")


def source_texts(path: Path | None) -> Iterator[str]:
    """Yield the texts of a file, or the embedded collection's English training texts."""
    if path is not None:
        from cslir.lexicons.coverage import read_texts

        yield from read_texts(path)
        return
    from cslir.datasets import load_embedded

    for pair in load_embedded().train():
        yield from (pair.query.text, pair.positive.full_text)
