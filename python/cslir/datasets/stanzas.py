"""Debian control stanzas, the format of the Packages and Translation lists (Debian Policy, section 5.1)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cslir.errors import InputError
from cslir.files import read_lines

__all__ = ["MalformedStanzas", "Stanza", "read_stanzas"]

# A field name is printable ASCII without space or colon and starts with neither "#" nor "-".
_FIELD_NAME = re.compile(r"[!\"$-,.-9;-~][!-9;-~]*")
_REPORTED = 10


class Stanza(NamedTuple):
    """One stanza: field name -> its first line and, after line feeds, its continuation lines unchanged."""

    line: int
    fields: dict[str, str]


@dataclass
class MalformedStanzas:
    """What was wrong with the stanzas that were skipped.

    Attributes:
        strict: Raise for the first malformed stanza instead of skipping it.
        count: Number of stanzas skipped so far.
        messages: The first ten, each as `file:line: message`.
    """

    strict: bool = False
    count: int = 0
    messages: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int, message: str) -> None:
        """Count one malformed stanza.

        Raises:
            InputError: In strict mode.
        """
        if self.strict:
            raise InputError(message, path=path, line=line, remedy="mend the stanza or leave strict mode out")
        self.count += 1
        if len(self.messages) < _REPORTED:
            self.messages.append(f"{path}:{line}: {message}")


def read_stanzas(path: Path, malformed: MalformedStanzas) -> Iterator[Stanza]:
    """Yield the well-formed stanzas of a list, decompressed as it is read.

    Args:
        path: A list: plain or compressed with gzip, bzip2, xz or lz4.
        malformed: Told of every stanza that is skipped: a line that is neither `Field: value` nor a
            continuation, a continuation of nothing, or a field given twice.

    Raises:
        InputError: The file is missing, truncated or not UTF-8, or a stanza is malformed in strict mode.
    """
    start = number = 0
    fields: dict[str, list[str]] = {}
    value: list[str] | None = None
    fault: tuple[int, str] | None = None
    for number, line in read_lines(path):
        if line.startswith("#"):  # a comment, as apt's own .sources files have
            continue
        # Spaces and tabs only: a line with a no-break space, seen in translations, belongs to the text.
        if not line.strip(" \t"):
            if fault is None and fields:
                yield _finish(start, fields)
            elif fault is not None:
                malformed.add(path, *fault)
            fields, value, fault = {}, None, None
            continue
        if not fields and fault is None:
            start = number
        if fault is not None:
            continue
        if line[0] in " \t":
            if value is None:
                fault = (number, "continuation line without a field before it")
            else:
                value.append(line)
            continue
        name, colon, first = line.partition(":")
        if not colon or not _FIELD_NAME.fullmatch(name):
            fault = (number, f"neither a field nor a continuation line: {line[:40]!r}")
        elif name in fields:
            fault = (number, f"field {name} given twice")
        else:
            value = fields[name] = [first.strip()]
    if fault is not None:
        malformed.add(path, *fault)
    elif fields:
        yield _finish(start, fields)


def _finish(start: int, fields: dict[str, list[str]]) -> Stanza:
    return Stanza(start, {name: "\n".join(lines) for name, lines in fields.items()})
