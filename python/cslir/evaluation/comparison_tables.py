"""A comparison in the terminal: tables of 80 columns, and the changed queries below one another."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cslir.console import Console
from cslir.evaluation.changes import Change, Ranked, Texts
from cslir.evaluation.comparison import Compared, Score
from cslir.evaluation.export import MOST_COLUMNS, Matrix, describe_tests, matrices
from cslir.evaluation.settings import GROUPS
from cslir.plain_text import plain_text

__all__ = ["print_changes", "print_comparison"]

_NAME_WIDTH = 24
_MOST_SYSTEMS = 6
"""With more systems than this a table of many places would not fit; the tests' table has everything."""


def print_comparison(
    console: Console, scores: Sequence[Score], compared: Sequence[Compared], test: str, correction: str
) -> None:
    """Print the means of each measure with significance marks, then the tests."""
    for matrix in matrices(scores, compared):
        if len(matrix.places) <= MOST_COLUMNS or len(matrix.systems) <= _MOST_SYSTEMS:
            console.print(_matrix_table(matrix), highlight=False)
        own = [one for one in compared if one.measure == matrix.measure]
        if own:
            console.print(_test_table(matrix, own, test), highlight=False)
    note = describe_tests(compared, test, correction)
    if note:
        size = "rank-biserial correlation r" if test == "wilcoxon" else "Cohen's d_z"
        note += f" Interval of the difference: 95%. Effect size: {size}."
        if any(one.deviation is not None for one in compared):
            note += " ±: standard deviation over seeds of the difference."
        console.print(Text(note, style="dim"))


def _table(title: str) -> Table:
    return Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", padding=0, pad_edge=False
    )


def _name(text: str) -> Text:
    return Text(plain_text(text), overflow="fold")


def _matrix_table(matrix: Matrix) -> Table:
    table = _table(matrix.title)
    many = len(matrix.places) > MOST_COLUMNS
    rows, columns = (matrix.places, matrix.systems) if many else (matrix.systems, matrix.places)
    table.add_column("", max_width=_NAME_WIDTH)
    for column in columns:
        # MoIR, en-x, X-X: what a group has in common with its neighbours takes too much room.
        short = column.partition(" ")[2] if column in GROUPS else ""
        table.add_column(_name(short or column), justify="right", overflow="fold")
    for row in rows:
        shown = []
        for column in columns:
            cell = matrix.cells.get((column, row) if many else (row, column))
            shown.append("" if cell is None else f"{matrix.number(cell.score.mean)}{cell.mark or ' '}")
        table.add_row(_name(row), *shown)
    return table


def _test_table(matrix: Matrix, compared: Sequence[Compared], test: str) -> Table:
    table = _table(f"{matrix.title}: differences")
    table.add_column("", max_width=_NAME_WIDTH)
    seeds = any(one.deviation is not None for one in compared)
    headings = ["diff", *(["±"] if seeds else []), "95% interval", "p", "r" if test == "wilcoxon" else "d_z"]
    for heading in (*headings, "win/tie/loss"):
        table.add_column(heading, justify="right", no_wrap=True)
    several = len({one.baseline for one in compared}) > 1
    for place in dict.fromkeys(one.place for one in compared):
        table.add_row(Text(plain_text(place), style="bold"))
        for one in (one for one in compared if one.place == place):
            name = _name(f"{one.system} / {one.baseline}" if several else one.system)
            spread = "" if one.deviation is None else matrix.number(one.deviation)
            low, high = (f"{matrix.scale * end:+.1f}" for end in one.interval)
            table.add_row(
                name,
                f"{matrix.scale * one.difference:+.1f}{one.mark or ' '}",
                *([spread] if seeds else []),
                f"[{low}, {high}]",
                _p_value(one.adjusted_p),
                "" if one.effect_size is None else f"{one.effect_size:+.2f}",
                f"{one.wins}/{one.ties}/{one.losses}",
            )
    return table


def _p_value(value: float) -> str:
    return "<.0001" if value < 0.0001 else f"{value:.4f}".removeprefix("0")


def print_changes(console: Console, changes: Sequence[Change], texts: Texts | None) -> None:
    """Print changed queries, every text on a line of its own, cut to the width.

    Texts of any direction and width stand at the end of their line, so that they move nothing else.
    """
    previous: tuple[str, str] | None = None
    for change in changes:
        pair = change.system.system, change.baseline.system
        if pair != previous:
            if previous is None:
                legend = "\nMost changed queries. rank: of the first relevant passage; *: a relevant passage."
                console.print(Text(legend, style="dim"))
            console.print(Text(f"\n{plain_text(pair[0])} / {plain_text(pair[1])}", style="bold"))
            previous = pair
        for line in _change_lines(change, texts):
            shown = Text(line)
            shown.truncate(console.width - 1, overflow="ellipsis")
            console.print(shown, highlight=False, no_wrap=True, crop=True)


def _change_lines(change: Change, texts: Texts | None) -> Iterator[str]:
    yield (
        f"{plain_text(change.query_id)}  {change.setting}  {change.measure} {change.difference:+.3f}"
        f" (mean over settings {change.overall:+.3f})"
    )
    relevant = texts.relevant.get(change.query_id, ()) if texts else ()
    query = texts.query(change.setting, change.seed, change.query_id) if texts else None
    if query is not None:
        yield f"  query     {plain_text(query)}"
    for doc_id in relevant[:1]:
        yield f"  relevant  {_passage(change, texts, doc_id)}"
    for ranked in (change.baseline, change.system):
        yield f"  {plain_text(ranked.system)}: {change.measure} {ranked.value:.3f}{_rank(ranked)}"
        for place, doc_id in enumerate(ranked.top, start=1):
            mark = "*" if doc_id in relevant else " "
            yield f"   {mark}{place}  {_passage(change, texts, doc_id)}"


def _rank(ranked: Ranked) -> str:
    return "" if ranked.rank is None else f", rank {ranked.rank}"


def _passage(change: Change, texts: Texts | None, doc_id: str) -> str:
    text = texts.passage(change.setting, change.seed, doc_id) if texts else None
    return plain_text(doc_id) if text is None else f"{plain_text(doc_id)}: {plain_text(text)}"
