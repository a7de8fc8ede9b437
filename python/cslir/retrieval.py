"""End-to-end retrieval over a collection of any size, and scoring of fixed candidates: texts in, a run out.

Passages stream by: they are encoded and compared with all queries a block at a time, so that memory holds the
queries, their best passages so far and one block, and not the collection's vectors.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir._core import top_k
from cslir.errors import InputError
from cslir.models.language_means import remove_language_means
from cslir.records import Passage, Query
from cslir.search import Encoder, refuse_not_finite

__all__ = ["Retrieved", "encode_texts", "retrieve_passages", "score_candidates"]

Progress = Callable[[int], None]

BLOCK = 32_768
"""Passages that are compared with the queries at once."""
_PIECE = 1024
"""Texts that are encoded between two reports of progress."""


class Retrieved(NamedTuple):
    """A run with what is known of its passages.

    Args:
        run: Scores by query id and passage id, best first; ties to the passage that comes first.
        languages: The language of each retrieved passage that has one.
        doc_ids: All passages of the collection, or those that are candidates.
    """

    run: dict[str, dict[str, float]]
    languages: dict[str, str]
    doc_ids: set[str]


def encode_texts(
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
    texts: Sequence[str],
    progress: Progress = lambda _: None,
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
    progress: Progress = lambda _: None,
    place: Path | str | None = None,
) -> Retrieved:
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
    return Retrieved(run, retrieved, set(doc_ids))


def score_candidates(
    queries: Sequence[Query],
    query_vectors: NDArray[np.float32],
    passages: Iterable[Passage],
    candidates: Mapping[str, Sequence[str]],
    encoder: Encoder,
    depth: int,
    *,
    language_means: Mapping[str, NDArray[np.float32]] | None = None,
    progress: Progress = lambda _: None,
) -> Retrieved:
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
    return Retrieved(run, languages, known)


def _encoded(
    passages: Iterable[Passage],
    encoder: Encoder,
    means: Mapping[str, NDArray[np.float32]],
    progress: Progress,
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


def _from(start: int, progress: Progress) -> Progress:
    return lambda done: progress(start + done)
