"""The page: sections, tables and pictures put into one self-contained HTML file."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from cslir import __version__
from cslir.reporting.drawing.pictures import Image, Table
from cslir.reporting.drawing.style import WIDTH
from cslir.reporting.material import Material

__all__ = ["Front", "PageFigure", "Passage", "QueryPair", "Record", "Section", "Side", "html", "records"]


@dataclass(frozen=True)
class PageFigure:
    """A rendered figure, as the page shows it.

    Attributes:
        name: Its anchor.
        heading: What is shown.
        caption: How to read it.
        images: One or more panels.
        table: Their values.
        files: Names of its picture files, beside the page.
    """

    name: str
    heading: str
    caption: str
    images: tuple[Image, ...]
    table: Table
    files: tuple[str, ...]


@dataclass(frozen=True)
class Passage:
    """A retrieved passage and whether it is judged relevant."""

    text: str
    relevant: bool


@dataclass(frozen=True)
class Side:
    """What one system retrieves for a query, best first."""

    system: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class QueryPair:
    """A query, what is notable about it, and what systems retrieve for it."""

    query: str
    note: str
    sides: tuple[Side, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading."""

    name: str
    heading: str
    text: str = ""
    figures: tuple[PageFigure, ...] = ()
    side_by_side: tuple[QueryPair, ...] = ()


@dataclass(frozen=True)
class Front:
    """What stands first: the sentences, and the main table, None without results."""

    title: str
    compared: str
    findings: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    table: Table | None = None
    caption: str = ""
    legend: str = ""


@dataclass(frozen=True)
class Record:
    """How one input was made."""

    heading: str
    command: str
    table: Table


def html(
    front: Front, sections: Sequence[Section], records: Sequence[Record], missing: Sequence[str], sources: str
) -> str:
    """Return the page.

    Args:
        front: What stands first.
        sections: In order.
        records: How the inputs were made.
        missing: A sentence for each part that the inputs do not give.
        sources: Names of the inputs.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cslir.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    shown = [
        {
            "name": section.name,
            "heading": section.heading,
            "text": section.text,
            "figures": [_figure(figure) for figure in section.figures],
            "side_by_side": section.side_by_side,
        }
        for section in sections
    ]
    page = environment.get_template("report.html").render(
        version=__version__,
        title=front.title,
        compared=front.compared,
        findings=front.findings,
        details=front.details,
        main_table=front.table,
        main_caption=front.caption,
        main_legend=front.legend,
        sections=shown,
        record=records,
        missing=missing,
        sources=sources,
        width=WIDTH,
        style=(files("cslir.reporting") / "templates" / "report.css").read_text(encoding="utf-8").strip(),
    )
    # Half of a character, which JSON may hold, can't be written.
    return page.encode("utf-8", "replace").decode()


def _figure(figure: PageFigure) -> dict[str, Any]:
    images = [
        {
            "address": f"data:image/svg+xml;base64,{base64.b64encode(image.svg).decode()}",
            "alt": image.alt,
            "height": image.height,
        }
        for image in figure.images
    ]
    return vars(figure) | {"images": images}


def records(material: Material) -> list[Record]:
    """Return how the inputs were made: command, options, seeds, machine and versions."""
    found = []
    for name, file in material.results.items():
        seeds = dict.fromkeys(system.seed for system in file.systems if system.seed is not None)
        about = {"dataset": file.dataset, "split": file.split, "seeds": ", ".join(map(str, seeds))}
        found.append(_record(name, about, file.configuration, file.machine, file.versions))
    for name, measured in material.latency.items():
        about = {"collection": measured.collection, "passages": f"{measured.passages:,}"}
        found.append(_record(name, about, measured.configuration, measured.machine, measured.versions))
    return found


def _record(
    name: str,
    about: Mapping[str, str],
    configuration: Mapping[str, Any],
    machine: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> Record:
    command = configuration.get("command", "")
    options = {key: value for key, value in configuration.items() if key != "command"}
    rows = {key: value for key, value in about.items() if value}
    for prefix, part in (("", options), ("machine: ", machine), ("version of ", versions)):
        for key, value in part.items():
            if value not in (None, "", [], {}):
                rows[f"{prefix}{key}"] = (
                    value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                )
    text = " ".join(map(str, command)) if isinstance(command, list) else str(command)
    if text and not text.startswith("cslir"):
        text = f"cslir {text}"
    return Record(name, text, Table(("what", "value"), tuple(rows.items())))
