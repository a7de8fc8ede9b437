"""Values of JSON, decoded in one place, and checked as they are taken, with their place in messages."""

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, cast

from cslir.errors import InputError
from cslir.files import read_whole

__all__ = ["JsonValue", "decode_json", "read_json", "take_json"]

DEEPEST_JSON = 128
"""How deeply lists and objects may lie in each other: deeper ones exhaust the stack of what walks them."""
LONGEST_NUMBER = 300
"""How many digits a whole number may have: a longer one is beyond the range of floats."""

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HALF = "an escape stands for half a surrogate pair, which is no character"
_TOO_DEEP = f"JSON of more than {DEEPEST_JSON} lists and objects in each other"


def decode_json(
    text: str | bytes, *, path: Path | None = None, line: int | None = None, remedy: str = ""
) -> Any:  # noqa: ANN401
    r"""Decode a JSON text: the one way in which cslir does so.

    Refused is also what `json.loads` accepts, loses or raises other errors for: numbers beyond the range of
    floats (NaN, 1e999, whole ones of more than 300 digits), a key that an object has twice, lists and objects
    that lie in each other more than 128 deep, and an escape (`\ud800`) that is half a surrogate pair.

    Args:
        text: The text; bytes are UTF-8, with or without a byte-order mark.
        path: The file that holds it, for the message.
        line: Its line in this file, where it has one of its own.
        remedy: What to do about a malformed one.

    Raises:
        InputError: It is no JSON, or as above.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = _DECODER.decode(text)
        _check(value, text)
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 (byte {error.object[error.start]:#04x} at offset {error.start})"
    except json.JSONDecodeError as error:
        if not text.strip():
            problem = "is empty, where JSON is needed"
        elif line is None:
            problem = f"truncated or not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        else:
            problem = f"not JSON: {error.msg} (column {error.colno})"
    except RecursionError:
        problem = _TOO_DEEP
    except ValueError as error:
        problem = str(error)
    else:
        return value
    raise InputError(problem, path=path, line=line, remedy=remedy)


def take_json(text: str, start: int) -> tuple[Any, int]:
    """Decode the one JSON value that begins at an offset of a longer text, as `decode_json` does.

    Returns:
        The value, and the offset of what follows it.

    Raises:
        ValueError: There is none, or it is refused.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _check(value, text[start:end])
    return value, end


def read_json(path: Path, *, remedy: str, pipe: bool = False) -> "JsonValue":
    """Read a JSON file, plain or compressed.

    Args:
        path: The file.
        remedy: What to do about a malformed one.
        pipe: Whether it may be a pipe, as a file may that the user names. One that is found in a folder may
            not: nothing would ever be written to it.

    Raises:
        InputError: It is missing, truncated, too large or refused by `decode_json`.
    """
    raw = read_whole(path, pipe=pipe)
    return JsonValue(path, remedy, "", decode_json(raw, path=path, remedy=remedy))


def _check(value: object, text: str) -> None:
    """Refuse what is nested too deeply, and characters that are none."""
    escapes = _SURROGATE_ESCAPE.search(text) is not None
    if escapes and isinstance(value, str) and _SURROGATE.search(value):
        raise ValueError(_HALF)
    # A walk over all values is spared where the text can hold nothing to refuse.
    if not escapes and text.count("[") + text.count("{") <= DEEPEST_JSON:
        return
    level, depth = [value], 0
    while level:
        inner: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                if escapes and any(map(_SURROGATE.search, node)):
                    raise ValueError(_HALF)
                inner.extend(node.values())
            elif isinstance(node, list):
                inner.extend(node)
        if escapes and any(isinstance(one, str) and _SURROGATE.search(one) for one in inner):
            raise ValueError(_HALF)
        level = [one for one in inner if isinstance(one, dict | list)]
        depth += 1
        if depth > DEEPEST_JSON:
            raise ValueError(_TOO_DEEP)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice[:100]!r} comes twice")
    return members


def _whole_number(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a whole number of {len(digits):,} digits, beyond the range of floats")
    return int(digits)


def _real_number(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{digits[:40]} is beyond the range of floats")
    return number


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no value of JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_whole_number,
    parse_float=_real_number,
    parse_constant=_refuse_constant,
)


class JsonValue(NamedTuple):
    """A value of a JSON file; `place` says where it stands, as in `systems[0].name`."""

    path: Path
    remedy: str
    place: str
    value: Any

    def wrong(self, problem: str) -> InputError:
        """Return the error that this value has a problem."""
        place = f"{self.place}: " if self.place else ""
        return InputError(f"{place}{problem}", path=self.path, remedy=self.remedy)

    def require_format(self, name: str, version: int, kind: str) -> None:
        """Refuse a file whose `format` and `format_version` are others.

        Raises:
            InputError: It is no file of this kind, or of another version.
        """
        if not isinstance(self.value, dict) or self.value.get("format") != name:
            raise self.wrong(f'not a {kind}: "format" is missing or another')
        found = self.value.get("format_version")
        if found != version:
            raise self.wrong(f"of format version {found}, {version} is read here")

    def get(self, key: str, kind: type | tuple[type, ...], default: object = None) -> "JsonValue":
        """Return the value of an object's key; a missing one, or null, is the default.

        Args:
            key: Its name.
            kind: The Python type or types that it must have; with NoneType it may be missing.
            default: If None, the key must be there.

        Raises:
            InputError: It is missing, or of another kind.
        """
        value = self.value.get(key)
        place = f"{self.place}.{key}" if self.place else key
        node = self._replace(place=place, value=default if value is None else value)
        if node.value is None and not (isinstance(kind, tuple) and type(None) in kind):
            raise node.wrong("is missing")
        # True is an int to Python, and no number to us.
        if not isinstance(node.value, kind) or isinstance(node.value, bool):
            raise node.wrong(f"is of the wrong type ({type(node.value).__name__})")
        return node

    def items(self) -> list["JsonValue"]:
        """Return the elements of a list, which must be objects."""
        nodes = [
            self._replace(place=f"{self.place}[{number}]", value=one) for number, one in enumerate(self.value)
        ]
        for node in nodes:
            if not isinstance(node.value, dict):
                raise node.wrong("is not an object")
        return nodes

    def strings(self) -> tuple[str, ...]:
        """Return a list of strings."""
        if not isinstance(self.value, list) or not all(isinstance(one, str) for one in self.value):
            raise self.wrong("is not a list of strings")
        return tuple(self.value)

    def numbers(self) -> dict[str, float]:
        """Return an object whose values are finite numbers."""
        for key, one in self.value.items():
            if isinstance(one, bool) or not isinstance(one, int | float) or not math.isfinite(one):
                raise self.wrong(f"the value of {key!r} is no finite number")
        return cast("dict[str, float]", self.value)
