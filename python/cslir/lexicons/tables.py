"""A whole lexicon in memory: read from any format, written as weighted text or compiled."""

import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from cslir._core import Lexicon
from cslir.errors import InputError
from cslir.files import sha256_of
from cslir.lexicons.embedded_lexicons import EMBEDDED_PAIRS, embedded_lexicon_path
from cslir.lexicons.entries import LexiconEntry, write_entries
from cslir.lexicons.inflection import lemma_forms as forms_of
from cslir.lexicons.inflection import lemma_sources
from cslir.lexicons.readers import read_lexicon
from cslir.lexicons.readers.detection import is_compiled
from cslir.lexicons.translations import SkippedLines
from cslir.outputs import require_output_file
from cslir.plain_text import plain_text

__all__ = [
    "LexiconTable",
    "compile_lexicon",
    "joined",
    "joined_licences",
    "read_table",
    "require_writable",
    "shares",
    "tabulate",
    "write_table",
]

COMPILED, TEXT = ".cslex", ".tsv"
_EMBEDDED_LICENCE = "GPL-3.0-only"


@dataclass
class LexiconTable:
    """The targets of every source, with where they come from.

    Attributes:
        source_language: Its code.
        target_language: Its code.
        targets: Weight of each target by source; sources as they are spelled, white space made single spaces,
            in the order of the file.
        licence: Under which terms it may be used; empty where unknown.
        provenance: Files it was made from, and how.
        repeated: Lines that repeated a source with the same target.
    """

    source_language: str
    target_language: str
    targets: dict[str, dict[str, float]] = field(default_factory=dict)
    licence: str = ""
    provenance: str = ""
    repeated: int = 0

    @property
    def pair(self) -> str:
        """The language pair, such as `en-de`."""
        return f"{self.source_language}-{self.target_language}"

    @property
    def entries(self) -> int:
        """Number of source and target pairs."""
        return sum(map(len, self.targets.values()))

    def __iter__(self) -> Iterator[LexiconEntry]:
        for source, targets in self.targets.items():
            for target, weight in targets.items():
                yield LexiconEntry(source, target, weight)


def shares(targets: dict[str, float]) -> dict[str, float]:
    """Return the weights of a source's targets so that they sum to 1, the heaviest first, ties by target.

    A share is never 0, however far the weights are apart.
    """
    total = sum(targets.values())
    scale = 1.0
    if math.isinf(total):
        scale = max(targets.values())
        total = sum(weight / scale for weight in targets.values())
    return {
        target: weight / scale / total or sys.float_info.min
        for target, weight in sorted(targets.items(), key=lambda one: (-one[1], one[0]))
    }


def tabulate(table: LexiconTable, entries: Iterable[tuple[str, str, float]]) -> LexiconTable:
    """Add entries to a table: a target given twice for a source counts once, with the greater weight."""
    for source, target, weight in entries:
        row = table.targets.setdefault(" ".join(source.split()), {})
        if (before := row.get(target)) is not None:
            table.repeated += 1
            weight = max(weight, before)
        row[target] = weight
    return table


def read_table(
    path: str | PathLike[str],
    source_language: str,
    target_language: str,
    *,
    format: str | None = None,  # noqa: A002
    skipped: SkippedLines | None = None,
) -> LexiconTable:
    """Read a lexicon or dictionary of any known format.

    A compiled lexicon and an embedded one bring their licence; the provenance of a file without one is its
    name and checksum.

    Args:
        path: The file.
        source_language: Its code.
        target_language: Its code.
        format: As `read_lexicon` has it.
        skipped: Receives malformed lines; None makes the first one an error.

    Raises:
        InputError: As `read_lexicon`.
    """
    path = Path(path)
    table = LexiconTable(source_language, target_language)
    if is_compiled(path):
        lexicon = Lexicon.open(path)
        table.licence, table.provenance = lexicon.licence, lexicon.provenance
    elif (pair := (source_language, target_language)) in EMBEDDED_PAIRS and path == embedded_lexicon_path(
        *pair
    ):
        table.licence = _EMBEDDED_LICENCE
    tabulate(table, read_lexicon(path, source_language, target_language, format=format, skipped=skipped))
    if not table.provenance:
        name = plain_text(path.name)
        table.provenance = f"{name} (sha256 {sha256_of(path)})" if path.is_file() else name
    return table


def joined(provenances: Iterable[str]) -> str:
    """Return provenances together, each once, without empty ones."""
    return "; ".join(dict.fromkeys(one for one in provenances if one))


def joined_licences(licences: Iterable[str]) -> str:
    """Return the licences that hold together, each once; `unknown` for those that are not, empty for all."""
    found = dict.fromkeys(licences)
    return " AND ".join(one or "unknown" for one in found) if any(found) else ""


def compile_lexicon(
    entries: Iterable[tuple[str, str, float]],
    source_language: str,
    target_language: str,
    *,
    licence: str = "",
    provenance: str = "",
    lemma_forms: bool = False,
) -> Lexicon:
    """Compile entries, with the inflected forms of their sources on request.

    Args:
        entries: (source, target, weight).
        source_language: Its code.
        target_language: Its code.
        licence: Kept in the lexicon.
        provenance: Kept likewise; what the lemma forms come from is added.
        lemma_forms: Store the forms whose base form is a source, for the switcher's lemma fallback.

    Raises:
        InputError: An entry can't be compiled, or `lemma_forms` knows no forms of the source language.
    """
    rows = [(source, ((target, weight),)) for source, target, weight in entries]
    if not lemma_forms:
        return Lexicon.from_entries(
            source_language, target_language, rows, licence=licence, provenance=provenance
        )
    known = dict.fromkeys(source for source, _ in rows)
    return Lexicon.from_entries(
        source_language,
        target_language,
        rows,
        licence=licence,
        provenance=joined((provenance, f"lemma forms by {lemma_sources(source_language)}")),
        forms=list(forms_of(known, source_language)),
    )


def require_writable(path: Path, *, lemma_forms: bool = False) -> None:
    """Refuse an output that `write_table` can't write: call it before the work, not after.

    Raises:
        InputError: The suffix is neither `.tsv` nor `.cslex`, or can't hold lemma forms; `path` can't be
            written.
    """
    if path.suffix not in (TEXT, COMPILED):
        raise InputError(
            "a lexicon is written as .tsv (text) or .cslex (compiled)", path=path, remedy="choose one suffix"
        )
    if lemma_forms and path.suffix != COMPILED:
        raise InputError("lemma forms are kept in a .cslex only", path=path, remedy="choose that suffix")
    require_output_file(path)


def write_table(
    path: str | PathLike[str], table: LexiconTable, *, lemma_forms: bool = False
) -> Lexicon | None:
    """Write a lexicon, whole or not at all: compiled as `.cslex`, as text as `.tsv`.

    Args:
        path: The file; missing parent folders are made.
        table: The lexicon. Licence and provenance are kept in a `.cslex` only.
        lemma_forms: As `compile_lexicon` has it.

    Returns:
        What was compiled, for a `.cslex`.

    Raises:
        InputError: As `require_writable`, or nothing is left to write, or an entry can't be written.
    """
    path = Path(path)
    require_writable(path, lemma_forms=lemma_forms)
    if not table.targets:
        raise InputError("no entry is left to write", path=path, remedy="ask for less")
    if path.suffix == TEXT:
        write_entries(path, table)
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(
            f"can't be written ({error.strerror})", path=path, remedy="choose another folder"
        ) from None
    try:
        lexicon = compile_lexicon(
            table,
            table.source_language,
            table.target_language,
            licence=table.licence,
            provenance=table.provenance,
            lemma_forms=lemma_forms,
        )
    except InputError as error:
        raise InputError(error.message, path=path, remedy=error.remedy) from None
    lexicon.save(path)
    return lexicon
