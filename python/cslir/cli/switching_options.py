"""The options of code-switching, and their parsing into what the core takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cslir.languages import language_label

if TYPE_CHECKING:
    from cslir.switching import Lexicon

__all__ = [
    "LanguageChoice",
    "LanguageWeights",
    "LemmaFallback",
    "MissPolicy",
    "Protect",
    "StopWords",
    "SwitchStopWords",
    "SwitchingArm",
    "TargetChoice",
    "parse_language_weights",
    "parse_translation_probs",
]

SwitchingArm = Literal["bl-cs", "ml-cs", "wiki-cs"]

LanguageChoice = Annotated[
    Literal["token", "text"],
    typer.Option("--language-choice", help="Draw the language for each token, or once for a text."),
]
LanguageWeights = Annotated[
    list[str] | None,
    typer.Option(
        "--language-weight",
        metavar="LANGUAGE=WEIGHT",
        help="Weight of a language in the draw, such as de=2; 1 for those left out. Repeat.",
    ),
]
MissPolicy = Annotated[
    Literal["keep", "redraw"],
    typer.Option(
        "--miss-policy",
        help="A drawn language that lacks the word: keep the word, or draw among those that have it.",
    ),
]
TargetChoice = Annotated[
    Literal["weighted", "best"],
    typer.Option("--target-choice", help="Draw a word's translation by weight, or take the heaviest."),
]
StopWords = Annotated[
    str | None,
    typer.Option(
        "--stop-words",
        metavar="LANGUAGE_OR_FILE",
        help="Words that are no content and not switched by themselves: a language's list, or a file with"
        " one a line.",
    ),
]
SwitchStopWords = Annotated[
    bool, typer.Option("--switch-stop-words", help="Switch stop words too; they are counted all the same.")
]
LemmaFallback = Annotated[
    bool,
    typer.Option("--lemma-fallback", help="Look a word out of lexicon up by its base form."),
]
Protect = Annotated[
    bool,
    typer.Option("--protect/--no-protect", help="Leave URLs, e-mail addresses, numbers and code alone."),
]


def parse_translation_probs(given: Sequence[str] | None) -> tuple[float | None, dict[str, float]]:
    """Return the chance that a token is chosen, None where it is left out, and that of single fields.

    Args:
        given: Each `P`, or `FIELD=P`.

    Raises:
        BadParameter: One is no number from 0 to 1, or is given twice.
    """
    general: float | None = None
    by_field: dict[str, float] = {}
    for text in given or ():
        field, equals, number = text.rpartition("=")
        try:
            translation_prob = float(number)
        except ValueError:
            translation_prob = -1.0
        if not 0.0 <= translation_prob <= 1.0 or bool(equals) != bool(field):
            raise typer.BadParameter(
                f"{text!r} is neither P nor FIELD=P, with P from 0 to 1.", param_hint="'--translation-prob'"
            )
        if field in by_field or (not field and general is not None):
            raise typer.BadParameter(f"{text!r} is given twice.", param_hint="'--translation-prob'")
        if field:
            by_field[field] = translation_prob
        else:
            general = translation_prob
    return general, by_field


def parse_language_weights(
    given: Sequence[str] | None, lexicons: "Sequence[Lexicon]"
) -> dict[str, float] | None:
    """Return the weights that are given, by language; None without any.

    Args:
        given: Each `LANGUAGE=WEIGHT`.
        lexicons: Whose target languages have weights.

    Raises:
        BadParameter: One is no language of a lexicon with a number of 0 or more, or is given twice.
    """
    languages = [language_label(one.target_language) for one in lexicons]
    weights: dict[str, float] = {}
    for text in given or ():
        language, _, number = text.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        hint = "'--language-weight'"
        if not 0.0 <= weight < float("inf"):
            raise typer.BadParameter(
                f"{text!r} is not LANGUAGE=WEIGHT, with a weight of 0 or more.", param_hint=hint
            )
        language = language_label(language)
        if language not in languages:
            known = ", ".join(languages) or "none"
            raise typer.BadParameter(f"no lexicon for {language!r}; there are {known}.", param_hint=hint)
        if language in weights:
            raise typer.BadParameter(f"{language!r} is given twice.", param_hint=hint)
        weights[language] = weight
    return weights or None
