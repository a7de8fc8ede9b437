"""Horizontal bars, each under its label, so that long names leave room for the bars on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cslir.reporting.drawing.style import (
    ACCENT,
    CATEGORIES,
    INK,
    MUTED,
    NEUTRAL,
    PAPER,
    one_line,
    readable_ink,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cslir.reporting.drawing.pictures import Drawing

__all__ = ["MARGINS", "Bar", "Stack", "bars", "bars_height", "stacks", "stacks_height", "stacks_margins"]

_ROW, _LEGEND_ROW, _LEGEND_COLUMNS = 36, 17, 5
MARGINS = (8, 14, 4, 42)
"""Around the axes of bars."""
_WORSE = "#d55e00"


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: Above it.
        value: Its length.
        text: The value as text, after it.
        interval: Ends of its whisker; None for none.
        mark: `+` or `-` for a significant difference from the baseline, a space for none, empty for what has
            no baseline.
        further: Drawn paler after the first part.
    """

    label: str
    value: float
    text: str
    interval: tuple[float, float] | None = None
    mark: str = ""
    further: float = 0.0


def bars_height(count: int) -> int:
    """Return the height of so many bars, in CSS pixels."""
    return MARGINS[2] + _ROW * count + MARGINS[3]


def bars(
    entries: Sequence[Bar], axis: str, *, limit: float | None = None, line: tuple[float, str] | None = None
) -> "Drawing":
    """Return bars, the first on top.

    Args:
        entries: The bars.
        axis: Label of the axis.
        limit: End of the axis; the longest bar's if None.
        line: Value and name of a line to compare with, such as chance.
    """
    ends = [max(bar.value + bar.further, bar.interval[1] if bar.interval else 0.0) for bar in entries]
    reach = limit or max([*ends, line[0] if line else 0.0], default=1.0) or 1.0

    def draw(axes: "Axes") -> None:
        axes.grid(axis="x")
        if line:
            axes.axvline(line[0], color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=3)
            axes.text(line[0], len(entries) - 0.3, f" {line[1]}", va="center", fontsize=7.9, color=INK)
        for place, bar in enumerate(entries):
            _name(axes, place, bar.label)
            same = bar.mark == " "
            colour = {"": NEUTRAL, "+": ACCENT, "-": _WORSE, " ": PAPER}[bar.mark]
            axes.barh(
                place + 0.18, bar.value, 0.42, color=colour, edgecolor=NEUTRAL if same else colour,
                linewidth=1, hatch="////" if same else None, zorder=2,
            )  # fmt: skip
            if bar.further:
                axes.barh(place + 0.18, bar.further, 0.42, left=bar.value, color="#a9c7e8", zorder=2)
            if bar.interval:
                axes.plot(bar.interval, [place + 0.18] * 2, color=INK, linewidth=1.2, zorder=4)
            end = max(bar.value + bar.further, bar.interval[1] if bar.interval else 0.0)
            axes.text(end + reach * 0.015, place + 0.18, bar.text, va="center", fontsize=7.9, zorder=5)
        _frame(axes, len(entries) + (0.5 if line else 0), axis)
        axes.set_xlim(0, reach * (1.16 if limit is None else 1.12))
        if limit is not None:
            axes.set_xticks([tick for tick in axes.get_xticks() if tick <= limit])

    return draw


@dataclass(frozen=True)
class Stack:
    """One bar of parts: its label and the parts' values, in the order of their names."""

    label: str
    parts: tuple[float, ...]


def stacks_margins(names: Sequence[str]) -> tuple[int, int, int, int]:
    """Return the margins of stacked bars: a legend of these names stands above them."""
    left, right, above, below = MARGINS
    return left, right, above + 4 + _LEGEND_ROW * -(-len(names) // _LEGEND_COLUMNS), below


def stacks_height(count: int, names: Sequence[str]) -> int:
    """Return the height of so many stacked bars with a legend of these names, in CSS pixels."""
    _, _, above, below = stacks_margins(names)
    return above + _ROW * count + below


def stacks(
    entries: Sequence[Stack], names: Sequence[str], axis: str, *, lines: Sequence[float] = ()
) -> "Drawing":
    """Return bars of parts that add up to one, shown in percent.

    Args:
        entries: The bars, the first on top.
        names: Of the parts, for the legend.
        axis: Label of the axis.
        lines: Shares to compare with, from 0 to 1.
    """

    def draw(axes: "Axes") -> None:
        from matplotlib.colors import to_rgb
        from matplotlib.patches import Patch

        colours = [CATEGORIES[number % len(CATEGORIES)] for number in range(len(names))]
        for place, entry in enumerate(entries):
            _name(axes, place, entry.label)
            start, whole = 0.0, sum(entry.parts) or 1.0
            for value, colour in zip(entry.parts, colours, strict=True):
                share = 100 * value / whole
                axes.barh(place + 0.18, share, 0.46, left=start, color=colour, edgecolor=PAPER, linewidth=0.8)
                if share >= 6:
                    axes.text(
                        start + share / 2, place + 0.18, f"{share:.0f}", ha="center", va="center_baseline",
                        fontsize=7.9, color=readable_ink(to_rgb(colour)), zorder=4,
                        bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8},
                    )  # fmt: skip
                start += share
        for at in lines:
            axes.axvline(100 * at, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=3)
        _frame(axes, len(entries), axis)
        axes.set_xlim(0, 100)
        handles = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
        axes.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=_LEGEND_COLUMNS,
            handlelength=0.9, handleheight=0.9, columnspacing=1.1, borderpad=0, borderaxespad=0.4,
        )  # fmt: skip

    return draw


def _name(axes: "Axes", place: int, label: str) -> None:
    """Write a label above its bar, on its own ground, which keeps lines of the picture off it."""
    ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.6}
    axes.text(0, place - 0.27, one_line(label), va="center", fontsize=7.9, bbox=ground, zorder=3.5)


def _frame(axes: "Axes", rows: float, axis: str) -> None:
    axes.set_ylim(rows - 0.45, -0.55)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0, labelcolor=MUTED)
    axes.set_xlabel(axis)
    axes.spines["left"].set_visible(False)
