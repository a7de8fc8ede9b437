"""`cslir lexicons inspect` and `coverage`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cslir.cli.arguments import Strict
from cslir.cli.lexicons.arguments import Format, read_named, source_texts
from cslir.errors import InputError
from cslir.languages import primary_language
from cslir.plain_text import plain_json, plain_text
from cslir.plurals import count_of
from cslir.progress import announce

if TYPE_CHECKING:
    from cslir._core import Lexicon
    from cslir.lexicons.coverage import Coverage, Covered
    from cslir.lexicons.entries import LexiconEntry
    from cslir.lexicons.inspection import Inspection
    from cslir.lexicons.tables import LexiconTable

__all__ = ["coverage", "inspect"]

_LONGEST = 400
"""Characters of a value that are shown at most."""
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def inspect(
    lexicon: Annotated[str, typer.Argument(metavar="PAIR[=FILE]", help="A lexicon, such as en-de=FILE.")],
    *,
    examples: Annotated[int, typer.Option(min=1, help="Entries shown of each kind.")] = 5,
    file_format: Format = None,
    strict: Strict = False,
    as_json: _Json = False,
) -> None:
    """Show what a lexicon holds, and which of its targets are doubtful."""
    from cslir.lexicons.inspection import inspect_table

    (table,) = read_named([lexicon], file_format, strict)
    found = inspect_table(table, examples=examples)
    if as_json:
        about = {"pair": table.pair, "licence": table.licence, "provenance": table.provenance}
        counts = asdict(found) | {"longest": [entry._asdict() for entry in found.longest]}
        counts["suspicions"] = {
            name: {"count": one.count, "examples": [entry._asdict() for entry in one.examples]}
            for name, one in found.suspicions.items()
        }
        typer.echo(plain_json(about | counts))
    else:
        _print_inspection(table, found)


def _print_inspection(table: "LexiconTable", found: "Inspection") -> None:
    from cslir.lexicons.inspection import SUSPICIONS

    typer.echo(f"{table.pair}: {count_of(found.sources, 'source')}, {count_of(found.entries, 'entry')}")
    typer.echo(f"licence: {plain_text(table.licence or 'unknown', _LONGEST)}")
    typer.echo(f"provenance: {plain_text(table.provenance, _LONGEST)}")
    several = ", ".join(
        f"{number}: {count:,}" for number, count in list(found.targets_per_source.items())[:5]
    )
    for name, value in (
        (
            "sources of several tokens",
            f"{found.multiword_sources:,} ({found.multiword_sources / found.sources:.1%})",
        ),
        ("sources that match no text", f"{found.unmatchable:,}"),
        ("sources by number of targets", several + (", ..." if len(found.targets_per_source) > 5 else "")),
        ("repeated pairs", f"{found.repeated:,}"),
        ("targets that are their source", f"{found.identical:,} ({found.identical / found.entries:.1%})"),
        ("script of the targets", found.script.title() or "none"),
    ):
        typer.echo(f"{name}: {value}")
    typer.echo("longest targets:")
    _print_entries(found.longest)
    for name, suspicion in found.suspicions.items():
        typer.echo(f"suspicious, {SUSPICIONS[name]}: {suspicion.count:,}")
        _print_entries(suspicion.examples)


def _print_entries(entries: "list[LexiconEntry]") -> None:
    for source, target, weight in entries:
        source, target = plain_text(source, _LONGEST), plain_text(target, _LONGEST)
        typer.echo(f"  {source} -> {target}" if source else f"  {target} ({count_of(int(weight), 'source')})")


def coverage(
    lexicon: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PAIR[=FILE]]...", help="Lexicons of one source language; the embedded ones."
        ),
    ] = None,
    *,
    texts: Annotated[
        Path | None,
        typer.Option(help="Text: lines, .tsv or .jsonl; the embedded collection's English if left out."),
    ] = None,
    stop_words: Annotated[
        str | None,
        typer.Option(metavar="CODE|FILE", help="No content words; those of the source language if left out."),
    ] = None,
    lemma: Annotated[
        bool | None,
        typer.Option(
            "--lemma/--no-lemma",
            help="Also count words whose base form is covered; done where base forms are known if left out.",
        ),
    ] = None,
    file_format: Format = None,
    strict: Strict = False,
    as_json: _Json = False,
) -> None:
    """Print the share of a text's tokens, types and content words that lexicons cover.

    Exact: a text's word, alone or in a phrase, is a source. By lemma: or its base form is, after the forms
    that a .cslex holds, else after those that `build --lemma-forms` would store.
    """
    from cslir.lexicons.coverage import measure_coverage
    from cslir.lexicons.stop_words import stop_words as words_of
    from cslir.lexicons.tables import compile_lexicon

    named = _of_one_source(lexicon)
    source_language = named[0][0]
    if texts is None and primary_language(source_language) != "en":
        raise InputError(f"no text of the language {source_language!r}", remedy="name a file with --texts")
    content = words_of(stop_words or source_language)
    tables = read_named(lexicon or [f"{one}-{other}" for one, other, _ in named], file_format, strict)
    with_forms = [_with_forms(path) for _, _, path in named]
    lexicons = [compile_lexicon(table, table.source_language, table.target_language) for table in tables]
    if _by_lemma(lemma, source_language, stored=all(with_forms)):
        lexicons += [
            stored or compile_lexicon(table, table.source_language, table.target_language, lemma_forms=True)
            for stored, table in zip(with_forms, tables, strict=True)
        ]
    found = measure_coverage(lexicons, source_texts(texts), stop_words=content)
    exact, by_lemma = found[: len(tables)], found[len(tables) :]
    if not exact[0].tokens.total:
        raise InputError("no word to cover", path=texts, remedy="give a file with text")
    if as_json:
        _print_json(tables, exact, by_lemma)
    else:
        pairs = [table.pair for table in tables]
        names = [
            pair if pairs.count(pair) == 1 else path.name
            for pair, (_, _, path) in zip(pairs, named, strict=True)
        ]
        _print_coverage(names, tables, exact, by_lemma)


def _with_forms(path: Path) -> "Lexicon | None":
    """Return a compiled lexicon that holds inflected forms of its own."""
    from cslir._core import Lexicon
    from cslir.lexicons.readers.detection import is_compiled

    lexicon = Lexicon.open(path) if is_compiled(path) else None
    return lexicon if lexicon is not None and lexicon.form_count else None


def _by_lemma(asked: bool | None, language: str, *, stored: bool) -> bool:
    """Return whether to count by lemma: as asked for, else if lexicons or language have base forms."""
    from cslir.lexicons.inflection import lemma_sources

    if asked is not None or stored:
        return asked is not False
    try:
        lemma_sources(language)
    except InputError as error:
        announce(f"exact coverage only: {error.message}")
        return False
    return True


def _of_one_source(specifications: list[str] | None) -> list[tuple[str, str, Path]]:
    """Return pairs and files; unlike elsewhere several lexicons may have the same pair."""
    from cslir.lexicons.embedded_lexicons import parse_lexicons

    if not specifications:
        return parse_lexicons()
    named = [parse_lexicons([specification])[0] for specification in specifications]
    if len({source for source, _, _ in named}) > 1:
        raise InputError(
            "the lexicons have different source languages", remedy="measure one language at a time"
        )
    return named


def _print_json(tables: "list[LexiconTable]", exact: "list[Coverage]", by_lemma: "list[Coverage]") -> None:
    def shares(found: "Coverage") -> dict[str, Any]:
        return {name: one | {"share": one["covered"] / one["total"] if one["total"] else 0.0}
                for name, one in asdict(found).items()}  # fmt: skip

    rows = []
    for place, table in enumerate(tables):
        row: dict[str, Any] = {
            "pair": table.pair,
            "provenance": table.provenance,
            "sources": len(table.targets),
        }
        row["exact"] = shares(exact[place])
        if by_lemma:
            row["by_lemma"] = shares(by_lemma[place])
        rows.append(row)
    typer.echo(plain_json(rows))


def _print_coverage(
    names: list[str], tables: "list[LexiconTable]", exact: "list[Coverage]", by_lemma: "list[Coverage]"
) -> None:
    from rich.table import Table

    from cslir.console import Console

    grid = Table(title="covered: exact, by lemma" if by_lemma else "covered", title_justify="left")
    grid.add_column("lexicon", overflow="fold")
    for heading in ("sources", "tokens", "types", "content words"):
        grid.add_column(heading, justify="right", no_wrap=True)

    def cell(*measured: "Covered") -> str:
        return "  ".join(f"{one.share:6.1%}" for one in measured)

    for place, table in enumerate(tables):
        found = [exact[place], *by_lemma[place : place + 1]]
        grid.add_row(
            names[place],
            f"{len(table.targets):,}",
            cell(*(one.tokens for one in found)),
            cell(*(one.types for one in found)),
            cell(*(one.content for one in found)),
        )
    console = Console()
    console.print(grid)
    first = exact[0]
    console.print(
        ", ".join(
            count_of(share.total, noun)
            for share, noun in (
                (first.tokens, "token"),
                (first.types, "type"),
                (first.content, "content word"),
            )
        ),
        highlight=False,
    )
