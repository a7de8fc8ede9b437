"""The systems that are timed: an encoder, its vectors and what searches them, each as stages of a query."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cslir._core import VectorIndex
from cslir.evaluation.latency import Stages
from cslir.latency.collection import Collection, grow
from cslir.models.cross_encoder import Scorer
from cslir.search import Encoder

__all__ = [
    "DEPTH",
    "NONE",
    "Answer",
    "DenseSystem",
    "Growth",
    "Kind",
    "RerankedSystem",
    "System",
    "set_threads",
]

DEPTH = 10
"""Passages of an answer."""
NONE = -1
"""Row of an answer where fewer passages were found."""

Kind = Literal["static", "bi-encoder", "reranked", "bm25"]
Answer = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Scores and rows of the best passages, (queries, depth), best first."""


class System(Protocol):
    """What is timed: named, described, and made into stages over a collection of some size."""

    @property
    def name(self) -> str:
        """Unique among the systems."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    @property
    def library(self) -> str:
        """Who encodes and searches: `cslir`, or a peer."""

    @property
    def model(self) -> str | None:
        """As for `load_encoder`; None without an encoder."""

    @property
    def precision(self) -> str | None:
        """Of the encoder."""

    @property
    def vectors(self) -> str | None:
        """Type of the stored vectors."""

    def stages(self, growth: "Growth", threads: int) -> Stages:
        """Return the stages from a list of queries to their `Answer` over the collection."""


class Growth:
    """A collection grown to so many passages, and what is built over it, once for all systems.

    Args:
        collection: The real one.
        rows: Passages; fewer than the real ones are not asked for.
        seed: Of the noise.
    """

    def __init__(self, collection: Collection, rows: int, seed: int) -> None:
        self.collection = collection
        self.rows = rows
        self.seed = seed
        self._built: dict[tuple[str, ...], Any] = {}

    @property
    def real(self) -> bool:
        """Whether nothing is added."""
        return self.rows == len(self.collection.passages)

    def vectors(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an encoder's vectors of the passages, grown."""
        return vectors if self.real else grow(vectors, self.rows, self.seed)

    def once(self, key: tuple[str, ...], build: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return what was built for the key before, or build it now."""
        if key not in self._built:
            self._built[key] = build()
        return self._built[key]


@dataclass
class DenseSystem:
    """An encoder of ours and exact search over its vectors.

    Attributes:
        encoder: By number of threads.
        passages: The encoder's vectors of the real passages.
    """

    name: str
    kind: Kind
    model: str | None
    precision: str | None
    vectors: str
    encoder: Callable[[int], Encoder]
    passages: NDArray[np.float32]
    library: str = "cslir"
    depth: int = DEPTH

    def stages(self, growth: Growth, threads: int) -> Stages:
        """Tokenise, encode and search."""
        index = self._index(growth)
        search = ("search", lambda queries: index.search(queries, self.depth, threads=threads))
        return [*self.encoder(threads).query_stages(), search]

    def _index(self, growth: Growth) -> VectorIndex:
        # Precisions of one model differ in the last digits: over grown collections, which measure time
        # alone, they share the vectors of the first.
        key = (self.name,) if growth.real else (str(self.model), self.vectors)

        def build() -> VectorIndex:
            return VectorIndex.build(growth.vectors(self.passages), dtype=self.vectors)  # type: ignore[arg-type]

        index: VectorIndex = growth.once(key, build)
        return index


@dataclass
class RerankedSystem:
    """A dense system whose first candidates a cross-encoder reranks.

    Attributes:
        first: Retrieves `rerank_depth` candidates.
        scorer: The cross-encoder, by number of threads.
    """

    name: str
    first: DenseSystem
    scorer: Callable[[int], Scorer]
    reranker: str
    kind: Kind = "reranked"
    library: str = "cslir"
    model: str | None = field(init=False)
    precision: str | None = field(init=False)
    vectors: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.model, self.precision = self.first.model, self.first.precision
        self.vectors = self.first.vectors

    def stages(self, growth: Growth, threads: int) -> Stages:
        """Tokenise, encode, search and rerank; a copy of a passage has the text of the passage."""
        scorer = self.scorer(threads)
        passages = growth.collection.passages
        asked: list[str] = []

        def remember(texts: list[str]) -> list[str]:
            asked[:] = texts
            return texts

        def rerank(answer: Answer) -> Answer:
            rows = answer[1]
            pairs = [
                (text, passages[row % len(passages)].full_text)
                for text, its_rows in zip(asked, rows.tolist(), strict=True)
                for row in its_rows
            ]
            scores = scorer.score(pairs).reshape(rows.shape)
            order = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
            return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

        (name, first), *others = self.first.stages(growth, threads)
        return [(name, lambda texts: first(remember(texts))), *others, ("rerank", rerank)]


def set_threads(threads: int) -> None:
    """Let every library that is loaded compute on so many threads from now on.

    onnxruntime's sessions and cslir's search are given their threads where they are made.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "faiss" in sys.modules:
        sys.modules["faiss"].omp_set_num_threads(threads)
