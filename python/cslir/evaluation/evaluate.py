"""Judging a model or a run on a dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cslir.datasets.candidates import CandidatesDataset, is_top1000
from cslir.datasets.collections import DatasetFiles, PlainDataset, load_dataset
from cslir.datasets.ir_collections import IrDataset
from cslir.datasets.judgements import Missing
from cslir.datasets.mixing import languages_of, merged_qrels, seen_and_unseen, setting_texts
from cslir.datasets.parallel import ParallelDataset
from cslir.errors import InputError, UnknownNameError
from cslir.evaluation.metrics import (
    MEASURES,
    largest_cutoff,
    measure_names,
    run_of,
    tied_queries,
    trec_order,
    without_identical_ids,
)
from cslir.evaluation.parallel import MEAN_TEXTS, Rerank, embed_split, evaluate_vectors
from cslir.evaluation.results import (
    ONLY_SETTING,
    Result,
    SettingScores,
    SystemResult,
    installed_versions,
    this_machine,
)
from cslir.evaluation.scoring import score_run
from cslir.evaluation.setting import (
    EvaluatedTexts,
    Ranker,
    candidates_of,
    plain_texts,
    rank_texts,
    texts_of_setting,
)
from cslir.evaluation.settings import parse_setting, setting_languages
from cslir.formats import read_qrels, read_run, require_run_id
from cslir.languages import language_codes
from cslir.models import Device, load_encoder
from cslir.models.cross_encoder import Scorer, load_cross_encoder
from cslir.plurals import count_of
from cslir.progress import SILENT, Progress
from cslir.records import Passage, Qrel
from cslir.rerank import rerank
from cslir.search import Encoder

__all__ = ["EvaluationOptions", "evaluate", "evaluate_dataset"]

PLAIN_MEASURES = ("nDCG@10", "RR@10", "AP", "R@100")
LEAST_DEPTH = 100
RERANK_DEPTH = 50

Run = dict[str, dict[str, float]]
Dataset = ParallelDataset | PlainDataset
_PLAIN = (str, int, float, bool, list, tuple, type(None))


@dataclass(frozen=True)
class EvaluationOptions:
    """What `cslir eval` does with a dataset.

    Attributes:
        model: Encoder's name as for `resolve_model`.
        precision: Of the encoder, as for `load_encoder`.
        reranker: A cross-encoder's folder or hub id, which scores the first candidates of a query anew: those
            of `model`, those of `run`, or, without either, all of `candidates`.
        reranker_precision: Of the cross-encoder.
        rerank_depth: Candidates per query that it scores; 50 if None.
        run: A TREC run; not together with `model`.
        split: The dataset's split; `test`, or what an id of ir_datasets names, if None.
        pair: One setting of a parallel dataset (`en-de`, `X-X`); all if None.
        languages: Of a parallel dataset, evaluated over the ids that they share; if None all of them, those
            that lack ids with English only.
        measures: Names for ir_measures; the usual ones of the dataset's kind if None.
        depth: Passages retrieved per query; 100, or more where a measure's cutoff is greater, if None.
        candidates: A top1000 file or a run, whose passages alone are scored, by `model` or else `reranker`.
        remove_language_means: Subtract each language's mean vector from its queries and passages.
        ignore_identical_ids: Leave out the passage with a query's own id; see `without_identical_ids`.
        name: Of the system in the result file; the model's folder or the run's file if None.
        device: Where PyTorch computes.
        seed: Of the language draws of X-en, en-X and X-X.
    """

    model: str | Encoder | None = None
    precision: str = "float32"
    reranker: str | None = None
    reranker_precision: str = "float32"
    rerank_depth: int | None = None
    run: Path | Mapping[str, Mapping[str, float]] | None = None
    split: str | None = None
    pair: str | None = None
    languages: Sequence[str] | None = None
    measures: Sequence[str] | None = None
    depth: int | None = None
    candidates: Path | None = None
    remove_language_means: bool = False
    ignore_identical_ids: bool = True
    name: str | None = None
    device: Device = "auto"
    seed: int = 1

    def check(self) -> None:
        """Refuse options that do not go together."""
        if self.model is not None and self.run is not None:
            raise InputError("--model and --run exclude each other", remedy="give one of them")
        if self.model is None and self.run is None and not self.scores_candidates_alone:
            raise InputError(
                "either --model or --run is needed, or --candidates with --rerank",
                remedy="give one of them",
            )
        for option, given in (
            ("--candidates", self.candidates is not None and not self.scores_candidates_alone),
            ("--remove-means", self.remove_language_means),
            ("--depth", self.depth is not None),
        ):
            if self.model is None and given:
                raise InputError(f"{option} needs --model", remedy="a run is judged, or reranked, as it is")
        if self.rerank_depth is not None and self.scores_candidates_alone:
            raise InputError(
                "--candidates have no order by which some of them are the first: all are scored",
                remedy="leave --rerank-depth out, or give a run by --run instead of --candidates",
            )
        if self.pair is not None:
            parse_setting(self.pair)

    @property
    def scores_candidates_alone(self) -> bool:
        """Whether a cross-encoder scores all candidates of a file, without a first stage."""
        return self.run is None and self.model is None and None not in (self.candidates, self.reranker)

    @property
    def reranked_candidates(self) -> int | None:
        """How many candidates per query the cross-encoder scores; None for all."""
        return None if self.scores_candidates_alone else self.rerank_depth or RERANK_DEPTH

    def depth_for(self, measures: Sequence[str], progress: Progress) -> int:
        """Return the depth; a smaller one than a measure looks at is allowed, and said."""
        cutoff = largest_cutoff(measures)
        if self.depth is None:
            return max(LEAST_DEPTH, cutoff)
        if self.depth < cutoff:
            progress.notice(
                f"depth {self.depth} is less than a measure's cutoff of {cutoff}: its values are lower bounds"
            )
        return self.depth

    @property
    def system_name(self) -> str:
        """The name of the system."""
        if self.name:
            return self.name
        if isinstance(self.run, Path):
            return self.run.name.partition(".")[0] or self.run.name
        if self.run is not None:
            return "run"
        model = self.model_name or str(self.reranker)
        return Path(model).resolve().name if Path(model).is_dir() else model

    @property
    def model_name(self) -> str | None:
        """The model's name; the kind of an encoder that is in memory."""
        return self.model if isinstance(self.model, str | None) else type(self.model).__name__

    @property
    def run_place(self) -> Path | None:
        """The run's file, for messages; None for a run in memory."""
        return self.run if isinstance(self.run, Path) else None

    @property
    def run_name(self) -> str | None:
        """The run's file; None for a run in memory."""
        return str(self.run) if isinstance(self.run, Path) else None


@dataclass(frozen=True)
class _Outcome:
    """What was measured, with the run of one setting, and the queries of a run that the qrels don't name."""

    scores: dict[str, SettingScores]
    run: Run
    qrels: Sequence[Qrel] = ()
    texts: EvaluatedTexts | None = None
    unjudged: int = 0


def evaluate(
    system: "str | PathLike[str] | Encoder | Mapping[str, Mapping[str, float]]",
    data: "Dataset | DatasetFiles | str | PathLike[str]",
    *,
    progress: Progress = SILENT,
    **options: Any,  # noqa: ANN401
) -> Result:
    """Judge a model end to end, or a run, on a dataset.

    Args:
        system: An encoder, or its name or folder; or a run: scores by query id and passage id.
        data: A dataset, or its name, folder or files as for `load_dataset`.
        progress: Told how far the work is, and what deserves a look.
        **options: Fields of `EvaluationOptions`: `split`, `pair` (one setting of a parallel dataset, `en-de`
            or `X-X`; all if left out), `languages`, `measures`, `depth`, `candidates`, `reranker`,
            `remove_language_means`, `name`, `seed` ...

    Returns:
        The value of every query in every setting. Its repr is the table.

    Raises:
        InputError: An input is bad, or options do not go together.
    """
    if isinstance(system, Mapping):
        options["run"] = system
    else:
        options["model"] = fspath(system) if isinstance(system, PathLike) else system
    return evaluate_dataset(
        fspath(data) if isinstance(data, PathLike) else data, EvaluationOptions(**options), progress=progress
    )


def evaluate_dataset(
    source: "str | DatasetFiles | Dataset | None",
    options: EvaluationOptions,
    *,
    qrels: Path | None = None,
    writes_run: bool = False,
    progress: Progress = SILENT,
) -> Result:
    """Judge a model end to end, or a run.

    Args:
        source: A dataset, or what `load_dataset` takes; None where `qrels` and a run, or a top1000 file, are
            all.
        options: What to do.
        qrels: Judgements, without a dataset.
        writes_run: Refuse ids that a TREC run can't hold, before the work.
        progress: Told how far the work is, and what deserves a look.

    Raises:
        InputError: The arguments do not go together, or an input is bad.
    """
    options.check()
    dataset: Dataset | None
    if source is None:
        dataset = _without_dataset(options, qrels)
    else:
        dataset = load_dataset(source) if isinstance(source, str | DatasetFiles) else source
    split = options.split or ("" if isinstance(dataset, IrDataset) else "test")
    if writes_run and options.pair is None and isinstance(dataset, ParallelDataset):
        raise InputError("--run-out needs one setting", remedy="add --pair, en-de for example")
    if dataset is None:
        measures = measure_names(options.measures or PLAIN_MEASURES)
        outcome = _judge_run(options, list(read_qrels(_given(qrels))), measures, _given(qrels))
        title, split = _given(qrels).name, ""
    else:
        title = f"{dataset.name} {split}".strip()
        outcome = _evaluate(dataset, split, options, writes_run=writes_run, progress=progress)
    return _result(source, title, split, dataset, outcome, options)


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
        if options.reranker is not None:
            raise InputError(
                "--rerank needs the texts of queries and passages",
                remedy="give DATA, or --collection and --queries too",
            )
        return None
    if options.candidates is None or not is_top1000(options.candidates):
        raise InputError(
            "--qrels alone goes with --run, or with --candidates and a top1000 file",
            path=options.candidates,
            remedy="give DATA, or --collection and --queries too",
        )
    return CandidatesDataset(options.candidates.name, options.candidates, judgements)


def _evaluate(
    dataset: ParallelDataset | PlainDataset,
    split: str,
    options: EvaluationOptions,
    *,
    writes_run: bool,
    progress: Progress,
) -> _Outcome:
    if isinstance(dataset, PlainDataset):
        if options.pair or options.languages:
            raise InputError(
                "--pair and --language are for parallel datasets, with one folder per language",
                path=dataset.collection_place,
                remedy="leave them out: this one is evaluated in the languages that it is in",
            )
        mixture = "setting" in dataset.description
        measures = measure_names(options.measures or (MEASURES if mixture else PLAIN_MEASURES))
        return _evaluate_texts(
            plain_texts(dataset, split), options, measures, None, writes_run=writes_run, progress=progress
        )
    measures = measure_names(options.measures or MEASURES)
    if options.pair is not None:
        texts = setting_texts(dataset, split, options.pair, options.languages, seed=options.seed)
        if texts.left_out:
            progress.notice(texts.summary)
        return _evaluate_texts(
            texts_of_setting(texts, dataset),
            options,
            measures,
            (dataset, split, texts.languages),
            writes_run=writes_run,
            progress=progress,
        )
    if options.candidates is not None:
        raise InputError("--candidates are of one setting", remedy="add --pair, en-de for example")
    if options.run is not None:
        if options.reranker is not None:
            raise InputError("a run is of one setting", remedy="add --pair, en-de for example")
        having = languages_of(dataset, split)
        place = f"{dataset.name} {split}"
        _tell_missing(dataset.missing(split, having), place, progress)
        return _judge_run(options, merged_qrels(dataset, split, having), measures, place)
    return _evaluate_all(dataset, split, options, measures, progress)


def _judge_run(
    options: EvaluationOptions, qrels: Sequence[Qrel], measures: Sequence[str], qrels_place: Path | str
) -> _Outcome:
    run, identical = _without_identical_ids(_read_run(options), qrels, options)
    scores = score_run(
        run,
        qrels,
        measures,
        identical_ids=identical,
        qrels_place=qrels_place,
        run_place=options.run_place,
    )
    return _Outcome({ONLY_SETTING: scores}, run, qrels, unjudged=_unjudged(run, qrels))


def _read_run(options: EvaluationOptions) -> Run:
    if isinstance(options.run, Mapping):
        return {query_id: dict(scores) for query_id, scores in options.run.items()}
    path = _given(options.run)
    if not (run := run_of(read_run(path))):
        raise InputError("holds no line", path=path, remedy="check the run")
    return run


def _without_identical_ids(
    run: Run, qrels: Sequence[Qrel], options: EvaluationOptions, depth: int | None = None
) -> tuple[Run, int]:
    return without_identical_ids(run, qrels, depth) if options.ignore_identical_ids else (run, 0)


def _unjudged(run: Run, qrels: Sequence[Qrel]) -> int:
    """Return how many queries of a run no judgement names."""
    return len(run.keys() - {qrel.query_id for qrel in qrels})


def _evaluate_texts(
    texts: EvaluatedTexts,
    options: EvaluationOptions,
    measures: Sequence[str],
    parallel: tuple[ParallelDataset, str, Sequence[str]] | None,
    *,
    writes_run: bool,
    progress: Progress,
) -> _Outcome:
    """Evaluate one setting: end to end, over candidates, or a run of it; reranked if that is asked for."""
    if writes_run:
        _require_run_ids(texts)
    languages: Mapping[str, str] | None = None
    found: set[str] | None = None
    depth: int | None = None
    scorer = None
    if options.model is not None:
        depth = options.depth_for(measures, progress)
        encoder = _encoder(options)
        means = _language_means(encoder, parallel) if options.remove_language_means else {}
        scorer = _scorer(options)
        # One passage more, for the one that may be left out.
        ranker = Ranker(encoder, depth + options.ignore_identical_ids, options.candidates, means)
        retrieved = rank_texts(texts, ranker, progress)
        run, languages = retrieved.run, retrieved.languages
        found = retrieved.doc_ids if options.candidates is None else None
    elif options.run is not None:
        run = _read_run(options)
        scorer = _scorer(options)
    else:
        run = _candidates_run(texts, _given(options.candidates))
        scorer = _scorer(options)
    _tell_missing(texts.missing(found), texts.collection_place, progress)
    run, identical = _without_identical_ids(run, texts.qrels, options, depth)
    unjudged = _unjudged(run, texts.qrels)
    if scorer is not None:
        run = _rerank(run, texts, scorer, options, progress)
    if languages is None:
        languages = texts.languages_of({doc_id for scores in run.values() for doc_id in scores})
    scores = score_run(
        run,
        texts.qrels,
        measures,
        group=texts.group(languages),
        query_languages={query.query_id: query.language for query in texts.queries},
        passage_languages=languages,
        query_texts=texts.query_texts,
        identical_ids=identical,
        qrels_place=texts.qrels_place,
        run_place=options.run_place,
    )
    return _Outcome({texts.name: scores}, run, texts.qrels, texts, unjudged)


def _require_run_ids(texts: EvaluatedTexts) -> None:
    """Refuse, before the work, ids that a run can't hold.

    Raises:
        InputError: A query's or a passage's id holds white space.
    """
    for query in texts.queries:
        require_run_id(query.query_id, texts.queries_place)
    for passage in texts.passages():
        require_run_id(passage.doc_id, texts.collection_place)


def _candidates_run(texts: EvaluatedTexts, path: Path) -> Run:
    """Return the candidates of a file as a run, in the order of the file."""
    candidates = candidates_of(texts, path)
    wanted = {doc_id for doc_ids in candidates.doc_ids.values() for doc_id in doc_ids}
    known = {one.doc_id for one in texts.passages() if one.doc_id in wanted}
    candidates.check_passage_ids(known, texts.collection_place)
    return {
        query_id: {doc_id: float(-rank) for rank, doc_id in enumerate(doc_ids)}
        for query_id, doc_ids in candidates.doc_ids.items()
    }


def _tell_missing(missing: Missing, place: Path | str, progress: Progress) -> None:
    if missing.any():
        progress.notice(missing.note(place))


def _encoder(options: EvaluationOptions) -> Encoder:
    if isinstance(options.model, str | None):
        return load_encoder(str(options.model), options.precision, device=options.device)
    return options.model


def _scorer(options: EvaluationOptions) -> Scorer | None:
    """Open the cross-encoder, if there is one, before the passages are encoded."""
    if options.reranker is None:
        return None
    return load_cross_encoder(options.reranker, options.reranker_precision, device=options.device)


def _rerank(
    run: Run, texts: EvaluatedTexts, scorer: Scorer, options: EvaluationOptions, progress: Progress
) -> Run:
    """Score each judged query's first candidates anew; those behind them follow as they were."""
    queries, depth = texts.query_texts, options.reranked_candidates
    run = {query_id: scores for query_id, scores in run.items() if query_id in queries}
    _tell_depth(run, depth, progress)
    wanted = {doc_id for scores in run.values() for doc_id in trec_order(scores)[:depth]}
    passages = {one.doc_id: one for one in texts.passages() if one.doc_id in wanted}
    with progress.stage("reranking", "pair") as update:
        return run_of(
            rerank(run, queries, passages, scorer, depth=depth, progress=update, place=options.run_place)
        )


def _tell_depth(run: Run, depth: int | None, progress: Progress) -> None:
    """Say how many candidates the cross-encoder scores, where that is not all of them."""
    most = max(map(len, run.values()), default=0)
    if depth is not None and most > depth:
        progress.notice(
            f"of up to {most:,} candidates per query the first {depth:,} are reranked (--rerank-depth);"
            " the others follow as they were"
        )


def _evaluate_all(
    dataset: ParallelDataset,
    split: str,
    options: EvaluationOptions,
    measures: Sequence[str],
    progress: Progress,
) -> _Outcome:
    """Evaluate every setting of a parallel dataset."""
    having = languages_of(dataset, split)
    chosen = language_codes(options.languages)
    if missing := [one for one in chosen if one not in having]:
        raise UnknownNameError(
            f"no split {split!r} in {', '.join(missing)}",
            path=dataset.folder,
            remedy=f"there is {', '.join(having)}",
        )
    seen, unseen = (chosen, []) if chosen else seen_and_unseen(dataset, split, having)
    _tell_missing(dataset.missing(split, [*seen, *unseen]), f"{dataset.name} {split}", progress)
    depth = options.depth_for(measures, progress)
    encoder = _encoder(options)
    scorer = _scorer(options)
    languages = [*seen, *unseen]
    with progress.stage("encoding", "text") as update:
        vectors = embed_split(dataset, split, languages, encoder, progress=update)
    if options.remove_language_means:
        vectors = vectors.without_language_means(_language_means(encoder, (dataset, split, languages)))
    with progress.stage("evaluating", "setting") as update:
        outcome = evaluate_vectors(
            vectors,
            merged_qrels(dataset, split, languages),
            seen=seen,
            unseen=unseen,
            seed=options.seed,
            measures=measures,
            depth=depth,
            ignore_identical_ids=options.ignore_identical_ids,
            rerank=None if scorer is None else _setting_reranker(scorer, options, progress),
            progress=update,
        )
    return _Outcome(outcome.scores, {})


def _setting_reranker(scorer: Scorer, options: EvaluationOptions, progress: Progress) -> Rerank:
    """Return what reranks a setting's run; it says its depth once."""
    depth, said = options.reranked_candidates, False

    def reranked(run: Run, queries: Mapping[str, str], passages: Mapping[str, Passage]) -> Run:
        nonlocal said
        if not said:
            _tell_depth(run, depth, progress)
            said = True
        return run_of(rerank(run, queries, passages, scorer, depth=depth))

    return reranked


def _language_means(
    encoder: Encoder, parallel: tuple[ParallelDataset, str, Sequence[str]] | None
) -> dict[str, NDArray[np.float32]]:
    """Return the means to remove: of the dataset's dev split, else those that the model was saved with.

    They never come from the split that is evaluated.
    """
    settings = getattr(encoder, "settings", None)
    if settings is not None and settings.similarity == "dot":
        raise InputError(
            "language means are removed from vectors of length 1; this model's similarity is the dot product",
            remedy="leave --remove-means out",
        )
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


def _remarks(outcome: _Outcome) -> tuple[str, ...]:
    """Return what a reader of the values of one setting should know."""
    if len(outcome.scores) != 1:
        return ()
    judged = set(next(iter(outcome.scores.values())).judged.query_ids)
    irrelevant = len({qrel.query_id for qrel in outcome.qrels} - judged)
    ties = tied_queries({one: scores for one, scores in outcome.run.items() if one in judged})
    remarks = []
    if outcome.unjudged:
        remarks.append(f"{outcome.unjudged:,} further queries of the run are not judged")
    if irrelevant:
        remarks.append(
            f"{irrelevant:,} further queries have no passage that is judged relevant, and are left out"
        )
    if ties:
        remarks.append(
            f"{count_of(ties, 'query')} with passages of equal score: the greater id comes first, as for"
            " trec_eval"
        )
    return tuple(remarks)


def _result(
    source: str | DatasetFiles | Dataset | None,
    title: str,
    split: str,
    dataset: ParallelDataset | PlainDataset | None,
    outcome: _Outcome,
    options: EvaluationOptions,
) -> Result:
    name, scores = next(iter(outcome.scores.items()))
    cells: Mapping[tuple[str, str], float] = {}
    if outcome.texts is not None:
        cells = outcome.texts.cells(outcome.run, next(iter(scores.judged.values)))
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
        one.name: value if isinstance(value := getattr(options, one.name), _PLAIN) else str(value)
        for one in fields(options)
    }
    configuration |= {"model": options.model_name, "run": options.run_name}
    configuration["languages"] = list(options.languages or ())
    configuration["measures"] = list(options.measures or ())
    return Result(
        dataset=source if isinstance(source, str) else _name_of(source, title),
        split=split,
        systems=[SystemResult(options.system_name, "", options.seed if drawn else None, outcome.scores)],
        seen=tuple(seen),
        unseen=tuple(unseen),
        configuration=configuration,
        machine=this_machine(),
        versions=installed_versions(),
        title=title,
        runs={name: outcome.run} if outcome.run else {},
        cells=cells,
        remarks=_remarks(outcome),
    )


def _name_of(source: "DatasetFiles | Dataset | None", title: str) -> str:
    if isinstance(source, DatasetFiles):
        return str(source.collection)
    return title if source is None else str(getattr(source, "folder", source.name))
