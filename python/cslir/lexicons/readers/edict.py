"""Reader of EDICT (Debian's package `edict`).

A line is an entry, `HEADWORD [reading] /(pos) (1) gloss/gloss/(2) gloss/`. EDICT2 lists several headwords and
readings, separated by `;`, and ends in an entry number. Both come in EUC-JP, and in UTF-8 from other hands.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cslir.files import read_raw_lines
from cslir.lexicons.translations import SkippedLines, Translation

__all__ = ["is_edict_line", "read_edict"]

_LINE = re.compile(r"(?P<written>\S[^\[/]*?)\s*(?:\[(?P<read>[^\]]*)\]\s*)?/(?:(?P<glosses>.*)/)?\s*")
_ENCODINGS = {"utf-8": "UTF-8", "euc_jp": "EUC-JP"}
_CONVERT = "convert the file to one of them, with iconv -f SHIFT_JIS -t UTF-8 for example"
_MARKS = re.compile(r"\(([^()]*)\)\s*")
_ENTRY_NUMBER = re.compile(r"EntL\d+X?")
# The first line describes the file under a headword that sorts first.
_DESCRIPTION = "？？？"
USUALLY_KANA = "uk"
"""Mark of senses that are written in kana, whatever the headword."""
# Some 20,000 entries of everyday words have it; the others are many, and each gloss has several of them.
_COMMON = "(P)"
_POOR_READINGS = {"ok", "ik"}


class _Sense(NamedTuple):
    marks: list[str]
    glosses: list[str]


def is_edict_line(raw: bytes) -> bool:
    """Return whether a line of bytes looks like an entry of EDICT, in either encoding."""
    if not (encoding := _encoding_of(raw)):
        return False
    line = raw.decode(encoding)
    return line.count("/") >= 2 and _LINE.fullmatch(line.strip()) is not None


def read_edict(path: Path, *, skipped: SkippedLines) -> Iterator[Translation]:
    """Yield the translations of an EDICT file, Japanese to English, as printed.

    The source is the headword, or the reading where the sense is marked as usually written in kana.

    Raises:
        InputError: The file can't be read; a line is malformed, under `strict`.
    """
    encoding = ""
    for number, raw in read_raw_lines(path):
        if not raw.strip():
            continue
        encoding = encoding or _encoding_of(raw)
        try:
            line = raw.decode(encoding or "ascii").strip().lstrip("\ufeff")
        except UnicodeDecodeError:
            if encoding:
                skipped.skip(path, number, f"not {_ENCODINGS[encoding]}, as lines before it are")
            else:
                skipped.skip(path, number, f"neither {' nor '.join(_ENCODINGS.values())}", _CONVERT)
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            skipped.skip(path, number, "not `HEADWORD [reading] /gloss/gloss/`")
        elif not match["written"].startswith(_DESCRIPTION):
            yield from _translations(match)


def _encoding_of(raw: bytes) -> str:
    """Return in which encoding a line is; "" if it is ASCII, which tells nothing, or in neither."""
    for encoding in () if raw.isascii() else _ENCODINGS:
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return ""


def _translations(match: re.Match[str]) -> Iterator[Translation]:
    written = _forms(match["written"])
    read = _forms(match["read"] or "") or written
    senses = _senses(match["glosses"] or "")
    # Outdated and irregular readings are marked at the first sense, for all.
    if senses and not _POOR_READINGS.isdisjoint(senses[0].marks):
        read = written
    for number, sense in enumerate(senses, start=1):
        labels = tuple(sense.marks) if _COMMON in match.string else (*sense.marks, "rare")
        for source in read if USUALLY_KANA in labels else written:
            for gloss in sense.glosses:
                yield Translation(source, gloss, number, len(sense.glosses), labels)


def _forms(text: str) -> list[str]:
    return [form for part in text.split(";") if (form := _MARKS.sub("", part).strip())]


def _senses(glosses: str) -> list[_Sense]:
    """Return the senses: one begins with each number in parentheses; marks stand before its first gloss."""
    senses = [_Sense([], [])]
    for part in glosses.split("/"):
        gloss = part.strip()
        while match := _MARKS.match(gloss):
            mark = match[1]
            if mark.isdecimal() and senses[-1].glosses:
                senses.append(_Sense([], []))
            elif not mark.isdecimal() and not senses[-1].glosses:
                senses[-1].marks.extend(mark.split(","))
            gloss = gloss[match.end() :]
        if gloss and not _ENTRY_NUMBER.fullmatch(gloss):
            senses[-1].glosses.append(gloss)
    return [sense for sense in senses if sense.glosses]
