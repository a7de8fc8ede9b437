"""Figures of training: loss by step, and how much was switched into which language."""

import math
from collections.abc import Sequence

from cslir.reporting.drawing.bars import MARGINS, Bar, bars, bars_height
from cslir.reporting.drawing.lines import Line, lines, lines_height, lines_margins
from cslir.reporting.drawing.pictures import Figure, Panel, Table
from cslir.reporting.material import Training
from cslir.reporting.summary import PERCENT

__all__ = ["curve_figure", "switch_figure", "training_figures"]

_LEVELS = 60
"""Steps of a curve are averaged to about so many points, so that it is not hidden by its noise."""


def training_figures(trainings: Sequence[Training]) -> list[Figure]:
    """Return the figures of training, as far as it was recorded."""
    return [figure for figure in (curve_figure(trainings), switch_figure(trainings)) if figure is not None]


def curve_figure(trainings: Sequence[Training]) -> Figure | None:
    """Return the ranking loss by step, and the alignment loss where there is one; None without curves."""
    panels, rows = [], []
    for kind, name in (("ranking", "Ranking loss"), ("alignment", "Alignment loss")):
        curves = [
            _smooth(one, kind, style)
            for style, one in enumerate(trainings)
            if any(value > 0 for value in one.losses[kind])
        ]
        if not curves:
            continue
        told = "; ".join(f"{line.label} from {line.y[0]:.2f} to {line.y[-1]:.2f}" for line in curves)
        panels.append(
            Panel(
                name,
                f"{name} by training step: {told}.",
                lines_height(len(curves)),
                lines(curves, "step", "loss"),
                lines_margins(len(curves)),
            )
        )
        rows += [
            (line.label, name.lower(), f"{line.x[-1]:.0f}", f"{line.y[0]:.3f}", f"{line.y[-1]:.3f}")
            for line in curves
        ]
    if not panels:
        return None
    return Figure(
        "training-curves",
        "Training curves",
        "Means over neighbouring steps. Losses of arms are of different texts (switched or not), so a"
        " lower one is not"
        " a better ranker.",
        tuple(panels),
        Table(("system", "loss", "last step", "at the start", "at the end"), tuple(rows)),
    )


def _smooth(training: Training, kind: str, style: int) -> Line:
    values = training.losses[kind]
    width = max(1, math.ceil(len(values) / _LEVELS))
    x, y = [], []
    for start in range(0, len(values), width):
        part = [value for value in values[start : start + width] if math.isfinite(value)]
        if part:
            x.append(training.step[min(start + width, len(values)) - 1])
            y.append(sum(part) / len(part))
    return Line(training.system, tuple(x), tuple(y), style=style)


def switch_figure(trainings: Sequence[Training]) -> Figure | None:
    """Return the share of tokens switched into each language; None without switching."""
    having = [one for one in trainings if one.switch_rate is not None]
    if not having:
        return None
    reach = max(max(one.by_language.values(), default=0.0) for one in having) * PERCENT or 1.0
    panels = []
    for one in having:
        entries = [
            Bar(language, PERCENT * share, f"{PERCENT * share:.1f}")
            for language, share in one.by_language.items()
        ]
        told = ", ".join(f"{bar.label} {bar.text}" for bar in entries)
        rate = PERCENT * (one.switch_rate or 0.0)
        panels.append(
            Panel(
                one.system,
                f"Tokens switched in the training of {one.system}: {rate:.1f} percent; by language {told}.",
                bars_height(len(entries)),
                bars(entries, "switched tokens, percent of all", limit=reach),
                MARGINS,
                f"switch rate {rate:.1f} percent",
            )
        )
    languages = list(dict.fromkeys(language for one in having for language in one.by_language))
    rows = [
        (
            one.system,
            f"{PERCENT * (one.switch_rate or 0.0):.1f}",
            *(f"{PERCENT * one.by_language.get(language, 0.0):.1f}" for language in languages),
        )
        for one in having
    ]
    return Figure(
        "switch-rates",
        "Switched tokens by language",
        "Share of the training texts' tokens that were replaced by a translation, over all epochs. It is"
        " lower than the"
        " chance that was asked for, because words lack in the lexicons.",
        tuple(panels),
        Table(("system", "in all", *languages), tuple(rows)),
    )
