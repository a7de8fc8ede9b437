"""Pictures: what is drawn, with its text alternative and its values, and their rendering."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cslir.reporting.drawing.style import SUBTITLE, TITLE, WIDTH, inches, one_line, saved, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Drawing", "Figure", "Image", "Panel", "Table", "render"]

Drawing = Callable[["Axes"], None]
"""Draws on axes of its own."""
_MOST_COLUMNS = 4
_DPI, _DPI_OF_SEVERAL = 288, 192
"""A slide shows one panel as large as several together."""


@dataclass(frozen=True)
class Table:
    """The values behind a picture.

    Attributes:
        headings: Of the columns.
        rows: Cells as text, one for each heading; the first names the row.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Panel:
    """One drawing, as wide as a phone.

    Attributes:
        title: Above the drawing; empty for none.
        alt: What the drawing shows, with its key numbers, for those who can't see it.
        height: In CSS pixels, without the title.
        draw: Draws it.
        margins: CSS pixels left of, right of, above and below the axes, the title's not counted.
        subtitle: Under the title.
    """

    title: str
    alt: str
    height: int
    draw: Drawing
    margins: tuple[int, int, int, int] = (8, 10, 6, 44)
    subtitle: str = ""


@dataclass(frozen=True)
class Figure:
    """Panels that belong together, before they are rendered.

    Attributes:
        name: Of the files.
        heading: What is shown.
        caption: How to read it.
        panels: One at least.
        table: Their values.
    """

    name: str
    heading: str
    caption: str
    panels: tuple[Panel, ...]
    table: Table


@dataclass(frozen=True)
class Image:
    """A rendered picture.

    Attributes:
        name: Of its files, without ending.
        alt: What it shows.
        height: In CSS pixels.
        svg: Always there.
        png: Empty for a panel of several, of which the files hold the whole figure.
    """

    name: str
    alt: str
    height: int
    svg: bytes
    png: bytes


def render(figure: Figure) -> tuple[list[Image], Image]:
    """Render a figure: its panels one by one, for the page, and all of them side by side, for a file."""
    if len(figure.panels) == 1:
        image = _drawn(figure.name, figure.panels, 1, _DPI)
        return [image], image
    panels = [
        _drawn(f"{figure.name}-{number}", [panel], 1, None)
        for number, panel in enumerate(figure.panels, start=1)
    ]
    return panels, _drawn(figure.name, figure.panels, _columns(len(panels)), _DPI_OF_SEVERAL)


def _columns(count: int) -> int:
    """Return the columns, at most four, that leave the fewest places empty."""
    if count <= _MOST_COLUMNS:
        return count
    return min((_MOST_COLUMNS, _MOST_COLUMNS - 1), key=lambda columns: -count % columns)


def _drawn(name: str, panels: Sequence[Panel], columns: int, dpi: int | None) -> Image:
    from matplotlib.figure import Figure as Canvas

    rows = -(-len(panels) // columns)
    title = max(_title_height(panel) for panel in panels)
    height = title + max(panel.height for panel in panels)
    across, down = WIDTH * columns, height * rows
    alt = " ".join(panel.alt for panel in panels)
    texts = alt + "".join(f"{panel.title}{panel.subtitle}" for panel in panels)
    with styled(texts):
        canvas = Canvas(figsize=(inches(across), inches(down)))
        for place, panel in enumerate(panels):
            row, column = divmod(place, columns)
            left, right, above, below = panel.margins
            # Panels of one row stand on one line at the top; what is shorter leaves room below.
            start, top = column * WIDTH, row * height
            box = (
                (start + left) / across,
                1 - (top + title + panel.height - below) / down,
                (WIDTH - left - right) / across,
                (panel.height - above - below) / down,
            )
            canvas.text((start + 6) / across, 1 - (top + 15) / down, one_line(panel.title, 44), **TITLE)
            canvas.text((start + 6) / across, 1 - (top + 31) / down, one_line(panel.subtitle), **SUBTITLE)
            panel.draw(canvas.add_axes(box))
        svg, png = saved(canvas, alt, dpi=dpi)
    return Image(name, alt, down, svg, png)


def _title_height(panel: Panel) -> int:
    return 36 if panel.subtitle else 22 if panel.title else 0
