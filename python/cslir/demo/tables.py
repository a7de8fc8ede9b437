"""The demo's tables, 80 columns wide."""

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cslir.evaluation.comparison import Compared
from cslir.evaluation.results import SystemResult, group_values
from cslir.evaluation.settings import GROUPS
from cslir.evaluation.significance import LEVEL
from cslir.plurals import count_of

__all__ = ["alignment_table", "recall_table", "response_time_table", "result_table", "unseen_table"]

_NAME_WIDTH = 21


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", padding=0)
    table.add_column("", width=_NAME_WIDTH, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _short(group: str) -> str:
    return group.partition(" ")[2] or group


def _label(system: SystemResult) -> str:
    return system.details.get("label") or system.name


def result_table(
    systems: Sequence[SystemResult], comparisons: Mapping[tuple[str, str], Compared], seen: Sequence[str]
) -> RenderableType:
    """Return the main table: MRR@10 by group, in percent, with significance marks, and the language bias."""
    table = _table("MRR@10, percent", [*(_short(group) for group in GROUPS), "bias"])
    for system in systems:
        cells = []
        for group in GROUPS:
            mean = 100 * float(group_values(system.settings, group, "RR@10", seen).values.mean())
            comparison = comparisons.get((system.name, group))
            cells.append(f"{mean:.1f}{comparison.mark or ' ' if comparison else ' '}")
        bias = system.settings["X-X"].language_bias
        table.add_row(_label(system), *cells, "" if bias is None else f"{100 * bias:.0f}")
    legend = Text(
        "MoIR: query and passages in one language. en-x, x-en, x-y: in two, x and y\n"
        f"not English. X: language drawn per text among {', '.join(seen)}.\n"
        f"bias: share of X-X's top 10 in the query's own language, chance {100 / len(seen):.0f}.\n"
        "+ -: differs from its baseline (static zero-shot, or the encoder as it is),\n"
        f"paired t-test over queries, p < {LEVEL} after Holm's correction.",
        style="dim",
    )
    return Group(table, legend)


def alignment_table(
    systems: Sequence[SystemResult], comparisons: Mapping[tuple[str, str], Compared]
) -> RenderableType:
    """Return by how many points of MRR@10 the arms with alignment differ from those without it."""
    table = _table("What alignment adds, points of MRR@10", [_short(group) for group in GROUPS])
    for system in systems:
        found = [comparisons.get((system.name, group)) for group in GROUPS]
        if any(found):
            cells = (f"{100 * one.difference:+.1f}{one.mark or ' '}" if one else "" for one in found)
            table.add_row(_label(system), *cells)
    legend = (
        f"+ -: differs from the same arm without it; Holm's correction over these {len(comparisons)} tests"
    )
    return Group(table, Text(legend, style="dim"))


def recall_table(systems: Sequence[SystemResult], seen: Sequence[str]) -> RenderableType:
    """Return R@100 by group, in percent."""
    table = _table("R@100, percent", [_short(group) for group in GROUPS])
    for system in systems:
        means = (
            100 * float(group_values(system.settings, group, "R@100", seen).values.mean()) for group in GROUPS
        )
        table.add_row(_label(system), *(f"{mean:.1f}" for mean in means))
    return table


def unseen_table(systems: Sequence[SystemResult], unseen: Sequence[str]) -> RenderableType:
    """Return MRR@10 of the languages without lexicon, each with itself and with English."""
    names = [name for one in unseen for name in (f"{one}-{one}", f"en-{one}", f"{one}-en")]
    table = _table("Unseen languages: MRR@10, percent", names)
    for system in systems:
        values = (system.settings[name].judged.means["RR@10"] for name in names)
        table.add_row(_label(system), *(f"{100 * value:.1f}" for value in values))
    counts = {one: len(systems[0].settings[f"{one}-{one}"].judged.query_ids) for one in unseen if systems}
    legend = ", ".join(f"{one} {count}" for one, count in counts.items())
    return Group(table, Text(f"queries: {legend}", style="dim"))


def response_time_table(systems: Sequence[SystemResult], passages: int) -> RenderableType:
    """Return the median response time per query by stage and in total, and the total's 95th percentile."""
    stages = ("tokenise", "encode", "search", "total")
    table = _table(f"Response time per query over {count_of(passages, 'passage')}, ms", [*stages, "p95"])
    for system in systems:
        times = system.details.get("response_time_ms")
        if times is not None:
            medians = (f"{times['p50'][stage]:.3f}" for stage in stages)
            table.add_row(_label(system), *medians, f"{times['p95']['total']:.3f}")
    return Group(table, Text("medians; p95: 95th percentile of the total", style="dim"))
