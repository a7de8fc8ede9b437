"""The right answers, in 64-bit floats, and how far an engine's are from them."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_BLOCK = 1 << 14
SCORE_TOLERANCE = 1e-5
"""What an engine's scores of unit vectors may differ from those of 64-bit floats."""


class Reference:
    """The highest scores of some queries."""

    def __init__(self, vectors: Array, queries: Array, depth: int) -> None:
        self.vectors, self.queries = vectors, queries.astype(np.float64)
        self.best = best_scores(vectors, self.queries, depth)

    def scores_of(self, rows: Array) -> Array:
        """The scores of an answer's rows, which may be the answer to the first queries only."""
        queries = self.queries[: len(rows)]
        return np.stack(
            [
                self.vectors[found].astype(np.float64) @ query
                for found, query in zip(rows, queries, strict=True)
            ]
        )

    def check(self, scores: Array, rows: Array) -> None:
        """Fail unless the answer to the first queries is right, ties and rounding aside."""
        assert rows.shape == scores.shape
        assert all(len(set(found)) == len(found) for found in rows.tolist()), "a row was found twice"
        assert (np.diff(scores, axis=1) <= 0).all(), "the scores do not fall"
        right = self.scores_of(rows)
        np.testing.assert_allclose(scores, right, rtol=0, atol=SCORE_TOLERANCE)
        best = self.best[: len(rows), : rows.shape[1]]
        np.testing.assert_allclose(-np.sort(-right, axis=1), best, rtol=0, atol=SCORE_TOLERANCE)

    def recall(self, rows: Array) -> float:
        """The share of rows found that belong there, equals of the last one included."""
        last = self.best[: len(rows), rows.shape[1] - 1, None]
        return float((self.scores_of(rows) >= last - 1e-9).mean())


def best_scores(vectors: Array, queries: Array, depth: int) -> Array:
    """The highest scores of each query, falling, in 64-bit floats."""
    best = np.full((len(queries), 0), -np.inf)
    for start in range(0, len(vectors), _BLOCK):
        scores = queries @ vectors[start : start + _BLOCK].astype(np.float64).T
        best = np.concatenate([best, scores], axis=1)
        best = np.partition(best, -min(depth, best.shape[1]), axis=1)[:, -depth:]
    return -np.sort(-best, axis=1)
