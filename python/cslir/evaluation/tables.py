"""Tables of results: 80 columns, plain where nobody watches."""

from collections.abc import Mapping

import numpy as np
from rich.table import Table

from cslir.console import Console
from cslir.evaluation.metrics import PERSISTENCE
from cslir.evaluation.results import ONLY_SETTING, Result, SettingScores
from cslir.evaluation.settings import GROUPS, MIXTURES, setting_languages
from cslir.plurals import count_of

__all__ = ["print_cells", "print_result", "result_text"]

_COLUMNS = 9
"""Languages beside each other; more go into a further table."""


def print_result(console: Console, result: Result) -> None:
    """Print each system's means: of one setting, or of groups of settings and pairs of languages."""
    title = result.title or f"{result.dataset} {result.split}".strip()
    for system in result.systems:
        heading = title if len(result.systems) == 1 else f"{title}: {system.name}"
        name, scores = next(iter(system.settings.items()))
        if len(system.settings) > 1:
            _print_settings(console, heading, system.settings)
            continue
        _print_single(console, heading if name == ONLY_SETTING else f"{heading} {name}", scores)
        if len(result.cells) > 1:
            measure = next(iter(scores.judged.values))
            print_cells(
                console,
                f"{measure} by the language of the query (down) and of its relevant passage",
                result.cells,
            )
    for remark in result.remarks:
        console.print(remark, highlight=False)


def result_text(result: Result) -> str:
    """Return what `print_result` prints, 80 columns wide and without colours."""
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        print_result(console, result)
    return captured.get()


def _print_single(console: Console, title: str, scores: SettingScores) -> None:
    """Print the means of one setting over all judged queries, and how languages share its rankings."""
    judged = scores.judged
    console.print(title, style="bold", highlight=False)
    table = _table()
    table.add_column("measure")
    table.add_column("mean", justify="right")
    for measure, value in judged.means.items():
        table.add_row(measure, f"{value:.4f}")
    console.print(table)
    note = count_of(len(judged.query_ids), "query")
    if judged.missing:
        note += f", of which {len(judged.missing):,} have no retrieved passage and count as zero"
    console.print(note, highlight=False)
    _print_identical_ids(console, scores.identical_ids)
    _print_languages(console, "", scores)


def _print_settings(console: Console, title: str, settings: Mapping[str, SettingScores]) -> None:
    """Print the aggregates, a matrix of the language pairs for each measure, and what mixtures prefer."""
    measures = list(next(iter(settings.values())).judged.values)
    queries = {name: len(scores.judged.query_ids) for name, scores in settings.items()}
    most = max(queries.values())
    console.print(title, style="bold", highlight=False)
    table = _table()
    table.add_column("group")
    for heading in ("settings", "queries", *measures):
        table.add_column(heading, justify="right")
    for group in GROUPS:
        # Settings over fewer ids are shown below: a mean over different queries would mix them up.
        among = [
            scores for name, scores in settings.items() if scores.group == group and queries[name] == most
        ]
        if among:
            means = (np.mean([scores.judged.means[measure] for scores in among]) for measure in measures)
            table.add_row(group, str(len(among)), f"{most:,}", *(f"{mean:.4f}" for mean in means))
    console.print(table)
    for measure in measures:
        cells = {
            pair: scores.judged.means[measure]
            for name, scores in settings.items()
            if name not in MIXTURES and (pair := setting_languages(name))
        }
        print_cells(console, f"{measure} by the language of the queries (down) and of the passages", cells)
    fewer = [f"{name} {count:,}" for name, count in queries.items() if count < most]
    if fewer:
        console.print(
            f"not in the groups, as a language lacks some of {count_of(most, 'query')}: {', '.join(fewer)}",
            highlight=False,
        )
    _print_identical_ids(console, max(scores.identical_ids for scores in settings.values()))
    for name in MIXTURES:
        if name in settings:
            _print_languages(console, f"{name}: ", settings[name])


def print_cells(console: Console, title: str, cells: Mapping[tuple[str, str], float]) -> None:
    """Print values by query language (down) and passage language (across)."""
    console.print(title, style="bold", highlight=False)
    down, across = (list(dict.fromkeys(pair[side] for pair in cells)) for side in (0, 1))
    for start in range(0, len(across), _COLUMNS):
        columns = across[start : start + _COLUMNS]
        table = _table()
        table.add_column("")
        for language in columns:
            table.add_column(language, justify="right")
        for query_language in down:
            values = (cells.get((query_language, language)) for language in columns)
            table.add_row(query_language, *("" if value is None else f"{value:.3f}" for value in values))
        console.print(table)


def _table() -> Table:
    from rich import box

    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def _print_identical_ids(console: Console, queries: int) -> None:
    if queries:
        console.print(
            f"of {count_of(queries, 'query')} the passage with the query's own id is left out, as BEIR"
            " does it",
            highlight=False,
        )


def _print_languages(console: Console, prefix: str, scores: SettingScores) -> None:
    if scores.language_shares:
        shares = sorted(scores.language_shares.items(), key=lambda item: -item[1])
        console.print(
            f"{prefix}rank-biased share of each passage language (p = {PERSISTENCE}): "
            + ", ".join(f"{language or 'unknown'} {share:.3f}" for language, share in shares),
            highlight=False,
        )
    if scores.language_bias is not None:
        console.print(
            f"{prefix}language bias: {scores.language_bias:.3f} of the top 10 are in the query's own language"
            f" (chance in an even mixture: {1 / len(scores.language_shares):.3f})",
            highlight=False,
        )
