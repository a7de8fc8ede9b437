"""Judging a model or a run on a dataset, and printing and saving the outcome."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cslir.datasets.collections import DatasetFiles, PlainDataset, open_dataset
from cslir.datasets.parallel import ParallelDataset
from cslir.errors import InputError
from cslir.evaluation.metrics import MEASURES, Judged, evaluate, run_of
from cslir.evaluation.parallel import Evaluation, SettingResult, embed_split, evaluate_pair, evaluate_vectors
from cslir.evaluation.results import (
    ONLY_SETTING,
    ResultFile,
    SettingScores,
    SystemResult,
    installed_versions,
    this_machine,
    top_passages,
    write_results,
)
from cslir.evaluation.settings import pair_group, parse_pair
from cslir.evaluation.tables import print_evaluation, print_means
from cslir.formats import read_run, write_run
from cslir.models import load_encoder
from cslir.records import ScoredPassage
from cslir.search import retrieve

__all__ = ["evaluate_dataset", "seen_and_unseen"]

PLAIN_MEASURES = ("nDCG@10", "RR@10", "AP", "R@100")


def evaluate_dataset(
    source: str | DatasetFiles,
    *,
    model: str | None,
    run: Path | None,
    split: str = "test",
    pair: str | None = None,
    languages: Sequence[str] | None = None,
    measures: Sequence[str] | None = None,
    depth: int = 100,
    run_out: Path | None = None,
    json_file: Path | None = None,
    seed: int = 1,
) -> None:
    """Judge a model end to end, or a run, print the outcome and write what is asked for.

    Args:
        source: A dataset as for `open_dataset`.
        model: Encoder's name as for `resolve_model`.
        run: A TREC run; exactly one of `model` and `run` is given.
        split: The dataset's split.
        pair: One setting of a parallel dataset (`en-de`, `X-X`); all if None.
        languages: Of a parallel dataset; all if None.
        measures: Names for ir_measures; the usual ones of the dataset's kind if None.
        depth: Passages retrieved per query.
        run_out: Where to write the run of a plain dataset or of one pair.
        json_file: Where to write the values, per query too.
        seed: Of the language draws of X-en, en-X and X-X.

    Raises:
        InputError: The arguments do not go together, or an input is bad.
    """
    if (model is None) == (run is None):
        raise InputError("either --model or --run is needed", remedy="give one of them")
    dataset = open_dataset(source)
    if isinstance(dataset, PlainDataset):
        chosen = measures or PLAIN_MEASURES
        lines = list(read_run(run)) if run else _retrieve_plain(dataset, str(model), split, depth)
        judged = evaluate(lines, dataset.qrels(split), chosen)
        scores = {ONLY_SETTING: _plain_scores(lines, judged)}
        print_means(f"{dataset.name} {split}", judged)
    elif run is not None:
        lines = list(read_run(run))
        judged = evaluate(lines, dataset.qrels(split), measures or MEASURES)
        scores = {pair or ONLY_SETTING: _plain_scores(lines, judged, pair)}
        print_means(f"{dataset.name} {split} {pair or ''}".strip(), judged)
    else:
        if run_out is not None and pair is None:
            raise InputError("--run-out needs one setting", remedy="add --pair, en-de for example")
        outcome, lines = _evaluate_parallel(
            dataset, str(model), split, pair, languages, measures or MEASURES, seed, depth
        )
        scores = outcome.scores
        print_evaluation(f"{dataset.name} {split}", outcome)
    if run_out is not None:
        write_run(run_out, lines, tag="cslir")
    if json_file is not None:
        configuration = {
            "command": "eval",
            "model": model,
            "run": None if run is None else str(run),
            "pair": pair,
            "depth": depth,
            "seed": seed,
        }
        drawn = isinstance(dataset, ParallelDataset) and run is None
        system = SystemResult(model or str(run), "", seed if drawn else None, scores)
        write_results(json_file, _result_file(source, split, dataset, system, configuration))


def _result_file(
    source: str | DatasetFiles,
    split: str,
    dataset: ParallelDataset | PlainDataset,
    system: SystemResult,
    configuration: dict[str, Any],
) -> ResultFile:
    seen: Sequence[str] = ()
    unseen: Sequence[str] = ()
    if isinstance(dataset, ParallelDataset):
        names = dict.fromkeys(one for name in system.settings for one in name.split("-"))
        languages = [one for one in names if one in dataset.languages and split in dataset.splits(one)]
        seen, unseen = seen_and_unseen(dataset, split, languages) if languages else ((), ())
    return ResultFile(
        dataset=source if isinstance(source, str) else str(source.collection),
        split=split,
        systems=[system],
        seen=tuple(seen),
        unseen=tuple(unseen),
        configuration=configuration,
        machine=this_machine(),
        versions=installed_versions(),
    )


def _plain_scores(lines: Iterable[ScoredPassage], judged: Judged, pair: str | None = None) -> SettingScores:
    group = pair_group(*parse_pair(pair)) if pair and "X" not in pair else f"MLIR {pair}" if pair else ""
    return SettingScores(group, judged, top=top_passages(run_of(lines), judged.query_ids))


def seen_and_unseen(
    dataset: ParallelDataset, split: str, languages: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Divide languages into those that have all of the split's ids, and those that have only some.

    Mixtures and all ordered pairs need the former; the latter are evaluated against English.
    """
    most = max(len(dataset.qrels(split, language)) for language in languages)
    whole = [language for language in languages if len(dataset.qrels(split, language)) == most]
    return whole, [language for language in languages if language not in whole]


def _retrieve_plain(dataset: PlainDataset, model: str, split: str, depth: int) -> list[ScoredPassage]:
    queries = dataset.queries(split)
    passages = dataset.passages()
    dataset.check_passage_ids(split, {passage.doc_id for passage in passages})
    encoder = load_encoder(model)
    vectors = encoder.encode_passages([passage.full_text for passage in passages])
    query_vectors = encoder.encode_queries([query.text for query in queries])
    doc_ids = [passage.doc_id for passage in passages]
    return list(retrieve([query.query_id for query in queries], query_vectors, doc_ids, vectors, depth))


def _evaluate_parallel(
    dataset: ParallelDataset,
    model: str,
    split: str,
    pair: str | None,
    languages: Sequence[str] | None,
    measures: Sequence[str],
    seed: int,
    depth: int,
) -> tuple[Evaluation, list[ScoredPassage]]:
    having = [one for one in dataset.languages if split in dataset.splits(one)]
    if not having:
        raise InputError(f"no split {split!r}", path=dataset.folder, remedy="check the split's name")
    languages = list(dict.fromkeys(languages or having))
    encoder = load_encoder(model)
    if pair is not None and "X" not in pair:
        query_language, passage_language = parse_pair(pair)
        languages = list(dict.fromkeys((query_language, passage_language)))
        vectors = embed_split(dataset, split, languages, encoder)
        qrels = [one for language in languages for one in dataset.qrels(split, language)]
        result = evaluate_pair(
            vectors,
            list(dict.fromkeys(qrels)),
            query_language,
            passage_language,
            measures=measures,
            depth=depth,
        )
        return Evaluation({pair: result}), _lines(result)
    seen, unseen = seen_and_unseen(dataset, split, languages)
    vectors = embed_split(dataset, split, languages, encoder)
    qrels = dataset.qrels(split, seen[0])
    outcome = evaluate_vectors(
        vectors,
        qrels,
        seen=seen,
        unseen=unseen,
        seed=seed,
        measures=measures,
        depth=depth,
        keep_runs=bool(pair),
    )
    if pair is None:
        return outcome, []
    if pair not in outcome.results:
        raise InputError(f"no setting {pair}", remedy=f"choose among {', '.join(outcome.results)}")
    return Evaluation({pair: outcome.results[pair]}), _lines(outcome.results[pair])


def _lines(result: SettingResult) -> list[ScoredPassage]:
    return [
        ScoredPassage(query_id, doc_id, score)
        for query_id, scores in result.run.items()
        for doc_id, score in scores.items()
    ]
