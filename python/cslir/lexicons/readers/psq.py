"""Reader of translation tables of probabilistic structured queries (PSQ).

A table is one JSON object, `{word: {translation: probability}}`. It is parsed word by word, so that memory
holds one word's translations and a block of text.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from cslir.errors import DamagedFileError, InputError
from cslir.files import DAMAGE_ERRORS, open_bytes
from cslir.json_values import take_json
from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.translations import SkippedLines

__all__ = ["read_psq"]

_BLOCK = 1 << 16
# A value this long that does not parse is malformed, not cut short.
_VALUE_LIMIT = 1 << 26
_BLANK = re.compile(r"[ \t\n\r]*")
_REMEDY = "the file is one JSON object, {word: {translation: probability}}"


def read_psq(path: Path, *, skipped: SkippedLines) -> Iterator[LexiconEntry]:
    """Yield the entries of a table, the probabilities being the weights.

    Args:
        path: The table, plain or compressed.
        skipped: Receives words without a table of translations, and translations without a positive
            probability.

    Raises:
        InputError: The file can't be read or is no such JSON; an entry is malformed, under `strict`.
    """
    text = _Text(path)
    text.expect("{")
    if text.peek() == "}":
        text.expect("}")
    else:
        while True:
            text.peek()
            line = text.line
            source = text.value()
            text.expect(":")
            targets = text.value()
            yield from _entries(path, line, source, targets, skipped)
            if text.peek() != ",":
                break
            text.expect(",")
        text.expect("}")
    text.expect("")


def _entries(
    path: Path, line: int, source: object, targets: object, skipped: SkippedLines
) -> Iterator[LexiconEntry]:
    if not isinstance(source, str) or not source.strip() or not isinstance(targets, dict):
        skipped.skip(path, line, f"{source!r:.60} has no table of translations", _REMEDY)
        return
    for target, probability in targets.items():
        number = isinstance(probability, int | float) and not isinstance(probability, bool)
        if not target.strip() or not number or not 0.0 < probability < float("inf"):
            skipped.skip(path, line, f"{target!r:.60} of {source!r:.60} has no positive probability", _REMEDY)
        else:
            yield LexiconEntry(source.strip(), target.strip(), float(probability))


class _Text:
    """The text of a JSON file, of which a window is held: values are taken off its front."""

    def __init__(self, path: Path) -> None:
        self.line = 1
        self._path = path
        self._blocks = self._read()
        self._window = ""
        self._at = 0

    def peek(self) -> str:
        """Return the next character that is not blank, "" at the end of the file."""
        while True:
            start = self._at
            self._at = _BLANK.match(self._window, start).end()  # type: ignore[union-attr]
            self.line += self._window.count("\n", start, self._at)
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._more():
                return ""

    def expect(self, character: str) -> None:
        """Take a character, "" being the end of the file."""
        if (found := self.peek()) != character:
            wanted, given = (
                repr(character) if character else "the end",
                repr(found) if found else "the end of the file",
            )
            raise self._broken(f"{wanted} expected, {given} found")
        self._at += len(character)

    def value(self) -> object:
        """Take one JSON value."""
        if not self.peek():
            raise self._broken("ends within an object")
        while True:
            try:
                value, end = take_json(self._window, self._at)
                # A number at the very end of the window may go on behind it.
                if end < len(self._window) or not self._more():
                    break
            except InputError:
                raise
            except ValueError as error:
                if len(self._window) - self._at > _VALUE_LIMIT or not self._more():
                    raise self._broken(str(error).partition(": line")[0]) from None
        self.line += self._window.count("\n", self._at, end)
        self._at = end
        return value

    def _more(self) -> bool:
        """Drop what was taken and double the window, so that a long value is not parsed too often."""
        self._window = self._window[self._at :]
        self._at = 0
        wanted = max(2 * len(self._window), _BLOCK)
        grown = [self._window]
        size = len(self._window)
        while size < wanted and (block := next(self._blocks, "")):
            grown.append(block)
            size += len(block)
        self._window = "".join(grown)
        return len(grown) > 1

    def _read(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        file = open_bytes(self._path)
        try:
            with file:
                while raw := file.read(_BLOCK):
                    if text := decoder.decode(raw):
                        yield text
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise self._broken("not UTF-8 at or after this line") from None
        except DAMAGE_ERRORS as error:
            raise DamagedFileError(
                f"truncated or corrupt ({error})", path=self._path, remedy="fetch the file again"
            ) from None

    def _broken(self, message: str) -> InputError:
        return InputError(f"not valid JSON ({message})", path=self._path, line=self.line, remedy=_REMEDY)
