"""The figure of how much of a text lexicons cover."""

from collections.abc import Sequence

from cslir.plurals import count_of
from cslir.reporting.drawing.bars import MARGINS, Bar, bars, bars_height
from cslir.reporting.drawing.pictures import Figure, Panel, Table
from cslir.reporting.material import Coverage
from cslir.reporting.summary import PERCENT

__all__ = ["coverage_figure"]

_KINDS = {"tokens": "tokens", "types": "types", "content": "content words"}


def coverage_figure(lexicons: Sequence[Coverage]) -> Figure | None:
    """Return the share of tokens, types and content words that each lexicon covers; None without any."""
    if not lexicons:
        return None
    panels, rows = [], []
    for kind, name in _KINDS.items():
        entries, told = [], []
        for one in lexicons:
            exact = PERCENT * one.exact.get(kind, 0.0)
            by_lemma = max(exact, PERCENT * one.by_lemma.get(kind, 0.0))
            text = f"{exact:.0f}" if not one.by_lemma else f"{exact:.0f} → {by_lemma:.0f}"
            entries.append(
                Bar(f"{one.pair}, {count_of(one.sources, 'source')}", exact, text, further=by_lemma - exact)
            )
            told.append(f"{one.pair} {exact:.0f}" + (f", by lemma {by_lemma:.0f}" if one.by_lemma else ""))
            rows.append((one.pair, name, f"{exact:.1f}", f"{by_lemma:.1f}" if one.by_lemma else ""))
        panels.append(
            Panel(
                name.capitalize(),
                f"Percent of {name} that lexicons cover: {'; '.join(told)}.",
                bars_height(len(entries)),
                bars(entries, "covered, percent", limit=100),
                MARGINS,
            )
        )
    return Figure(
        "coverage",
        "Lexicon coverage",
        "Dark: the word itself is an entry. Pale, after the arrow: its base form is. Types are distinct"
        " words, content"
        " words those that are no stop words.",
        tuple(panels),
        Table(("lexicon", "of", "exact, percent", "by lemma, percent"), tuple(rows)),
    )
