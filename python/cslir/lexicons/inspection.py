"""What a lexicon holds, and which of its targets are doubtful."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from heapq import nlargest

from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.tables import LexiconTable
from cslir.lexicons.tokens import caseless_form, token_ranges

__all__ = ["SUSPICIONS", "Inspection", "Suspicion", "inspect_table"]

SHARED_TARGET_SOURCES = 20
"""A target of this many sources or more is doubtful: often a label or note that the reader took for one."""
FAR_LONGER_TIMES = 4
FAR_LONGER_CHARACTERS = 20
"""A target is far longer than its source if it has this many times its characters, and this many more."""

_BRACKETS_AND_MARKS = frozenset('()[]{}<>/\\|;:!?"“”„«»=+*_~#@%&…,$€')
_ONE_SCRIPT = {
    "HIRAGANA": "CJK",
    "KATAKANA": "CJK",
    "KATAKANA-HIRAGANA": "CJK",
    "BOPOMOFO": "CJK",
}
SUSPICIONS = {
    "other_script": "no letter of the script that most targets have",
    "digits": "a digit that the source lacks",
    "punctuation": "brackets, slashes or other marks",
    "far_longer": f"over {FAR_LONGER_TIMES} times its source's length, and {FAR_LONGER_CHARACTERS} more",
    "shared": f"the target of {SHARED_TARGET_SOURCES} sources or more",
}
"""Why a target may be wrong, by name."""


@dataclass
class Suspicion:
    """Entries doubtful for one reason.

    Attributes:
        count: Their number.
        examples: Some of them; of `shared`, targets with the number of their sources as weight.
    """

    count: int = 0
    examples: list[LexiconEntry] = field(default_factory=list)


@dataclass
class Inspection:
    """What a lexicon holds.

    Attributes:
        sources: Distinct sources.
        entries: Distinct pairs of source and target.
        multiword_sources: Sources of several tokens.
        unmatchable: Sources without a token, which no text can match.
        repeated: Lines that repeat an earlier pair.
        identical: Pairs whose target is the source but for case.
        targets_per_source: How many sources have so many targets.
        script: Of most targets, as Unicode names it; `CJK` for Chinese characters and Kana.
        longest: The entries with the longest targets.
        suspicions: Doubtful entries by the names of `SUSPICIONS`.
    """

    sources: int
    entries: int
    multiword_sources: int = 0
    unmatchable: int = 0
    repeated: int = 0
    identical: int = 0
    targets_per_source: dict[int, int] = field(default_factory=dict)
    script: str = ""
    longest: list[LexiconEntry] = field(default_factory=list)
    suspicions: dict[str, Suspicion] = field(default_factory=dict)


def inspect_table(table: LexiconTable, *, examples: int = 10) -> Inspection:
    """Look through a lexicon.

    Args:
        table: The lexicon.
        examples: How many entries to show of each kind at most; the first ones, of the longest targets those.
    """
    found = Inspection(len(table.targets), table.entries, repeated=table.repeated)
    lengths = Counter(map(len, table.targets.values()))
    found.targets_per_source = dict(sorted(lengths.items()))
    sharing: Counter[str] = Counter()
    scripts: Counter[str] = Counter()
    for source, targets in table.targets.items():
        tokens = 1 if source.isalnum() and source.isascii() else sum(1 for _ in token_ranges(source))
        found.multiword_sources += tokens > 1
        found.unmatchable += tokens == 0
        own = caseless_form(source, table.source_language)
        found.identical += sum(caseless_form(target, table.source_language) == own for target in targets)
        sharing.update(targets.keys())
        for target in targets:
            scripts.update(_scripts_of(target))
    found.script = min(scripts, key=lambda script: (-scripts[script], script), default="")
    found.longest = nlargest(examples, table, key=lambda entry: len(entry.target))
    found.suspicions = _suspicions(table, found.script, sharing, examples)
    return found


def _suspicions(
    table: LexiconTable, script: str, sharing: Counter[str], examples: int
) -> dict[str, Suspicion]:
    suspicions = {name: Suspicion() for name in SUSPICIONS}
    for entry in table:
        for name in _doubts(entry, script):
            suspicion = suspicions[name]
            suspicion.count += 1
            if suspicion.count <= examples:
                suspicion.examples.append(entry)
    shared = [(target, count) for target, count in sharing.items() if count >= SHARED_TARGET_SOURCES]
    suspicions["shared"].count = sum(count for _, count in shared)
    for target, count in sorted(shared, key=lambda one: (-one[1], one[0]))[:examples]:
        suspicions["shared"].examples.append(LexiconEntry("", target, count))
    return suspicions


def _doubts(entry: LexiconEntry, script: str) -> Iterator[str]:
    source, target, _ = entry
    if not (target.isascii() and target.isalpha() and script == "LATIN"):
        found = _scripts_of(target)
        if found and script not in found:
            yield "other_script"
        if _any(str.isnumeric, target) and not _any(str.isnumeric, source):
            yield "digits"
        if any(character in _BRACKETS_AND_MARKS for character in target):
            yield "punctuation"
    if len(target) > FAR_LONGER_TIMES * len(source) and len(target) - len(source) > FAR_LONGER_CHARACTERS:
        yield "far_longer"


def _any(test: Callable[[str], bool], text: str) -> bool:
    return any(map(test, text))


def _scripts_of(text: str) -> set[str]:
    if text.isascii() and text.isalpha():
        return {"LATIN"}
    return {script for character in text if (script := _script(character))}


@cache
def _script(character: str) -> str:
    """Return the first word of a letter's Unicode name, its script; those of Chinese and Japanese are one."""
    if not character.isalpha():
        return ""
    script = unicodedata.name(character, "").partition(" ")[0]
    return _ONE_SCRIPT.get(script, script)
