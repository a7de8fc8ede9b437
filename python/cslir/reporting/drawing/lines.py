"""Lines and points: curves, growth, and accuracy against time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cslir.reporting.drawing.style import ACCENT, CATEGORIES, INK, MUTED, NEUTRAL, PAPER, WIDTH, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cslir.reporting.drawing.pictures import Drawing

__all__ = [
    "Line",
    "Point",
    "front",
    "label_offsets",
    "lines",
    "lines_height",
    "lines_margins",
    "points",
    "points_height",
    "points_margins",
]

_AXES, _KEY_ROW = 210, 16
_DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    "-",
    (0, (5, 2)),
    (0, (1.5, 1.5)),
    (0, (6, 2, 1, 2)),
)  # type: ignore[assignment]
_MARKERS = "osD^vP"
_LABEL = 17.0
"""Pixels between the centres of two labels at least."""
_OFFSETS = (
    (0.0, 0.0),
    *(
        (ring * 19 * math.cos(turn * math.pi / 8), ring * 19 * math.sin(turn * math.pi / 8))
        for ring in range(1, 8)
        for turn in (0, 8, 2, 6, 14, 10, 4, 12, 1, 7, 15, 9, 3, 5, 13, 11)
    ),
)
"""Where a label may stand from its point, in order: on it, beside it, above and below, then farther away."""


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        label: In the key.
        x: Places.
        y: Values.
        band: Upper edge of a band from `y` on; empty for none.
        marked: Its points are measurements of their own, to be marked.
        style: Number of its colour and dashes, for one that is in several pictures; its place if None.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    band: tuple[float, ...] = ()
    marked: bool = False
    style: int | None = None


def lines_margins(count: int) -> tuple[int, int, int, int]:
    """Return the margins around lines: their key, a row for each, stands above the axes."""
    return 50, 14, 10 + _KEY_ROW * count, 42


def lines_height(count: int) -> int:
    """Return the height of a picture of so many lines, in CSS pixels."""
    _, _, above, below = lines_margins(count)
    return above + _AXES + below


def lines(curves: Sequence[Line], x_axis: str, y_axis: str, *, logarithmic: bool = False) -> "Drawing":
    """Return lines, told apart by colour and dashes, with a key above."""

    def draw(axes: "Axes") -> None:
        axes.grid(axis="y")
        for place, line in enumerate(curves):
            number = place if line.style is None else line.style
            colour = CATEGORIES[number % len(CATEGORIES)]
            axes.plot(
                line.x, line.y, color=colour, linestyle=_DASHES[number % len(_DASHES)], linewidth=1.5,
                marker=_MARKERS[number % len(_MARKERS)] if line.marked else None, markersize=3.5,
                label=one_line(line.label, 52),
            )  # fmt: skip
            if line.band:
                axes.fill_between(line.x, line.y, line.band, color=colour, alpha=0.15, linewidth=0)
        if logarithmic:
            _logarithmic(axes, "x", [one for line in curves for one in line.x])
            _logarithmic(axes, "y", [one for line in curves for one in (*line.y, *line.band)])
        _label(axes, x_axis, y_axis)
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.14, 1.0), ncols=1, handlelength=2.4, borderpad=0,
            labelspacing=0.25, borderaxespad=0.5,
        )  # fmt: skip

    return draw


@dataclass(frozen=True)
class Point:
    """A system at a time and an accuracy."""

    label: str
    x: float
    y: float


def front(entries: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats: none is at once as fast and better, or faster and as good."""
    best: list[Point] = []
    for one in sorted(entries, key=lambda point: (point.x, -point.y)):
        if not best or one.y > best[-1].y:
            best.append(one)
    return best


def points_height(count: int) -> int:
    """Return the height of a picture of so many points, in CSS pixels."""
    return 10 + _AXES + 42 + _KEY_ROW * count + 8


def points(entries: Sequence[Point], x_axis: str, y_axis: str) -> "Drawing":
    """Return numbered points over a logarithmic axis, the front as a line, and a key of the numbers below."""
    on_front = front(entries)

    def draw(axes: "Axes") -> None:
        axes.grid(axis="both")
        axes.plot(
            [one.x for one in on_front], [one.y for one in on_front], color=ACCENT, linewidth=1.2, zorder=2,
            drawstyle="steps-post",
        )  # fmt: skip
        _logarithmic(axes, "x", [one.x for one in entries])
        low, high = min(one.y for one in entries), max(one.y for one in entries)
        axes.set_ylim(low - 0.12 * (high - low) - 1, high + 0.12 * (high - low) + 1)
        _label(axes, x_axis, y_axis)
        size = WIDTH - sum(points_margins(len(entries))[:2]), _AXES
        places = [_pixels(axes, one, size) for one in entries]
        for number, (one, offset) in enumerate(
            zip(entries, label_offsets(places, size), strict=True), start=1
        ):
            best = one in on_front
            edge = ACCENT if best else NEUTRAL
            if offset != (0, 0):
                axes.plot(one.x, one.y, marker="o", markersize=3, color=edge, zorder=4)
            axes.annotate(
                str(number), (one.x, one.y), xytext=(0.75 * offset[0], 0.75 * offset[1]),
                textcoords="offset points", ha="center", va="center_baseline", fontsize=7.6, zorder=5,
                color="#fffffe" if best else INK, annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": edge, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
                bbox={"boxstyle": "circle,pad=0.25", "facecolor": ACCENT if best else PAPER,
                      "edgecolor": edge, "linewidth": 1},
            )  # fmt: skip
            text = f"{number}  {one_line(one.label)}  {one.y:.1f}, {one.x:.3g} ms"
            axes.annotate(
                text, (0, 0), xycoords="axes fraction", textcoords="offset points", fontsize=7,
                xytext=(-33, -0.75 * (42 + 4 + _KEY_ROW * number - 6)), annotation_clip=False,
                color=INK if best else MUTED, fontweight="bold" if best else "normal",
            )  # fmt: skip

    return draw


def label_offsets(
    places: Sequence[tuple[float, float]], size: tuple[float, float]
) -> list[tuple[float, float]]:
    """Return how far each label stands from its point, so that no two labels overlap.

    Args:
        places: Of the points, in CSS pixels from the lower left corner of the axes.
        size: Width and height of the axes.
    """
    offsets: list[tuple[float, float]] = []
    taken: list[tuple[float, float]] = []
    for x, y in places:
        free = [
            offset
            for offset in _OFFSETS
            if 0 <= x + offset[0] <= size[0]
            and 0 <= y + offset[1] <= size[1]
            and all(math.dist((x + offset[0], y + offset[1]), one) >= _LABEL for one in taken)
        ]
        offset = free[0] if free else (0.0, 0.0)
        offsets.append(offset)
        taken.append((x + offset[0], y + offset[1]))
    return offsets


def _pixels(axes: "Axes", point: Point, size: tuple[float, float]) -> tuple[float, float]:
    """Return where a point is, from the lower left corner of axes of that size, whose x is logarithmic."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    across = (math.log(point.x) - math.log(left)) / (math.log(right) - math.log(left))
    return size[0] * across, size[1] * (point.y - low) / (high - low)


def points_margins(count: int) -> tuple[int, int, int, int]:
    """Return the margins around points with their key below."""
    return 50, 14, 10, 42 + _KEY_ROW * count + 8


def _logarithmic(axes: "Axes", which: str, values: Sequence[float]) -> None:
    """Make an axis logarithmic, ticked in plain numbers, with room at both ends."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = min(values), max(values)
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low / 1.6, high * 1.6)
    axis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 30 else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axis.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    """Return a tick: 1M, 10k, 0.5."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _label(axes: "Axes", x_axis: str, y_axis: str) -> None:
    axes.set_xlabel(x_axis)
    axes.set_ylabel(y_axis)
    axes.tick_params(length=0, labelcolor=MUTED)
    axes.tick_params(which="minor", length=0)
