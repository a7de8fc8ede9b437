"""How pictures look: one style for all, which reads at the width of a phone, in light and in dark."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "ACCENT",
    "CATEGORIES",
    "GRID",
    "INK",
    "MUTED",
    "NEUTRAL",
    "PAPER",
    "SUBTITLE",
    "TITLE",
    "WIDTH",
    "inches",
    "one_line",
    "readable_ink",
    "saved",
    "styled",
]

WIDTH = 360
"""CSS pixels of a picture: as wide as a phone, so that its text is not scaled down there."""
INK, MUTED, GRID, PAPER = "#1f2328", "#57606a", "#d8dee5", "#ffffff"
TITLE: dict[str, Any] = {"fontsize": 8.6, "fontweight": "bold", "color": INK, "va": "baseline"}
SUBTITLE: dict[str, Any] = {"fontsize": 7.6, "color": MUTED, "va": "baseline"}
ACCENT, NEUTRAL = "#2b6cb0", "#8a939d"
"""Bars: what differs from its baseline, and what has none."""
CATEGORIES = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#8c7ae6",
    "#7f8c8d",
    "#b5a300",
)
"""Colours that stay apart for the colour-blind (Okabe and Ito's, then two more)."""
_DARK = {INK: "#e6edf3", MUTED: "#a5b0bb", GRID: "#3a424c", PAPER: "#161b22"}
"""What the colours of text, lines and ground become on a dark screen; colours of values stay."""
_FALLBACK_FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "IPAexGothic", "WenQuanYi Zen Hei",
    "Hiragino Sans", "Yu Gothic", "Microsoft YaHei", "PingFang SC", "Malgun Gothic", "Arial Unicode MS",
    "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai", "Noto Sans"
    " Ethiopic", "Noto Sans",
)  # fmt: skip
"""Used for characters that matplotlib's own font lacks, where they are installed."""
_SCREEN_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
_TAG = re.compile(r"<[^>]+>")
_FONT_FAMILY = re.compile(r"font-family: [^;\"]*; ")
_FRACTION = re.compile(r"(\d\.\d\d)\d+")


def inches(pixels: float) -> float:
    """Return CSS pixels as inches."""
    return pixels / 96


@contextmanager
def styled(texts: str) -> Iterator[None]:
    """Draw in the report's style, whatever the user's own settings of matplotlib are.

    Names are free text: dollar signs are no formulas, and a character that no installed font has is drawn as
    a box in the PNG (the SVG keeps the text) and is no reason for a warning.

    Args:
        texts: What will be written, to choose fonts that have its characters.
    """
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"(?s)Glyph .* missing from")
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.family": _families(texts),
                "font.size": 7.9,
                "axes.labelsize": 7.9,
                "axes.labelcolor": MUTED,
                "axes.edgecolor": GRID,
                "axes.facecolor": "none",
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.axisbelow": True,
                "figure.facecolor": PAPER,
                "grid.color": GRID,
                "grid.linewidth": 0.6,
                "legend.frameon": False,
                "legend.fontsize": 7.6,
                "text.color": INK,
                "text.parse_math": False,
                "xtick.color": GRID,
                "ytick.color": GRID,
                "xtick.labelcolor": MUTED,
                "ytick.labelcolor": MUTED,
                "xtick.labelsize": 7.6,
                "ytick.labelsize": 7.6,
                "hatch.linewidth": 0.6,
                "svg.fonttype": "none",
                "svg.hashsalt": "cslir",
            }
        )
        yield


def _families(texts: str) -> list[str]:
    """Return matplotlib's own font, and others that are installed where it lacks a character of the texts."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    own = "DejaVu Sans"
    known = FT2Font(font_manager.findfont(own)).get_charmap()
    if all(ord(char) in known for char in texts if char.isprintable()):
        return [own]
    installed = set(font_manager.get_font_names())
    return [own, *(name for name in _FALLBACK_FONTS if name in installed)]


def saved(figure: "Figure", title: str, *, dpi: int | None) -> tuple[bytes, bytes]:
    """Return a figure as SVG and PNG, the latter empty without a dpi; same figure, same bytes."""
    png, svg = io.BytesIO(), io.BytesIO()
    if dpi is not None:
        metadata = {"Software": None, "Title": title}
        # Little is gained by the usual level, which takes several times as long.
        figure.savefig(png, format="png", dpi=dpi, metadata=metadata, pil_kwargs={"compress_level": 4})
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    return _with_dark_colours(svg.getvalue().decode()).encode(), png.getvalue()


def _with_dark_colours(svg: str) -> str:
    """Give an SVG the fonts of the screen, and other colours of text and ground where the screen is dark."""
    rules = "".join(
        f'[style*="{role}: {light}"]{{{role}:{dark}!important}}'
        for light, dark in _DARK.items()
        for role in ("fill", "stroke")
    )
    # Text in black, matplotlib's default, carries no colour of its own.
    rules += f"text:not([style*=fill]){{fill:{_DARK[INK]}!important}}"
    dark = f"@media screen and (prefers-color-scheme: dark){{{rules}}}"
    sheet = f"text{{font-family:{_SCREEN_FONTS}}}{dark}</style>"
    return _TAG.sub(lambda tag: _FRACTION.sub(r"\1", _FONT_FAMILY.sub("", tag[0])), svg).replace(
        "</style>", sheet, 1
    )


def one_line(text: str, limit: int = 46) -> str:
    """Return a name as a label: without control characters, and cut to a length."""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "…"


def readable_ink(colour: tuple[float, float, float]) -> str:
    """Return black or white, whichever stands out more from a colour: WCAG contrast of 4.5 at least."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000001" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#fffffe"
