"""Values of a JSON file, checked as they are taken, with their place in messages."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple, cast

from cslir.errors import InputError
from cslir.files import DAMAGE_ERRORS, open_bytes

__all__ = ["JsonValue", "read_json"]


def read_json(path: Path, *, remedy: str) -> "JsonValue":
    """Read a JSON file, plain or compressed.

    Args:
        path: The file.
        remedy: What to do about a malformed one.

    Raises:
        InputError: It is missing, truncated or not JSON, which has no NaN.
    """
    try:
        with open_bytes(path) as file:
            return JsonValue(path, remedy, "", json.loads(file.read(), parse_constant=_refuse_constant))
    except (*DAMAGE_ERRORS, ValueError) as error:
        raise InputError(f"truncated or not JSON ({error})", path=path, remedy=remedy) from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no value of JSON")


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
