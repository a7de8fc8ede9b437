"""Operations on whole lexicons: merge, invert, pivot, filter; the weights of a source then sum to 1."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from cslir.errors import InputError
from cslir.lexicons.tables import LexiconTable, joined, joined_licences, shares, tabulate
from cslir.lexicons.tokens import caseless_form, normal_form, source_form, token_ranges

__all__ = ["EntryFilter", "MergeMode", "filter_table", "invert", "merge", "pivot", "pool"]

MergeMode = Literal["priority", "union"]


def pool(tables: Sequence[LexiconTable]) -> LexiconTable:
    """Return the entries of all tables as if they were one file, weights as they are.

    Raises:
        InputError: The tables have different language pairs.
    """
    pooled = _alike(tables)
    for table in tables:
        tabulate(pooled, table)
    pooled.repeated += sum(table.repeated for table in tables)
    return pooled


def merge(tables: Sequence[LexiconTable], mode: MergeMode = "priority") -> LexiconTable:
    """Merge lexicons of one language pair.

    Args:
        tables: The lexicons; the order matters under `priority`.
        mode: `priority`: a source has the targets of the first lexicon that knows it, and no other.
            `union`: it has those of all, each with the mean of its shares in the lexicons that know the
            source. A lexicon knows a source that it spells so, or with capitals elsewhere.

    Raises:
        InputError: The tables have different language pairs.
    """
    merged = _alike(tables)
    merged.provenance = f"merge by {mode} of {merged.provenance}"
    rows = merged.targets
    finders = [_Finder(table) for table in tables]
    for place, table in enumerate(tables):
        for source, targets in table.targets.items():
            if mode == "union" and source not in rows:
                knowing = [row for finder in finders if (row := finder.but_for_case(source))]
                rows[source] = _sum_of_shares(knowing)
            elif mode == "priority" and not any(one.but_for_case(source) for one in finders[:place]):
                rows[source] = targets
    for source, targets in rows.items():
        rows[source] = shares(targets)
    return merged


def _sum_of_shares(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for row in rows:
        for target, share in shares(row).items():
            total[target] = total.get(target, 0.0) + share
    return total


class _Finder:
    """Finds the targets of a source as the switcher does: spelled so, but for case, or in normal form."""

    def __init__(self, table: LexiconTable) -> None:
        self._targets = table.targets
        self._language = table.source_language
        self._by_case: dict[str, str] = {}
        self._by_form: dict[str, list[str]] = {}
        for source in table.targets:
            self._by_case.setdefault(caseless_form(source, self._language), source)

    def but_for_case(self, source: str) -> dict[str, float] | None:
        """Return the targets of a source spelled so, or else of the first that differs in case alone."""
        if row := self._targets.get(source):
            return row
        spelled = self._by_case.get(caseless_form(source, self._language))
        return None if spelled is None else self._targets[spelled]

    def matching(self, word: str) -> dict[str, float]:
        """Return the targets that a word in a text finds, at last those of all sources of its normal form."""
        if row := self.but_for_case(" ".join(word.split())):
            return row
        if not self._by_form:
            for source in self._targets:
                self._by_form.setdefault(source_form(source), []).append(source)
        pooled: dict[str, float] = {}
        for source in self._by_form.get(source_form(word) or word, ()):
            for target, weight in self._targets[source].items():
                pooled[target] = max(weight, pooled.get(target, weight))
        return pooled


def _alike(tables: Sequence[LexiconTable]) -> LexiconTable:
    """Return an empty table of the pair that all tables have, with their licences and provenances."""
    first = tables[0]
    for table in tables:
        if table.pair != first.pair:
            raise InputError(
                f"lexicons of two language pairs, {first.pair} and {table.pair}", remedy="give one pair's"
            )
    licence = joined_licences(table.licence for table in tables)
    provenance = joined(table.provenance for table in tables)
    return LexiconTable(first.source_language, first.target_language, licence=licence, provenance=provenance)


def invert(table: LexiconTable) -> LexiconTable:
    """Swap sources and targets: a target's share for a source is the weight of the source as its target."""
    inverse = LexiconTable(
        table.target_language,
        table.source_language,
        licence=table.licence,
        provenance=f"inverse of {table.provenance}",
    )
    tabulate(
        inverse,
        (
            (target, source, share)
            for source, row in table.targets.items()
            for target, share in shares(row).items()
        ),
    )
    for source, targets in inverse.targets.items():
        inverse.targets[source] = shares(targets)
    return inverse


def pivot(
    first: LexiconTable,
    second: LexiconTable,
    *,
    max_targets: int | None = None,
    min_weight: float = 0.0,
) -> LexiconTable:
    """Join two lexicons in the language that they share.

    The weight of target t for source s is the sum, over the pivot words p, of share(p | s) share(t | p).

    Args:
        first: From the source to the pivot language.
        second: From the pivot to the target language.
        max_targets: Keep the heaviest targets, this many for each source; all if None.
        min_weight: Leave out targets of less weight, before what is kept is made to sum to 1.

    Raises:
        InputError: The lexicons don't meet in a language, or lead back to the source language.
    """
    if first.target_language != second.source_language or first.source_language == second.target_language:
        raise InputError(
            f"{first.pair} and {second.pair} don't lead through a third language",
            remedy="give one lexicon into the pivot language, then one out of it, such as en-de and de-fr",
        )
    via = _Finder(second)
    joined_table = LexiconTable(
        first.source_language,
        second.target_language,
        licence=joined_licences((first.licence, second.licence)),
        provenance=f"pivot of {first.provenance} and {second.provenance}",
    )
    for source, pivots in first.targets.items():
        weights: dict[str, float] = {}
        for word, share in shares(pivots).items():
            for target, further in shares(via.matching(word)).items():
                weights[target] = weights.get(target, 0.0) + share * further
        kept = [(target, weight) for target, weight in weights.items() if weight >= min_weight]
        if kept:
            best = sorted(kept, key=lambda one: (-one[1], one[0]))[:max_targets]
            joined_table.targets[source] = shares(dict(best))
    return joined_table


@dataclass(frozen=True, kw_only=True)
class EntryFilter:
    """Which entries to keep; what is None or False keeps all.

    Attributes:
        min_weight: Least share of a target among those of its source.
        max_targets: Heaviest targets kept for each source.
        max_source_tokens: Longest source.
        max_target_tokens: Longest target.
        words: Normal forms; every token of a source must be one.
        drop_identical: Drop targets that are the same as their source but for case.
        max_sources: Most frequent sources kept, by `frequency`.
        frequency: Of a source in general text; needed with `max_sources`.
    """

    min_weight: float | None = None
    max_targets: int | None = None
    max_source_tokens: int | None = None
    max_target_tokens: int | None = None
    words: Collection[str] | None = None
    drop_identical: bool = False
    max_sources: int | None = None
    frequency: Callable[[str], float] | None = None


def filter_table(table: LexiconTable, wanted: EntryFilter) -> LexiconTable:
    """Return the entries that a filter keeps; sources left without a target go."""
    kept = LexiconTable(table.source_language, table.target_language, licence=table.licence)
    kept.provenance = f"part of {table.provenance}"
    for source, targets in table.targets.items():
        row = _targets_wanted(source, targets, wanted, table.source_language)
        if row and _source_wanted(source, wanted):
            kept.targets[source] = shares(row)
    if wanted.max_sources is not None and wanted.frequency is not None:
        frequency = wanted.frequency
        order = sorted(kept.targets, key=lambda source: (-frequency(source), source))
        best = set(order[: wanted.max_sources])
        kept.targets = {source: row for source, row in kept.targets.items() if source in best}
    return kept


def _source_wanted(source: str, wanted: EntryFilter) -> bool:
    if wanted.max_source_tokens is None and wanted.words is None:
        return True
    tokens = [normal_form(source[start:end]) for start, end in token_ranges(source)]
    if wanted.max_source_tokens is not None and len(tokens) > wanted.max_source_tokens:
        return False
    return wanted.words is None or (tokens != [] and all(token in wanted.words for token in tokens))


def _targets_wanted(
    source: str, targets: dict[str, float], wanted: EntryFilter, language: str
) -> dict[str, float]:
    row = shares(targets)
    if wanted.min_weight is not None:
        row = {target: share for target, share in row.items() if share >= wanted.min_weight}
    if wanted.drop_identical:
        own = caseless_form(source, language)
        row = {target: share for target, share in row.items() if caseless_form(target, language) != own}
    if (most := wanted.max_target_tokens) is not None:
        row = {target: share for target, share in row.items() if sum(1 for _ in token_ranges(target)) <= most}
    return dict(list(row.items())[: wanted.max_targets])
