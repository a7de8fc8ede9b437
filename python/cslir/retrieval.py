"""Retrieval: an encoder, or a run that there is, gives each query's passages; a cross-encoder reranks them.

Passages stream by: they are encoded and compared with all queries a block at a time, so that memory holds the
queries, their best passages so far and one block, and not the collection's vectors.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cslir._core import top_k
from cslir.datasets.candidates import Candidates, read_candidates
from cslir.datasets.plain import Dataset
from cslir.errors import InputError
from cslir.evaluation.metrics import run_of, trec_order, without_identical_ids
from cslir.formats import read_run, write_run
from cslir.models import load_encoder
from cslir.models.language_means import remove_language_means
from cslir.progress import SILENT, Progress
from cslir.records import Passage, Qrel, Query, ScoredPassage
from cslir.rerank import rerank
from cslir.search import Encoder, refuse_not_finite

if TYPE_CHECKING:
    from cslir.models.cross_encoder import Scorer

__all__ = [
    "KeptVectors",
    "Retriever",
    "Run",
    "encode_texts",
    "retrieve_passages",
    "score_candidates",
]

BLOCK = 32_768
"""Passages that are compared with the queries at once."""
RERANK_DEPTH = 50
_PIECE = 1024
"""Texts that are encoded between two reports of progress."""

Scores = Mapping[str, Mapping[str, float]]
Done = Callable[[int], None]


class Run(dict[str, dict[str, float]]):
    """Scores by query id and passage id, with what is known of the passages.

    Args:
        scores: By query id, then by passage id; a retriever gives them best first.
        languages: The language of each passage that has one; None where they were not looked up.
        doc_ids: All passages of the collection, or those that are candidates; None where it was not read.
        identical_ids: Queries whose own passage was left out; see `metrics.without_identical_ids`.
        place: Where it comes from, for messages.

    Example:
        >>> run = Run({"q1": {"d1": 2.0, "d2": 1.5}})
        >>> run["q1"]
        {'d1': 2.0, 'd2': 1.5}
        >>> run.save("my.run")
        >>> Run.read("my.run") == run
        True
    """

    def __init__(
        self,
        scores: Scores | Iterable[tuple[str, Mapping[str, float]]] = (),
        *,
        languages: Mapping[str, str] | None = None,
        doc_ids: Set[str] | None = None,
        identical_ids: int = 0,
        place: Path | str | None = None,
    ) -> None:
        pairs = scores.items() if isinstance(scores, Mapping) else scores
        super().__init__((query_id, dict(passages)) for query_id, passages in pairs)
        for query_id, passages in self.items():
            if not np.isfinite(np.array(list(passages.values()), dtype=np.float64)).all():
                doc_id = next(
                    one for one, score in passages.items() if score is None or not math.isfinite(score)
                )
                raise InputError(
                    f"query {query_id!r}, passage {doc_id!r}: score {passages[doc_id]} is not finite",
                    path=place,
                    remedy="leave the passage out",
                )
        self.languages = languages
        self.doc_ids = doc_ids
        self.identical_ids = identical_ids
        self.place = place

    @classmethod
    def read(cls, path: str | PathLike[str]) -> "Run":
        """Read a run in TREC's format or MS MARCO's, plain or compressed.

        Raises:
            InputError: It is missing, malformed, or holds no line.
        """
        path = Path(path)
        if not (scores := run_of(read_run(path))):
            raise InputError("holds no line", path=path, remedy="check the run")
        return cls(scores, place=path)

    def save(self, path: str | PathLike[str], tag: str = "cslir") -> None:
        """Write the run in TREC's format, whole or not at all.

        Args:
            path: The file; compressed by its ending.
            tag: Name of the system, the last column.

        Raises:
            InputError: An id holds white space, or the file can't be written.
        """
        lines = (
            ScoredPassage(query_id, doc_id, score)
            for query_id, scores in self.items()
            for doc_id, score in scores.items()
        )
        write_run(Path(path), lines, tag=tag)

    def with_scores(self, scores: Scores, identical_ids: int | None = None) -> "Run":
        """Return a run of other scores of which the same is known."""
        return Run(
            scores,
            languages=self.languages,
            doc_ids=self.doc_ids,
            identical_ids=self.identical_ids if identical_ids is None else identical_ids,
            place=self.place,
        )

    def without_identical_ids(self, qrels: Iterable[Qrel], depth: int | None = None) -> "Run":
        """Return the run without the passages of a query's own id; see `metrics.without_identical_ids`."""
        return self.with_scores(*without_identical_ids(self, qrels, depth))


class KeptVectors:
    """An encoder that keeps the vectors of all texts that it has encoded, and encodes none twice.

    The settings of a parallel dataset consist of the same texts over and over.

    Args:
        encoder: Gives the vectors.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._queries: dict[str, NDArray[np.float32]] = {}
        self._passages: dict[str, NDArray[np.float32]] = {}

    @property
    def dimension(self) -> int:
        """Width of the vectors."""
        return self.encoder.dimension

    def query_stages(self) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        """Return the encoder's stages, which keep nothing."""
        return self.encoder.query_stages()

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors, float32 of shape (len(texts), dimension)."""
        return self._encode(self._queries, self.encoder.encode_queries, texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors, float32 of shape (len(texts), dimension)."""
        return self._encode(self._passages, self.encoder.encode_passages, texts)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Give what else the encoder has: its settings, its language means."""
        return getattr(self.__dict__["encoder"], name)

    def _encode(
        self,
        kept: dict[str, NDArray[np.float32]],
        encode: Callable[[Sequence[str]], NDArray[np.float32]],
        texts: Sequence[str],
    ) -> NDArray[np.float32]:
        if fresh := [text for text in dict.fromkeys(texts) if text not in kept]:
            kept.update(zip(fresh, encode(fresh), strict=True))
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        return np.stack([kept[text] for text in texts])


@dataclass(frozen=True)
class Retriever:
    """What gives the passages of queries: a first stage, and perhaps a reranker.

    The first stage is an encoder over the whole collection or over candidates, a run, or candidates alone.

    Attributes:
        encoder: Gives the vectors; the name or folder of a model is opened; None if `run` or `candidates` are
            the first stage.
        run: The first stage, if it is a run that there is.
        depth: Passages per query.
        candidates: A top1000 file or a run, or ids of passages by query id: these alone are scored.
        language_means: Mean vector by language, float32 of shape (dimension,), which is subtracted from the
            vectors of queries and passages; empty for none.
        reranker: A cross-encoder, which scores the first passages of each query anew.
        rerank_depth: How many; all if None.
        ignore_identical_ids: Leave out the passage with a query's own id; see
            `metrics.without_identical_ids`.

    Example:
        >>> german_passages = cslir.load_dataset("debian-sample").setting("en-de", "dev")
        >>> run = Retriever(cslir.load_encoder("model"), depth=10).retrieve(german_passages, "dev")
        >>> len(run), {len(scores) for scores in run.values()}
        (400, {10})
    """

    encoder: Encoder | None = None
    run: Run | None = None
    depth: int = 100
    candidates: str | PathLike[str] | Mapping[str, Sequence[str]] | None = None
    language_means: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    reranker: "Scorer | None" = None
    rerank_depth: int | None = RERANK_DEPTH
    ignore_identical_ids: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.encoder, str | PathLike):
            object.__setattr__(self, "encoder", load_encoder(fspath(self.encoder)))
        if self.run is not None and not isinstance(self.run, Run):
            object.__setattr__(self, "run", Run(self.run))
        if self.depth < 1:
            raise InputError(f"`depth` is {self.depth}, at least 1 is needed")
        if isinstance(self.candidates, Mapping):
            for query_id, doc_ids in self.candidates.items():
                if isinstance(doc_ids, str):
                    raise InputError(
                        f"the candidates of query {query_id!r} are a text", remedy="give a list of ids"
                    )

    def retrieve(self, dataset: Dataset, split: str = "test", *, progress: Progress = SILENT) -> Run:
        """Return the passages of every judged query of a split.

        Args:
            dataset: Queries and passages; a setting of a parallel dataset is one.
            split: Its split.
            progress: Told how far the work is, and what deserves a look.

        Raises:
            InputError: The collection is empty, candidates are malformed or name what is not there, or a
                language has no mean.
        """
        if not isinstance(dataset, Dataset):
            raise InputError(
                f"a {type(dataset).__name__} is no dataset of one setting",
                remedy='choose one: `dataset.setting("en-de")`',
            )
        if self.run is not None:
            run = self.run
        elif self.encoder is not None:
            run = self._rank(self.encoder, dataset, split, progress)
        else:
            run = self._candidates_in_order(dataset, split)
        if self.ignore_identical_ids:
            # A run that there is keeps its depth.
            depth = None if self.encoder is None else self.depth
            run = run.without_identical_ids(dataset.qrels(split), depth)
        return run if self.reranker is None else self._rerank(run, self.reranker, dataset, split, progress)

    def _rank(self, encoder: Encoder, dataset: Dataset, split: str, progress: Progress) -> Run:
        candidates = self._candidates_of(dataset, split)
        queries = dataset.queries(split)
        # One passage more, for the one that may be left out.
        depth = self.depth + self.ignore_identical_ids
        with progress.stage("encoding queries", "query") as update:
            update(0, len(queries))
            texts = [query.text for query in queries]
            vectors = encode_texts(encoder.encode_queries, texts, lambda done: update(done, len(queries)))
        vectors = remove_language_means(vectors, [query.language for query in queries], self.language_means)
        with progress.stage("encoding passages", "passage") as update:
            if candidates is None:
                # Counting the lines of a compressed file takes a while, and only the bar needs it.
                total = dataset.count_passages() if sys.stderr.isatty() and progress is not SILENT else None
                update(0, total)
                return retrieve_passages(
                    queries,
                    vectors,
                    dataset.iterate_passages(),
                    encoder,
                    depth,
                    language_means=self.language_means,
                    progress=lambda done: update(done, total),
                    place=dataset.collection_place,
                )
            distinct = len({doc_id for doc_ids in candidates.doc_ids.values() for doc_id in doc_ids})
            run = score_candidates(
                queries,
                vectors,
                dataset.iterate_passages(),
                candidates.doc_ids,
                encoder,
                depth,
                language_means=self.language_means,
                progress=lambda done: update(done, distinct),
            )
        candidates.check_passage_ids(dataset.doc_ids(run.doc_ids or set()), dataset.collection_place)
        return run

    def _candidates_of(self, dataset: Dataset, split: str) -> Candidates | None:
        """Return the candidates of the judged queries."""
        if self.candidates is None:
            return None
        if isinstance(self.candidates, Mapping):
            found = Candidates(None, {one: tuple(doc_ids) for one, doc_ids in self.candidates.items()})
        else:
            holder = dataset.queries_place(split)
            found = read_candidates(Path(self.candidates), dataset.query_ids(split), holder)
        asked = {query.query_id for query in dataset.queries(split)}
        return Candidates(found.path, {one: ids for one, ids in found.doc_ids.items() if one in asked})

    def _candidates_in_order(self, dataset: Dataset, split: str) -> Run:
        candidates = self._candidates_of(dataset, split)
        if candidates is None:
            raise InputError("no first stage", remedy="give an encoder, a run or candidates")
        wanted = {doc_id for doc_ids in candidates.doc_ids.values() for doc_id in doc_ids}
        known = {one.doc_id for one in dataset.iterate_passages() if one.doc_id in wanted}
        candidates.check_passage_ids(dataset.doc_ids(known), dataset.collection_place)
        return Run(
            {
                query_id: {doc_id: float(-rank) for rank, doc_id in enumerate(doc_ids) if doc_id in known}
                for query_id, doc_ids in candidates.doc_ids.items()
            }
        )

    def _rerank(self, run: Run, reranker: "Scorer", dataset: Dataset, split: str, progress: Progress) -> Run:
        """Score each judged query's first passages anew; those behind them follow as they were."""
        queries, depth = {one.query_id: one.text for one in dataset.queries(split)}, self.rerank_depth
        asked = {query_id: scores for query_id, scores in run.items() if query_id in queries}
        most = max(map(len, asked.values()), default=0)
        if depth is not None and most > depth:
            progress.notice(
                f"of up to {most:,} candidates per query the first {depth:,} are reranked (`rerank_depth`);"
                " the others follow as they were"
            )
        wanted = {doc_id for scores in asked.values() for doc_id in trec_order(scores)[:depth]}
        passages = {one.doc_id: one for one in dataset.iterate_passages() if one.doc_id in wanted}
        with progress.stage("reranking", "pair") as update:
            order = rerank(asked, queries, passages, reranker, depth=depth, progress=update, place=run.place)
            return run.with_scores(run_of(order))


def encode_texts(
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
    texts: Sequence[str],
    progress: Done = lambda _: None,
) -> NDArray[np.float32]:
    """Return the vectors of texts, shape (texts, dimension), reporting how many are done.

    Args:
        encode: `encode_queries` or `encode_passages` of an encoder.
        texts: One at least.
        progress: Called with the number of texts done.
    """
    pieces = []
    for start in range(0, len(texts), _PIECE):
        pieces.append(encode(texts[start : start + _PIECE]))
        progress(min(start + _PIECE, len(texts)))
    return np.concatenate(pieces)


def retrieve_passages(
    queries: Sequence[Query],
    query_vectors: NDArray[np.float32],
    passages: Iterable[Passage],
    encoder: Encoder,
    depth: int,
    *,
    language_means: Mapping[str, NDArray[np.float32]] | None = None,
    progress: Done = lambda _: None,
    place: Path | str | None = None,
) -> Run:
    """Return each query's `depth` best passages by inner product, over the whole collection.

    Args:
        queries: At least one.
        query_vectors: Float32 of shape (queries, dimension), C order; their language means already removed.
        passages: The collection.
        encoder: Gives the passages' vectors.
        depth: Passages per query; all of them if there are fewer.
        language_means: Mean vector by language, which each passage loses.
        progress: Called with the number of passages done.
        place: Where the passages come from, for messages.

    Raises:
        InputError: A vector is not finite, or there is no passage.
    """
    scores: NDArray[np.float32] = np.empty((len(queries), 0), dtype=np.float32)
    rows: NDArray[np.int64] = np.empty((len(queries), 0), dtype=np.int64)
    doc_ids: list[str] = []
    languages: list[str] = []
    for block, vectors in _encoded(passages, encoder, language_means or {}, progress):
        found, its_rows = top_k(vectors, query_vectors, min(depth, len(block)))
        scores = np.concatenate([scores, found], axis=1)
        rows = np.concatenate([rows, its_rows + len(doc_ids)], axis=1)
        # A stable sort keeps earlier passages first among equal ones, as one scan of all would.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        scores, rows = np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)
        doc_ids += [passage.doc_id for passage in block]
        languages += [passage.language for passage in block]
    if not doc_ids:
        raise InputError("the collection is empty", path=place, remedy="give it one passage at least")
    run = {
        query.query_id: dict(zip((doc_ids[row] for row in its_rows), its_scores, strict=True))
        for query, its_rows, its_scores in zip(queries, rows.tolist(), scores.tolist(), strict=True)
    }
    retrieved = {doc_ids[row]: languages[row] for row in np.unique(rows).tolist() if languages[row]}
    return Run(run, languages=retrieved, doc_ids=set(doc_ids))


def score_candidates(
    queries: Sequence[Query],
    query_vectors: NDArray[np.float32],
    passages: Iterable[Passage],
    candidates: Mapping[str, Sequence[str]],
    encoder: Encoder,
    depth: int,
    *,
    language_means: Mapping[str, NDArray[np.float32]] | None = None,
    progress: Done = lambda _: None,
) -> Run:
    """Score each query's candidates and return the `depth` best of them; other arguments as above.

    Args:
        queries: At least one.
        query_vectors: Float32 of shape (queries, dimension).
        passages: The collection; only candidates are encoded.
        candidates: Ids of passages by query id; queries without any have no passage in the run.
        encoder: Gives the passages' vectors.
        depth: Passages per query.
        language_means: Mean vector by language, which each passage loses.
        progress: Called with the number of candidates' passages done.
    """
    asking: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        for doc_id in candidates.get(query.query_id, ()):
            asking.setdefault(doc_id, []).append(row)
    scored: list[list[tuple[float, str]]] = [[] for _ in queries]
    languages: dict[str, str] = {}
    known: set[str] = set()
    wanted = (passage for passage in passages if passage.doc_id in asking)
    for block, vectors in _encoded(wanted, encoder, language_means or {}, progress):
        for passage, vector in zip(block, vectors, strict=True):
            rows = asking[passage.doc_id]
            for row, score in zip(rows, (query_vectors[rows] @ vector).tolist(), strict=True):
                scored[row].append((score, passage.doc_id))
            if passage.language:
                languages[passage.doc_id] = passage.language
            known.add(passage.doc_id)
    run = {
        query.query_id: {doc_id: score for score, doc_id in sorted(mine, reverse=True)[:depth]}
        for query, mine in zip(queries, scored, strict=True)
    }
    return Run(run, languages=languages, doc_ids=known)


def _encoded(
    passages: Iterable[Passage],
    encoder: Encoder,
    means: Mapping[str, NDArray[np.float32]],
    progress: Done,
) -> Iterator[tuple[list[Passage], NDArray[np.float32]]]:
    """Yield blocks of passages with their vectors."""
    done, remaining = 0, iter(passages)
    while block := list(islice(remaining, BLOCK)):
        texts = [passage.full_text for passage in block]
        vectors = encode_texts(encoder.encode_passages, texts, _from(done, progress))
        vectors = remove_language_means(vectors, [passage.language for passage in block], means)
        refuse_not_finite(vectors, block)
        yield block, vectors
        done += len(block)


def _from(start: int, progress: Done) -> Done:
    return lambda done: progress(start + done)
