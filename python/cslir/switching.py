"""Code-switching of records: lexicons from files, and fresh switches for every training epoch.

`Lexicon` and `Switcher` are the Rust core's. A token is chosen with `translation_prob` and replaced by its
translation in a language drawn for it (ML-CS; with one lexicon BL-CS), after equations 1 and 2 of Litschko et
al., "Boosting Zero-shot Cross-lingual Retrieval by Training on Artificially Code-Switched Data"
(arXiv 2305.05295). Whatever is not switched stays byte for byte as it was.
"""

import gc
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import cached_property
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from cslir._core import Lexicon, Span, SwitchCounts, Switched, Switcher
from cslir.errors import InputError, UnknownNameError
from cslir.languages import language_label
from cslir.plain_text import plain_text
from cslir.records import Example, Passage, Query
from cslir.shell import own_command

if TYPE_CHECKING:
    from datasets import Dataset as HuggingFaceDataset

    from cslir.lexicons.translations import SkippedLines
    from cslir.training.collator import SwitchingCollator

__all__ = [
    "Augmenter",
    "Lexicon",
    "Lexicons",
    "Span",
    "SwitchCounts",
    "Switched",
    "Switcher",
    "Switching",
    "SwitchingArm",
    "SwitchingTotals",
    "load_lexicon",
    "load_lexicons",
    "open_lexicons",
]

SwitchingArm = Literal["bl-cs", "ml-cs", "wiki-cs"]
Lexicons = str | Lexicon | Sequence[str | Lexicon] | Mapping[str, str | PathLike[str]]
"""Lexicons as a caller gives them; see `Switching`."""
_CHOICES: dict[str, tuple[str, ...]] = {
    "arm": get_args(SwitchingArm),
    "language_choice": ("token", "text"),
    "miss_policy": ("keep", "redraw"),
    "target_choice": ("weighted", "best"),
}


def load_lexicon(
    path: str | PathLike[str],
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
    path = Path(path)
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
        named = f"{source_language}-{target_language}={path}"
        command = own_command("lexicons", "build", named, "--lemma-forms", "--output", "NAME.cslex")
        raise InputError(
            "holds no inflected forms, which the lemma fallback needs",
            path=path,
            remedy=f"compile it: {command}",
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


def open_lexicons(lexicons: Lexicons, *, titles: bool = False, lemma_forms: bool = False) -> list[Lexicon]:
    """Return lexicons, those opened that are named.

    Args:
        lexicons: As `Switching` takes them; none gives none.
        titles: A pair means the embedded lexicon of names.
        lemma_forms: As `load_lexicon` has it.

    Raises:
        InputError: One is neither a name nor a lexicon, or can't be opened.
    """
    given: list[object]
    if isinstance(lexicons, Mapping):
        given = [
            f"{pair}={fspath(file)}" if isinstance(file, str | PathLike) else file
            for pair, file in lexicons.items()
        ]
    elif isinstance(lexicons, str) or not isinstance(lexicons, Iterable):
        given = [lexicons]
    else:
        given = list(lexicons)
    listed = [one for one in given if isinstance(one, str | Lexicon)]
    if len(listed) < len(given):
        unknown = next(one for one in given if not isinstance(one, str | Lexicon))
        raise InputError(
            f"`lexicons` can't hold {unknown!r}",
            remedy="name a pair, 'en-de', or a file with its pair, 'en-de=FILE' or {'en-de': FILE}",
        )
    names = [one for one in listed if isinstance(one, str)]
    if not names:
        return [one for one in listed if isinstance(one, Lexicon)]
    from cslir.lexicons.embedded_lexicons import parse_lexicons

    opened = iter(load_lexicons(parse_lexicons(names, titles=titles), lemma_forms=lemma_forms))
    return [next(opened) if isinstance(one, str) else one for one in listed]


@dataclass(frozen=True, eq=False)
class Switching:
    """Code-switching, defined once: lexicons, options and a seed; for texts, batches, datasets and training.

    A token is chosen with `translation_prob` and replaced by its translation in a language drawn for it,
    after equations 1 and 2 of Litschko et al. (arXiv 2305.05295): ML-CS with several lexicons, BL-CS with
    one, Wiki-CS with lexicons of titles. What is drawn depends on (seed, epoch, record id, field) alone:
    order, batches and threads are irrelevant, and the same arguments give the same text.

    Args:
        lexicons: Of one source language. Each a pair such as `en-de` (the embedded lexicon), `en-de=FILE`
            (any format that is read), or a `Lexicon`; or a mapping of pairs to files. All embedded ones if
            left out.
        arm: `bl-cs` takes one lexicon; with `wiki-cs` the embedded lexicons are those of names.
        translation_prob: Chance that a token is chosen, 0 to 1; 0.5 if None, 1 for `wiki-cs`.
        query_translation_prob: That of queries, if it is another.
        passage_translation_prob: That of passages, if it is another.
        language_choice: Draw the language for each `token` or once for a `text`.
        language_weights: Weight by target language in the draw, 1 for those left out.
        miss_policy: What happens to a token that the drawn language lacks: `keep` it, as in the paper, or
            `redraw` among the languages that have it.
        target_choice: Draw one target of an entry by its weight, `weighted`, or take the `best`.
        stop_words: Words that are not switched by themselves; or a language, whose list is taken, or a file
            with one a line.
        switch_stop_words: Switch them too.
        lemma_fallback: Look a word out of lexicon up by its base form.
        protect: Leave URLs, e-mail addresses, numbers and code alone.
        seed: Start of all draws, 0 to 2^64 - 1.

    Raises:
        MissingFileError: A lexicon or a file of stop words is not there.
        UnknownNameError: No such arm or choice, or no such lexicon is embedded.
        DamagedFileError: A lexicon is damaged.
        InputError: An option is out of range, or a lexicon is of another source language.

    Example:
        >>> german = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)])])
        >>> switching = Switching([german], arm="bl-cs", translation_prob=1.0)
        >>> switching("Red house, red House")
        'Red Haus, red Haus'
        >>> [span.language for span in switching.spans("red house")]
        ['de']
    """

    lexicons: Lexicons = ()
    _: KW_ONLY
    arm: SwitchingArm = "ml-cs"
    translation_prob: float | None = None
    query_translation_prob: float | None = None
    passage_translation_prob: float | None = None
    language_choice: Literal["token", "text"] = "token"
    language_weights: Mapping[str, float] | None = None
    miss_policy: Literal["keep", "redraw"] = "keep"
    target_choice: Literal["weighted", "best"] = "weighted"
    stop_words: str | PathLike[str] | Sequence[str] = ()
    switch_stop_words: bool = False
    lemma_fallback: bool = False
    protect: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise UnknownNameError(
                    f"no {name.replace('_', ' ')} named {value}", remedy=f"choose among {', '.join(choices)}"
                )
        for name in ("translation_prob", "query_translation_prob", "passage_translation_prob"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and 0 <= float(value) <= 1):
                raise InputError(f"{name.replace('_', ' ')} must be between 0 and 1, not {value!r}")
        if not (isinstance(self.seed, Integral) and 0 <= self.seed < 2**64):
            raise InputError(f"seed must be between 0 and 2^64 - 1, not {self.seed!r}")
        if not isinstance(self.language_weights, Mapping | None):
            raise InputError("`language_weights` is no mapping", remedy="write {'de': 2.0}")
        for language, weight in (self.language_weights or {}).items():
            if not (isinstance(weight, Real) and math.isfinite(weight) and weight >= 0):
                raise InputError(f"weight of {language} must be 0 or more, not {weight!r}")
        titles, lemma_forms = self.arm == "wiki-cs", self.lemma_fallback
        lexicons = open_lexicons(self.lexicons, titles=titles, lemma_forms=lemma_forms)
        if self.arm == "bl-cs" and len(lexicons) != 1:
            raise InputError(f"bl-cs needs one lexicon, not {len(lexicons)}")
        if not lexicons:
            from cslir.lexicons.embedded_lexicons import parse_lexicons

            lexicons = load_lexicons(parse_lexicons(titles=titles), lemma_forms=lemma_forms)
        settled: dict[str, object] = {"lexicons": tuple(lexicons)}
        if self.translation_prob is None:
            settled["translation_prob"] = 1.0 if self.arm == "wiki-cs" else 0.5
        if isinstance(self.stop_words, str | PathLike):
            from cslir.lexicons.stop_words import stop_words

            settled["stop_words"] = tuple(stop_words(fspath(self.stop_words)))
        else:
            settled["stop_words"] = tuple(self.stop_words)
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        self._switcher(None)  # what does not go together is refused now

    def __getstate__(self) -> dict[str, Any]:
        # Not what was made of the options since: the cache of `datasets` knows a call by its bytes.
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def __eq__(self, other: object) -> bool:
        """Whether the options are the same, and the lexicons hold the same entries and forms."""
        if not isinstance(other, Switching):
            return NotImplemented
        return self.to_json() == other.to_json() and all(
            one is two or (one.entries() == two.entries() and one.forms() == two.forms())
            for one, two in zip(self.loaded, other.loaded, strict=True)
        )

    def __hash__(self) -> int:
        return hash((self.languages, self.arm, self.translation_prob, self.seed))

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The target languages, in the order of the lexicons."""
        return tuple(language_label(one.target_language) for one in self.loaded)

    @property
    def loaded(self) -> Sequence[Lexicon]:
        """The lexicons, opened."""
        return self.lexicons  # type: ignore[return-value]

    def _switcher(self, translation_prob: float | None) -> Switcher:
        weights = {language_label(one): weight for one, weight in (self.language_weights or {}).items()}
        for language in weights:
            if language not in self.languages:
                raise UnknownNameError(
                    f"no lexicon for the weight of {language!r}; there are {', '.join(self.languages)}",
                    remedy="give weights to languages of lexicons",
                )
        return Switcher(
            self.loaded,
            translation_prob=self.translation_prob if translation_prob is None else translation_prob,  # type: ignore[arg-type]
            seed=self.seed,
            language_choice=self.language_choice,
            miss_policy=self.miss_policy,
            target_choice=self.target_choice,
            language_weights=[weights.get(one, 1.0) for one in self.languages] if weights else None,
            stop_words=self.stop_words,  # type: ignore[arg-type]
            switch_stop_words=self.switch_stop_words,
            lemma_fallback=self.lemma_fallback,
            protect=self.protect,
        )

    @cached_property
    def switcher(self) -> Switcher:
        """The core's switcher for texts that are neither queries nor passages."""
        return self._switcher(None)

    @cached_property
    def query_switcher(self) -> Switcher:
        """The core's switcher for queries."""
        return self._switcher(self.query_translation_prob)

    @cached_property
    def passage_switcher(self) -> Switcher:
        """The core's switcher for passages."""
        return self._switcher(self.passage_translation_prob)

    @overload
    def __call__(self, texts: str, ids: str | None = None, *, field: str = "text", epoch: int = 0) -> str: ...
    @overload
    def __call__(
        self,
        texts: list[str] | tuple[str, ...],
        ids: Sequence[str] | None = None,
        *,
        field: str = "text",
        epoch: int = 0,
    ) -> list[str]: ...
    def __call__(
        self,
        texts: str | list[str] | tuple[str, ...],
        ids: str | Sequence[str] | None = None,
        *,
        field: str = "text",
        epoch: int = 0,
    ) -> str | list[str]:
        """Return a text switched, or a list of texts.

        Args:
            texts: One text, or several.
            ids: The record id of each; their numbers from 0 if None.
            field: Of the record; another field of the same record draws anew.
            epoch: From 0; another epoch draws anew.

        Raises:
            InputError: One is no text, there are not as many ids as texts, or one text has a list of ids or
                the other way round.
        """
        if ids is not None and isinstance(texts, str) != isinstance(ids, str):
            needed = (
                "one id, since `texts` is one text" if isinstance(texts, str) else "a list, one id a text"
            )
            raise InputError(f"`ids` must be {needed}, not {ids!r}")
        if isinstance(texts, str):
            return self.switched(texts, ids if isinstance(ids, str) else "0", field=field, epoch=epoch).text
        given = list(texts) if isinstance(texts, Iterable) else [texts]
        _require_texts(given, epoch)
        names = [str(number) for number in range(len(given))] if ids is None else list(ids)
        return self.switcher.switch_batch(given, names, field=field, epoch=epoch)[0]

    def switched(self, text: str, record_id: str = "0", *, field: str = "text", epoch: int = 0) -> Switched:
        """Return a text switched, with its `spans` and `counts`.

        Args:
            text: Of any length.
            record_id: Of the text, on which the draws depend.
            field: Of the record, likewise.
            epoch: From 0, likewise.

        Raises:
            InputError: It is no text, or the epoch is no number from 0 on.
        """
        _require_texts([text], epoch)
        return self.switcher.switch_with_spans(text, record_id, field=field, epoch=epoch)

    def spans(self, text: str, record_id: str = "0", *, field: str = "text", epoch: int = 0) -> list[Span]:
        """Return what is replaced by what in a text, in its order; arguments as for `switched`.

        The positions of a span count characters of the text before and after, as Python does; `source_bytes`
        and `target_bytes` count bytes of UTF-8. The text between two spans is the same in both.
        """
        return self.switched(text, record_id, field=field, epoch=epoch).spans

    def augmenter(self, *, threads: int | None = None) -> "Augmenter":
        """Return what switches training examples anew in every epoch, and adds up what it switched.

        Args:
            threads: For a batch; one per core if None.
        """
        return Augmenter(self, threads=threads)

    def map(
        self,
        dataset: "HuggingFaceDataset",
        columns: str | Sequence[str],
        *,
        epoch: int = 0,
        id_column: str | None = None,
    ) -> "HuggingFaceDataset":
        """Return a Hugging Face `Dataset` with columns of texts switched.

        Args:
            dataset: A `datasets.Dataset` (or anything with its `map`).
            columns: Of texts, or the name of one; each is a field of its own.
            epoch: Another epoch draws anew.
            id_column: Holds the record ids; the rows' numbers if None.

        Raises:
            KeyError: There is no such column.

        Example:
            >>> from datasets import Dataset
            >>> german = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)])])
            >>> rows = Dataset.from_dict({"query": ["a house"], "positive": ["the house"]})
            >>> Switching([german], translation_prob=1.0).map(rows, ["query"])[0]
            {'query': 'a Haus', 'positive': 'the house'}
        """
        named = [columns] if isinstance(columns, str) else columns

        def switch(batch: Mapping[str, Sequence[str]], rows: Sequence[int]) -> dict[str, list[str]]:
            ids = [str(one) for one in (batch[id_column] if id_column else rows)]
            return {name: self(list(batch[name]), ids, field=name, epoch=epoch) for name in named}

        return dataset.map(switch, batched=True, with_indices=True)

    def collator(
        self,
        collate: Callable[[list[dict[str, Any]]], Any],
        columns: Sequence[str] | None = None,
        *,
        id_column: str | None = None,
    ) -> "SwitchingCollator":
        """Return what switches the texts of each batch anew in every epoch, for a training of your own.

        With sentence-transformers give it to the trainer twice, as `data_collator` and as one of the
        `callbacks`, by which it hears of the epochs; in a loop of your own call its `set_epoch(epoch)`. What
        is drawn depends on (seed, epoch, record id, column) alone: batches, order and workers are
        irrelevant. Needs transformers: `pip install 'cslir[train]'`.

        Args:
            collate: Makes a batch of the rows, which are dicts:
                `SentenceTransformerDataCollator(model.preprocess)`, for one.
            columns: Of texts to switch; all but labels and ids if None. The first column of a row, which the
                losses of sentence-transformers take for the query, is switched with `query_translation_prob`,
                the others with `passage_translation_prob`.
            id_column: Holds the record ids; `collate` does not see it. If None, texts are their own ids: one
                that is in several rows is switched alike in all.

        Example:
            >>> german = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)])])
            >>> switching = Switching([german], translation_prob=1.0)
            >>> switching.collator(list)([{"query": "a house", "positive": "the house", "label": 1}])
            [{'query': 'a Haus', 'positive': 'the Haus', 'label': 1}]
        """
        from cslir.training.collator import SwitchingCollator

        return SwitchingCollator(self, collate, columns, id_column)

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON values, with the language pairs of the lexicons."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "lexicons"}
        pairs = [f"{one.source_language}-{one.target_language}" for one in self.loaded]
        weights = None if self.language_weights is None else dict(self.language_weights)
        words: Sequence[str] = self.stop_words  # type: ignore[assignment]
        return {**values, "lexicons": pairs, "stop_words": list(words), "language_weights": weights}


def _require_texts(texts: Sequence[Any], epoch: object) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"{text!r:.60} is no text", remedy="give a text or a list of texts")
    if not (isinstance(epoch, Integral) and int(epoch) >= 0):
        raise InputError(f"`epoch` must be a whole number from 0 on, not {epoch!r}")


class Augmenter:
    """Makes fresh code-switched training examples for every epoch; made by `Switching.augmenter`.

    A passage that is in several examples of an epoch is switched alike in all. The fields are `query`,
    `title` and `text`.

    Example:
        >>> german = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)])])
        >>> switching = Switching([german], query_translation_prob=1.0, passage_translation_prob=0.0)
        >>> switching.augmenter().queries([Query("q1", "red house")], epoch=0)[0].text
        'red Haus'
    """

    def __init__(self, switching: Switching, *, threads: int | None = None) -> None:
        self._queries, self._passages = switching.query_switcher, switching.passage_switcher
        self._threads = threads
        self.totals = SwitchingTotals()
        """What was switched so far."""

    def __call__(self, examples: Sequence[Example], epoch: int) -> tuple[list[str], list[str]]:
        """Return the queries and the positives' full texts of a batch of examples, switched for an epoch."""
        switched = self.examples(examples, epoch=epoch)
        return [one.query.text for one in switched], [one.positive.full_text for one in switched]

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
