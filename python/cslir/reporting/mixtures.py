"""Figures of mixed collections: means with intervals, language bias, and shares of the languages."""

from cslir.evaluation.results import SystemResult
from cslir.evaluation.settings import GROUPS
from cslir.reporting.drawing.bars import (
    MARGINS,
    Bar,
    Stack,
    bars,
    bars_height,
    stacks,
    stacks_height,
    stacks_margins,
)
from cslir.reporting.drawing.pictures import Figure, Panel, Table
from cslir.reporting.summary import PERCENT, Summary

__all__ = ["bias_figure", "interval_figure", "mixture_figures", "share_figure"]

_MIXED_GROUPS = GROUPS[4:]
_MIXED = "X-X"


def mixture_figures(summary: Summary) -> list[Figure]:
    """Return the figures of mixed collections, as far as there are any."""
    columns = [column for column in _MIXED_GROUPS if column in summary.columns]
    found = [
        interval_figure(summary, columns, "mixed", "mixed collections (MLIR)") if columns else None,
        bias_figure(summary),
        share_figure(summary),
    ]
    return [figure for figure in found if figure is not None]


def interval_figure(summary: Summary, columns: list[str], name: str, where: str) -> Figure:
    """Return bars with 95% intervals, a panel for each column."""
    reach = max(estimate.interval[1] for (_, column), estimate in summary.means.items() if column in columns)
    panels, rows = [], []
    for column in columns:
        title = column.partition(" ")[2] or column
        entries, told = [], []
        for system in summary.systems:
            estimate = summary.means.get((system.name, column))
            if estimate is None:
                continue
            mark = summary.mark(system, column)
            low, high = estimate.interval
            text = f"{estimate.mean:.1f}{mark.strip()}"
            entries.append(Bar(system.name, estimate.mean, text, estimate.interval, mark))
            told.append(f"{system.name} {text}")
            rows.append(
                (system.name, title, f"{estimate.mean:.1f}", f"{low:.1f} to {high:.1f}", _in_words(mark))
            )
        panels.append(
            Panel(
                title,
                f"{summary.title}{f' of {title}' if title else ''}: {', '.join(told)}.",
                bars_height(len(entries)),
                bars(entries, f"{summary.title}, percent", limit=reach),
                MARGINS,
            )
        )
    return Figure(
        name,
        f"{summary.title} in {where}",
        "Percent, with 95% confidence intervals over queries. Grey: no baseline. Blue and +:"
        " significantly better"
        " than its baseline; orange and -: significantly worse; hatched: no significant difference."
        " Intervals of"
        " two systems may overlap though their difference over the same queries is significant.",
        tuple(panels),
        Table(("system", "setting", summary.title, "95% interval", "against the baseline"), tuple(rows)),
    )


def _in_words(mark: str) -> str:
    return {"+": "better", "-": "worse", " ": "not significant", "": "no baseline"}[mark]


def bias_figure(summary: Summary) -> Figure | None:
    """Return the language bias of X-X beside chance; None where no system has it."""
    biases = {
        system.name: PERCENT * bias
        for system in summary.systems
        if (bias := getattr(system.settings.get(_MIXED), "language_bias", None)) is not None
    }
    if not biases:
        return None
    chance = PERCENT / len(summary.seen) if summary.seen else None
    entries = [Bar(name, bias, f"{bias:.0f}") for name, bias in biases.items()]
    told = ", ".join(f"{name} {bias:.0f}" for name, bias in biases.items())
    line = None if chance is None else (chance, f"chance {chance:.0f}")
    panel = Panel(
        "",
        f"Language bias in percent{'' if chance is None else f', chance is {chance:.0f}'}: {told}.",
        bars_height(len(entries) + 1),
        bars(entries, "share of own language in the top 10, percent", limit=100, line=line),
        MARGINS,
    )
    return Figure(
        "language-bias",
        "Language bias of X-X",
        "Share of the ten best passages that are in the query's own language, where query and passage"
        " languages"
        " are drawn independently of each other: an unbiased ranking has the share of chance.",
        (panel,),
        Table(("system", "bias, percent"), tuple((name, f"{bias:.1f}") for name, bias in biases.items())),
    )


def share_figure(summary: Summary) -> Figure | None:
    """Return the rank-biased shares of the passage languages; None where no system has them."""
    panels, rows = [], []
    languages: list[str] = []
    for setting in ("en-X", _MIXED):
        having = [system for system in summary.systems if _shares(system, setting)]
        if not having:
            continue
        found = {language for system in having for language in _shares(system, setting)}
        languages = [one for one in summary.languages if one in found] + sorted(found - {*summary.languages})
        entries = [
            Stack(system.name, tuple(_shares(system, setting).get(one, 0.0) for one in languages))
            for system in having
        ]
        even = [number / len(languages) for number in range(1, len(languages))]
        panels.append(
            Panel(
                setting,
                f"Shares of the passage languages {', '.join(languages)} in {setting}, percent: "
                + "; ".join(f"{one.label} {_percents(one.parts)}" for one in entries)
                + ".",
                stacks_height(len(entries), languages),
                stacks(entries, languages, "share by rank, percent", lines=even),
                stacks_margins(languages),
            )
        )
        rows += [(one.label, setting, *(f"{PERCENT * part:.1f}" for part in one.parts)) for one in entries]
    if not panels:
        return None
    return Figure(
        "language-shares",
        "Languages of what is ranked high",
        "Rank-biased share of each passage language: a passage counts the less the lower it is ranked."
        " Dashed:"
        " equal shares, which a collection with equally many passages of each language has.",
        tuple(panels),
        Table(("system", "setting", *languages), tuple(rows)),
    )


def _shares(system: SystemResult, setting: str) -> dict[str, float]:
    scores = system.settings.get(setting)
    return dict(scores.language_shares) if scores else {}


def _percents(parts: tuple[float, ...]) -> str:
    return ", ".join(f"{PERCENT * part:.0f}" for part in parts)
