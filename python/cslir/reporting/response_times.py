"""Figures of response time: against accuracy, as the collection grows, and by stage."""

from collections.abc import Sequence

from cslir.plurals import count_of
from cslir.reporting.drawing.bars import Stack, stacks, stacks_height, stacks_margins
from cslir.reporting.drawing.lines import (
    Line,
    Point,
    front,
    lines,
    lines_height,
    lines_margins,
    points,
    points_height,
    points_margins,
)
from cslir.reporting.drawing.pictures import Figure, Panel, Table
from cslir.reporting.drawing.style import one_line
from cslir.reporting.material import Material, Measurement
from cslir.reporting.summary import Summary, milliseconds

__all__ = ["growth_figure", "measurements_of", "pareto_figure", "response_time_figures", "stage_figure"]

_STAGES = ("tokenise", "encode", "search", "rerank")
_TIME_AXIS = "95th percentile of the response time, ms"


def response_time_figures(summary: Summary | None, material: Material) -> list[Figure]:
    """Return the figures of response time, as far as it was measured."""
    found = measurements_of(summary, material)
    untimed = _untimed(summary, found) if summary and not material.latency else ()
    title = summary.title if summary and not material.latency else "MRR@10"
    figures = [pareto_figure(found, title, untimed), growth_figure(found), stage_figure(found)]
    return [figure for figure in figures if figure is not None]


def measurements_of(summary: Summary | None, material: Material) -> list[Measurement]:
    """Return single queries' response times: those of latency files, else those that result files hold.

    Of several numbers of threads the largest is taken.
    """
    single = [one for file in material.latency.values() for one in file.measurements if one.batch == 1]
    if single:
        threads = max(one.threads for one in single)
        return [one for one in single if one.threads == threads]
    found = []
    for system in summary.systems if summary else ():
        times = system.details.get("response_time_ms")
        try:
            medians = {name: float(value) for name, value in times["p50"].items()}  # type: ignore[index]
            whole, late = medians.pop("total"), float(times["p95"]["total"])  # type: ignore[index]
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if 0 < whole <= late and summary is not None:
            means = [estimate.mean for (name, _), estimate in summary.means.items() if name == system.name]
            found.append(Measurement(system.name, sum(means) / len(means), 0, 1, 0, medians, whole, late))
    return found


def _untimed(summary: Summary, found: Sequence[Measurement]) -> list[str]:
    """Return the systems whose accuracy is known and whose response time is not, the best first."""
    timed = {one.system for one in found}
    averages = {
        system.name: average
        for system in summary.systems
        if system.name not in timed and (average := summary.average(system.name)) is not None
    }
    return sorted(averages, key=lambda name: -averages[name])


def _real(found: Sequence[Measurement]) -> list[Measurement]:
    """Return the measurements over each system's smallest collection, the real one."""
    smallest = {
        one.system: min(other.passages for other in found if other.system == one.system) for one in found
    }
    return [one for one in found if one.passages == smallest[one.system]]


def pareto_figure(
    found: Sequence[Measurement], measure: str = "MRR@10", untimed: Sequence[str] = ()
) -> Figure | None:
    """Return accuracy against response time with the front; None without two systems.

    Args:
        found: From `measurements_of`.
        measure: What the accuracy is called.
        untimed: Systems that can't be shown, as their response time was not measured; the caption names them.
    """
    known = [one for one in _real(found) if one.accuracy is not None]
    if len(known) < 2:
        return None
    entries = [Point(one.system, one.p95, one.accuracy or 0.0) for one in known]
    best = front(entries)
    told = ", ".join(f"{one.label} {one.y:.1f} at {milliseconds(one.x)} ms" for one in best)
    where = f" over {count_of(known[0].passages, 'passage')}" if known[0].passages else ""
    panel = Panel(
        "",
        f"{measure} against the 95th percentile of the response time. On the front: {told}.",
        points_height(len(entries)),
        points(entries, _TIME_AXIS, f"{measure}, percent"),
        points_margins(len(entries)),
    )
    rows = [
        (one.label, f"{one.y:.1f}", f"{milliseconds(one.x)}", "yes" if one in best else "no")
        for one in sorted(entries, key=lambda point: point.x)
    ]
    averaged = "" if known[0].passages else f" {measure} is the mean over the groups of the main table."
    missing = f" Not shown, as no response time was measured: {'; '.join(untimed)}." if untimed else ""
    return Figure(
        "pareto",
        f"Accuracy against response time{where}",
        "Single queries, from the text to the best passages; logarithmic axis. The line is the front:"
        " systems that no"
        f" other beats in both.{averaged}{missing}",
        (panel,),
        Table(("system", measure, "p95, ms", "on the front"), tuple(rows)),
    )


def growth_figure(found: Sequence[Measurement]) -> Figure | None:
    """Return response time against the number of passages; None where no system has two sizes."""
    by_system: dict[str, list[Measurement]] = {}
    for one in sorted(found, key=lambda one: one.passages):
        by_system.setdefault(one.system, []).append(one)
    by_system = {
        name: several for name, several in by_system.items() if len({o.passages for o in several}) > 1
    }
    if not by_system:
        return None
    curves = [
        Line(
            name,
            tuple(float(one.passages) for one in several),
            tuple(one.p50 for one in several),
            tuple(one.p95 for one in several),
            marked=True,
        )
        for name, several in by_system.items()
    ]
    told = "; ".join(
        f"{line.label} from {milliseconds(line.y[0])} ms over {line.x[0]:,.0f}"
        f" to {milliseconds(line.y[-1])} ms over {line.x[-1]:,.0f}"
        for line in curves
    )
    panel = Panel(
        "",
        f"Median response time as the collection grows: {told}.",
        lines_height(len(curves)),
        lines(curves, "passages", "ms a query", logarithmic=True),
        lines_margins(len(curves)),
    )
    rows = [
        (one.system, f"{one.passages:,}", f"{milliseconds(one.p50)}", f"{milliseconds(one.p95)}")
        for several in by_system.values()
        for one in several
    ]
    return Figure(
        "growth",
        "Response time as the collection grows",
        "Medians of single queries, and a band up to the 95th percentile; both axes are logarithmic.",
        (panel,),
        Table(("system", "passages", "median, ms", "p95, ms"), tuple(rows)),
    )


def stage_figure(found: Sequence[Measurement]) -> Figure | None:
    """Return the share of each stage in the response time; None where no stages were measured."""
    known = [one for one in _real(found) if one.stages]
    if not known:
        return None
    used = dict.fromkeys(name for one in known for name in one.stages)
    names = [*(name for name in _STAGES if name in used), *(name for name in used if name not in _STAGES)]
    entries = [
        Stack(
            f"{one_line(one.system, 34)}: {milliseconds(one.p50)} ms",
            tuple(one.stages.get(name, 0.0) for name in names),
        )
        for one in known
    ]
    told = "; ".join(
        f"{one.system} {milliseconds(one.p50)} ms, of which "
        + ", ".join(f"{n} {milliseconds(v)}" for n, v in one.stages.items())
        for one in known
    )
    panel = Panel(
        "",
        f"Median response time by stage: {told}.",
        stacks_height(len(entries), names),
        stacks(entries, names, "share of the response time, percent"),
        stacks_margins(names),
    )
    rows = [
        (
            one.system,
            *(f"{milliseconds(one.stages[name])}" if name in one.stages else "" for name in names),
            f"{milliseconds(one.p50)}",
        )
        for one in known
    ]
    return Figure(
        "stages",
        "Response time by stage",
        "Each stage's share of its system's time, by medians of single queries; beside the name the"
        " median in all.",
        (panel,),
        Table(("system", *(f"{name}, ms" for name in names), "total, ms"), tuple(rows)),
    )
