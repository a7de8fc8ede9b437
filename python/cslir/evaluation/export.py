"""A comparison as text: tables for a terminal, and CSV, Markdown, LaTeX and JSON for other programs."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cslir import __version__
from cslir.console import Console
from cslir.errors import InputError, UnknownNameError
from cslir.evaluation.comparison import Change, Comparison, Ranked, Score
from cslir.evaluation.settings import GROUPS
from cslir.evaluation.significance import LEVEL
from cslir.plain_text import plain_text

__all__ = [
    "COLUMNS",
    "FORMATS",
    "comparison_text",
    "csv_cell",
    "describe_tests",
    "format_of",
    "print_comparison",
    "records",
    "text_of",
    "to_csv",
    "to_json",
    "to_latex",
    "to_markdown",
]

COLUMNS = (
    *("measure", "place", "system", "mean", "deviation", "queries", "seeds", "baseline", "baseline_mean"),
    *("difference", "interval_low", "interval_high", "p_value", "adjusted_p", "effect_size"),
    *("wins", "ties", "losses", "compared_seeds", "difference_deviation", "better_seeds", "worse_seeds"),
)
"""Of the CSV file and the data frame."""
_MOST_COLUMNS = 8
"""With more places than this a table has them as its rows."""
_MOST_SYSTEMS = 6
"""With more systems than this a terminal's table of many places would not fit; the tests' has everything."""
_NAME_WIDTH = 24
_TEST_NAMES = {
    "t": "paired t-test",
    "wilcoxon": "Wilcoxon's signed-rank test",
    "bootstrap": "paired bootstrap test",
}
_CORRECTION_NAMES = {"holm": "after Holm's correction", "bonferroni": "after Bonferroni's correction"}


def text_of(comparison: Comparison, format: str) -> str:  # noqa: A002
    """Return a comparison in a format; see `Comparison.text`."""
    if format not in _WRITERS:
        raise UnknownNameError(f"no format {format!r}", remedy=f"choose among {', '.join(FORMATS)}")
    return _WRITERS[format](comparison)


def format_of(path: str | PathLike[str], default: str | None = None) -> str:
    """Return the format that the name of a file tells.

    Args:
        path: The file.
        default: Returned if it tells none.

    Raises:
        InputError: It tells none, and there is no default.
    """
    found = _ENDINGS.get(Path(path).suffix.lower(), default)
    if found is None:
        raise InputError(
            "the file's name tells no format",
            path=path,
            remedy=f"end it with {', '.join(_ENDINGS)}, or give `format`",
        )
    return found


def describe_tests(comparison: Comparison) -> str:
    """Return a sentence that explains the marks of a table; empty without tests."""
    compared = comparison.compared
    if not compared:
        return ""
    names = list(dict.fromkeys(one.baseline for one in compared))
    baseline = plain_text(names[0]) if len(names) == 1 else "its baseline"
    how = _CORRECTION_NAMES.get(comparison.correction, "without correction")
    test = _TEST_NAMES[comparison.test]
    sentence = f"+ -: better or worse than {baseline}, {test} over queries, p < {LEVEL} {how}"
    tests = len(compared) // len({one.measure for one in compared})
    sentence += f" over {tests} tests" if tests > 1 else ""
    if any(one.better_seeds is not None for one in compared):
        seeds = max(len(one.seeds) for one in compared)
        sentence += " (a query's value is its mean over seeds); the number: with how many of"
        sentence += f" {seeds} seeds by themselves"
    return sentence + "."


@dataclass(frozen=True)
class _Matrix:
    """The scores of one measure, systems by places; `scale` is 100 where they are shown in percent."""

    measure: str
    cells: Mapping[tuple[str, str], Score]

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(system for system, _ in self.cells))

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(place for _, place in self.cells))

    @property
    def scale(self) -> int:
        return 100 if all(0 <= one.mean <= 1 for one in self.cells.values()) else 1

    @property
    def title(self) -> str:
        return f"{self.measure}, percent" if self.scale == 100 else self.measure

    def number(self, value: float) -> str:
        """Return a value as shown."""
        return f"{self.scale * value:.1f}"

    def is_best(self, score: Score) -> bool:
        """Return whether no system is better in that place."""
        return all(round(score.mean, 9) >= round(one.mean, 9) for one in self._column(score.place))

    def _column(self, place: str) -> list[Score]:
        return [one for one in self.cells.values() if one.place == place]

    def rows(self, cell: Callable[["_Matrix", Score], str], escape: Callable[[str], str]) -> list[list[str]]:
        """Return the rows of a table, heading first; places are rows where there are many."""
        many = len(self.places) > _MOST_COLUMNS
        down, across = (self.places, self.systems) if many else (self.systems, self.places)
        rows = [["", *map(escape, across)]]
        for row in down:
            found = [self.cells.get((column, row) if many else (row, column)) for column in across]
            rows.append([escape(row), *("" if one is None else cell(self, one) for one in found)])
        return rows


def _matrices(comparison: Comparison) -> list[_Matrix]:
    """Return the scores of each measure as a table."""
    cells: dict[str, dict[tuple[str, str], Score]] = {}
    for one in comparison.scores:
        cells.setdefault(one.measure, {})[one.system, one.place] = one
    return [_Matrix(measure, of_measure) for measure, of_measure in cells.items()]


def comparison_text(comparison: Comparison) -> str:
    """Return what `print_comparison` prints, 80 columns wide and without colours."""
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        print_comparison(console, comparison)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print the means of each measure with significance marks, the tests, and the changed queries."""
    for matrix in _matrices(comparison):
        if len(matrix.places) <= _MOST_COLUMNS or len(matrix.systems) <= _MOST_SYSTEMS:
            console.print(_matrix_table(matrix), highlight=False)
        if any(one.compared for one in matrix.cells.values()):
            console.print(_test_table(matrix, comparison.test), highlight=False)
    if note := describe_tests(comparison):
        size = "rank-biserial correlation r" if comparison.test == "wilcoxon" else "Cohen's d_z"
        note += f" Interval of the difference: 95%. Effect size: {size}."
        if any(one.deviation is not None for one in comparison.compared):
            note += " ±: standard deviation over seeds of the difference."
        console.print(Text(note, style="dim"))
    _print_changes(console, comparison.changes)


def _table(title: str) -> Table:
    return Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", padding=0, pad_edge=False
    )


def _name(text: str) -> Text:
    return Text(plain_text(text), overflow="fold")


def _matrix_table(matrix: _Matrix) -> Table:
    def cell(matrix: _Matrix, one: Score) -> str:
        return matrix.number(one.mean) + ((one.compared and one.compared.mark_with_seeds) or " ")

    (_, *columns), *rows = matrix.rows(cell, plain_text)
    table = _table(matrix.title)
    table.add_column("", max_width=_NAME_WIDTH)
    for column in columns:
        # MoIR, en-x, X-X: what a group has in common with its neighbours takes too much room.
        short = column.partition(" ")[2] if column in GROUPS else ""
        table.add_column(_name(short or column), justify="right", overflow="fold")
    for name, *row in rows:
        table.add_row(_name(name), *row)
    return table


def _test_table(matrix: _Matrix, test: str) -> Table:
    compared = [one.compared for one in matrix.cells.values() if one.compared is not None]
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


def _print_changes(console: Console, changes: Iterable[Change]) -> None:
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
        for line in _change_lines(change):
            shown = Text(line)
            shown.truncate(console.width - 1, overflow="ellipsis")
            console.print(shown, highlight=False, no_wrap=True, crop=True)


def _change_lines(change: Change) -> Iterator[str]:
    yield (
        f"{plain_text(change.query_id)}  {change.setting}  {change.measure} {change.difference:+.3f}"
        f" (mean over settings {change.overall:+.3f})"
    )
    if change.query is not None:
        yield f"  query     {plain_text(change.query)}"
    for doc_id in change.relevant[:1]:
        yield f"  relevant  {_passage(change, doc_id)}"
    for ranked in (change.baseline, change.system):
        yield f"  {plain_text(ranked.system)}: {change.measure} {ranked.value:.3f}{_rank(ranked)}"
        for place, doc_id in enumerate(ranked.top, start=1):
            mark = "*" if doc_id in change.relevant else " "
            yield f"   {mark}{place}  {_passage(change, doc_id)}"


def _rank(ranked: Ranked) -> str:
    return "" if ranked.rank is None else f", rank {ranked.rank}"


def _passage(change: Change, doc_id: str) -> str:
    text = change.passages.get(doc_id)
    return plain_text(doc_id) if text is None else f"{plain_text(doc_id)}: {plain_text(text)}"


def records(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the values of `COLUMNS`, None where there is none, per measure, place and system."""
    found = []
    for one in comparison.scores:
        row = asdict(one)
        if test := row.pop("compared"):
            row |= {name: test[name] for name in test if name not in row}
            row["interval_low"], row["interval_high"] = test["interval"]
            row["compared_seeds"], row["difference_deviation"] = test["seeds"], test["deviation"]
        found.append({name: row.get(name) for name in COLUMNS})
    return found


def to_csv(comparison: Comparison) -> str:
    """Return one row per measure, place and system; fields without a value are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records(comparison):
        writer.writerow(map(_csv_value, record.values()))
    return text.getvalue()


def _csv_value(value: object) -> object:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return csv_cell(value) if isinstance(value, str) else value


def csv_cell(text: str) -> str:
    """Return text for a cell of a CSV file, on one line and never a formula of a spreadsheet.

    An apostrophe, by which spreadsheets tell text, goes before what begins with one of `= + - @`.
    """
    shown = plain_text(text).strip()
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def to_markdown(comparison: Comparison) -> str:
    """Return a table per measure, the best of each place in bold, and what its marks mean."""

    def cell(matrix: _Matrix, one: Score) -> str:
        number = matrix.number(one.mean)
        spread = "" if one.deviation is None else f" ± {matrix.number(one.deviation)}"
        mark = one.compared.mark_with_seeds if one.compared else ""
        return (f"**{number}**" if matrix.is_best(one) else number) + spread + (f" {mark}" if mark else "")

    parts = []
    for matrix in _matrices(comparison):
        header, *rows = matrix.rows(cell, _escape_markdown)
        lines = [f"{_escape_markdown(matrix.title)}", ""]
        lines += [_markdown_row(header), "|---|" + "---:|" * (len(header) - 1), *map(_markdown_row, rows)]
        parts.append("\n".join(lines))
    if notes := _notes(comparison):
        parts.append(_escape_markdown(notes))
    return "\n\n".join(parts) + "\n"


def to_latex(comparison: Comparison) -> str:
    r"""Return a `tabular` per measure for the package booktabs, the best of each place in bold."""

    def cell(matrix: _Matrix, one: Score) -> str:
        number = matrix.number(one.mean)
        spread = "" if one.deviation is None else rf" $\pm$ {matrix.number(one.deviation)}"
        mark = one.compared.mark_with_seeds if one.compared else ""
        best = rf"\textbf{{{number}}}" if matrix.is_best(one) else number
        return best + spread + (f"$^{{{mark}}}$" if mark else "")

    parts = ["% Needs \\usepackage{booktabs}."]
    notes = _notes(comparison)
    for matrix in _matrices(comparison):
        header, *rows = matrix.rows(cell, _escape_latex)
        lines = [
            f"% {plain_text(matrix.title)}",
            rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
            r"\toprule",
        ]
        lines += [_latex_row(header), r"\midrule", *map(_latex_row, rows), r"\bottomrule"]
        if notes:
            width = rf"\multicolumn{{{len(header)}}}{{p{{\linewidth}}}}"
            lines.append(rf"{width}{{\footnotesize {_escape_latex(notes)}}} \\")
        parts.append("\n".join([*lines, r"\end{tabular}"]))
    return "\n\n".join(parts) + "\n"


def _notes(comparison: Comparison) -> str:
    """Return what explains the marks and deviations of a table."""
    spread = any(one.deviation is not None for one in comparison.scores)
    parts = [describe_tests(comparison), "±: standard deviation over seeds." if spread else ""]
    return " ".join(part for part in parts if part)


def to_json(comparison: Comparison) -> str:
    """Return everything as JSON; the keys are the attributes of `Score`, `Compared` and `Change`."""
    content: dict[str, Any] = {
        "format": "cslir comparison",
        "format_version": 1,
        "cslir": __version__,
        "configuration": comparison.configuration,
        "scores": [asdict(one) for one in comparison.scores],
        "compared": [asdict(one) for one in comparison.compared],
    }
    for one in content["scores"]:
        del one["compared"]
    if comparison.configuration.get("changed", comparison.changes):
        content["changed"] = [asdict(one) for one in comparison.changes]
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


_WRITERS: dict[str, Callable[[Comparison], str]] = {
    "table": comparison_text,
    "json": to_json,
    "csv": to_csv,
    "markdown": to_markdown,
    "latex": to_latex,
}
FORMATS = tuple(_WRITERS)
_ENDINGS = {".txt": "table", ".json": "json", ".csv": "csv", ".md": "markdown", ".tex": "latex"}


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape_markdown(text: str) -> str:
    return "".join(f"\\{one}" if one in "\\`*_[]<>|" else one for one in plain_text(text))


def _latex_row(cells: Iterable[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _escape_latex(text: str) -> str:
    special = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
    }
    special |= {one: f"\\{one}" for one in "&%$#_{}"} | {"<": "$<$", ">": "$>$"}
    return "".join(special.get(one, one) for one in plain_text(text))
