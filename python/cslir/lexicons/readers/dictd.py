"""Reader of dictd databases: a text of entries (`.dict.dz`) and an index of offsets into it (`.index`).

The index has one line per headword, `headword TAB offset TAB length`, both numbers in the base 64 of
RFC 1421 without padding and with the most significant digit first; the text is compressed with dictzip,
which gzip reads.
Entries are read in the order of the text, so that the file is decompressed once and never held in memory.
"""

import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cslir.errors import DamagedFileError, InputError
from cslir.files import DAMAGE_ERRORS, open_bytes, read_lines
from cslir.lexicons.translations import SkippedLines, Translation

__all__ = ["DictdEntry", "dictd_files", "read_dictd_entries", "read_freedict"]

_DIGITS = {
    letter: value
    for value, letter in enumerate(string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/")
}
_BLOCK = 1 << 20
# Entries are held in memory one by one; those of a damaged index would not fit.
_LENGTH_LIMIT = 1 << 24
_SUFFIX = re.compile(r"\.(?:dict(?:\.dz)?|index)$")

# FreeDict prints `headword /pronunciation/ <grammar> (abbreviation)`.
_HEADWORD_END = re.compile(r"\s+(?:/|<|\()")
_NUMBERED = re.compile(r"([1-9][0-9]{0,2})\.\s+(\S.*)")
# Wiktionary-derived entries put the number of a second definition behind the translation: `1. libre 2.`
_DANGLING_NUMBER = re.compile(r"\s+\d+\.$")
_NOT_A_TRANSLATION = re.compile(r'\s*(?:Note:|Synonyms?:|see:|"|\d+\.$)')
_LABEL = re.compile(r"\[([^\[\]]*)\]")
_SEPARATOR = re.compile(r"[,;](?![^(\[<{]*[)\]>}])")


class DictdEntry(NamedTuple):
    """One entry: the line of the index that points to it, and its text."""

    line: int
    text: str


class _Place(NamedTuple):
    offset: int
    length: int
    line: int


def _number(text: str) -> int:
    value = 0
    for letter in text:
        value = value * 64 + _DIGITS[letter]
    return value


def _places(index: Path, skipped: SkippedLines) -> list[_Place]:
    places: dict[tuple[int, int], _Place] = {}
    for line, text in read_lines(index):
        fields = text.split("\t")
        try:
            if len(fields) < 3 or not fields[1] or not fields[2]:
                raise KeyError(text)
            offset, length = _number(fields[1]), _number(fields[2])
        except KeyError:
            skipped.skip(index, line, "not `headword TAB offset TAB length` with base-64 numbers")
            continue
        if length > _LENGTH_LIMIT:
            skipped.skip(index, line, f"its entry would have {length} bytes")
            continue
        # Server settings, not entries; dictfmt drops the hyphens where it indexes letters only.
        if not fields[0].startswith(("00-database", "00database")):
            places.setdefault((offset, length), _Place(offset, length, line))
    return sorted(places.values())


def dictd_files(path: Path) -> tuple[Path, Path]:
    """Return the text and the index of a dictd database, given either.

    Raises:
        InputError: The name ends neither in `.dict.dz` or `.dict` nor in `.index`.
    """
    match = _SUFFIX.search(path.name)
    if match is None:
        raise InputError(
            "is no dictd database by its name", path=path, remedy="give its `.dict.dz`, `.dict` or `.index`"
        )
    stem = path.name[: match.start()]
    if match[0] != ".index":
        return path, path.with_name(f"{stem}.index")
    packed, plain = path.with_name(f"{stem}.dict.dz"), path.with_name(f"{stem}.dict")
    return (plain if plain.exists() and not packed.exists() else packed), path


def read_dictd_entries(path: Path, index: Path, *, skipped: SkippedLines) -> Iterator[DictdEntry]:
    """Yield the distinct entries of a dictd database in the order of its text.

    Args:
        path: The text, `.dict.dz` or `.dict`.
        index: The index, `.index`.
        skipped: Receives malformed index lines, entries that are not UTF-8 and overlapping entries.

    Raises:
        InputError: A file is missing, or the text is truncated or corrupt.
    """
    places = _places(index, skipped)
    position = 0
    with open_bytes(path) as file:
        for place in places:
            if place.offset < position:
                skipped.skip(index, place.line, "overlaps the entry before it")
                continue
            try:
                while position < place.offset and (block := file.read(min(_BLOCK, place.offset - position))):
                    position += len(block)
                raw = file.read(place.length)
            except (*DAMAGE_ERRORS, ValueError) as error:
                raise DamagedFileError(
                    f"truncated or corrupt ({error})", path=path, remedy="fetch the package again"
                ) from None
            position += len(raw)
            if len(raw) < place.length:
                raise DamagedFileError(
                    f"ends at byte {position}, before the entry of line {place.line} of {index.name}",
                    path=path,
                    remedy="fetch the package again: text and index are not of one version",
                )
            try:
                yield DictdEntry(place.line, raw.decode("utf-8"))
            except UnicodeDecodeError:
                skipped.skip(index, place.line, "its entry is not UTF-8")


def read_freedict(path: Path, index: Path, *, skipped: SkippedLines) -> Iterator[Translation]:
    """Yield the translations of a FreeDict dictionary in dictd form.

    A headword line is followed by translations separated by commas, either one line of them or one numbered
    line per sense; definitions, notes, examples and cross-references are passed over. The senses of a
    headword that has several entries are counted through: the second of two begins one sense later.

    Raises:
        InputError: As `read_dictd_entries`; a malformed entry, under `strict`.
    """
    entries: Counter[str] = Counter()
    for entry in read_dictd_entries(path, index, skipped=skipped):
        lines = [line.rstrip() for line in entry.text.split("\n") if line.strip()]
        headword = _HEADWORD_END.split(lines[0], maxsplit=1)[0].strip() if lines else ""
        senses = list(_senses(lines[1:]))
        if not headword or not senses:
            skipped.skip(index, entry.line, "its entry has no headword or no translation")
            continue
        earlier = entries[headword]
        entries[headword] += 1
        for sense, text in senses:
            labels = tuple(_LABEL.findall(text))
            targets = [target for target in _SEPARATOR.split(text) if target.strip()]
            for target in targets:
                yield Translation(headword, target.strip(), sense + earlier, len(targets), labels)


def _senses(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield (number of the sense, its line of translations) of an entry's lines below the headword."""
    numbered = [match for line in lines if (match := _NUMBERED.match(line))]
    if numbered:
        for match in numbered:
            yield int(match[1]), _DANGLING_NUMBER.sub("", match[2])
    elif lines and not _NOT_A_TRANSLATION.match(lines[0]):
        yield 1, _DANGLING_NUMBER.sub("", lines[0].strip())
