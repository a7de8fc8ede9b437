"""Code-switching of records: lexicons from files, and fresh switches for every training epoch.

`Lexicon` and `Switcher` are the Rust core's. A token is chosen with `translation_prob` and replaced by its
translation in a language drawn for it (ML-CS; with one lexicon BL-CS), after equations 1 and 2 of Litschko et
al., "Boosting Zero-shot Cross-lingual Retrieval by Training on Artificially Code-Switched Data"
(arXiv 2305.05295). Whatever is not switched stays byte for byte as it was.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cslir._core import Lexicon, Span, SwitchCounts, Switched, Switcher
from cslir.errors import InputError
from cslir.languages import language_label
from cslir.plain_text import plain_text
from cslir.records import Example, Passage, Query
from cslir.shell import own_command

if TYPE_CHECKING:
    from cslir.lexicons.translations import SkippedLines

__all__ = [
    "Augmenter",
    "Lexicon",
    "Span",
    "SwitchCounts",
    "Switched",
    "Switcher",
    "SwitchingTotals",
    "load_lexicon",
    "load_lexicons",
    "weights_by_language",
]


def weights_by_language(
    lexicons: Sequence[Lexicon], weights: Mapping[str, float] | None
) -> list[float] | None:
    """Return the weight of each lexicon's language in the draw, 1 for those left out; None for equal ones.

    Raises:
        InputError: A language has no lexicon.
    """
    if not weights:
        return None
    languages = [language_label(lexicon.target_language) for lexicon in lexicons]
    weights = {language_label(language): weight for language, weight in weights.items()}
    for language in weights:
        if language not in languages:
            raise InputError(
                f"no lexicon for the weight of {language!r}; there are {', '.join(languages)}",
                remedy="give weights to languages of lexicons",
            )
    return [weights.get(language, 1.0) for language in languages]


def load_lexicon(
    path: Path,
    source_language: str,
    target_language: str,
    *,
    format: str | None = None,  # noqa: A002
    skipped: "SkippedLines | None" = None,
    licence: str = "",
    provenance: str = "",
    lemma_forms: bool = False,
) -> Lexicon:
    """Open a compiled lexicon, or compile one from a lexicon or dictionary file of any format that is read.

    Sources that can match no text, such as punctuation, are left out and counted in `Lexicon.left_out`.

    Args:
        path: A `.cslex` file (known by its first bytes, not its name), or what `read_lexicon` reads.
        source_language: Its code; a compiled lexicon must agree.
        target_language: Its code; a compiled lexicon must agree.
        format: One of `cslir.lexicons.readers.FORMATS`; None finds it by name and contents.
        skipped: Receives malformed lines; None makes the first one an error.
        licence: Kept in a lexicon compiled here.
        provenance: Kept likewise; the file's name where empty.
        lemma_forms: Require inflected forms, for the switcher's `lemma_fallback`. A compiled lexicon must
            hold them; one compiled here gets those of `cslir.lexicons.inflection.rule_forms`.

    Raises:
        InputError: The file is missing or damaged, has other languages or no entry, a line is malformed, or
            there are no forms though they are required.
    """
    from cslir.lexicons.readers import read_lexicon
    from cslir.lexicons.readers.detection import is_compiled

    path = Path(path)
    if format not in (None, "cslex") or not is_compiled(path):
        read = read_lexicon(path, source_language, target_language, format=format, skipped=skipped)
        entries = _grouped(read)
        provenance = provenance or plain_text(path.name)
        try:
            forms: list[tuple[str, str]] = []
            if lemma_forms:
                from cslir.lexicons.inflection import RULE_SOURCES, rule_forms

                forms = list(rule_forms((source for source, _ in entries), source_language))
                provenance += f"; lemma forms by {RULE_SOURCES}"
            return Lexicon.from_entries(
                source_language, target_language, entries, licence=licence, provenance=provenance, forms=forms
            )
        except InputError as error:
            raise InputError(error.message, path=path, remedy=error.remedy) from None
    lexicon = Lexicon.open(path)
    found = (lexicon.source_language, lexicon.target_language)
    if tuple(map(language_label, found)) != tuple(map(language_label, (source_language, target_language))):
        raise InputError(
            f"lexicon for {'-'.join(found)}, {source_language}-{target_language} was asked for",
            path=path,
            remedy="name the language pair of the file",
        )
    if lemma_forms and not lexicon.form_count:
        pair, compiling = f"{source_language}-{target_language}", ("--lemma-forms", "--output", "NAME.cslex")
        raise InputError(
            "holds no inflected forms, which the lemma fallback needs",
            path=path,
            remedy=f"compile it: {own_command('lexicons', 'build', f'{pair}={path}', *compiling)}",
        )
    return lexicon


def load_lexicons(
    files: Iterable[tuple[str, str, Path]],
    *,
    strict: bool = True,
    lemma_forms: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> list[Lexicon]:
    """Open or compile lexicons, as `load_lexicon` does each, with or without their malformed lines.

    Args:
        files: Source language, target language and file of each.
        strict: Make the first malformed line an error; otherwise such lines are skipped and told.
        lemma_forms: As `load_lexicon` has it.
        notice: Receives the first ten skipped lines of each file, with their place, and the number of all.

    Raises:
        InputError: As `load_lexicon`.
    """
    from cslir.lexicons.translations import SkippedLines

    lexicons = []
    for source, target, path in files:
        skipped = SkippedLines(strict)
        try:
            lexicons.append(load_lexicon(path, source, target, skipped=skipped, lemma_forms=lemma_forms))
        finally:
            skipped.report(path, notice)
    return lexicons


def _grouped(entries: Iterable[tuple[str, str, float]]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return entries as the core takes them, neighbours of one source together.

    Millions of small tuples that all stay alive set off the garbage collector again and again, to no avail.
    """
    grouped: list[tuple[str, list[tuple[str, float]]]] = []
    last: str | None = None
    targets: list[tuple[str, float]] = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        for source, target, weight in entries:
            if source != last:
                last, targets = source, []
                grouped.append((source, targets))
            targets.append((target, weight))
    finally:
        if collecting:
            gc.enable()
    return grouped


@dataclass
class SwitchingTotals:
    """The sums of `SwitchCounts` over many batches."""

    tokens: int = 0
    content: int = 0
    switched: int = 0
    content_switched: int = 0
    lemmas: int = 0
    missed: int = 0
    switched_by_language: Counter[str] = field(default_factory=Counter)
    missed_by_language: Counter[str] = field(default_factory=Counter)

    def add(self, counts: "SwitchCounts | SwitchingTotals") -> None:
        """Add the counts of a batch."""
        self.tokens += counts.tokens
        self.content += counts.content
        self.switched += counts.switched
        self.content_switched += counts.content_switched
        self.lemmas += counts.lemmas
        self.missed += counts.missed
        self.switched_by_language.update(counts.switched_by_language)
        self.missed_by_language.update(counts.missed_by_language)

    def to_json(self) -> dict[str, Any]:
        """Return the sums, and the shares of all and of content tokens that were switched."""
        return {
            "tokens": self.tokens,
            "content": self.content,
            "switched": self.switched,
            "content_switched": self.content_switched,
            "lemmas": self.lemmas,
            "missed": self.missed,
            "switched_by_language": dict(sorted(self.switched_by_language.items())),
            "missed_by_language": dict(sorted(self.missed_by_language.items())),
            "switch_rate": self.switched / self.tokens if self.tokens else 0.0,
            "content_switch_rate": self.content_switched / self.content if self.content else 0.0,
        }

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "SwitchingTotals":
        """Return the sums that `to_json` gave."""
        return cls(
            tokens=content["tokens"],
            content=content["content"],
            switched=content["switched"],
            content_switched=content["content_switched"],
            lemmas=content["lemmas"],
            missed=content["missed"],
            switched_by_language=Counter(content["switched_by_language"]),
            missed_by_language=Counter(content["missed_by_language"]),
        )


class Augmenter:
    """Makes fresh code-switched training examples for every epoch.

    A text's switches depend on (seed, epoch, record id, field) alone: a passage that is in several examples
    of an epoch is switched alike in all, and the order of examples, batches and threads is irrelevant. The
    fields are `query`, `title` and `text`.

    Args:
        lexicons: One for BL-CS, several for ML-CS; all of one source language.
        query_translation_prob: Chance that a token of a query is chosen, 0 to 1.
        passage_translation_prob: Chance that a token of a passage is chosen, 0 to 1.
        seed: Start of all draws.
        language_choice: Draw the language for each `token` or once for a `text`.
        miss_policy: What happens to a token that the drawn language lacks: `keep` it, as in the paper, or
            `redraw` among the languages that have it.
        target_choice: Take the `best` target of an entry or draw one, `weighted`.
        language_weights: Weight of each lexicon's language in the draw; equal where None.
        stop_words: Words that are not switched by themselves.
        switch_stop_words: Switch them too.
        lemma_fallback: Look a word out of lexicon up by its base form; the lexicons need forms for it.
        protect: Leave URLs, e-mail addresses, numbers and code alone.
        threads: Threads to switch with; None for one per core.

    Raises:
        InputError: An option is out of range.

    Example:
        >>> german = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)])])
        >>> augmenter = Augmenter([german], query_translation_prob=1.0, passage_translation_prob=0.0, seed=1)
        >>> augmenter.queries([Query("q1", "red house")], epoch=0)[0].text
        'red Haus'
    """

    def __init__(
        self,
        lexicons: Sequence[Lexicon],
        *,
        query_translation_prob: float,
        passage_translation_prob: float,
        seed: int,
        language_choice: Literal["token", "text"] = "token",
        miss_policy: Literal["keep", "redraw"] = "keep",
        target_choice: Literal["weighted", "best"] = "weighted",
        language_weights: Sequence[float] | None = None,
        stop_words: Sequence[str] = (),
        switch_stop_words: bool = False,
        lemma_fallback: bool = False,
        protect: bool = True,
        threads: int | None = None,
    ) -> None:
        def switcher(translation_prob: float) -> Switcher:
            return Switcher(
                lexicons,
                translation_prob=translation_prob,
                seed=seed,
                language_choice=language_choice,
                miss_policy=miss_policy,
                target_choice=target_choice,
                language_weights=language_weights,
                stop_words=stop_words,
                switch_stop_words=switch_stop_words,
                lemma_fallback=lemma_fallback,
                protect=protect,
            )

        self._queries = switcher(query_translation_prob)
        self._passages = switcher(passage_translation_prob)
        self._threads = threads
        self.totals = SwitchingTotals()
        """What was switched so far."""

    def queries(self, queries: Sequence[Query], *, epoch: int) -> list[Query]:
        """Return the queries with their texts switched for an epoch."""
        texts = self._switch(self._queries, [(q.query_id, q.text) for q in queries], "query", epoch)
        return [query._replace(text=text) for query, text in zip(queries, texts, strict=True)]

    def passages(self, passages: Sequence[Passage], *, epoch: int) -> list[Passage]:
        """Return the passages with their titles and texts switched for an epoch."""
        texts = self._switch(self._passages, [(p.doc_id, p.text) for p in passages], "text", epoch)
        titles = self._switch(self._passages, [(p.doc_id, p.title) for p in passages], "title", epoch)
        return [
            passage._replace(text=text, title=title)
            for passage, text, title in zip(passages, texts, titles, strict=True)
        ]

    def examples(self, examples: Sequence[Example], *, epoch: int) -> list[Example]:
        """Return the examples with queries, positives and negatives switched for an epoch."""
        queries = self.queries([example.query for example in examples], epoch=epoch)
        unswitched = [passage for example in examples for passage in (example.positive, *example.negatives)]
        passages = iter(self.passages(unswitched, epoch=epoch))
        return [
            Example(query, next(passages), tuple(next(passages) for _ in example.negatives))
            for example, query in zip(examples, queries, strict=True)
        ]

    def _switch(self, switcher: Switcher, texts: list[tuple[str, str]], field: str, epoch: int) -> list[str]:
        switched, counts = switcher.switch_batch(
            [text for _, text in texts],
            [record_id for record_id, _ in texts],
            field=field,
            epoch=epoch,
            threads=self._threads,
        )
        self.totals.add(counts)
        return switched
