"""What a report says first: what was compared, and what came out, in sentences made from the numbers."""

from cslir.report.material import Material
from cslir.report.summary import PERCENT, Summary, milliseconds, significance_mark

__all__ = ["compared", "findings"]

_MIXED = "X-X"


def compared(summary: Summary, material: Material) -> str:
    """Say which systems were compared on what."""
    file = next(iter(material.results.values()))
    queries = max(len(s.judged.query_ids) for system in summary.systems for s in system.settings.values())
    count = len(summary.systems)
    systems = "One system was judged" if count == 1 else f"{count} systems were compared"
    where = f"{file.dataset}, split {file.split}" if file.split else file.dataset
    sentence = f"{systems} on {where}: {queries:,} queries"
    unseen = [language for language in summary.languages if language not in summary.seen]
    if summary.seen:
        sentence += f" in {_listed(summary.seen)}"
    if unseen:
        sentence += f" and, unseen in training, {_listed(unseen)}"
    seeds = sorted({seed for several in summary.seeds.values() for seed in several})
    if len(seeds) > 1:
        return f"{sentence}. Values are means over the seeds {_listed([str(seed) for seed in seeds])}."
    return f"{sentence}. One seed ({seeds[0]})." if seeds else f"{sentence}."


def findings(summary: Summary) -> list[str]:
    """Return the main findings, negative ones included, a sentence or two each."""
    return [
        sentence
        for sentence in (
            _best(summary),
            *_against_baselines(summary),
            _gap(summary),
            _bias(summary),
            *_time(summary),
        )
        if sentence
    ]


def _average(summary: Summary, name: str) -> float | None:
    """Return a system's mean over all columns, None where it lacks one."""
    means = [summary.means.get((name, column)) for column in summary.columns]
    found = [estimate.mean for estimate in means if estimate is not None]
    return sum(found) / len(found) if len(found) == len(means) else None


def _best(summary: Summary) -> str:
    averages = {
        system.name: average
        for system in summary.systems
        if (average := _average(summary, system.name)) is not None
    }
    if len(averages) < 2:
        return ""
    ranked = sorted(averages, key=lambda name: -averages[name])
    groups = len(summary.columns)
    over = f", averaged over the {groups} groups" if groups > 1 else ""
    return (
        f"The highest {summary.title}{over}: {ranked[0]} with {averages[ranked[0]]:.1f} percent, then"
        f" {ranked[1]}"
        f" with {averages[ranked[1]]:.1f}; the lowest: {ranked[-1]} with {averages[ranked[-1]]:.1f}."
    )


def _against_baselines(summary: Summary) -> list[str]:
    sentences = []
    for system in summary.systems:
        tests = {
            column: one for column in summary.columns if (one := summary.tests.get((system.name, column)))
        }
        if not tests:
            continue
        parts = []
        for mark, word in (("+", "better"), ("-", "worse"), (" ", "")):
            columns = [column for column, one in tests.items() if significance_mark(one) == mark]
            if not columns:
                continue
            differences = sorted(PERCENT * tests[column].difference for column in columns)
            size = f"{differences[0]:+.1f}"
            if len(differences) > 1:
                size += f" to {differences[-1]:+.1f}"
            where = _where(columns, len(tests))
            parts.append(
                f"significantly {word} {where} ({size} points)"
                if word
                else f"not significantly different {where} ({size})"
            )
        baseline = next(iter(tests.values())).baseline
        sentences.append(f"{system.name}, against {baseline}: {', '.join(parts)}.")
    return sentences


def _where(columns: list[str], tested: int) -> str:
    if columns == [""]:
        return "over all queries"
    if len(columns) == tested > 1:
        return f"in all {tested} groups"
    if len(columns) > 3:
        return f"in {len(columns)} of {tested} groups"
    return f"in {_listed(columns)}"


def _gap(summary: Summary) -> str:
    """Say how much is lost from one language to mixed collections."""
    one, mixed = "MoIR", "MLIR X-X"
    losses = {
        system.name: summary.means[system.name, one].mean - summary.means[system.name, mixed].mean
        for system in summary.systems
        if (system.name, one) in summary.means and (system.name, mixed) in summary.means
    }
    if not losses:
        return ""
    low, high = min(losses, key=losses.__getitem__), max(losses, key=losses.__getitem__)
    if low == high:
        return f"From one language to a mixed collection {low} loses {losses[low]:.1f} points."
    return (
        f"From one language (MoIR) to a mixed collection (X-X), {high} loses most, {losses[high]:.1f}"
        f" points, and"
        f" {low} least, {losses[low]:.1f}."
    )


def _bias(summary: Summary) -> str:
    biases = {
        system.name: PERCENT * bias
        for system in summary.systems
        if _MIXED in system.settings and (bias := system.settings[_MIXED].language_bias) is not None
    }
    if not biases:
        return ""
    chance = f"; chance would be {PERCENT / len(summary.seen):.0f}" if summary.seen else ""
    low, high = min(biases, key=biases.__getitem__), max(biases, key=biases.__getitem__)
    if low == high:
        return (
            f"Language bias: {biases[low]:.0f} percent of X-X's top 10 are in the query's language{chance}."
        )
    return (
        f"Language bias: of X-X's top 10, {biases[high]:.0f} percent are in the query's own language for"
        f" {high},"
        f" the most biased, and {biases[low]:.0f} for {low}, the least{chance}."
    )


def _time(summary: Summary) -> list[str]:
    """Say how much longer the slowest system takes, where the files have response times."""
    times = {}
    for system in summary.systems:
        measured = system.details.get("response_time_ms")
        if isinstance(measured, dict) and isinstance(measured.get("p50"), dict):
            total = measured["p50"].get("total")
            if isinstance(total, int | float) and total > 0:
                times[system.name] = float(total)
    if len(times) < 2:
        return []
    slow, fast = max(times, key=times.__getitem__), min(times, key=times.__getitem__)
    return [
        f"Response time: a query takes {milliseconds(times[slow])} ms with {slow} and"
        f" {milliseconds(times[fast])} ms with {fast} (medians), a factor of {times[slow] / times[fast]:.0f}."
    ]


def _listed(words: "list[str] | tuple[str, ...]") -> str:
    return ", ".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"
