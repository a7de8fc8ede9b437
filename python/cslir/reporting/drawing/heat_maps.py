"""Heat maps by query language and passage language."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from cslir.reporting.drawing.style import GRID, MUTED, PAPER, readable_ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cslir.reporting.drawing.pictures import Drawing

__all__ = ["MARGINS", "difference_map", "heat_map_height", "value_map"]

Pair = tuple[str, str]

_VALUES, _DIFFERENCES = "viridis", "RdBu"
"""Perceptually uniform; and red to blue about white. Both are safe for the colour-blind."""
_CELL = 34
MARGINS = (48, 8, 4, 42)
"""Around the axes of a map."""


def heat_map_height(rows: int) -> int:
    """Return the height of a map with so many query languages, in CSS pixels."""
    return MARGINS[2] + _CELL * rows + MARGINS[3]


def value_map(languages: Sequence[str], values: Mapping[Pair, float], highest: float) -> "Drawing":
    """Return a map of values from 0 to `highest`, the number in each cell.

    Args:
        languages: Rows and columns.
        values: By (query language, passage language); a pair without one stays empty.
        highest: The end of the colour scale, the same for maps that are to be compared.
    """

    def draw(axes: "Axes") -> None:
        texts = {pair: f"{value:.1f}" for pair, value in values.items()}
        _draw(axes, languages, values, texts, (_VALUES, 0.0, highest), hatched=())

    return draw


def difference_map(
    languages: Sequence[str],
    values: Mapping[Pair, float],
    significant: Collection[Pair],
    largest: float,
) -> "Drawing":
    """Return a map of differences, with the cells hatched whose difference is not significant.

    Args:
        languages: Rows and columns.
        values: By (query language, passage language).
        significant: The pairs that differ significantly.
        largest: The ends of the colour scale are this far from zero.
    """

    def draw(axes: "Axes") -> None:
        texts = {pair: f"{value:+.1f}" for pair, value in values.items()}
        hatched = [pair for pair in values if pair not in significant]
        _draw(axes, languages, values, texts, (_DIFFERENCES, -largest, largest), hatched=hatched)

    return draw


def _draw(
    axes: "Axes",
    languages: Sequence[str],
    values: Mapping[Pair, float],
    texts: Mapping[Pair, str],
    scale: tuple[str, float, float],
    *,
    hatched: Collection[Pair],
) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    name, low, high = scale
    colours = colormaps[name]
    size = 10.5 if len(languages) <= 6 else 9.5 if len(languages) <= 8 else 76 / len(languages)
    for row, query_language in enumerate(languages):
        for column, passage_language in enumerate(languages):
            pair = (query_language, passage_language)
            if pair not in values:
                continue
            corner = (column - 0.5, row - 0.5)
            red, green, blue, _ = colours((values[pair] - low) / (high - low))
            axes.add_artist(
                Rectangle(corner, 1, 1, facecolor=(red, green, blue), edgecolor=PAPER, linewidth=1)
            )
            if pair in hatched:
                axes.add_artist(
                    Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor="#aab1b9", linewidth=0)
                )
            # The hatching stays clear of the number.
            ground = {"facecolor": (red, green, blue), "edgecolor": "none", "pad": 1.5}
            axes.text(
                column, row, texts[pair], ha="center", va="center_baseline", fontsize=size * 0.75,
                color=readable_ink((red, green, blue)), bbox=ground if pair in hatched else None,
            )  # fmt: skip
    places = range(len(languages))
    axes.set(xlim=(-0.5, len(languages) - 0.5), ylim=(len(languages) - 0.5, -0.5))
    axes.set_xticks(places, languages)
    axes.set_yticks(places, languages)
    axes.tick_params(length=0, labelcolor=MUTED)
    axes.set_xlabel("passages in")
    axes.set_ylabel("queries in")
    axes.spines[:].set_color(GRID)
    axes.spines[:].set_visible(False)
