"""`cslir lexicons build`."""

from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import Strict
from cslir.cli.lexicons.arguments import Format, read_named, source_texts, write
from cslir.errors import InputError
from cslir.plurals import count_of
from cslir.progress import announce

__all__ = ["build"]

_PACKAGES_PANEL = "From Debian's dictionaries"


def build(
    context: typer.Context,
    lexicon: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PAIR=FILE]...", help="Files of one pair; Debian's dictionaries if left out."
        ),
    ] = None,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="A .tsv or .cslex file; a folder for Debian's dictionaries."),
    ],
    strict: Strict = False,
    file_format: Format = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Terms of use, kept in a .cslex; the files' own."),
    ] = None,
    provenance: Annotated[
        str | None,
        typer.Option(
            help="Origin, kept in a .cslex; the files' own, or their names and checksums.",
        ),
    ] = None,
    lemma_forms: Annotated[
        bool,
        typer.Option(
            "--lemma-forms",
            help="Store inflected forms of the sources in a .cslex.",
        ),
    ] = False,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            help="Language pair such as en-de; repeat. All four if left out.", rich_help_panel=_PACKAGES_PANEL
        ),
    ] = None,
    packages: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the .deb packages, or unpacked ones; fetched through apt if left out.",
            rich_help_panel=_PACKAGES_PANEL,
        ),
    ] = None,
    sources: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Keep the source words that matter most; all if left out.",
            rich_help_panel=_PACKAGES_PANEL,
        ),
    ] = None,
    targets: Annotated[
        int | None,
        typer.Option(
            min=1, help="Keep the best targets of each; all if left out.", rich_help_panel=_PACKAGES_PANEL
        ),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="English text (lines, .tsv or .jsonl) whose words matter most; the embedded collection's.",
            rich_help_panel=_PACKAGES_PANEL,
        ),
    ] = None,
    preferred_label: Annotated[
        list[str] | None,
        typer.Option(
            help="Prefer translations with this label (comp, of Ding, for example); repeat.",
            rich_help_panel=_PACKAGES_PANEL,
        ),
    ] = None,
) -> None:
    """Make one lexicon from files of any known format, or several from Debian's dictionaries.

    Entries of several files are pooled; a repeated pair counts once, with its greater weight.
    """
    mine = ("pair", "packages", "sources", "targets", "texts", "preferred_label")
    others = ("file_format", "licence", "provenance", "lemma_forms")
    for name in mine if lexicon else others:
        if context.params[name]:
            option = name.removeprefix("file_").replace("_", "-")
            kind = "Debian's dictionaries, not for files" if lexicon else "files, and none is given"
            raise InputError(f"--{option} is for {kind}", remedy="leave it out, or see --help")
    if lexicon:
        _build_from_files(lexicon, output, file_format, strict, licence, provenance, lemma_forms)
    else:
        _build_from_packages(output, pair, packages, sources, targets, texts, preferred_label, strict)


def _build_from_files(
    lexicon: list[str],
    output: Path,
    file_format: str | None,
    strict: bool,
    licence: str | None,
    provenance: str | None,
    lemma_forms: bool,
) -> None:
    from cslir.lexicons.operations import pool
    from cslir.lexicons.tables import require_writable
    from cslir.plain_text import plain_text

    require_writable(output, lemma_forms=lemma_forms)
    table = pool(read_named(lexicon, file_format, strict))
    table.licence = table.licence if licence is None else plain_text(licence)
    table.provenance = table.provenance if provenance is None else plain_text(provenance)
    write(output, table, lemma_forms=lemma_forms)


def _build_from_packages(
    output: Path,
    pair: list[str] | None,
    packages: Path | None,
    sources: int | None,
    targets: int | None,
    texts: Path | None,
    preferred_label: list[str] | None,
    strict: bool,
) -> None:
    from cslir.languages import parse_pair
    from cslir.lexicons import EMBEDDED_PAIRS, build_lexicons

    reports = build_lexicons(
        [parse_pair(one) for one in pair] if pair else EMBEDDED_PAIRS,
        packages=packages,
        output=output,
        source_texts=source_texts(texts),
        sources_limit=sources,
        targets_limit=targets,
        preferred_labels=preferred_label or (),
        strict=strict,
        progress=announce,
    )
    for report in reports:
        for line in report.skipped.shown:
            announce(f"skipped {line}")
        if report.skipped.count:
            announce(f"{count_of(report.skipped.count, 'malformed entry')} skipped in all")
        typer.echo(
            f"{report.path}\t{count_of(report.sources, 'source')}, {count_of(report.entries, 'entry')}"
        )
