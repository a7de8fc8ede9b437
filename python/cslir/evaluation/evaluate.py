"""Judging a model or a run on a dataset."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cslir.datasets.candidates import CandidatesDataset, is_top1000
from cslir.datasets.collections import Dataset, DatasetFiles, load_dataset, source_of
from cslir.datasets.ir_collections import IrDataset
from cslir.datasets.judgements import Missing
from cslir.datasets.mixing import SettingDataset, all_settings, languages_of, merged_qrels, seen_and_unseen
from cslir.datasets.parallel import ParallelDataset
from cslir.errors import InputError, naming_extras
from cslir.evaluation.metrics import (
    MEASURES,
    largest_cutoff,
    measure_names,
    tied_queries,
)
from cslir.evaluation.results import (
    ONLY_SETTING,
    Result,
    SettingScores,
    SystemResult,
    installed_versions,
    this_machine,
)
from cslir.evaluation.scoring import cells_by_language, group_of_languages, score_run
from cslir.evaluation.settings import parse_setting, setting_languages
from cslir.formats import read_qrels, require_run_id
from cslir.languages import language_codes
from cslir.models import Device, load_encoder
from cslir.models.cross_encoder import Scorer, load_cross_encoder
from cslir.models.language_means import completed_by_texts, dev_language_means
from cslir.plurals import count_of
from cslir.progress import SILENT, Progress
from cslir.records import Qrel
from cslir.retrieval import RERANK_DEPTH, KeptVectors, Retriever, Run, encode_texts
from cslir.search import Encoder

__all__ = ["EvaluationOptions", "evaluate", "evaluate_dataset"]

PLAIN_MEASURES = ("nDCG@10", "RR@10", "AP", "R@100")
LEAST_DEPTH = 100

_PLAIN = (str, int, float, bool, list, tuple, type(None))


@dataclass(frozen=True)
class EvaluationOptions:
    """What `cslir eval` does with a dataset.

    Attributes:
        model: An encoder, its name as for `resolve_model`, or a retriever, which says itself what it removes,
            reranks and how deep it goes.
        precision: Of the encoder, as for `load_encoder`.
        reranker: A cross-encoder, or its folder or hub id, which scores the first candidates of a query anew:
            those of `model`, those of `run`, or, without either, all of `candidates`.
        reranker_precision: Of the cross-encoder.
        rerank_depth: Candidates per query that it scores; 50 if None.
        run: A run, or its file; not together with `model`.
        split: The dataset's split; `test`, or what an id of ir_datasets names, if None.
        pair: One setting of a parallel dataset (`en-de`, `X-X`); all if None.
        languages: Of a parallel dataset, evaluated over the ids that they share; if None all of them, those
            that lack ids with English only.
        measures: Names for ir_measures; the usual ones of the dataset's kind if None.
        depth: Passages retrieved per query; 100, or more where a measure's cutoff is greater, if None.
        candidates: A top1000 file or a run, or ids of passages by query id: these alone are scored, by
            `model` or else `reranker`.
        remove_language_means: Subtract each language's mean vector from its queries and passages: the
            model's own, or those of the dev split of a parallel dataset. If None, what the model's folder
            says: they are subtracted where it holds them.
        ignore_identical_ids: Leave out the passage with a query's own id; see `without_identical_ids`.
        name: Of the system in the result file; the model's folder or the run's file if None.
        device: Where PyTorch computes.
        seed: Of the language draws of X-en, en-X and X-X.
    """

    model: str | Encoder | Retriever | None = None
    precision: str = "float32"
    reranker: "str | Scorer | None" = None
    reranker_precision: str = "float32"
    rerank_depth: int | None = None
    run: Path | Mapping[str, Mapping[str, float]] | None = None
    split: str | None = None
    pair: str | None = None
    languages: Sequence[str] | None = None
    measures: Sequence[str] | None = None
    depth: int | None = None
    candidates: Path | Mapping[str, Sequence[str]] | None = None
    remove_language_means: bool | None = None
    ignore_identical_ids: bool = True
    name: str | None = None
    device: Device = "auto"
    seed: int = 1

    def check(self) -> None:
        """Refuse options that do not go together, or are of another type."""
        self._check_types()
        if isinstance(self.model, Retriever):
            for argument in ("depth", "candidates", "reranker", "rerank_depth", "remove_language_means"):
                if getattr(self, argument) is not None:
                    raise InputError(
                        f"`{argument}` and a retriever exclude each other",
                        remedy="give it to the retriever: `dataclasses.replace` makes another",
                    )
        if self.model is not None and self.run is not None:
            raise InputError("`model` and `run` exclude each other", remedy="give one of them")
        if self.model is None and self.run is None and not self.scores_candidates_alone:
            raise InputError(
                "either `model` or `run` is needed, or `candidates` with `reranker`",
                remedy="give one of them",
            )
        for argument, given in (
            ("candidates", self.candidates is not None and not self.scores_candidates_alone),
            ("remove_language_means", bool(self.remove_language_means)),
            ("depth", self.depth is not None),
        ):
            if self.model is None and given:
                raise InputError(
                    f"`{argument}` needs `model`", remedy="a run is judged, or reranked, as it is"
                )
        if self.rerank_depth is not None and self.scores_candidates_alone:
            raise InputError(
                "`candidates` have no order by which some of them are the first: all are scored",
                remedy="leave `rerank_depth` out, or give a run by `run` instead of `candidates`",
            )
        if self.pair is not None:
            parse_setting(self.pair)

    def _check_types(self) -> None:
        for argument, kind in (("name", str), ("split", str), ("pair", str), ("seed", int), ("depth", int)):
            value = getattr(self, argument)
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                needed = "a text" if kind is str else "a whole number"
                raise InputError(f"`{argument}` is {value!r}, {needed} is needed")
        if self.depth is not None and self.depth < 1:
            raise InputError(f"`depth` is {self.depth}, at least 1 is needed")
        for argument in ("languages", "measures"):
            if isinstance(getattr(self, argument), str):
                raise InputError(f"`{argument}` is a text", remedy="give a list, of one perhaps")
        encodes = hasattr(self.model, "encode_queries") and hasattr(self.model, "encode_passages")
        if not (self.model is None or isinstance(self.model, str | Retriever) or encodes):
            raise InputError(
                f"a {type(self.model).__name__} is no system that can be judged",
                remedy="give an encoder of `load_encoder` or `train`, its folder, a retriever or a run",
            )

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


_Data = Dataset | tuple[ParallelDataset, Sequence[str]]
"""What is evaluated: a dataset, or all settings of some languages of a parallel one."""


@dataclass
class _Outcome:
    """What was measured; the run, its judgements and its texts if it is of one setting.

    Attributes:
        scores: By name of the setting.
        run: Of the one setting, else None.
        qrels: Its judgements.
        cells: A measure by query language and passage language, of a collection in several languages.
        unjudged: Queries of the run that the qrels don't name.
        seed: Of language draws; None of a dataset that is not parallel.
        seen: Languages over whose pairs groups are averaged.
        unseen: Languages that are evaluated with themselves and with English only.
    """

    scores: dict[str, SettingScores]
    run: Run | None = None
    qrels: Sequence[Qrel] = ()
    cells: Mapping[tuple[str, str], float] = field(default_factory=dict)
    unjudged: int = 0
    seed: int | None = None
    seen: Sequence[str] = ()
    unseen: Sequence[str] = ()


@naming_extras
def evaluate(
    system: "str | PathLike[str] | Encoder | Retriever | Mapping[str, Mapping[str, float]]",
    data: "Dataset | ParallelDataset | DatasetFiles | str | PathLike[str]",
    *,
    progress: Progress = SILENT,
    **options: Any,  # noqa: ANN401
) -> Result:
    """Judge a model end to end, or a run, on a dataset.

    Args:
        system: An encoder, or its name or folder; a `Retriever`; or a run: a `Run`, the path of its file, or
            scores by query id and passage id.
        data: A dataset, or its name, folder or files as for `load_dataset`.
        progress: Told how far the work is, and what deserves a look.
        **options: Fields of `EvaluationOptions`: `split` (`test`), `pair` (one setting of a parallel dataset,
            `en-de` or `X-X`; all if left out), `languages` of a parallel dataset, `measures`, `depth`,
            `candidates`, `reranker`, `rerank_depth`, `remove_language_means`, `ignore_identical_ids`, `name`
            of the system, `precision`, `device`, `seed` of the language draws.

    Measures are those of ir_measures, computed by trec_eval's rules where it has them. X-en, en-X and X-X are
    the mixed collections of Litschko et al. (arXiv 2305.05295): the language of each query, or passage, is
    drawn with `seed` from its parallel versions.

    Returns:
        The value of every query in every setting, from 0 to 1. Its repr is the table.

    Raises:
        MissingFileError: A model, a dataset or a file is not there.
        UnknownNameError: No such split, setting, language or measure.
        MissingExtraError: A package is needed that is not installed.
        InputError: An input is bad, or options do not go together.
        TypeError: There is no such option.

    Example:
        >>> data = cslir.load_dataset("debian-sample")
        >>> result = cslir.evaluate("model", data, pair="en-de", measures=["nDCG@10"])
        >>> result.systems[0].settings["en-de"].judged.means  # a tiny model
        {'nDCG@10': 0.0...}
    """
    known = [one.name for one in fields(EvaluationOptions)]
    if unknown := sorted(options.keys() - set(known)):
        close = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f", did you mean {close[0]!r}" if close else ""
        raise TypeError(f"evaluate() has no option {unknown[0]!r}{hint}; it has {', '.join(known)}")
    if isinstance(options.get("candidates"), str | PathLike):
        options["candidates"] = Path(options["candidates"])
    if isinstance(options.get("reranker"), PathLike):
        options["reranker"] = fspath(options["reranker"])
    if isinstance(system, Mapping):
        options["run"] = system
    elif isinstance(system, str | PathLike):
        path = Path(system)
        # A model is a folder, or a name of one; a run is a file.
        options |= {"run": path} if path.is_file() else {"model": fspath(system)}
    else:
        options["model"] = system
    return evaluate_dataset(
        fspath(data) if isinstance(data, PathLike) else data, EvaluationOptions(**options), progress=progress
    )


def evaluate_dataset(
    source: "str | DatasetFiles | Dataset | ParallelDataset | None",
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
    dataset: Dataset | ParallelDataset | None
    if source is None:
        dataset = _without_dataset(options, qrels)
    else:
        dataset = load_dataset(source) if isinstance(source, str | DatasetFiles) else source
    split = options.split or ("" if isinstance(dataset, IrDataset) else "test")
    if writes_run and options.pair is None and isinstance(dataset, ParallelDataset):
        raise InputError("`writes_run` needs one setting", remedy="add `pair`, en-de for example")
    if dataset is None:
        path = _given(qrels)
        measures = measure_names(options.measures or PLAIN_MEASURES)
        outcome = _judge_run(options, list(read_qrels(path)), measures, path)
        title, split = path.name, ""
    else:
        title = f"{dataset.name} {split}".strip()
        outcome = _evaluate(dataset, split, options, writes_run=writes_run, progress=progress)
    return _result(None if source is None else dataset, title, split, outcome, options)


def _given(path: Path | None) -> Path:
    if path is None:
        raise InputError("a dataset is needed", remedy="give its name or folder, or `qrels` with `run`")
    return path


def _without_dataset(options: EvaluationOptions, qrels: Path | None) -> CandidatesDataset | None:
    """Return the dataset that a top1000 file is; None for a run, which needs its judgements alone."""
    judgements = _given(qrels)
    if options.run is not None:
        if options.pair or options.languages or options.split:
            raise InputError(
                "`pair`, `languages` and `split` need `data`", remedy="qrels alone have no languages"
            )
        if options.reranker is not None:
            raise InputError(
                "`reranker` needs the texts of queries and passages",
                remedy="give `data`, or `collection` and `queries` too",
            )
        return None
    if not isinstance(options.candidates, Path) or not is_top1000(options.candidates):
        raise InputError(
            "`qrels` alone goes with `run`, or with `candidates` and a top1000 file",
            path=options.candidates if isinstance(options.candidates, Path) else None,
            remedy="give `data`, or `collection` and `queries` too",
        )
    return CandidatesDataset(options.candidates.name, options.candidates, judgements)


def _evaluate(
    dataset: Dataset | ParallelDataset,
    split: str,
    options: EvaluationOptions,
    *,
    writes_run: bool,
    progress: Progress,
) -> _Outcome:
    if isinstance(dataset, ParallelDataset) and options.pair is not None:
        dataset = dataset.setting(options.pair, split, languages=options.languages, seed=options.seed)
        if dataset.left_out:
            progress.notice(dataset.summary)
    elif isinstance(dataset, Dataset) and (options.pair or options.languages):
        raise InputError(
            "`pair` and `languages` are for parallel datasets, with one folder per language",
            path=dataset.collection_place,
            remedy="leave them out: this one is evaluated in the languages that it is in",
        )
    mixture = isinstance(dataset, ParallelDataset) or "setting" in dataset.description
    measures = measure_names(options.measures or (MEASURES if mixture else PLAIN_MEASURES))
    if isinstance(dataset, Dataset):
        return _evaluate_one(dataset, split, options, measures, writes_run=writes_run, progress=progress)
    if options.run is not None:
        if options.reranker is not None:
            raise InputError("a run is of one setting", remedy="add `pair`, en-de for example")
        having = languages_of(dataset, split)
        place = f"{dataset.name} {split}"
        _tell_missing(dataset.missing(split, having), place, progress)
        return _judge_run(options, merged_qrels(dataset, split, having), measures, place)
    return _evaluate_all(dataset, split, options, measures, progress)


def _judge_run(
    options: EvaluationOptions, qrels: Sequence[Qrel], measures: Sequence[str], qrels_place: Path | str
) -> _Outcome:
    """Judge a run by qrels alone."""
    run = _run(options)
    if options.ignore_identical_ids:
        run = run.without_identical_ids(qrels)
    scores = _scores(run, qrels, measures, qrels_place=qrels_place)
    return _Outcome({ONLY_SETTING: scores}, run, qrels, unjudged=_unjudged(run, qrels))


def _run(options: EvaluationOptions) -> Run:
    run = options.run
    if isinstance(run, Run):
        return run
    return Run(run) if isinstance(run, Mapping) else Run.read(_given(run))


def _unjudged(run: Run, qrels: Sequence[Qrel]) -> int:
    """Return how many queries of a run no judgement names."""
    return len(run.keys() - {qrel.query_id for qrel in qrels})


def _evaluate_one(
    dataset: Dataset,
    split: str,
    options: EvaluationOptions,
    measures: Sequence[str],
    *,
    writes_run: bool,
    progress: Progress,
) -> _Outcome:
    """Evaluate one setting: end to end, over candidates, or a run of it; reranked if that is asked for."""
    if writes_run:
        _require_run_ids(dataset, split)
    retriever = _retriever(options, measures, progress)
    if retriever.encoder is not None and not isinstance(options.model, Retriever):
        means = _language_means(retriever.encoder, dataset, split, options, progress)
        retriever = replace(retriever, language_means=means)
    run = retriever.retrieve(dataset, split, progress=progress)
    _tell_missing(
        dataset.missing(split, run.doc_ids if retriever.candidates is None else None),
        dataset.collection_place,
        progress,
    )
    qrels, queries = dataset.qrels(split), dataset.queries(split)
    languages = run.languages
    if languages is None:
        languages = _languages_of(dataset, {doc_id for scores in run.values() for doc_id in scores})
    scores = _score(run, dataset, split, languages, measures)
    cells: Mapping[tuple[str, str], float] = {}
    relevant = _languages_of(dataset, {qrel.doc_id for qrel in qrels if qrel.relevance > 0})
    if len(set(relevant.values())) > 1:
        cells = cells_by_language(run, qrels, next(iter(scores.judged.values)), queries, relevant)
    name = dataset.description.get("setting", {}).get("name", ONLY_SETTING)
    unjudged = _unjudged(run if retriever.run is None else retriever.run, qrels)
    outcome = _Outcome({name: scores}, run, qrels, cells, unjudged)
    if isinstance(dataset, SettingDataset):
        outcome.seed = dataset.seed
        having = [one for one in setting_languages(name) or () if one != "X"]
        if having:
            outcome.seen, outcome.unseen = seen_and_unseen(dataset.parallel, split, [*dict.fromkeys(having)])
    return outcome


def _evaluate_all(
    dataset: ParallelDataset,
    split: str,
    options: EvaluationOptions,
    measures: Sequence[str],
    progress: Progress,
) -> _Outcome:
    """Evaluate every setting of a parallel dataset; each text is encoded once."""
    having = languages_of(dataset, split)
    chosen = language_codes(options.languages)
    seen, unseen = (chosen, []) if chosen else seen_and_unseen(dataset, split, having)
    settings = all_settings(dataset, split, seen, unseen, seed=options.seed)
    languages = [*seen, *unseen]
    _tell_missing(dataset.missing(split, languages), f"{dataset.name} {split}", progress)
    retriever = _retriever(options, measures, progress)
    if (encoder := retriever.encoder) is not None:
        if not isinstance(encoder, KeptVectors):
            encoder = KeptVectors(encoder)
        if retriever.candidates is None:
            _encode_all(encoder, dataset, split, languages, progress)
        means = retriever.language_means
        if not isinstance(options.model, Retriever):
            means = _language_means(encoder, (dataset, languages), split, options, progress)
        retriever = replace(retriever, encoder=encoder, language_means=means)
    scores: dict[str, SettingScores] = {}
    # What is said of one setting is said of all.
    within = Progress(cache(progress.notice), SILENT.stage)
    with progress.stage("evaluating", "setting") as update:
        for done, setting in enumerate(settings):
            update(done, len(settings))
            run = retriever.retrieve(setting, split, progress=within)
            of_passages = dict(
                zip(
                    (one.doc_id for one in setting.collection), setting.setting.passage_languages, strict=True
                )
            )
            scores[setting.setting.name] = _score(run, setting, split, of_passages, measures)
    return _Outcome(scores, seed=options.seed, seen=seen, unseen=unseen)


def _encode_all(
    encoder: KeptVectors, dataset: ParallelDataset, split: str, languages: Sequence[str], progress: Progress
) -> None:
    """Encode the queries and passages of some languages, telling how far it is."""
    batches = [
        (encoding, texts)
        for language in languages
        for encoding, texts in (
            (encoder.encode_queries, [query.text for query in dataset.queries(split, language)]),
            (encoder.encode_passages, [passage.full_text for passage in dataset.passages(split, language)]),
        )
    ]
    total, before = sum(len(texts) for _, texts in batches), 0
    with progress.stage("encoding", "text") as update:
        for encoding, texts in batches:
            encode_texts(encoding, texts, lambda done, before=before: update(before + done, total))  # type: ignore[misc]
            before += len(texts)


def _score(
    run: Run, dataset: Dataset, split: str, passage_languages: Mapping[str, str], measures: Sequence[str]
) -> SettingScores:
    queries = dataset.queries(split)
    group = dataset.description.get("setting", {}).get("group")
    if group is None:
        group = group_of_languages((query.language for query in queries), passage_languages.values())
    return _scores(
        run,
        dataset.qrels(split),
        measures,
        group=group,
        query_languages={query.query_id: query.language for query in queries},
        passage_languages=passage_languages,
        query_texts={query.query_id: query.text for query in queries},
        qrels_place=dataset.qrels_place(split),
    )


def _scores(run: Run, qrels: Sequence[Qrel], measures: Sequence[str], **known: Any) -> SettingScores:  # noqa: ANN401
    return score_run(run, qrels, measures, identical_ids=run.identical_ids, run_place=run.place, **known)


def _languages_of(dataset: Dataset, doc_ids: Collection[str]) -> dict[str, str]:
    """Return the languages of passages; empty without reading on if the first has none."""
    first = next(dataset.iterate_passages(), None)
    if first is None or not first.language:
        return {}
    return {
        one.doc_id: one.language
        for one in dataset.iterate_passages()
        if one.doc_id in doc_ids and one.language
    }


def _require_run_ids(dataset: Dataset, split: str) -> None:
    """Refuse, before the work, ids that a run can't hold.

    Raises:
        InputError: A query's or a passage's id holds white space.
    """
    for query in dataset.queries(split):
        require_run_id(query.query_id, dataset.queries_place(split))
    for passage in dataset.iterate_passages():
        require_run_id(passage.doc_id, dataset.collection_place)


def _tell_missing(missing: Missing, place: Path | str, progress: Progress) -> None:
    if missing.any():
        progress.notice(missing.note(place))


def _retriever(options: EvaluationOptions, measures: Sequence[str], progress: Progress) -> Retriever:
    """Return what retrieves, with its models open, before anything is encoded; language means come later."""
    if isinstance(options.model, Retriever):
        return options.model
    encoder = options.model
    depth = LEAST_DEPTH if encoder is None else options.depth_for(measures, progress)
    if isinstance(encoder, str):
        encoder = load_encoder(encoder, options.precision, device=options.device)
    reranker: Scorer | None = None
    if not isinstance(options.reranker, str | None):
        reranker = options.reranker
    elif options.reranker is not None:
        reranker = load_cross_encoder(options.reranker, options.reranker_precision, device=options.device)
    return Retriever(
        encoder,
        None if options.run is None else _run(options),
        depth,
        options.candidates,
        reranker=reranker,
        rerank_depth=options.reranked_candidates,
        ignore_identical_ids=options.ignore_identical_ids,
    )


def _language_means(
    encoder: Encoder,
    data: _Data,
    split: str,
    options: EvaluationOptions,
    progress: Progress,
) -> Mapping[str, NDArray[np.float32]]:
    """Return the means to remove: those that the model was saved with, else of the dataset's dev split.

    They never come from the split that is evaluated, but for a language that these lack.

    Args:
        encoder: The model.
        data: What is evaluated: a dataset, or languages of a parallel one.
        split: Its split.
        options: Whether to remove them.
        progress: Told why the model's means are not removed.
    """
    known = dict(getattr(encoder, "language_means", None) or {})
    if options.remove_language_means is False or (options.remove_language_means is None and not known):
        return {}
    try:
        return _means_of(encoder, known, data, split)
    except InputError as error:
        if options.remove_language_means:
            raise
        progress.notice(f"no language means are removed: {error}")
        return {}


def _means_of(
    encoder: Encoder,
    known: dict[str, NDArray[np.float32]],
    data: _Data,
    split: str,
) -> Mapping[str, NDArray[np.float32]]:
    settings = getattr(encoder, "settings", None)
    if settings is not None and settings.similarity == "dot":
        raise InputError(
            "language means are removed from vectors of length 1; this model's similarity is the dot product",
            remedy="leave their removal out",
        )
    # dev.small is a part of dev.
    if not known and split.partition(".")[0] != "dev":
        if isinstance(data, SettingDataset):
            known = _dev_means(encoder, data.parallel, data.languages)
        elif isinstance(data, tuple):
            known = _dev_means(encoder, *data)
    if not known:
        raise InputError(
            "no language means: neither a dev split beside the evaluated one, nor any in the model's folder",
            remedy="leave their removal out",
        )
    if isinstance(data, Dataset):
        return completed_by_texts(known, data.queries(split), data.iterate_passages(), encoder)
    dataset, languages = data
    return completed_by_texts(
        known,
        (query for one in languages for query in dataset.queries(split, one)),
        (passage for one in languages for passage in dataset.passages(split, one)),
        encoder,
    )


def _dev_means(
    encoder: Encoder, dataset: ParallelDataset, languages: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the means of the first texts of the dev split; none if a language lacks it."""
    if not all(dataset.has_split("dev", one) for one in languages):
        return {}
    return dev_language_means(encoder, dataset, languages)


def _remarks(outcome: _Outcome) -> tuple[str, ...]:
    """Return what a reader of the values of one setting should know."""
    if len(outcome.scores) != 1:
        return ()
    judged = set(next(iter(outcome.scores.values())).judged.query_ids)
    irrelevant = len({qrel.query_id for qrel in outcome.qrels} - judged)
    ties = tied_queries({one: scores for one, scores in (outcome.run or {}).items() if one in judged})
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
    source: Dataset | ParallelDataset | None,
    title: str,
    split: str,
    outcome: _Outcome,
    options: EvaluationOptions,
) -> Result:
    configuration: dict[str, Any] = {"command": "eval"} | {
        one.name: value if isinstance(value := getattr(options, one.name), _PLAIN) else str(value)
        for one in fields(options)
    }
    configuration |= {"model": options.model_name, "run": options.run_name}
    configuration["languages"] = list(options.languages or ())
    configuration["measures"] = list(options.measures or ())
    name = next(iter(outcome.scores))
    return Result(
        dataset=title if source is None else source_of(source),
        split=split,
        systems=[
            SystemResult(
                options.system_name,
                "",
                outcome.seed,
                outcome.scores,
            )
        ],
        seen=tuple(outcome.seen),
        unseen=tuple(outcome.unseen),
        configuration=configuration,
        machine=this_machine(),
        versions=installed_versions(),
        title=title,
        runs={} if outcome.run is None else {name: outcome.run},
        cells=outcome.cells,
        remarks=_remarks(outcome),
    )
