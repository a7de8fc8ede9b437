"""Judging a model or a run on a dataset, and printing and saving the outcome."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cslir.datasets.candidates import CandidatesDataset, is_top1000
from cslir.datasets.collections import DatasetFiles, PlainDataset, open_dataset
from cslir.datasets.ir_collections import IrDataset
from cslir.datasets.judgements import Missing
from cslir.datasets.mixing import languages_of, merged_qrels, seen_and_unseen, setting_texts
from cslir.datasets.parallel import ParallelDataset
from cslir.errors import InputError
from cslir.evaluation.metrics import MEASURES, largest_cutoff, run_of, tied_queries
from cslir.evaluation.parallel import MEAN_TEXTS, embed_split, evaluate_vectors
from cslir.evaluation.results import (
    ONLY_SETTING,
    ResultFile,
    SettingScores,
    SystemResult,
    installed_versions,
    this_machine,
    write_results,
)
from cslir.evaluation.scoring import score_run
from cslir.evaluation.setting import EvaluatedTexts, Ranker, plain_texts, rank_texts, texts_of_setting
from cslir.evaluation.settings import parse_setting, setting_languages
from cslir.evaluation.tables import print_notes, print_settings, print_single
from cslir.formats import read_qrels, read_run, write_run
from cslir.languages import language_codes
from cslir.models import Device, load_encoder
from cslir.models.cross_encoder import Scorer, load_cross_encoder
from cslir.outputs import require_output_file
from cslir.progress import announce, counting
from cslir.records import Qrel, ScoredPassage
from cslir.rerank import rerank
from cslir.search import Encoder

__all__ = ["EvaluationOptions", "evaluate_dataset"]

PLAIN_MEASURES = ("nDCG@10", "RR@10", "AP", "R@100")
LEAST_DEPTH = 100

Run = dict[str, dict[str, float]]


@dataclass(frozen=True)
class EvaluationOptions:
    """What `cslir eval` does with a dataset.

    Attributes:
        model: Encoder's name as for `resolve_model`.
        precision: Of the encoder, as for `load_encoder`.
        reranker: A cross-encoder's folder or hub id, which scores the first candidates of one setting anew.
        reranker_precision: Of the cross-encoder.
        rerank_depth: Candidates per query that it scores.
        run: A TREC run; exactly one of `model` and `run` is given.
        split: The dataset's split; `test`, or what an id of ir_datasets names, if None.
        pair: One setting of a parallel dataset (`en-de`, `X-X`); all if None.
        languages: Of a parallel dataset, evaluated over the ids that they share; if None all of them, those
            that lack ids with English only.
        measures: Names for ir_measures; the usual ones of the dataset's kind if None.
        depth: Passages retrieved per query; 100, or more where a measure's cutoff is greater, if None.
        candidates: A top1000 file or a run, whose passages alone are scored.
        remove_language_means: Subtract each language's mean vector from its queries and passages.
        name: Of the system in the result file; the model's folder or the run's file if None.
        device: Where PyTorch computes.
        seed: Of the language draws of X-en, en-X and X-X.
    """

    model: str | None = None
    precision: str = "float32"
    reranker: str | None = None
    reranker_precision: str = "float32"
    rerank_depth: int = 50
    run: Path | None = None
    split: str | None = None
    pair: str | None = None
    languages: Sequence[str] | None = None
    measures: Sequence[str] | None = None
    depth: int | None = None
    candidates: Path | None = None
    remove_language_means: bool = False
    name: str | None = None
    device: Device = "auto"
    seed: int = 1

    def check(self) -> None:
        """Refuse options that do not go together."""
        if (self.model is None) == (self.run is None):
            raise InputError("either --model or --run is needed", remedy="give one of them")
        for option, given in (
            ("--candidates", self.candidates is not None),
            ("--remove-means", self.remove_language_means),
            ("--rerank", self.reranker is not None),
            ("--depth", self.depth is not None),
        ):
            if self.run is not None and given:
                raise InputError(f"{option} needs --model", remedy="a run is judged as it is")
        if self.pair is not None:
            parse_setting(self.pair)

    def depth_for(self, measures: Sequence[str]) -> int:
        """Return the depth; a smaller one than a measure looks at is allowed, and said."""
        cutoff = largest_cutoff(measures)
        if self.depth is None:
            return max(LEAST_DEPTH, cutoff)
        if self.depth < cutoff:
            announce(
                f"depth {self.depth} is less than a measure's cutoff of {cutoff}: its values are lower bounds"
            )
        return self.depth

    @property
    def system_name(self) -> str:
        """The name of the system."""
        if self.run is not None:
            return self.name or self.run.name.partition(".")[0] or self.run.name
        model = str(self.model)
        return self.name or (Path(model).resolve().name if Path(model).is_dir() else model)


@dataclass(frozen=True)
class _Outcome:
    scores: dict[str, SettingScores]
    run: Run
    texts: EvaluatedTexts | None = None


def evaluate_dataset(
    source: str | DatasetFiles | None,
    options: EvaluationOptions,
    *,
    qrels: Path | None = None,
    run_out: Path | None = None,
    json_file: Path | None = None,
) -> None:
    """Judge a model end to end, or a run, print the outcome and write what is asked for.

    Args:
        source: A dataset as for `open_dataset`; None where `qrels` and a run, or a top1000 file, are all.
        options: What to do.
        qrels: Judgements, without a dataset.
        run_out: Where to write the run of a plain dataset or of one setting.
        json_file: Where to write the result file.

    Raises:
        InputError: The arguments do not go together, or an input is bad.
    """
    options.check()
    for path in (run_out, json_file):
        if path is not None:
            require_output_file(path)
    dataset = _without_dataset(options, qrels) if source is None else open_dataset(source)
    split = options.split or ("" if isinstance(dataset, IrDataset) else "test")
    if run_out is not None and options.pair is None and isinstance(dataset, ParallelDataset):
        raise InputError("--run-out needs one setting", remedy="add --pair, en-de for example")
    if dataset is None:
        measures = tuple(options.measures or PLAIN_MEASURES)
        outcome = _judge_run(options, list(read_qrels(_given(qrels))), measures)
        title, split = _given(qrels).name, ""
    else:
        title = f"{dataset.name} {split}".strip()
        outcome = _evaluate(dataset, split, options)
    _print(title, outcome, options)
    if run_out is not None:
        write_run(run_out, _lines(outcome.run), tag="cslir")
    if json_file is not None:
        write_results(json_file, _result_file(source, title, split, dataset, outcome, options))


def _given(path: Path | None) -> Path:
    if path is None:
        raise InputError("a dataset is needed", remedy="give its name or folder, or --qrels with --run")
    return path


def _without_dataset(options: EvaluationOptions, qrels: Path | None) -> CandidatesDataset | None:
    """Return the dataset that a top1000 file is; None for a run, which needs its judgements alone."""
    judgements = _given(qrels)
    if options.run is not None:
        if options.pair or options.languages or options.split:
            raise InputError(
                "--pair, --language and --split need DATA", remedy="qrels alone have no languages"
            )
        return None
    if options.candidates is None or not is_top1000(options.candidates):
        raise InputError(
            "--qrels alone goes with --run, or with --candidates and a top1000 file",
            remedy="give DATA, or --collection and --queries too",
        )
    return CandidatesDataset(options.candidates.name, options.candidates, judgements)


def _evaluate(dataset: ParallelDataset | PlainDataset, split: str, options: EvaluationOptions) -> _Outcome:
    if isinstance(dataset, PlainDataset):
        if options.pair or options.languages:
            raise InputError(
                "--pair and --language are for parallel datasets, with one folder per language",
                path=dataset.collection_place,
                remedy="leave them out: this one is evaluated in the languages that it is in",
            )
        mixture = "setting" in dataset.description
        measures = tuple(options.measures or (MEASURES if mixture else PLAIN_MEASURES))
        return _evaluate_texts(plain_texts(dataset, split), options, measures, None)
    measures = tuple(options.measures or MEASURES)
    if options.pair is not None:
        texts = setting_texts(dataset, split, options.pair, options.languages, seed=options.seed)
        if texts.left_out:
            announce(texts.summary)
        return _evaluate_texts(
            texts_of_setting(texts, dataset), options, measures, (dataset, split, texts.languages)
        )
    if options.candidates is not None:
        raise InputError("--candidates are of one setting", remedy="add --pair, en-de for example")
    if options.run is not None:
        having = languages_of(dataset, split)
        _announce_missing(dataset.missing(split, having), f"{dataset.name} {split}")
        return _judge_run(options, merged_qrels(dataset, split, having), measures)
    return _evaluate_all(dataset, split, options, measures)


def _judge_run(options: EvaluationOptions, qrels: Sequence[Qrel], measures: Sequence[str]) -> _Outcome:
    run = _read_run(options)
    return _Outcome({ONLY_SETTING: score_run(run, qrels, measures)}, run)


def _read_run(options: EvaluationOptions) -> Run:
    path = _given(options.run)
    if not (run := run_of(read_run(path))):
        raise InputError("holds no line", path=path, remedy="check the run")
    return run


def _evaluate_texts(
    texts: EvaluatedTexts,
    options: EvaluationOptions,
    measures: Sequence[str],
    parallel: tuple[ParallelDataset, str, Sequence[str]] | None,
) -> _Outcome:
    """Evaluate one setting: end to end, over candidates, or a run of it."""
    found: set[str] | None = None
    if options.run is not None:
        run = _read_run(options)
        languages = texts.languages_of({doc_id for scores in run.values() for doc_id in scores})
    else:
        depth = options.depth_for(measures)
        encoder = load_encoder(str(options.model), options.precision, device=options.device)
        means = _language_means(encoder, parallel) if options.remove_language_means else {}
        scorer = _scorer(options)
        retrieved = rank_texts(texts, Ranker(encoder, depth, options.candidates, means))
        run, languages = retrieved.run, retrieved.languages
        found = retrieved.doc_ids if options.candidates is None else None
        if scorer is not None:
            run = _rerank(run, texts, scorer, options.rerank_depth)
    _announce_missing(texts.missing(found), texts.collection_place)
    scores = score_run(
        run,
        texts.qrels,
        measures,
        group=texts.group(languages),
        query_languages={query.query_id: query.language for query in texts.queries},
        passage_languages=languages,
    )
    return _Outcome({texts.name: scores}, run, texts)


def _announce_missing(missing: Missing, place: Path | str) -> None:
    if missing.any():
        announce(missing.note(place))


def _scorer(options: EvaluationOptions) -> Scorer | None:
    """Open the cross-encoder, if there is one, before the passages are encoded."""
    if options.reranker is None:
        return None
    return load_cross_encoder(options.reranker, options.reranker_precision, device=options.device)


def _rerank(run: Run, texts: EvaluatedTexts, scorer: Scorer, depth: int) -> Run:
    """Score each query's first candidates anew; those behind them are left out."""
    wanted = {doc_id for scores in run.values() for doc_id in scores}
    passages = {one.doc_id: one for one in texts.passages() if one.doc_id in wanted}
    queries = {query.query_id: query.text for query in texts.queries}
    with counting("reranking", "pairs") as update:
        return run_of(rerank(run, queries, passages, scorer, depth=depth, progress=update))


def _evaluate_all(
    dataset: ParallelDataset, split: str, options: EvaluationOptions, measures: Sequence[str]
) -> _Outcome:
    """Evaluate every setting of a parallel dataset."""
    having = languages_of(dataset, split)
    chosen = language_codes(options.languages)
    if missing := [one for one in chosen if one not in having]:
        raise InputError(
            f"no split {split!r} in {', '.join(missing)}",
            path=dataset.folder,
            remedy=f"there is {', '.join(having)}",
        )
    seen, unseen = (chosen, []) if chosen else seen_and_unseen(dataset, split, having)
    _announce_missing(dataset.missing(split, [*seen, *unseen]), f"{dataset.name} {split}")
    if options.reranker is not None:
        raise InputError("--rerank is for one setting", remedy="add --pair, en-de for example")
    depth = options.depth_for(measures)
    encoder = load_encoder(str(options.model), options.precision, device=options.device)
    languages = [*seen, *unseen]
    with counting("encoding", "texts") as update:
        vectors = embed_split(dataset, split, languages, encoder, progress=update)
    if options.remove_language_means:
        vectors = vectors.without_language_means(_language_means(encoder, (dataset, split, languages)))
    with counting("evaluating", "settings") as update:
        outcome = evaluate_vectors(
            vectors,
            merged_qrels(dataset, split, languages),
            seen=seen,
            unseen=unseen,
            seed=options.seed,
            measures=measures,
            depth=depth,
            progress=update,
        )
    return _Outcome(outcome.scores, {})


def _language_means(
    encoder: Encoder, parallel: tuple[ParallelDataset, str, Sequence[str]] | None
) -> dict[str, NDArray[np.float32]]:
    """Return the means to remove: of the dataset's dev split, else those that the model was saved with.

    They never come from the split that is evaluated.
    """
    if parallel is not None:
        dataset, split, languages = parallel
        # dev.small is a part of dev.
        if split.partition(".")[0] != "dev" and all(dataset.has_split("dev", one) for one in languages):
            return embed_split(dataset, "dev", languages, encoder, limit=MEAN_TEXTS).language_means()
    if means := getattr(encoder, "language_means", None):
        return dict(means)
    raise InputError(
        "no language means: neither a dev split beside the evaluated one, nor any in the model's folder",
        remedy="leave --remove-means out",
    )


def _print(title: str, outcome: _Outcome, options: EvaluationOptions) -> None:
    if len(outcome.scores) == 1:
        name, scores = next(iter(outcome.scores.items()))
        print_single(title if name == ONLY_SETTING else f"{title} {name}", scores)
        if outcome.texts is not None:
            outcome.texts.print_cells(outcome.run, next(iter(scores.judged.values)))
        judged = set(scores.judged.query_ids)
        unjudged = len(outcome.run.keys() - judged) if options.run is not None else 0
        ties = tied_queries({one: scores for one, scores in outcome.run.items() if one in judged})
        print_notes(unjudged, ties)
    else:
        print_settings(title, outcome.scores)


def _result_file(
    source: str | DatasetFiles | None,
    title: str,
    split: str,
    dataset: ParallelDataset | PlainDataset | None,
    outcome: _Outcome,
    options: EvaluationOptions,
) -> ResultFile:
    seen: Sequence[str] = ()
    unseen: Sequence[str] = ()
    drawn = isinstance(dataset, ParallelDataset)
    if isinstance(dataset, ParallelDataset):
        names = dict.fromkeys(one for name in outcome.scores for one in setting_languages(name) or ())
        languages = [one for one in names if one in dataset.languages and dataset.has_split(split, one)]
        if options.languages:
            seen = languages
        elif languages:
            seen, unseen = seen_and_unseen(dataset, split, languages)
    configuration: dict[str, Any] = {"command": "eval"} | {
        key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()
    }
    configuration["languages"] = list(options.languages or ())
    configuration["measures"] = list(options.measures or ())
    return ResultFile(
        dataset=source if isinstance(source, str) else str(source.collection) if source else title,
        split=split,
        systems=[SystemResult(options.system_name, "", options.seed if drawn else None, outcome.scores)],
        seen=tuple(seen),
        unseen=tuple(unseen),
        configuration=configuration,
        machine=this_machine(),
        versions=installed_versions(),
    )


def _lines(run: Run) -> list[ScoredPassage]:
    return [
        ScoredPassage(query_id, doc_id, score)
        for query_id, scores in run.items()
        for doc_id, score in scores.items()
    ]
