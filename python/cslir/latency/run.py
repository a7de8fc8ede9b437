"""The course of `cslir bench latency`: systems made, judged, started cold, and timed as collections grow."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cslir import _core
from cslir.errors import InputError, UnknownNameError
from cslir.evaluation.latency import ResponseTime, Schedule, measure_systems
from cslir.evaluation.metrics import evaluate, without_identical_ids
from cslir.latency.cold_start import ColdStart, cold_starts, peer_command, search_command
from cslir.latency.collection import Collection
from cslir.latency.systems import NONE, DenseSystem, Growth, Kind, RerankedSystem, System, set_threads
from cslir.models import load_encoder
from cslir.models.cross_encoder import Scorer, load_cross_encoder
from cslir.records import Passage
from cslir.search import Index

__all__ = ["Case", "Latency", "LatencySettings", "SystemLatency", "measure_latency"]

Progress = Callable[[int, int], None]
"""Told how many steps are done, and how many there are in all."""

VECTOR_TYPES = ("float32", "float16", "bfloat16")
_JUDGED_BATCH = 32

Model = TypeVar("Model")


@dataclass(frozen=True, kw_only=True)
class LatencySettings:
    """What is measured.

    Attributes:
        models: Encoders, as for `load_encoder`.
        precisions: Of transformers.
        vector_types: Of the stored vectors.
        reranker: A cross-encoder's folder or hub id, which reranks every bi-encoder's last precision, or the
            static encoders where there is no other.
        reranker_precision: Of the cross-encoder.
        rerank_depth: Candidates that it scores.
        peers: Measure BM25 and sentence-transformers with faiss too.
        passages: Sizes of the grown collections; the real one comes first in any case.
        batches: Queries of a call.
        threads: As many numbers as there are to compare.
        cold_starts: Fresh processes of each system; 0 for none.
        seed: Of the noise.
    """

    models: Sequence[str]
    precisions: Sequence[str] = ("float32", "onnx-float32", "onnx-int8")
    vector_types: Sequence[str] = ("float32", "float16")
    reranker: str | None = None
    reranker_precision: str = "float32"
    rerank_depth: int = 50
    peers: bool = False
    passages: Sequence[int] = (10_000, 100_000, 1_000_000)
    batches: Sequence[int] = (1, 32)
    threads: Sequence[int] = field(default_factory=lambda: sorted({1, _core.threads()}))
    cold_starts: int = 5
    schedule: Schedule = field(default_factory=Schedule)
    seed: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a JSON object."""
        schedule = self.schedule
        timing = {"turns": schedule.turns, "seconds": schedule.seconds, "warm_up": schedule.warm_up}
        return {
            **{one.name: getattr(self, one.name) for one in fields(self)},
            "schedule": timing,
        }


class Case(NamedTuple):
    """What one measurement is of."""

    passages: int
    batch: int
    threads: int


@dataclass
class SystemLatency:
    """One system's accuracy, cold start and response times."""

    system: System
    mrr_at_10: float
    cold_start: ColdStart | None = None
    measurements: dict[Case, ResponseTime] = field(default_factory=dict)


class Latency(NamedTuple):
    """What was measured, system by system."""

    collection: Collection
    systems: list[SystemLatency]


def measure_latency(
    collection: Collection, settings: LatencySettings, *, progress: Progress = lambda *_: None
) -> Latency:
    """Measure every system on the same queries: accuracy, cold start, then response times as it grows.

    Raises:
        InputError: A model, a package or a setting is bad.
    """
    _check(settings, collection)
    sizes = [
        len(collection.passages),
        *sorted(n for n in set(settings.passages) if n > len(collection.passages)),
    ]
    cases = len(settings.batches) * len(settings.threads)
    steps = len(settings.models) * len(settings.precisions) + 2 + len(sizes) * cases
    done = iter(range(steps + 1))

    def step() -> None:
        progress(next(done, steps), steps)

    systems = _systems(collection, settings, step)
    step()
    real = Growth(collection, sizes[0], settings.seed)
    measured = [SystemLatency(one, _mrr(one, real)) for one in systems]
    step()
    if settings.cold_starts:
        for one, cold_start in zip(measured, _cold_starts(systems, collection, settings), strict=True):
            one.cold_start = cold_start
    queries = [query.text for query in collection.queries]
    for passages in sizes:
        growth = real if passages == sizes[0] else Growth(collection, passages, settings.seed)
        for threads in settings.threads:
            set_threads(threads)
            stages = {one.name: one.stages(growth, threads) for one in systems}
            for batch in settings.batches:
                step()
                times = measure_systems(stages, queries, batch=batch, schedule=settings.schedule)
                for one in measured:
                    one.measurements[Case(passages, batch, threads)] = times[one.system.name]
    set_threads(_core.threads())
    step()
    return Latency(collection, measured)


def _check(settings: LatencySettings, collection: Collection) -> None:
    if settings.peers:
        from cslir.latency.peers import require_peers

        require_peers()
    if not settings.models and not settings.peers:
        raise InputError("no system to measure", remedy="name one with `models`, or add `peers`")
    for number in (*settings.passages, *settings.batches, *settings.threads):
        if number < 1:
            raise InputError(
                f"{number} passages, queries or threads can't be timed", remedy="give at least 1"
            )
    for one in settings.vector_types:
        if one not in VECTOR_TYPES:
            raise UnknownNameError(
                f"no vectors of type {one!r}", remedy=f"choose among {', '.join(VECTOR_TYPES)}"
            )
    if len(collection.queries) < 2:
        raise InputError("one query is too few to time", remedy="give a collection with more queries")


class _Opened(Generic[Model]):
    """A model in one precision, opened once for each number of threads if its threads are its own."""

    def __init__(self, load: Callable[..., Model], model: str, precision: str) -> None:
        self._load, self._model, self._precision = load, model, precision
        self._opened: dict[int, Model] = {}

    def __call__(self, threads: int) -> Model:
        # Of the others threads are set in the process, see `set_threads`.
        key = threads if self._precision.startswith("onnx") else 0
        if key not in self._opened:
            self._opened[key] = self._load(self._model, self._precision, threads=threads)
        return self._opened[key]


def _systems(collection: Collection, settings: LatencySettings, step: Callable[[], None]) -> list[System]:
    """Open every encoder, encode the passages with it, and return the systems in the order of a table."""
    from cslir.models.folders import ENCODERS, ModelKind, model_kind
    from cslir.models.resolve import resolve_model

    systems: list[System] = []
    if settings.peers:
        from cslir.latency.peers import Bm25System

        systems.append(Bm25System())
    scorers: _Opened[Scorer] | None = None
    if settings.reranker is not None:
        scorers = _Opened(load_cross_encoder, settings.reranker, settings.reranker_precision)
        scorers(_core.threads())  # what is wrong with it is said before the work begins
    texts = [passage.full_text for passage in collection.passages]
    folders = {model: resolve_model(model, ENCODERS) for model in settings.models}
    kinds: dict[str, Kind] = {
        model: "static" if model_kind(folder) is ModelKind.STATIC else "bi-encoder"
        for model, folder in folders.items()
    }
    for model, folder in folders.items():
        kind = kinds[model]
        label = kind if list(kinds.values()).count(kind) == 1 else f"{kind} {model}"
        own: list[DenseSystem] = []
        for precision in ("float32",) if kind == "static" else settings.precisions:
            step()
            encoders = _Opened(load_encoder, model, precision)
            name = label if kind == "static" else f"{label} {precision}"
            dense = DenseSystem(
                name,
                kind,
                model,
                precision,
                "float32",
                encoders,
                encoders(_core.threads()).encode_passages(texts),
            )
            own.append(dense)
        # Which type the vectors have matters as much to every precision: one shows it.
        own += [
            replace(own[-1], name=f"{own[-1].name}, {one} vectors", vectors=one)
            for one in settings.vector_types
            if one != "float32"
        ]
        systems.extend(own)
        if settings.peers:
            systems.append(_peer(label, own[0], folder))
        if scorers is not None and (kind == "bi-encoder" or "bi-encoder" not in kinds.values()):
            systems.append(_reranked(own, scorers, settings))
    return systems


def _peer(label: str, own: DenseSystem, folder: Path) -> System:
    from cslir.latency.peers import SentenceTransformersSystem

    name = f"{label}, sentence-transformers + faiss"
    return SentenceTransformersSystem(name, own.kind, own.model, folder, own.passages)


def _reranked(
    own: Sequence[DenseSystem], scorers: Callable[[int], Scorer], settings: LatencySettings
) -> System:
    """Return a model's last precision with its candidates reranked."""
    first = [one for one in own if one.vectors == "float32"][-1]
    return RerankedSystem(
        f"{first.name} + cross-encoder {settings.reranker_precision}",
        replace(first, depth=settings.rerank_depth),
        scorers,
        str(settings.reranker),
    )


def _mrr(system: System, growth: Growth) -> float:
    """Return the mean of RR@10 of the answers of the very stages that are timed."""
    queries, passages = growth.collection.queries, growth.collection.passages
    stages = system.stages(growth, _core.threads())
    run: dict[str, dict[str, float]] = {}
    for start in range(0, len(queries), _JUDGED_BATCH):
        batch = queries[start : start + _JUDGED_BATCH]
        value: object = [query.text for query in batch]
        for _, function in stages:
            value = function(value)
        scores, rows = value  # type: ignore[misc]
        for query, its_scores, its_rows in zip(batch, scores.tolist(), rows.tolist(), strict=True):  # type: ignore[has-type]
            run[query.query_id] = {
                passages[row].doc_id: score
                for row, score in zip(its_rows, its_scores, strict=True)
                if row != NONE
            }
    run, _ = without_identical_ids(run, growth.collection.qrels)
    return evaluate(run, growth.collection.qrels, ("RR@10",)).means["RR@10"]


class _Known:
    """An encoder whose passages are encoded already: it gives their vectors in order."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._place = 0
        self.dimension = vectors.shape[1]

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        start, self._place = self._place, self._place + len(texts)
        return self._vectors[start : self._place]


def _cold_starts(
    systems: Sequence[System], collection: Collection, settings: LatencySettings
) -> list[ColdStart | None]:
    """Write each system's index of the real collection, and answer one query in fresh processes."""
    with tempfile.TemporaryDirectory(prefix="cslir-latency-") as folder:
        commands: dict[str, Sequence[str]] = {}
        for number, system in enumerate(systems):
            command = _command(system, collection, settings, Path(folder) / str(number))
            if command is not None:
                commands[system.name] = command
        measured = cold_starts(commands, settings.cold_starts)
    return [measured.get(system.name) for system in systems]


def _command(
    system: System, collection: Collection, settings: LatencySettings, target: Path
) -> list[str] | None:
    """Return the command of a cold start; None for a system that no command starts."""
    query = collection.queries[0].text
    first = system.first if isinstance(system, RerankedSystem) else system
    if isinstance(first, DenseSystem):
        if first.vectors != "float32":
            return None  # `cslir index` writes no other
        passages = [_unique(passage, row) for row, passage in enumerate(collection.passages)]
        known = _Known(first.passages)
        Index.build(target, passages, known, model_name=first.model, precision=str(first.precision))  # type: ignore[arg-type]
        options: list[str] = []
        if isinstance(system, RerankedSystem):
            options = ["--rerank", system.reranker, "--rerank-depth", str(settings.rerank_depth)]
            options += ["--rerank-precision", settings.reranker_precision]
        return search_command(target, query, *options)
    if system.library.startswith("sentence-transformers"):
        import faiss

        from cslir.latency.peers import SentenceTransformersSystem

        assert isinstance(system, SentenceTransformersSystem)
        index = faiss.IndexFlatIP(system.passages.shape[1])
        index.add(system.passages)
        faiss.write_index(index, str(target))
        return peer_command(system.folder, target, query, system.options)
    return None


def _unique(passage: Passage, row: int) -> Passage:
    """Return a passage whose id no other has; a collection may repeat them."""
    return passage._replace(doc_id=f"{row}/{passage.doc_id}")
