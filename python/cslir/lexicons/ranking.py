"""Which translation comes first: agreement of both directions over all routes, and general frequency."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cslir.lexicons.cleaning import clean
from cslir.lexicons.translations import Translation

__all__ = [
    "REGISTER_FACTOR",
    "RankedTarget",
    "Route",
    "TranslationTable",
    "ZipfFrequency",
    "has_rare_register",
    "rank",
]

ZipfFrequency = Callable[[str], float]
"""Frequency of a word or phrase in general text of one language: log10 of occurrences in 10^9 tokens."""

FREQUENCY_EXPONENT = 0.3
"""Exponent of a target's relative frequency: rare words give way, yet frequency alone decides nothing."""
PREFERRED_FACTOR = 4.0
"""Evidence of a translation that bears a preferred label of domain, relative to an unlabelled one."""
REGISTER_FACTOR = 0.2
"""Evidence of a translation marked as out of use or out of place, relative to an unmarked one."""
FREQUENCY_GAP_LIMIT = 2.0
"""A target rarer than this below its source does not translate the word as texts use it (`are`: `Ar`)."""
EXTRA_TOKEN_FACTOR = 0.2
"""Factor for every token that a target has more than its source: such targets tend to explain."""
SMOOTHING = 1.0
"""Evidence that is added to a word's own before shares are taken: a single mention is no certainty."""
CAPITAL_RATIO = 3.0
"""How much more evidence a capitalised target needs than the same letters in lower case."""
CONTRADICTION_FACTOR = 0.25
"""Factor for a target if a more trusted route knows it and its source, yet does not connect them."""
PIVOT_SCORE_MINIMUM = 0.01
"""Agreement sqrt(F * B) that a target needs if no direct route gives it: below, senses were confused."""
SECOND_TARGET_SHARE = 0.15
"""Targets that score less than this share of the best are dropped: better one good than a doubtful second."""

# Registers that a text of today seldom has, as Ding (English, German) and Mueller print them.
# fmt: off
_RARE_REGISTERS = frozenset({
    "archaic", "obs", "dated", "rare", "poet", "slang", "vulg", "hist", "humor", "lit", "coll", "pej",
    "dialect", "Ir", "Sc", "NZ",
    "veraltet", "veraltend", "alt", "selten", "dialektal", "ugs", "slg", "jugendsprache",
    "Ös", "Schw", "Süddt", "Norddt",
    "уст", "поэт", "жарг", "шутл", "книжн", "ирон", "груб", "диал", "разг", "редк", "пренебр",
})
# fmt: on


def has_rare_register(labels: Iterable[str]) -> bool:
    """Return whether a translation is marked as out of use or out of place."""
    return not _RARE_REGISTERS.isdisjoint(_names(labels))


def _names(labels: Iterable[str]) -> set[str]:
    return {label.strip().rstrip(".") for label in labels}


class TranslationTable:
    """How strongly the words of two languages are tied, summed over dictionaries of either direction.

    Rows and columns are kept, so that both conditional shares are one look-up: P(target | source) and
    P(source | target).

    Args:
        source_language: Its code.
        target_language: Its code.
        preferred_labels: Labels of domain, without dots (`comp`), whose translations count more.
    """

    def __init__(
        self, source_language: str, target_language: str, preferred_labels: Collection[str] = ()
    ) -> None:
        self._preferred_labels = frozenset(preferred_labels)
        self.source_language = source_language
        self.target_language = target_language
        self._pairs = 0
        self._targets: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._sources: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))

    def __len__(self) -> int:
        """Return the number of distinct pairs."""
        return self._pairs

    def add(self, translations: Iterable[Translation], source_language: str) -> int:
        """Add the translations of a dictionary, cleaned, whichever its direction; return how many were kept.

        Each occurrence of a pair counts `label / (sqrt(sense) * alternatives)`: first senses and lone
        translations say more, and `label` is `REGISTER_FACTOR` for what is marked archaic, slang or
        regional, `PREFERRED_FACTOR` for what bears a preferred label, 1 otherwise. The counts of dictionaries
        are summed by their roots, (sqrt(a) + sqrt(b))^2, so that a pair that both directions have outweighs
        one that a single dictionary repeats.
        """
        forward = source_language == self.source_language
        other = self.target_language if forward else self.source_language
        kept = 0
        counts: defaultdict[tuple[str, str], float] = defaultdict(float)
        for entry in translations:
            source, target = clean(entry.source, source_language), clean(entry.target, other)
            if not source or not target:
                continue
            kept += 1
            weight = self._label_factor(entry.labels) / (math.sqrt(entry.sense) * entry.alternatives)
            counts[(source, target) if forward else (target, source)] += weight
        for (near, far), count in counts.items():
            row = self._targets[near]
            self._pairs += far not in row
            pooled = _agreement(row.get(far, 0.0), count)
            self._targets[near][far] = self._sources[far][near] = pooled
        return kept

    def _label_factor(self, labels: Iterable[str]) -> float:
        names = _names(labels)
        if names & _RARE_REGISTERS:
            return REGISTER_FACTOR
        return PREFERRED_FACTOR if names & self._preferred_labels else 1.0

    def reversed(self) -> "TranslationTable":
        """Return the same table seen from the other language; both share their contents."""
        table = TranslationTable(self.target_language, self.source_language)
        table._targets, table._sources, table._pairs = self._sources, self._targets, self._pairs
        return table

    def sources(self) -> Collection[str]:
        """Return the source expressions, as spelled."""
        return self._targets.keys()

    def targets(self) -> Collection[str]:
        """Return the target expressions, as spelled."""
        return self._sources.keys()

    def forward(self, source: str) -> dict[str, float]:
        """Return P(target | source) of every target."""
        return _shares(self._targets.get(source))

    def backward(self, target: str) -> dict[str, float]:
        """Return P(source | target) of every source; smoothed, so the shares sum to less than 1."""
        return _shares(self._sources.get(target), SMOOTHING)


def _agreement(first: float, second: float) -> float:
    return first + second + 2 * math.sqrt(first * second)


def _shares(row: Mapping[str, float] | None, smoothing: float = 0.0) -> dict[str, float]:
    if not row:
        return {}
    total = sum(row.values()) + smoothing
    return {word: weight / total for word, weight in row.items()}


class Route(NamedTuple):
    """A way from source to target language: one table, or two that meet in a pivot language.

    Attributes:
        tables: The tables in order; the target language of one is the source language of the next.
    """

    tables: tuple[TranslationTable, ...]

    @property
    def weight(self) -> float:
        """Return the trust in this route: the fourth root of the number of pairs of its thinnest table."""
        return math.sqrt(math.sqrt(min(map(len, self.tables))))

    def forward(self, source: str) -> dict[str, float]:
        """Return P(target | source), marginalised over the pivot words."""
        return _walk(source, [table.forward for table in self.tables])

    def backward(self, target: str) -> dict[str, float]:
        """Return P(source | target), marginalised over the pivot words."""
        return _walk(target, [table.backward for table in reversed(self.tables)])


def _walk(word: str, steps: Sequence[Callable[[str], dict[str, float]]]) -> dict[str, float]:
    shares = {word: 1.0}
    for step in steps:
        reached: defaultdict[str, float] = defaultdict(float)
        for via, share in shares.items():
            for next_word, next_share in step(via).items():
                reached[next_word] += share * next_share
        shares = reached
    return shares


class RankedTarget(NamedTuple):
    """A target and its `translation_weight` among the kept targets of its source (they sum to 1)."""

    target: str
    weight: float


@dataclass
class _Evidence:
    """What the routes say of one target."""

    forward: float = 0.0
    backward: float = 0.0
    direct: bool = False
    trust: float = 0.0
    contradicted: bool = False


def rank(
    spellings: Sequence[str],
    routes: Sequence[Route],
    *,
    source_frequency: ZipfFrequency,
    target_frequency: ZipfFrequency,
    targets_limit: int | None,
) -> list[RankedTarget]:
    r"""Rank the targets of one source expression.

    The score of target t for source s is

        score(t) = sqrt(F(t | s) * B(s | t)) * min(1, 10^(z(t) - z(s)))^f * h^(extra tokens) * c

    - F(t | s) = (sum_r w_r sqrt(P_r(t | s)) / sum_r w_r)^2 over the routes r (direct, and through each pivot
      language), where a route gives P(t | s) = sum_p P(p | s) P(t | p) over its pivot words p, and w is
      `Route.weight`. Routes that do not know s are left out of the sum below
      the line. The mean of roots rewards targets that several routes reach.
    - B(s | t) is the same in the other direction, where each step is smoothed by `SMOOTHING`. The geometric
      mean wants both: a target that s may mean (F), and that in turn means s rather than something else (B).
    - z is the Zipf frequency in general text and f = `FREQUENCY_EXPONENT`: of two
      translations the one that is rare although the source is common stands for a rare sense; a target more
      than `FREQUENCY_GAP_LIMIT` below its source is dropped, and so is one that no direct route gives and
      whose sqrt(F * B) is below `PIVOT_SCORE_MINIMUM`.
    - h = `EXTRA_TOKEN_FACTOR` counts for every token that t has more than s; c = `CONTRADICTION_FACTOR` if a
      route of more weight than those that give t knows both s and t and yet does not connect them:
      the thin English-French dictionaries have `display`, `pompe`, the large ones through German do not.

    Args:
        spellings: The spellings of the source expression that the tables hold (`Polish` and `polish`).
        routes: The routes from source to target language.
        source_frequency: Zipf frequency in the source language.
        target_frequency: Zipf frequency in the target language.
        targets_limit: Keep this many targets at most; `None` for all.

    Returns:
        Targets by falling weight, equal weights in code point order; targets below `SECOND_TARGET_SHARE` of
        the best are left out unless `targets_limit` is `None`.
    """
    evidence = _without_case_variants(_collect(spellings, routes))
    source_zipf = max(map(source_frequency, spellings), default=0.0)
    source_tokens = max((spelling.count(" ") for spelling in spellings), default=0)
    scores = {}
    for target, found in evidence.items():
        gap = source_zipf - target_frequency(target)
        if gap <= FREQUENCY_GAP_LIMIT:
            rarity = 10.0 ** (-FREQUENCY_EXPONENT * max(0.0, gap))
            excess = EXTRA_TOKEN_FACTOR ** max(0, target.count(" ") - source_tokens)
            agreement = math.sqrt(found.forward * found.backward)
            if found.direct or agreement >= PIVOT_SCORE_MINIMUM:
                doubt = CONTRADICTION_FACTOR if found.contradicted else 1.0
                scores[target] = agreement * rarity * excess * doubt
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    if targets_limit is not None:
        ranked = [item for item in ranked[:targets_limit] if item[1] >= SECOND_TARGET_SHARE * ranked[0][1]]
    total = sum(score for _, score in ranked)
    return [RankedTarget(target, score / total) for target, score in ranked] if total > 0 else []


def _without_case_variants(evidence: Mapping[str, _Evidence]) -> dict[str, _Evidence]:
    """Keep, of targets that differ in case alone (German `aber` and `Aber`), the one better attested.

    The one in lower case wins unless the other has more than `CAPITAL_RATIO` times its evidence: nouns made
    of other words are listed more often than they are used.
    """
    best: dict[str, str] = {}
    for target in sorted(evidence, reverse=True):
        folded = target.casefold()
        if folded not in best or evidence[target].forward > CAPITAL_RATIO * evidence[best[folded]].forward:
            best[folded] = target
    return {target: evidence[target] for target in best.values()}


def _collect(spellings: Sequence[str], routes: Sequence[Route]) -> dict[str, _Evidence]:
    evidence: defaultdict[str, _Evidence] = defaultdict(_Evidence)
    known = 0.0
    knowing = []
    for route in routes:
        rows = [row for spelling in spellings if (row := route.forward(spelling))]
        if not rows:
            continue
        known += route.weight
        knowing.append(route)
        pooled: defaultdict[str, float] = defaultdict(float)
        for row in rows:
            for target, share in row.items():
                pooled[target] += share / len(rows)
        for target, share in pooled.items():
            found = evidence[target]
            found.forward += route.weight * math.sqrt(share)
            found.direct |= len(route.tables) == 1
            found.trust = max(found.trust, route.weight)
    for target, found in evidence.items():
        found.forward = (found.forward / known) ** 2
        total = roots = 0.0
        for route in routes:
            if row := route.backward(target):
                share = sum(row.get(spelling, 0.0) for spelling in spellings)
                total += route.weight
                found.contradicted |= route.weight > found.trust and route in knowing
                roots += route.weight * math.sqrt(share)
        found.backward = (roots / total) ** 2 if total else 0.0
    return evidence
