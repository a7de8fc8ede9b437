"""Reader of Wikipedia's SQL dumps: titles of articles (`page`) and of those in other languages (`langlinks`).

The links of one language are held in memory, compactly; the pages are streamed.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from cslir.errors import InputError, MissingFileError
from cslir.files import read_raw_lines
from cslir.languages import language_label, spellings
from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.readers.languages import Pair, is_reversed
from cslir.lexicons.readers.sql_dumps import plain_value, read_rows
from cslir.lexicons.readers.titles import title_entry
from cslir.lexicons.translations import SkippedLines

__all__ = ["read_wikipedia"]

_TABLE = re.compile(r"(?<![a-z])(page|langlinks)(?![a-z])")
_WIKI = re.compile(r"(?:^|Database:\s*)([a-z][a-z_]*?)wiki\b")
_HEADER_LINES = 20


class _Titles:
    """Titles by page id: sorted ids, and the titles one after the other."""

    def __init__(self, rows: Iterator[tuple[int, bytes]]) -> None:
        ids, ends, self._text = array("Q"), array("Q", [0]), bytearray()
        for page_id, title in rows:
            self._text += title
            ids.append(page_id)
            ends.append(len(self._text))
        order = range(len(ids))
        if any(ids[at] > ids[at + 1] for at in range(len(ids) - 1)):
            order = sorted(order, key=ids.__getitem__)  # type: ignore[assignment]
            ids = array("Q", sorted(ids))
        self._ids, self._ends, self._order = ids, ends, order

    def __len__(self) -> int:
        return len(self._ids)

    def get(self, page_id: int) -> bytes | None:
        at = bisect_left(self._ids, page_id)
        if at == len(self._ids) or self._ids[at] != page_id:
            return None
        place = self._order[at]
        return bytes(self._text[self._ends[place] : self._ends[place + 1]])


def read_wikipedia(path: Path, asked: Pair, *, skipped: SkippedLines) -> Iterator[LexiconEntry]:
    """Yield the titles of articles and of the articles that they link to, in the direction asked for.

    Redirects and pages outside the main namespace are passed over; underscores become spaces, and suffixes
    such as `(planet)` are dropped, at half the weight.

    Args:
        path: The dump of `page` or `langlinks`, under a name with that word in it; the other, of the same
            name but for the word, lies beside it.
        asked: Source and target language, one of them the wiki's.
        skipped: Receives malformed rows.

    Raises:
        InputError: A file is missing, can't be read, is of another table, or is a wiki of another language;
            a row is malformed, under `strict`.
    """
    pages, links = _dump(path, "page"), _dump(path, "langlinks")
    wiki = _wiki_language(links)
    other = asked[1] if wiki != asked[1] else asked[0]
    inverted = is_reversed((wiki, other), asked, links)
    titles = _Titles(_links(links, other, skipped))
    if not len(titles):
        raise InputError(f"has no link to the language {other}", path=links, remedy="name another language")
    columns = ("page_id", "page_namespace", "page_title", "page_is_redirect")
    for line, (page_id, namespace, title, redirect) in read_rows(pages, "page", columns, skipped=skipped):
        if namespace != b"0" or redirect != b"0":
            continue
        linked = titles.get(_number(page_id))
        if linked is None:
            continue
        try:
            near, far = plain_value(title).decode(), linked.decode()
        except UnicodeDecodeError:
            skipped.skip(pages, line, f"page {page_id.decode('ascii')} has a title that is not UTF-8")
            continue
        entry = title_entry(far, near) if inverted else title_entry(near, far)
        if entry is not None:
            yield entry


def _links(path: Path, language: str, skipped: SkippedLines) -> Iterator[tuple[int, bytes]]:
    wanted = {f"'{one}'".encode() for one in spellings(language)}
    columns = ("ll_from", "ll_lang", "ll_title")
    for _, (page_id, found, title) in read_rows(path, "langlinks", columns, skipped=skipped):
        if found in wanted and (plain := plain_value(title)) and (number := _number(page_id)) >= 0:
            yield number, plain


def _number(text: bytes) -> int:
    """Return a page id, or -1 for what is none."""
    return int(text) if text.isdigit() and len(text) < 19 else -1


def _dump(path: Path, table: str) -> Path:
    """Return the dump of a table, from the name of the dump of the other."""
    if not _TABLE.search(path.name):
        raise InputError(
            "has neither `page` nor `langlinks` in its name",
            path=path,
            remedy="keep the dumps' own names, such as enwiki-20240101-page.sql.gz, side by side",
        )
    found = path.with_name(_TABLE.sub(table, path.name))
    if not found.is_file():
        raise MissingFileError(
            f"no such file, the dump of `{table}`",
            path=found,
            remedy="lay the dumps of `page` and `langlinks` side by side under their own names",
        )
    return found


def _wiki_language(path: Path) -> str:
    """Return the language of a wiki, from the head of the dump (`Database: enwiki`) or its name."""
    for number, raw in read_raw_lines(path):
        if match := _WIKI.search(raw[:200].decode("ascii", "replace")):
            return language_label(match[1].replace("_", "-"))
        if number == _HEADER_LINES:
            break
    if match := _WIKI.match(path.name):
        return language_label(match[1].replace("_", "-"))
    raise InputError(
        "tells neither in its head nor in its name which wiki it is of",
        path=path,
        remedy="give it the dump's own name, such as enwiki-20240101-langlinks.sql.gz",
    )
