"""From files to a report: read, sum up, draw, write."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from cslir.errors import naming_extras
from cslir.evaluation.compare import note_other_data
from cslir.evaluation.results import Result
from cslir.evaluation.significance import LEVEL
from cslir.outputs import replace_folder, require_output_folder
from cslir.progress import SILENT, Progress
from cslir.reporting.drawing.pictures import Figure, Image, Table, render
from cslir.reporting.findings import compared, findings
from cslir.reporting.language_pairs import language_pair_figures
from cslir.reporting.lexicon_coverage import coverage_figure
from cslir.reporting.material import Material, read_material
from cslir.reporting.mixtures import interval_figure, mixture_figures
from cslir.reporting.page import Front, PageFigure, Section, html, records
from cslir.reporting.response_times import response_time_figures
from cslir.reporting.side_by_side import most_changed
from cslir.reporting.summary import PERCENT, Summary, summarise
from cslir.reporting.training_course import training_figures

__all__ = ["PAGE", "report"]

PAGE = "index.html"
_MIXED = "X-X"


@naming_extras
def report(
    results: Sequence[Result | str | PathLike[str]],
    folder: str | PathLike[str],
    *,
    title: str | None = None,
    measure: str | None = None,
    baseline: str | None = None,
    changed: int = 1,
    different_data: bool = False,
    progress: Progress = SILENT,
) -> Path:
    """Write a report that people look at: one self-contained HTML page, and its pictures beside it.

    It needs the extra `report` (matplotlib and Jinja2).

    Args:
        results: What `evaluate` returned, or result files; also files of `cslir bench latency --json` and
            `cslir lexicons coverage --json`, and folders of `cslir train` and `cslir demo`. Systems of one
            name with different seeds are averaged per query.
        folder: Where to write it; replaced if it holds a report.
        title: Of the page.
        measure: That is compared; the first of RR@10, nDCG@10 and their own that all have if None.
        baseline: Name of the system that all others are compared with; each one's own if None.
        changed: So many queries are shown that gained most from each baseline, and that lost most.
        different_data: Compare systems whose queries or judgements differ too.
        progress: Told how far the work is, and what deserves a look.

    Returns:
        The path of the page, `index.html`.

    Raises:
        InputError: An input is bad, the systems can't be compared, or the folder holds something else.

    Example:
        >>> import cslir
        >>> data = cslir.load_dataset("debian-sample")
        >>> run = {query.query_id: {query.query_id: 1.0} for query in data.queries("dev", "en")}
        >>> result = cslir.evaluate(run, data, split="dev", pair="en-de", name="perfect")
        >>> page = cslir.report([result], "report", title="As good as it gets")
        >>> page.parent.name, page.name
        ('report', 'index.html')
    """
    output = Path(folder)
    require_output_folder(output, "report")
    material = read_material([results] if isinstance(results, Result | str | PathLike) else results)
    found = list(material.results.values())
    note_other_data(found, progress)
    summary = summarise(found, measure, baseline, different_data=different_data) if found else None
    drawn = _draw_all(_figures(summary, material), progress)
    sections = [
        Section(name, _HEADINGS[name], figures=tuple(page for page, _ in figures))
        for name, figures in drawn.items()
        if figures
    ]
    pairs = most_changed(summary, material, changed, baseline) if summary else []
    if pairs:
        sections.append(Section("changed", _HEADINGS["changed"], _CHANGED_TEXT, side_by_side=tuple(pairs)))
    present = {section.name for section in sections}
    page = html(
        _front(title, summary, material),
        sections,
        records(material),
        [note for name, note in _HOW.items() if name not in present],
        ", ".join(Path(name).name for name in material.inputs),
    )
    with replace_folder(output, "report") as part:
        (part / PAGE).write_text(page, encoding="utf-8", errors="replace")
        for figures in drawn.values():
            for _, image in figures:
                (part / f"{image.name}.svg").write_bytes(image.svg)
                (part / f"{image.name}.png").write_bytes(image.png)
    return output / PAGE


_HEADINGS = {
    "all": "All queries",
    "pairs": "Language pairs",
    "mixed": "Mixed collections",
    "times": "Response time",
    "training": "Training",
    "coverage": "Lexicons",
    "changed": "Queries that changed most",
}
_CHANGED_TEXT = (
    "The largest gains and losses from a baseline to a system, in the setting in which the query changed"
    " most. The first"
    " passages of each."
)
_HOW = {
    "pairs": "No heat maps: they need results of several language pairs (cslir eval of a parallel dataset,"
    " cslir demo).",
    "mixed": "No mixed collections: cslir eval of a parallel dataset and cslir demo evaluate them.",
    "times": "No response times: add a file of 'cslir bench latency --json'.",
    "training": "No training curves: add a folder of cslir train.",
    "coverage": "No lexicon coverage: add a file of 'cslir lexicons coverage --json'.",
}


def _figures(summary: Summary | None, material: Material) -> dict[str, list[Figure]]:
    """Return the figures of every section, empty where the inputs do not give it."""
    plain = summary is not None and not summary.languages and len(summary.systems) > 1
    coverage = coverage_figure(material.coverage)
    return {
        "all": [interval_figure(summary, list(summary.columns), "systems", "all settings")]
        if summary and plain
        else [],
        "pairs": language_pair_figures(summary) if summary else [],
        "mixed": mixture_figures(summary) if summary else [],
        "times": response_time_figures(summary, material),
        "training": training_figures(material.training),
        "coverage": [coverage] if coverage else [],
    }


def _draw_all(
    figures: dict[str, list[Figure]], progress: Progress
) -> dict[str, list[tuple[PageFigure, Image]]]:
    """Render the figures of every section."""
    total, done = sum(map(len, figures.values())), 0
    drawn: dict[str, list[tuple[PageFigure, Image]]] = {name: [] for name in figures}
    with progress.stage("report", "figure") as update:
        for name, several in figures.items():
            for figure in several:
                update(done, total)
                drawn[name].append(_drawn(figure))
                done += 1
    return drawn


def _drawn(figure: Figure) -> tuple[PageFigure, Image]:
    """Render a figure; return what the page shows, and the picture for its files."""
    panels, whole = render(figure)
    files = (f"{whole.name}.svg", f"{whole.name}.png")
    page = PageFigure(figure.name, figure.heading, figure.caption, tuple(panels), figure.table, files)
    return page, whole


def _front(title: str | None, summary: Summary | None, material: Material) -> Front:
    if summary is None:
        return Front(title or "cslir report", "No result file was given, so nothing is compared.")
    first = next(iter(material.results.values()))
    heading = title or f"Retrieval across languages: {first.dataset}"
    if not summary.languages:
        heading = title or f"Retrieval: {first.dataset}"
    found = findings(summary)
    return Front(
        heading,
        compared(summary, material),
        tuple(found.sentences),
        tuple(found.details),
        _main_table(summary),
        f"{summary.title}, percent",
        _legend(summary),
    )


def _main_table(summary: Summary) -> Table:
    short = [column.partition(" ")[2] or column or summary.title for column in summary.columns]
    biases = {
        system.name: system.settings[_MIXED].language_bias
        for system in summary.systems
        if _MIXED in system.settings
    }
    with_bias = any(bias is not None for bias in biases.values())
    rows = []
    for system in summary.systems:
        cells = []
        for column in summary.columns:
            estimate = summary.means.get((system.name, column))
            mark = summary.mark(system, column).strip()
            cells.append(f"{estimate.mean:.1f}{mark}" if estimate else "–")
        if with_bias:
            bias = biases.get(system.name)
            cells.append("–" if bias is None else f"{PERCENT * bias:.0f}")
        rows.append((system.name, *cells))
    return Table(("system", *short, *(["bias"] if with_bias else [])), tuple(rows))


def _legend(summary: Summary) -> str:
    parts = []
    if "MoIR" in summary.columns:
        parts.append(
            "MoIR: query and passages in one language. en-x, x-en, x-y: in two, x and y not English. X:"
            " language"
            f" drawn per text among {', '.join(summary.seen)}."
        )
    if any(system.settings.get(_MIXED) for system in summary.systems) and summary.seen:
        parts.append(
            "bias: share of X-X's top 10 in the query's own language, chance"
            f" {PERCENT / len(summary.seen):.0f}."
        )
    if summary.tests:
        baselines = dict.fromkeys(one.baseline for one in summary.tests.values())
        parts.append(
            f"+ and -: significantly better and worse than its baseline ({', '.join(baselines)}); paired"
            f" t-test over"
            f" queries, p < {LEVEL} after Holm's correction over the table."
        )
    else:
        parts.append("No system has a baseline among these, so no difference is tested.")
    return " ".join(parts)
