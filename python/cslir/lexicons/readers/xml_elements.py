"""Elements of large XML files, one at a time, with the line where each ends."""

import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple, cast

from cslir.errors import InputError
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
    ancestors: list[ET.Element] = []
    number = 0
    try:
        for number, raw in read_raw_lines(path):
            parser.feed(raw)
            yield from _finished(parser, ancestors, names, number)
        parser.close()
        yield from _finished(parser, ancestors, names, number)
    except (ET.ParseError, LookupError, ValueError) as error:
        raise InputError(
            f"not well-formed XML ({error})",
            path=path,
            line=number,
            remedy="fetch the file again, it may be incomplete",
        ) from None


def _finished(
    parser: "ET.XMLPullParser[ET.Element]",
    ancestors: list[ET.Element],
    names: Collection[str],
    line: int,
) -> Iterator[FoundElement]:
    for event, element in cast(Iterator[tuple[str, ET.Element]], parser.read_events()):
        if event == "start":
            ancestors.append(element)
            continue
        ancestors.pop()
        inside = any(local_name(one) in names for one in ancestors)
        if not inside and local_name(element) in names:
            yield FoundElement(line, element)
        if ancestors and not inside:
            ancestors[-1].remove(element)
