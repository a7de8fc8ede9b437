"""Package descriptions and their translations, read from Debian's lists into flowing text."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from cslir.datasets.stanzas import MalformedStanzas, Stanza, read_stanzas

__all__ = [
    "Description",
    "PackageEntry",
    "flow_lines",
    "is_translated",
    "normalise_text",
    "read_packages",
    "read_translations",
]

_MD5 = re.compile(r"[0-9a-f]{32}")
_BULLET = re.compile(r"(?:[*•·‣◦+–—-]|\d{1,2}[.)])\s+\S")
# Letters that mark a list item only where the line is indented: at the margin they are words.
_INDENTED_BULLET = re.compile(r"o\s+\S")
_WORDS = re.compile(r"\w+")
# Scripts written without spaces: kana, Han and their full-width punctuation.
_UNSPACED = re.compile("[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")

# From these on a translation is taken for the English left as it was. Good translations reach 0.9 in the
# title ("IMAP-Modul für PHP") and 0.75 in the text, where names of programs and options abound.
_SAME_TITLE = 0.95
_SAME_TEXT = 0.8


class Description(NamedTuple):
    """A package's description in one language.

    Attributes:
        package: Name of the package.
        md5: MD5 of the English description, which all its translations carry.
        title: The short description, one line.
        text: The long description; paragraphs and list items each on a line of their own.
    """

    package: str
    md5: str
    title: str
    text: str


class PackageEntry(NamedTuple):
    """What the Packages list says of a package: its source package and the MD5 of its description."""

    package: str
    source: str
    md5: str


def read_packages(path: Path, malformed: MalformedStanzas) -> Iterator[PackageEntry]:
    """Yield the packages of a Packages list; a package without a Source field is its own source.

    Raises:
        InputError: As for `read_stanzas`.
    """
    for stanza in read_stanzas(path, malformed):
        name, md5 = stanza.fields.get("Package", ""), stanza.fields.get("Description-md5", "")
        if fault := _fault_of(name, md5):
            malformed.add(path, stanza.line, fault)
            continue
        # "Source: gcc-defaults (1.203)": the version stands there when it is not the package's.
        source = stanza.fields.get("Source", name).partition(" ")[0]
        yield PackageEntry(name, source or name, md5)


def read_translations(path: Path, language: str, malformed: MalformedStanzas) -> Iterator[Description]:
    """Yield the descriptions of a Translation list that have both a short and a long part.

    Args:
        path: A `Translation-XX` file.
        language: The XX of its name, which its `Description-XX` fields must bear.
        malformed: Told of every stanza that is skipped.

    Raises:
        InputError: As for `read_stanzas`.
    """
    for stanza in read_stanzas(path, malformed):
        description = _description_of(path, stanza, f"Description-{language}", malformed)
        if description is not None and description.title and description.text:
            yield description


def _fault_of(name: str, md5: str) -> str:
    if not name:
        return "no Package field"
    if not md5:
        return "no Description-md5 field"
    return "" if _MD5.fullmatch(md5) else f"Description-md5 is not an MD5: {md5[:40]!r}"


def _description_of(
    path: Path, stanza: Stanza, field: str, malformed: MalformedStanzas
) -> Description | None:
    name, md5 = stanza.fields.get("Package", ""), stanza.fields.get("Description-md5", "")
    fault = _fault_of(name, md5) or ("" if field in stanza.fields else f"no {field} field")
    if fault:
        malformed.add(path, stanza.line, fault)
        return None
    title, *lines = stanza.fields[field].split("\n")
    return Description(name, md5, " ".join(title.split()), flow_lines(lines))


def flow_lines(lines: Sequence[str]) -> str:
    """Undo the line breaks of a long description (Debian Policy, section 5.6.13).

    A wrapped paragraph becomes one line, so does each list item with its continuation lines; other
    indented lines stay lines. ` .`, the format's blank line, ends a paragraph. Japanese and Chinese
    lines are joined without a space.

    Args:
        lines: The continuation lines as they stand, each with the leading space of the format.

    Returns:
        Paragraphs and list items, joined by single line feeds.
    """
    blocks: list[str] = []
    item_indent: int | None = None  # of the open block, when that is a list item
    open_block = False
    for line in lines:
        body = line[1:]
        words = " ".join(body.split())
        if words in {"", "."}:
            open_block = False
            continue
        indent = len(body) - len(body.lstrip())
        if _BULLET.match(words) or (indent and _INDENTED_BULLET.match(words)):
            blocks.append(words)
            item_indent, open_block = indent, True
        elif open_block and (indent == 0 if item_indent is None else indent >= item_indent):
            blocks[-1] = _join_lines(blocks[-1], words)
        else:
            blocks.append(words)
            item_indent, open_block = None, indent == 0
    return "\n".join(blocks)


def _join_lines(left: str, right: str) -> str:
    unspaced = _UNSPACED.match(left, len(left) - 1) and _UNSPACED.match(right)
    return f"{left}{right}" if unspaced else f"{left} {right}"


def normalise_text(text: str) -> str:
    """Return a text's words in NFKC and folded case, joined by spaces: equal for texts that read the same."""
    return " ".join(_WORDS.findall(unicodedata.normalize("NFKC", text).casefold()))


def is_translated(english: Description, other: Description) -> bool:
    """Tell whether a translation differs from the English in its title and in its text.

    Some translations repeat the English, whole or nearly so. Titles are compared by the ratio of matching
    characters (order matters: "browser web Firefox" is a translation of "Firefox web browser"), texts by
    the Dice coefficient of their words.
    """
    titles = normalise_text(english.title), normalise_text(other.title)
    matcher = SequenceMatcher(None, *titles, autojunk=False)
    # The quick ratios are upper bounds that spare nearly all pairs the slow one.
    bounds = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    if all(bound() >= _SAME_TITLE for bound in bounds):
        return False
    return _dice(normalise_text(english.text).split(), normalise_text(other.text).split()) < _SAME_TEXT


def _dice(left: list[str], right: list[str]) -> float:
    counts: dict[str, int] = {}
    for word in left:
        counts[word] = counts.get(word, 0) + 1
    shared = 0
    for word in right:
        if counts.get(word, 0):
            counts[word] -= 1
            shared += 1
    total = len(left) + len(right)
    return 2 * shared / total if total else 1.0
