"""Tables in the terminal: 80 columns, plain when piped."""

from rich.console import Console
from rich.table import Table

from cslir.evaluation.metrics import Judged
from cslir.evaluation.parallel import Evaluation
from cslir.evaluation.settings import GROUPS

__all__ = ["print_evaluation", "print_means"]


def print_means(title: str, judged: Judged) -> None:
    """Print the mean of each measure over all judged queries."""
    table = Table(title=title, title_justify="left")
    table.add_column("measure")
    table.add_column("mean", justify="right")
    for measure, value in judged.means.items():
        table.add_row(measure, f"{value:.4f}")
    console = Console()
    console.print(table)
    note = f"{len(judged.query_ids):,} queries"
    if judged.missing:
        note += f", of which {len(judged.missing):,} have no retrieved passage and count as zero"
    console.print(note, highlight=False)


def print_evaluation(title: str, outcome: Evaluation) -> None:
    """Print every setting's means, by group, and the language bias of X-X."""
    console = Console()
    measures = list(next(iter(outcome.results.values())).judged.means)
    table = Table(title=title, title_justify="left")
    for heading in ("group", "setting", "queries"):
        table.add_column(heading)
    for measure in measures:
        table.add_column(measure, justify="right")
    for group in GROUPS:
        rows = [(name, one) for name, one in outcome.results.items() if one.setting.group == group]
        for name, result in rows:
            values = [f"{result.judged.means[measure]:.4f}" for measure in measures]
            table.add_row(group, name, f"{len(result.judged.query_ids):,}", *values)
        if rows:
            table.add_section()
    console.print(table)
    if outcome.language_bias is not None:
        languages = len(set(outcome.results["X-X"].setting.query_languages))
        console.print(
            f"language bias of X-X: {outcome.language_bias:.3f} of the top 10 are in the query's own language"
            f" (chance {1 / languages:.3f})",
            highlight=False,
        )
