"""`cslir lexicons`."""

from pathlib import Path
from typing import Annotated

import typer

from cslir.progress import announce

__all__ = ["app"]

app = typer.Typer(help="Build and look into bilingual lexicons.", no_args_is_help=True)


@app.command("build")
def build(
    *,
    output: Annotated[Path, typer.Option(help="Folder for one lexicon per pair.")],
    pair: Annotated[
        list[str] | None, typer.Option(help="Language pair such as en-de; repeat. All four if left out.")
    ] = None,
    packages: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the .deb packages, or unpacked ones; fetched through apt if left out."
        ),
    ] = None,
    sources: Annotated[
        int | None, typer.Option(min=1, help="Keep the source words that matter most; all if left out.")
    ] = None,
    targets: Annotated[
        int | None, typer.Option(min=1, help="Keep the best targets of each; all if left out.")
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(help="English text, one per line, whose words matter most; the embedded collection's."),
    ] = None,
    preferred_label: Annotated[
        list[str] | None,
        typer.Option(help="Prefer translations with this label (comp, of Ding, for example); repeat."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Malformed entries are errors.")] = False,
) -> None:
    """Make lexicons from the dictionaries that Debian packages."""
    from cslir.evaluation.settings import parse_pair
    from cslir.lexicons import EMBEDDED_PAIRS, build_lexicons

    reports = build_lexicons(
        [parse_pair(one) for one in pair] if pair else EMBEDDED_PAIRS,
        packages=packages,
        output=output,
        source_texts=_texts(texts),
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
            announce(f"{report.skipped.count:,} malformed entries skipped in all")
        typer.echo(f"{report.path}\t{report.sources:,} sources, {report.entries:,} entries")


@app.command("coverage")
def coverage(
    lexicon: Annotated[str, typer.Argument(metavar="PAIR[=FILE]", help="A lexicon, such as en-de=FILE.")],
    texts: Annotated[
        Path | None, typer.Argument(help="Text, one per line; the embedded collection's English if left out.")
    ] = None,
) -> None:
    """Print the share of a text's tokens and types that a lexicon covers."""
    from cslir.cli.arguments import parse_lexicons
    from cslir.lexicons import coverage as measure
    from cslir.switching import load_lexicon

    ((source, target, path),) = parse_lexicons([lexicon])
    entries = load_lexicon(path, source, target).entries()
    triples = ((entry, word, weight) for entry, targets in entries for word, weight in targets)
    covered = measure(triples, _texts(texts))
    typer.echo(
        f"{source}-{target}: {100 * covered.token_share:.1f}% of {covered.tokens:,} tokens,"
        f" {100 * covered.type_share:.1f}% of {covered.types:,} types"
    )


def _texts(path: Path | None) -> list[str]:
    """Return the lines of a file, or the embedded collection's English training texts."""
    if path is not None:
        from cslir.files import read_lines

        return [line for _, line in read_lines(path)]
    from cslir.datasets import load_embedded

    pairs = load_embedded().train()
    return [text for pair in pairs for text in (pair.query.text, pair.positive.full_text)]
