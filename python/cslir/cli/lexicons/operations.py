"""`cslir lexicons merge`, `invert`, `pivot` and `filter`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cslir.cli.arguments import Strict
from cslir.cli.lexicons.arguments import Format, Output, read_named, write
from cslir.errors import InputError
from cslir.plurals import count_of
from cslir.progress import announce

__all__ = ["filter_entries", "invert", "merge", "pivot"]

_One = Annotated[str, typer.Argument(metavar="PAIR[=FILE]", help="A lexicon, such as en-de=FILE.")]
_MinWeight = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="Least share of a target among those of its source.")
]
_MaxTargets = Annotated[int | None, typer.Option(min=1, help="Heaviest targets to keep for each source.")]


def merge(
    lexicon: Annotated[
        list[str], typer.Argument(metavar="PAIR[=FILE]...", help="Lexicons of one pair, the best first.")
    ],
    *,
    output: Output,
    mode: Annotated[
        Literal["priority", "union"],
        typer.Option(
            help="priority: a source has the targets of the first lexicon that knows it."
            " union: those of all, each with its mean share."
        ),
    ] = "priority",
    file_format: Format = None,
    strict: Strict = False,
) -> None:
    """Merge lexicons of one language pair."""
    from cslir.lexicons.operations import merge as merge_tables
    from cslir.lexicons.tables import require_writable

    require_writable(output)
    write(output, merge_tables(read_named(lexicon, file_format, strict), mode))


def invert(
    lexicon: _One,
    *,
    output: Output,
    file_format: Format = None,
    strict: Strict = False,
) -> None:
    """Swap sources and targets: en-de becomes de-en."""
    from cslir.lexicons.operations import invert as invert_table
    from cslir.lexicons.tables import require_writable

    require_writable(output)
    (table,) = read_named([lexicon], file_format, strict)
    write(output, invert_table(table))


def pivot(
    first: Annotated[str, typer.Argument(metavar="PAIR[=FILE]", help="Into the pivot language: en-de=FILE.")],
    second: Annotated[str, typer.Argument(metavar="PAIR[=FILE]", help="Out of it: de-fr=FILE.")],
    *,
    output: Output,
    max_targets: _MaxTargets = None,
    min_weight: _MinWeight = None,
    file_format: Format = None,
    strict: Strict = False,
) -> None:
    """Join two lexicons through the language that they share: en-de and de-fr become en-fr.

    A target weighs the sum, over the pivot words, of the product of their shares; --min-weight looks at that.
    """
    from cslir.lexicons.operations import pivot as pivot_tables
    from cslir.lexicons.tables import require_writable

    require_writable(output)
    tables = read_named([first, second], file_format, strict)
    write(output, pivot_tables(*tables, max_targets=max_targets, min_weight=min_weight or 0.0))


def filter_entries(
    lexicon: _One,
    *,
    output: Output,
    min_weight: _MinWeight = None,
    max_targets: _MaxTargets = None,
    max_source_tokens: Annotated[int | None, typer.Option(min=1, help="Longest source.")] = None,
    max_target_tokens: Annotated[int | None, typer.Option(min=1, help="Longest target.")] = None,
    texts: Annotated[
        Path | None,
        typer.Option(help="Keep sources whose every word is in this file (lines, .tsv or .jsonl)."),
    ] = None,
    drop_identical: Annotated[
        bool, typer.Option("--drop-identical", help="Drop targets that are their source.")
    ] = False,
    max_sources: Annotated[
        int | None, typer.Option(min=1, help="Most frequent sources to keep, by wordfreq's lists.")
    ] = None,
    file_format: Format = None,
    strict: Strict = False,
) -> None:
    """Keep the entries that meet all conditions given; shares are made to sum to 1 again."""
    from cslir.lexicons.build import general_frequencies
    from cslir.lexicons.coverage import read_texts
    from cslir.lexicons.operations import EntryFilter, filter_table
    from cslir.lexicons.tables import require_writable
    from cslir.lexicons.tokens import tokens_in

    conditions = (min_weight, max_targets, max_source_tokens, max_target_tokens, texts, max_sources)
    if not drop_identical and all(condition is None for condition in conditions):
        raise InputError("nothing to filter by", remedy="give a condition such as --max-targets 2")
    require_writable(output)
    (table,) = read_named([lexicon], file_format, strict)
    wanted = EntryFilter(
        min_weight=min_weight,
        max_targets=max_targets,
        max_source_tokens=max_source_tokens,
        max_target_tokens=max_target_tokens,
        words=None if texts is None else {word for text in read_texts(texts) for word in tokens_in(text)},
        drop_identical=drop_identical,
        max_sources=max_sources,
        frequency=None if max_sources is None else general_frequencies(table.source_language),
    )
    kept = filter_table(table, wanted)
    announce(
        f"{len(table.targets) - len(kept.targets):,} of {count_of(len(table.targets), 'source')} dropped,"
        f" {table.entries - kept.entries:,} of {count_of(table.entries, 'entry')}"
    )
    write(output, kept)
