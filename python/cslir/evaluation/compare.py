"""Comparing the systems of files, and printing or saving the outcome."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cslir.errors import InputError, UnknownNameError
from cslir.evaluation.changes import Change, Texts, changed_queries, dataset_texts
from cslir.evaluation.comparison import Compared, Score, compare, score
from cslir.evaluation.comparison_inputs import (
    ComparisonInputs,
    choose_measures,
    choose_systems,
    read_inputs,
)
from cslir.evaluation.export import comparison_json, describe_tests, to_csv, to_latex, to_markdown
from cslir.outputs import replace_file, require_output_file
from cslir.progress import announce, counting

__all__ = ["FORMATS", "CompareOptions", "compare_files"]

FORMATS = ("table", "json", "csv", "markdown", "latex")


@dataclass(frozen=True)
class CompareOptions:
    """How to compare; see `comparison.compare`.

    Attributes:
        test: One of `significance.TESTS`.
        correction: One of `significance.CORRECTIONS`.
        by: One of `pairing.BY`.
        baseline: Name of the system that all others are tested against.
        systems: Names of those that take part; all if None.
        measures: By which; the first that all have if None.
        settings: Names of settings and groups that take part; all if None.
        changed: How many queries to show that gained most, and that lost most.
        seed: Of the bootstrap's draws.
        different_data: Compare systems that were evaluated with different queries or judgements too.
        ignore_identical_ids: Of runs; see `without_identical_ids`.
    """

    test: str = "t"
    correction: str = "holm"
    by: str = "group"
    baseline: str | None = None
    systems: Sequence[str] | None = None
    measures: Sequence[str] | None = None
    settings: Sequence[str] | None = None
    changed: int = 0
    seed: int = 1
    different_data: bool = False
    ignore_identical_ids: bool = True


def compare_files(
    sources: Sequence[str],
    options: CompareOptions,
    *,
    qrels: Path | None = None,
    output_format: str = "table",
    output: Path | None = None,
) -> None:
    """Compare the systems of result files and runs, and print or write the outcome.

    Args:
        sources: As for `read_inputs`.
        options: How to compare.
        qrels: By which runs are judged.
        output_format: One of `FORMATS`.
        output: File to write, whole or not at all; stdout if None.

    Raises:
        InputError: A file is bad, a name unknown, or the systems can't be compared.
    """
    if output is not None:
        require_output_file(output)
    if output_format not in FORMATS:
        raise UnknownNameError(f"no format {output_format!r}", remedy=f"choose among {', '.join(FORMATS)}")
    if options.changed and output_format not in ("table", "json"):
        raise InputError(f"--changed has no {output_format} form", remedy="use --format table or json")
    inputs = read_inputs(
        sources,
        qrels=qrels,
        measures=options.measures,
        ignore_identical_ids=options.ignore_identical_ids,
    )
    if len(inputs.datasets) > 1:
        named = ", ".join(f"{dataset} {split}" for dataset, split in inputs.datasets)
        announce(f"note: the files name different data ({named}); their queries are compared by id")
    if inputs.runs > 1:
        announce("note: runs do not say which queries and passages they are of: compare those of one task")
    if inputs.mixes_identical_ids:
        announce(
            "note: passages with a query's own id are left out of some systems and count in others (results"
            " of earlier versions, or of --keep-identical-ids): evaluate all alike"
        )
    systems = choose_systems(inputs.systems, options.systems, options.baseline, options.settings)
    if not systems:
        raise InputError("no system is left", remedy="choose others with --system")
    measures = choose_measures(systems, options.measures)
    compared: list[Compared] = []
    with counting("comparing", "test") as update:
        for measure in measures:
            compared += compare(
                systems,
                measure=measure,
                baseline=options.baseline,
                test=options.test,
                correction=options.correction,
                by=options.by,
                languages=inputs.languages,
                seed=options.seed,
                different_data=options.different_data,
                progress=update,
            )
    scores = score(systems, measures=measures, by=options.by, languages=inputs.languages)
    changes = changed_queries(systems, options.changed, measure=measures[0], baseline=options.baseline)
    texts = _texts(inputs, changes) if changes else None
    text = _formatted(
        output_format, scores, compared, options, changes, texts, inputs, to_file=output is not None
    )
    if output is None:
        sys.stdout.write(text)
    else:
        with replace_file(output) as file:
            file.write(text.encode(errors="replace"))


def _texts(inputs: ComparisonInputs, changes: Sequence[Change]) -> Texts | None:
    """Return the texts of the data that the first result file names, if it can be opened."""
    if not inputs.datasets:
        return None
    dataset, split = inputs.datasets[0]
    try:
        return dataset_texts(dataset, split, inputs.languages or (), changes)
    except InputError as error:
        announce(f"note: ids are shown without their texts: {error}")
        return None


def _formatted(
    output_format: str,
    scores: Sequence[Score],
    compared: Sequence[Compared],
    options: CompareOptions,
    changes: Sequence[Change],
    texts: Texts | None,
    inputs: ComparisonInputs,
    *,
    to_file: bool,
) -> str:
    note = describe_tests(compared, options.test, options.correction)
    if output_format == "csv":
        return to_csv(scores, compared)
    if output_format == "markdown":
        return to_markdown(scores, compared, note)
    if output_format == "latex":
        return to_latex(scores, compared, note)
    if output_format == "json":
        configuration = {
            "command": "compare",
            **asdict(options),
            "data": [{"dataset": dataset, "split": split} for dataset, split in inputs.datasets],
            "languages": inputs.languages,
        }
        changed = [_change_json(one, texts) for one in changes] if options.changed else None
        return comparison_json(scores, compared, configuration, changed)
    return _table_text(scores, compared, options, changes, texts, to_file=to_file)


def _table_text(
    scores: Sequence[Score],
    compared: Sequence[Compared],
    options: CompareOptions,
    changes: Sequence[Change],
    texts: Texts | None,
    *,
    to_file: bool,
) -> str:
    from cslir.console import Console
    from cslir.evaluation.comparison_tables import print_changes, print_comparison

    console = Console(width=80, color_system=None) if to_file else Console()
    with console.capture() as captured:
        print_comparison(console, scores, compared, options.test, options.correction)
        print_changes(console, changes, texts)
    return captured.get()


def _change_json(change: Change, texts: Texts | None) -> dict[str, Any]:
    content = asdict(change)
    if texts is None:
        return content
    relevant = texts.relevant.get(change.query_id, ())
    passages = {*relevant, *change.system.top, *change.baseline.top}
    return content | {
        "query": texts.query(change.setting, change.seed, change.query_id),
        "relevant": list(relevant),
        "passages": {
            doc_id: texts.passage(change.setting, change.seed, doc_id) for doc_id in sorted(passages)
        },
    }
