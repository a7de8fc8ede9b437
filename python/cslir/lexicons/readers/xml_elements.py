"""Elements of large XML files, one at a time, with the line where each ends."""

import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple, cast

from cslir.errors import DamagedFileError, InputError
from cslir.files import read_raw_lines

__all__ = ["FoundElement", "local_name", "read_elements"]


class FoundElement(NamedTuple):
    """An element with its content, and the line of the file where it ends."""

    line: int
    element: ET.Element


def local_name(element: ET.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def read_elements(path: Path, names: Collection[str]) -> Iterator[FoundElement]:
    """Yield the elements of these local names, each removed from the tree after it was used.

    The file is parsed line by line, so that memory holds one element and the ancestors of it.

    Raises:
        InputError: The file can't be read or is no well-formed XML.
    """
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start", "end"))
    tree = _Tree(frozenset(names))
    number = 0
    try:
        for number, raw in read_raw_lines(path):
            parser.feed(raw)
            for element in tree.finished(parser):
                yield FoundElement(number, element)
        parser.close()
        for element in tree.finished(parser):
            yield FoundElement(number, element)
    except InputError:
        raise
    except (ET.ParseError, LookupError, ValueError) as error:
        raise DamagedFileError(
            f"not well-formed XML ({error})",
            path=path,
            line=number,
            remedy="fetch the file again, it may be incomplete",
        ) from None


class _Tree:
    """The ancestors of the element that is being read, and whether one of them is wanted as a whole."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._wanted: dict[str, bool] = {}
        self._ancestors: list[ET.Element] = []
        self._inside = 0

    def finished(self, parser: "ET.XMLPullParser[ET.Element]") -> Iterator[ET.Element]:
        for event, element in cast(Iterator[tuple[str, ET.Element]], parser.read_events()):
            wanted = self._wanted.get(element.tag)
            if wanted is None:
                wanted = self._wanted[element.tag] = local_name(element) in self._names
            if event == "start":
                self._ancestors.append(element)
                self._inside += wanted
                continue
            self._ancestors.pop()
            self._inside -= wanted
            if self._inside:
                continue
            if wanted:
                yield element
            if self._ancestors:
                self._ancestors[-1].remove(element)
