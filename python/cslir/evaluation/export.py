"""Scores and comparisons as text of other programs: CSV, Markdown, LaTeX and JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from cslir import __version__
from cslir.evaluation.comparison import Compared, Score
from cslir.evaluation.significance import LEVEL
from cslir.plain_text import plain_text

__all__ = [
    "MOST_COLUMNS",
    "Matrix",
    "comparison_json",
    "csv_cell",
    "describe_tests",
    "matrices",
    "to_csv",
    "to_latex",
    "to_markdown",
]

MOST_COLUMNS = 8
"""With more places than this a table has them as its rows."""
_TEST_NAMES = {
    "t": "paired t-test",
    "wilcoxon": "Wilcoxon's signed-rank test",
    "bootstrap": "paired bootstrap test",
}
_CORRECTION_NAMES = {"holm": "after Holm's correction", "bonferroni": "after Bonferroni's correction"}
_CSV_COLUMNS = (
    *("measure", "place", "system", "mean", "deviation", "queries", "seeds", "baseline", "baseline_mean"),
    *("difference", "interval_low", "interval_high", "p_value", "adjusted_p", "effect_size"),
    *("wins", "ties", "losses", "compared_seeds", "difference_deviation", "better_seeds", "worse_seeds"),
)


def describe_tests(compared: Sequence[Compared], test: str, correction: str) -> str:
    """Return a sentence that explains the marks of a table; empty without tests.

    Args:
        compared: The table's comparisons.
        test: One of `significance.TESTS`.
        correction: One of `significance.CORRECTIONS`.
    """
    if not compared:
        return ""
    names = list(dict.fromkeys(one.baseline for one in compared))
    baseline = plain_text(names[0]) if len(names) == 1 else "its baseline"
    how = _CORRECTION_NAMES.get(correction, "without correction")
    sentence = f"+ -: better or worse than {baseline}, {_TEST_NAMES[test]} over queries, p < {LEVEL} {how}"
    measures = len({one.measure for one in compared})
    tests = len(compared) // measures
    sentence += f" over {tests} tests" if tests > 1 else ""
    if any(one.better_seeds is not None for one in compared):
        seeds = max(len(one.seeds) for one in compared)
        sentence += " (a query's value is its mean over seeds); the number: with how many of"
        sentence += f" {seeds} seeds by themselves"
    return sentence + "."


class Cell(NamedTuple):
    """The mean of a system in a place, and its comparison with the baseline where there is one."""

    score: Score
    compared: Compared | None
    best: bool

    @property
    def mark(self) -> str:
        """`+` or `-` where the difference is significant, and with how many seeds by themselves."""
        if self.compared is None or not self.compared.mark:
            return ""
        seeds = self.compared.better_seeds if self.compared.mark == "+" else self.compared.worse_seeds
        return self.compared.mark + ("" if seeds is None else str(seeds))


class Matrix(NamedTuple):
    """The scores of one measure, systems by places; `scale` is 100 where they are shown in percent."""

    measure: str
    systems: tuple[str, ...]
    places: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    scale: int

    @property
    def title(self) -> str:
        """The measure, and that it is in percent."""
        return f"{self.measure}, percent" if self.scale == 100 else self.measure

    def number(self, value: float) -> str:
        """Return a value as shown."""
        return f"{self.scale * value:.1f}"


def matrices(scores: Sequence[Score], compared: Sequence[Compared] = ()) -> list[Matrix]:
    """Return the scores of each measure as a table, with the comparisons beside them."""
    tests = {(one.system, one.place, one.measure): one for one in compared}
    found = []
    for measure in dict.fromkeys(one.measure for one in scores):
        chosen = [one for one in scores if one.measure == measure]
        best = {
            place: max(round(one.mean, 9) for one in chosen if one.place == place)
            for place in dict.fromkeys(one.place for one in chosen)
        }
        cells = {
            (one.system, one.place): Cell(
                one, tests.get((one.system, one.place, measure)), round(one.mean, 9) == best[one.place]
            )
            for one in chosen
        }
        systems = tuple(dict.fromkeys(one.system for one in chosen))
        scale = 100 if all(0 <= one.mean <= 1 for one in chosen) else 1
        found.append(Matrix(measure, systems, tuple(best), cells, scale))
    return found


def to_csv(scores: Sequence[Score], compared: Sequence[Compared] = ()) -> str:
    """Return one row per measure, place and system; fields without a value are empty."""
    tests = {(one.system, one.place, one.measure): one for one in compared}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for one in scores:
        names = map(csv_cell, (one.measure, one.place, one.system))
        row: list[object] = [*names, one.mean, one.deviation, one.queries]
        row.append(" ".join(map(str, one.seeds)))
        test = tests.get((one.system, one.place, one.measure))
        if test is not None:
            row += [
                csv_cell(test.baseline),
                test.baseline_mean,
                test.difference,
                *test.interval,
                test.p_value,
            ]
            row += [test.adjusted_p, test.effect_size, test.wins, test.ties, test.losses]
            row += [" ".join(map(str, test.seeds)), test.deviation, test.better_seeds, test.worse_seeds]
        writer.writerow(row + [None] * (len(_CSV_COLUMNS) - len(row)))
    return text.getvalue()


def csv_cell(text: str) -> str:
    """Return text for a cell of a CSV file, on one line and never a formula of a spreadsheet.

    An apostrophe, by which spreadsheets tell text, goes before what begins with one of `= + - @`.
    """
    shown = plain_text(text).strip()
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def to_markdown(scores: Sequence[Score], compared: Sequence[Compared] = (), note: str = "") -> str:
    """Return a table per measure, the best of each place in bold.

    Args:
        scores: Of all systems.
        compared: Adds significance marks.
        note: Explains them; see `describe_tests`.
    """

    def cell(matrix: Matrix, one: Cell) -> str:
        number = matrix.number(one.score.mean)
        spread = "" if one.score.deviation is None else f" ± {matrix.number(one.score.deviation)}"
        mark = f" {one.mark}" if one.mark else ""
        return (f"**{number}**" if one.best else number) + spread + mark

    parts = []
    for matrix in matrices(scores, compared):
        header, *rows = _rows(matrix, cell, _escape_markdown)
        lines = [f"{_escape_markdown(matrix.title)}", ""]
        lines += [_markdown_row(header), "|---|" + "---:|" * (len(header) - 1), *map(_markdown_row, rows)]
        parts.append("\n".join(lines))
    notes = [note] if note else []
    if any(one.deviation is not None for one in scores):
        notes.append("±: standard deviation over seeds.")
    if notes:
        parts.append(_escape_markdown(" ".join(notes)))
    return "\n\n".join(parts) + "\n"


def to_latex(scores: Sequence[Score], compared: Sequence[Compared] = (), note: str = "") -> str:
    r"""Return a `tabular` per measure for the package booktabs, the best of each place in bold.

    Args:
        scores: Of all systems.
        compared: Adds significance marks.
        note: Explains them under the table; see `describe_tests`.
    """

    def cell(matrix: Matrix, one: Cell) -> str:
        number = matrix.number(one.score.mean)
        spread = "" if one.score.deviation is None else rf" $\pm$ {matrix.number(one.score.deviation)}"
        mark = f"$^{{{one.mark}}}$" if one.mark else ""
        return (rf"\textbf{{{number}}}" if one.best else number) + spread + mark

    parts = ["% Needs \\usepackage{booktabs}."]
    notes = [note] if note else []
    if any(one.deviation is not None for one in scores):
        notes.append("±: standard deviation over seeds.")
    for matrix in matrices(scores, compared):
        header, *rows = _rows(matrix, cell, _escape_latex)
        lines = [
            f"% {plain_text(matrix.title)}",
            rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
            r"\toprule",
        ]
        lines += [_latex_row(header), r"\midrule", *map(_latex_row, rows), r"\bottomrule"]
        if notes:
            width = rf"\multicolumn{{{len(header)}}}{{p{{\linewidth}}}}"
            lines.append(rf"{width}{{\footnotesize {_escape_latex(' '.join(notes))}}} \\")
        parts.append("\n".join([*lines, r"\end{tabular}"]))
    return "\n\n".join(parts) + "\n"


def comparison_json(
    scores: Sequence[Score],
    compared: Sequence[Compared],
    configuration: Mapping[str, Any],
    changed: Sequence[Mapping[str, Any]] | None = None,
) -> str:
    """Return everything as JSON; the keys are the attributes of `Score` and `Compared`."""
    content: dict[str, Any] = {
        "format": "cslir comparison",
        "format_version": 1,
        "cslir": __version__,
        "configuration": configuration,
        "scores": [asdict(one) for one in scores],
        "compared": [asdict(one) for one in compared],
    }
    if changed is not None:
        content["changed"] = list(changed)
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _rows(
    matrix: Matrix, cell: Callable[[Matrix, Cell], str], escape: Callable[[str], str]
) -> list[list[str]]:
    """Return the rows of a table, heading first; places are rows where there are many."""

    def show(system: str, place: str) -> str:
        found = matrix.cells.get((system, place))
        return "" if found is None else cell(matrix, found)

    systems, places = [escape(one) for one in matrix.systems], [escape(one) for one in matrix.places]
    if len(places) > MOST_COLUMNS:
        body = [[show(system, place) for system in matrix.systems] for place in matrix.places]
        return [["", *systems], *([name, *row] for name, row in zip(places, body, strict=True))]
    body = [[show(system, place) for place in matrix.places] for system in matrix.systems]
    return [["", *places], *([name, *row] for name, row in zip(systems, body, strict=True))]


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
