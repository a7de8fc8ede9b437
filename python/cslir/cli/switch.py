"""`cslir switch`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from cslir.cli.arguments import Lexicons, Seed, Strict
from cslir.cli.switching_options import (
    LanguageChoice,
    LanguageWeights,
    LemmaFallback,
    MissPolicy,
    Protect,
    StopWords,
    SwitchingArm,
    SwitchStopWords,
    TargetChoice,
    parse_language_weights,
    parse_translation_probs,
)
from cslir.plain_text import plain_json
from cslir.progress import announce, reading

__all__ = ["switch"]


def switch(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A .tsv or .jsonl file, plain or .gz, .zst, .xz, .bz2.")
    ],
    destination: Annotated[
        Path, typer.Argument(metavar="OUT", help="The same layout, switched; plain or .gz, .zst, .xz.")
    ],
    *,
    lexicon: Lexicons = None,
    strict: Strict = False,
    arm: Annotated[
        SwitchingArm,
        typer.Option(
            help="Words into one language, words into several, or titles (CLDR's names are embedded)."
        ),
    ] = "ml-cs",
    translation_prob: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P|FIELD=P",
            help="Chance that a token is chosen: of all, or of one field; repeat. 0.5 if left out, 1 for"
            " wiki-cs.",
        ),
    ] = None,
    language_choice: LanguageChoice = "token",
    language_weight: LanguageWeights = None,
    miss_policy: MissPolicy = "keep",
    target_choice: TargetChoice = "weighted",
    stop_words: StopWords = None,
    switch_stop_words: SwitchStopWords = False,
    lemma_fallback: LemmaFallback = False,
    protect: Protect = True,
    field: Annotated[
        list[str] | None,
        typer.Option(
            help="What to switch: a jsonl key or the number of a tsv column; repeat. title and text, or all"
            " columns but the id, if left out."
        ),
    ] = None,
    no_id: Annotated[
        bool,
        typer.Option("--no-id", help="Records have no id: take the line's number. All columns are texts."),
    ] = False,
    epoch: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Another epoch gives other switches.")] = 0,
    seed: Seed = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="One per core if left out.")] = None,
    spans: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tell what was replaced by what: a .jsonl, plain or .gz, .zst, .xz, with a line for each"
            " record.",
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start afresh, even if an unfinished run could be continued.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON to stdout.")] = False,
) -> None:
    """Code-switch the queries or passages of a file: only the switched words change.

    A record's id is the first column of a tsv line, or _id, id, doc_id or query_id of a jsonl record.
    A run that was interrupted or killed goes on when the same command is given again.
    """
    from cslir.lexicons.embedded_lexicons import parse_lexicons
    from cslir.lexicons.misfits import find_misfits
    from cslir.streaming import summary_record, summary_text, switch_file
    from cslir.switching import Switching, load_lexicons

    specified = parse_lexicons(lexicon or (), titles=arm == "wiki-cs")
    general_prob, field_probs = parse_translation_probs(translation_prob)
    lexicons = load_lexicons(specified, strict=strict, lemma_forms=lemma_fallback, notice=announce)
    switching = Switching(
        lexicons,
        arm=arm,
        translation_prob=general_prob,
        seed=seed,
        language_choice=language_choice,
        language_weights=parse_language_weights(language_weight, lexicons),
        miss_policy=miss_policy,
        target_choice=target_choice,
        stop_words=stop_words or (),
        switch_stop_words=switch_stop_words,
        lemma_fallback=lemma_fallback,
        protect=protect,
    )
    try:
        with reading("switching") as update:
            summary = switch_file(
                source,
                destination,
                switching.switcher,
                fields=field or (),
                translation_probs=field_probs,
                line_ids=no_id,
                epoch=epoch,
                threads=threads,
                spans=spans,
                restart=restart,
                progress=lambda done, total, _: update(done, total),
                notice=announce,
            )
    except KeyboardInterrupt:
        if (part := destination.with_name(f"{destination.name}.part")).exists():
            announce(f"{part} is kept: the same command goes on from there")
        raise
    announce(summary_text(summary))
    for misfit in find_misfits(lexicons, summary.counts, _first_texts(source)):
        announce(f"warning: {misfit.message}; {misfit.remedy}")
    if as_json:
        typer.echo(plain_json(summary_record(summary)))


def _first_texts(source: Path) -> Iterator[str]:
    """Yield some texts of a file, none of a pipe, which is read already."""
    from cslir.lexicons.coverage import read_texts

    if source.is_file():
        yield from islice(read_texts(source), 1000)
