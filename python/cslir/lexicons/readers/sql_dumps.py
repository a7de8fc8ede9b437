"""Rows of MySQL dumps, streamed: the `INSERT` statements of one table, whatever their length."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cslir.errors import InputError
from cslir.files import read_raw_lines
from cslir.lexicons.translations import SkippedLines

__all__ = ["plain_value", "read_rows"]

# A bare value (a number, NULL, a hexadecimal literal), or a string with backslash escapes or doubled quotes.
_VALUE = rb"(?:[^',()]++|'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+')"
_COLUMN = re.compile(rb"\s*`(\w+)`\s")
_ESCAPE = re.compile(rb"\\(.)|''", re.DOTALL)
_ESCAPED = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}


def read_rows(
    path: Path, table: str, columns: Sequence[str], *, skipped: SkippedLines
) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    """Yield, for each row of a table, its line and the values of some columns as printed (see `plain_value`).

    The positions of the columns are those of the dump's `CREATE TABLE`, since they differ among versions.

    Args:
        path: The dump, plain or compressed.
        table: Name of the table; other tables in the file are passed over.
        columns: Which values are wanted.
        skipped: Receives the lines with a malformed row.

    Raises:
        InputError: The file can't be read, or has no such table or column; a row is malformed, under
            `strict`.
    """
    create, insert = f"CREATE TABLE `{table}`".encode(), f"INSERT INTO `{table}`".encode()
    names: list[bytes] = []
    creating = inserting = False
    row: re.Pattern[bytes] | None = None
    for number, line in read_raw_lines(path):
        if line.startswith(create):
            creating, names = True, []
        elif creating:
            if column := _COLUMN.match(line):
                names.append(column[1])
            creating = not line.startswith(b")")
        elif line.startswith(insert) or (inserting and line.lstrip().startswith(b"(")):
            if row is None:
                row = _row_pattern(path, table, names, columns)
            start = line.find(b"VALUES", len(insert)) + len(b"VALUES") if line.startswith(insert) else 0
            yield from _rows(path, number, line, start, row, columns, skipped)
            inserting = not line.rstrip().endswith(b";")
    if row is None:
        raise InputError(
            f"has no rows of the table `{table}`", path=path, remedy=f"give the dump of the table `{table}`"
        )


def _row_pattern(path: Path, table: str, names: Sequence[bytes], columns: Sequence[str]) -> re.Pattern[bytes]:
    wanted = {column.encode() for column in columns}
    if missing := wanted - set(names):
        raise InputError(
            f"its table `{table}` has no column {b', '.join(sorted(missing)).decode()}",
            path=path,
            remedy="give the dump as MediaWiki publishes it, with its CREATE TABLE",
        )
    if len(set(names)) < len(names):
        raise InputError(f"its table `{table}` has a column twice", path=path, remedy="fetch the dump again")
    values = [rb"(?P<%b>%b)" % (name, _VALUE) if name in wanted else _VALUE for name in names]
    return re.compile(rb"\s*\(" + rb",".join(values) + rb"\)\s*(?:,|;|$)", re.DOTALL)


def _rows(
    path: Path,
    number: int,
    line: bytes,
    start: int,
    row: re.Pattern[bytes],
    columns: Sequence[str],
    skipped: SkippedLines,
) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    """Yield the rows of one line from a position on; what is no row is skipped up to the next that is."""
    for match in row.finditer(line, start):
        if match.start() > start:
            skipped.skip(path, number, "holds a row that has not the table's columns")
        start = match.end()
        yield number, match.group(*columns)
    if line[start:].strip(b" \t\r\n;"):
        skipped.skip(path, number, "holds a row that has not the table's columns")


def plain_value(value: bytes) -> bytes:
    """Return a printed value without quotes and escapes; NULL is b""."""
    if not value.startswith(b"'"):
        return b"" if value == b"NULL" else value
    value = value[1:-1]
    if b"\\" in value or b"''" in value:
        value = _ESCAPE.sub(
            lambda match: b"'" if match[1] is None else _ESCAPED.get(match[1], match[1]), value
        )
    return value
