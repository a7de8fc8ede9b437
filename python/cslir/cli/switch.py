"""`cslir switch`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cslir.cli.arguments import Lexicons, Seed, TranslationProb, parse_lexicons
from cslir.progress import announce, counting

__all__ = ["switch"]


def switch(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A .tsv or .jsonl file, plain or compressed.")],
    destination: Annotated[Path, typer.Argument(metavar="OUT", help="The same layout, switched (.gz, .xz).")],
    *,
    lexicon: Lexicons = None,
    arm: Annotated[
        Literal["bl-cs", "ml-cs"], typer.Option(help="One target language, or several.")
    ] = "ml-cs",
    translation_prob: TranslationProb = 0.5,
    miss_policy: Annotated[
        Literal["keep", "redraw"],
        typer.Option(
            help="A drawn language that lacks the word: keep the word, or draw among those that have it."
        ),
    ] = "keep",
    field: Annotated[
        list[str] | None, typer.Option(help="jsonl field to switch; repeat. title and text if left out.")
    ] = None,
    epoch: Annotated[int, typer.Option(min=0, help="Another epoch gives other switches.")] = 0,
    seed: Seed = 1,
) -> None:
    """Code-switch the queries or passages of a file: only the switched words change.

    The first column of a tsv line, or `_id` of a jsonl record, is its id and stays.
    """
    from cslir.errors import InputError
    from cslir.streaming import switch_file
    from cslir.switching import Switcher, load_lexicon

    lexicons = parse_lexicons(lexicon)
    if arm == "bl-cs" and len(lexicons) != 1:
        raise InputError("bl-cs takes one lexicon", remedy="give one --lexicon, or --arm ml-cs")
    switcher = Switcher(
        [load_lexicon(path, source, target) for source, target, path in lexicons],
        translation_prob=translation_prob,
        seed=seed,
        miss_policy=miss_policy,
    )
    with counting("switching", "records") as update:
        counts = switch_file(
            source,
            destination,
            switcher,
            source_language=lexicons[0][0],
            fields=tuple(field) if field else ("title", "text"),
            epoch=epoch,
            progress=lambda done: update(done, None),
        )
    by_language = ", ".join(
        f"{language} {number:,}" for language, number in sorted(counts.switched_by_language.items())
    )
    announce(
        f"{counts.records:,} records, {counts.tokens:,} tokens, {counts.switched:,} switched"
        f" (switch_rate {counts.switch_rate:.3f}: {by_language or 'none'})"
    )
