"""From packaged dictionaries to lexicon files: read, pool by language pair, choose sources, rank targets."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from cslir.errors import InputError, MissingExtraError, UnknownNameError
from cslir.languages import known_as
from cslir.lexicons.cleaning import TARGET_TOKENS_LIMIT
from cslir.lexicons.entries import LexiconEntry, tokens_of, write_entries
from cslir.lexicons.inflection import base_forms
from cslir.lexicons.provenance import write_provenance
from cslir.lexicons.ranking import (
    Route,
    TranslationTable,
    ZipfFrequency,
    rank,
)
from cslir.lexicons.sources import (
    DICTIONARIES,
    FoundDictionary,
    dictionaries_between,
    fetch_packages,
    locate,
    read_dictionary,
)
from cslir.lexicons.translations import SHOWN_LIMIT, SkippedLines
from cslir.plurals import count_of
from cslir.shell import pip_command

__all__ = ["LexiconReport", "build_lexicons", "general_frequencies"]

Pair = tuple[str, str]

PIVOTS = ("de", "fr")
"""Languages through which a pair is also reached: those with large dictionaries on both sides."""
SHARED_LETTERS_DISCOUNT = 1.5
"""Zipf units taken off a German noun that is another word in lower case."""
_LETTER_WORDS = {
    "en": {"a", "i"},
    "es": {"a", "e", "o", "u", "y"},
    "fr": {"a", "y"},
    "it": {"a", "e", "i", "o"},
}


@dataclass(frozen=True)
class LexiconReport:
    """What came of one lexicon.

    Attributes:
        source_language: Its code.
        target_language: Its code.
        path: The file written.
        sources: Distinct sources.
        entries: Lines of the file.
        dictionaries: What it was built from.
        skipped: Malformed lines of those dictionaries, and the first ten of them.
    """

    source_language: str
    target_language: str
    path: Path
    sources: int
    entries: int
    dictionaries: tuple[FoundDictionary, ...]
    skipped: SkippedLines


def general_frequencies(language: str) -> ZipfFrequency:
    """Return the Zipf frequencies of a language in general text, from wordfreq's lists.

    Raises:
        InputError: The package wordfreq is not installed, or has no list for the language.
    """
    try:
        from wordfreq import available_languages, zipf_frequency
    except ImportError:
        raise MissingExtraError(
            "ranking translations needs the frequency lists of the package wordfreq",
            name="wordfreq",
            remedy=f"install it with {pip_command('cslir[lexicons]')}",
        ) from None
    code = known_as(language, available_languages().__contains__)
    if code is None:
        raise UnknownNameError(f"wordfreq has no frequency list for the language {language!r}")
    return lambda text: zipf_frequency(text, code)


def build_lexicons(
    pairs: Sequence[Pair],
    *,
    packages: str | PathLike[str] | None = None,
    output: str | PathLike[str],
    source_texts: Iterable[str] | None = None,
    sources_limit: int | None = None,
    targets_limit: int | None = None,
    preferred_labels: Collection[str] = (),
    strict: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    frequencies: Callable[[str], ZipfFrequency] = general_frequencies,
) -> list[LexiconReport]:
    """Build `output/SOURCE-TARGET.tsv` for each pair of languages.

    Args:
        pairs: Source and target languages, by code.
        packages: Folder of Debian packages, packed or unpacked; fetched through apt if `None`.
        output: Folder for the lexicons.
        source_texts: Texts in the source languages; with general frequency they decide which sources matter.
        sources_limit: Keep the sources that matter most, this many for each pair; all if `None`.
        targets_limit: Keep the best targets, this many for each source; all if `None`.
        preferred_labels: Labels of domain that dictionaries print, without dots, whose translations are to be
            preferred: `comp` and `electr` are Ding's for computing and electronics.
        strict: Refuse malformed lines of dictionaries instead of skipping and counting them.
        progress: Receives a line on every step.
        frequencies: Gives the Zipf frequencies of a language; wordfreq's lists unless replaced.

    Raises:
        InputError: A pair is not known, a package or file is missing or corrupt, a limit is not positive, or
            a line is malformed, under `strict`.
        CslirError: apt cannot fetch the packages.
    """
    packages = None if packages is None else Path(packages)
    output = Path(output)
    for name, limit in (("sources_limit", sources_limit), ("targets_limit", targets_limit)):
        if limit is not None and limit < 1:
            raise InputError(f"{name} is {limit}", remedy="give a positive number")
    plans = {pair: _plan(pair) for pair in pairs}
    wanted = {leg for routes in plans.values() for route in routes for leg in route}
    zipf = {language: frequencies(language) for pair in pairs for language in pair}
    counts = _TextCounts(() if source_texts is None else source_texts)
    with tempfile.TemporaryDirectory(prefix="cslir-packages-") as unpacked:
        dictionaries = [
            d for d in DICTIONARIES if frozenset((d.source_language, d.target_language)) in wanted
        ]
        folder = fetch_packages(dictionaries, progress) if packages is None else packages
        library = _Library(
            locate(dictionaries, folder, Path(unpacked)), frozenset(preferred_labels), strict, progress
        )
        reports = []
        for pair in plans:
            routes = library.routes(pair, plans[pair])
            if not routes:
                names = ", ".join(d.package for d in dictionaries)
                raise InputError(
                    f"no dictionary there leads from {pair[0]} to {pair[1]}",
                    path=folder,
                    remedy=f"add some of the packages {names}",
                )
            progress(f"ranking {pair[0]}-{pair[1]}")
            choice = _SourceChoice(pair[0], routes, counts, zipf[pair[0]])
            target_zipf = _case_aware(zipf[pair[1]], pair[1], routes)
            entries = list(_entries(choice, target_zipf, sources_limit, targets_limit))
            path = output / f"{pair[0]}-{pair[1]}.tsv"
            write_entries(path, entries)
            sources = len({entry.source for entry in entries})
            used, skipped = library.account(plans[pair])
            reports.append(LexiconReport(*pair, path, sources, len(entries), used, skipped))
    write_provenance(
        output,
        {report.path: report.dictionaries for report in reports},
        {report.path: (report.sources, report.entries) for report in reports},
        {
            "sources_limit": sources_limit,
            "targets_limit": targets_limit,
            "preferred_labels": ", ".join(sorted(preferred_labels)) or "none",
            "source texts": f"{counts.texts} texts, {counts.words} words" if counts.texts else "none",
        },
    )
    return reports


def _plan(pair: Pair) -> list[tuple[frozenset[str], ...]]:
    """Return the routes of a pair, direct first, each as the language pairs that it crosses."""
    source, target = pair
    routes: list[tuple[frozenset[str], ...]] = [(frozenset((source, target)),)]
    routes += [
        (frozenset((source, pivot)), frozenset((pivot, target))) for pivot in PIVOTS if pivot not in pair
    ]
    routes = [route for route in routes if all(dictionaries_between(legs) for legs in route)]
    if source == target or not routes:
        known = sorted({f"{d.source_language}-{d.target_language}" for d in DICTIONARIES})
        raise UnknownNameError(
            f"no dictionary is known for the language pair {source}-{target}",
            remedy=f"known are {', '.join(known)}, and pairs that meet in {' or '.join(PIVOTS)}",
        )
    return routes


class _Library:
    """The dictionaries found, each read once, when a route first needs its table."""

    def __init__(
        self,
        found: Sequence[FoundDictionary],
        preferred_labels: frozenset[str],
        strict: bool,
        progress: Callable[[str], None],
    ) -> None:
        self._found: defaultdict[frozenset[str], list[FoundDictionary]] = defaultdict(list)
        for item in found:
            self._found[_languages(item)].append(item)
        self._tables: dict[Pair, TranslationTable] = {}
        self._skipped: defaultdict[frozenset[str], SkippedLines] = defaultdict(lambda: SkippedLines(strict))
        self._preferred_labels = preferred_labels
        self._progress = progress

    def routes(self, pair: Pair, plan: Sequence[tuple[frozenset[str], ...]]) -> list[Route]:
        """Return the routes whose dictionaries were found, each leg oriented away from the pair's source."""
        routes = []
        for legs in plan:
            if not all(self._found[leg] for leg in legs):
                continue
            tables, at = [], pair[0]
            for leg in legs:
                (towards,) = leg - {at}
                tables.append(self._table(at, towards))
                at = towards
            routes.append(Route(tuple(tables)))
        return routes

    def _table(self, source: str, target: str) -> TranslationTable:
        if table := self._tables.get((source, target)):
            return table
        leg = frozenset((source, target))
        if table := self._tables.get((target, source)):
            table = table.reversed()
        else:
            table = TranslationTable(source, target, self._preferred_labels)
            for item in self._found[leg]:
                before = self._skipped[leg].count
                kept = table.add(
                    read_dictionary(item, skipped=self._skipped[leg]), item.dictionary.source_language
                )
                skipped = self._skipped[leg].count - before
                self._progress(
                    f"read {item.dictionary.package}: {count_of(kept, 'translation')},"
                    f" {count_of(skipped, 'malformed line')} skipped"
                )
        self._tables[source, target] = table
        return table

    def account(
        self, plan: Sequence[tuple[frozenset[str], ...]]
    ) -> tuple[tuple[FoundDictionary, ...], SkippedLines]:
        """Return the dictionaries that the routes of a plan use, and their malformed lines together."""
        legs = dict.fromkeys(leg for route in plan if all(self._found[leg] for leg in route) for leg in route)
        total = SkippedLines()
        for leg in legs:
            total.count += self._skipped[leg].count
            total.shown += self._skipped[leg].shown
        del total.shown[SHOWN_LIMIT:]
        return tuple(item for leg in legs for item in self._found[leg]), total


def _languages(found: FoundDictionary) -> frozenset[str]:
    return frozenset((found.dictionary.source_language, found.dictionary.target_language))


class _TextCounts:
    """Counts of the words and phrases, of up to three words, of texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.phrases: Counter[str] = Counter()
        self.texts = self.words = 0
        for text in texts:
            tokens = tokens_of(text)
            self.texts += 1
            self.words += len(tokens)
            for size in range(1, TARGET_TOKENS_LIMIT + 1):
                self.phrases.update(" ".join(tokens[at : at + size]) for at in range(len(tokens) - size + 1))


def _case_aware(zipf: ZipfFrequency, language: str, routes: Sequence[Route]) -> ZipfFrequency:
    """Correct the frequency of German nouns that share their letters with another word (`Werden`, `Sein`).

    Frequency lists ignore case, so that the noun is given what nearly all belongs to the other word.
    """
    if language != "de":
        return zipf
    words = {word for route in routes for word in route.tables[-1].targets()}

    def frequency(text: str) -> float:
        shared = text[:1].isupper() and text[:1].lower() + text[1:] in words
        return zipf(text) - (SHARED_LETTERS_DISCOUNT if shared else 0.0)

    return frequency


class _SourceChoice:
    """The sources of a pair in order of importance.

    The importance of a source is the mean of its share of the texts and its share of general text: a word
    matters if it is frequent in either. A phrase or hyphenated word counts by the texts alone, because its
    general frequency is only estimated from its parts; without texts, the estimate has to do.
    """

    def __init__(
        self, language: str, routes: Sequence[Route], counts: _TextCounts, zipf: ZipfFrequency
    ) -> None:
        self.routes = routes
        self.zipf = zipf
        self._language = language
        self._counts = counts
        self._spellings: defaultdict[str, list[str]] = defaultdict(list)
        for spelling in dict.fromkeys(word for route in routes for word in route.tables[0].sources()):
            self._spellings[spelling.lower()].append(spelling)
        self._direct = {word.lower() for word in routes[0].tables[0].sources()}

    def forms(self, source: str) -> list[str]:
        """Return what to look up for a source: its spellings; its base form if no direct route knows it."""
        forms = list(self._spellings.get(source, ()))
        if source not in self._direct:
            bases = (base for base in base_forms(source, self._language) if base in self._direct)
            forms += self._spellings.get(next(bases, ""), ())
        return forms

    def ordered(self) -> list[str]:
        """Return all sources, most important first, ties in code point order."""
        known = set(self._spellings)
        known.update(word for word in self._counts.phrases if " " not in word and self.forms(word))
        letters = _LETTER_WORDS.get(self._language, set())
        return sorted(
            (source for source in known if len(source) > 1 or source in letters),
            key=lambda source: (-self.importance(source), source),
        )

    def importance(self, source: str) -> float:
        """Return the mean share of the texts and of general text that a source makes up."""
        in_texts = self._counts.phrases[source] / max(self._counts.words, 1)
        compound = " " in source or "-" in source
        general = 0.0 if self._counts.words and compound else 10 ** (self.zipf(source) - 9)
        return (in_texts + general) / 2


def _entries(
    choice: _SourceChoice,
    target_frequency: ZipfFrequency,
    sources_limit: int | None,
    targets_limit: int | None,
) -> Iterator[LexiconEntry]:
    """Yield the entries of the most important sources that have a target."""
    taken = 0
    for source in choice.ordered():
        if sources_limit is not None and taken == sources_limit:
            return
        ranked = rank(
            choice.forms(source),
            choice.routes,
            source_frequency=choice.zipf,
            target_frequency=target_frequency,
            targets_limit=targets_limit,
        )
        taken += bool(ranked)
        for target, weight in ranked:
            yield LexiconEntry(source, target, weight)
