"""What people use today, timed in the same process: sentence-transformers with faiss, and BM25 (bm25s)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cslir.diagnosis import extra_of
from cslir.errors import MissingExtraError
from cslir.evaluation.latency import Stages
from cslir.latency.systems import DEPTH, NONE, Answer, Growth, Kind
from cslir.shell import pip_command

__all__ = ["Bm25System", "SentenceTransformersSystem", "require_peers"]

_DROPPED = 0.1
"""Share of the tokens that a noisy copy of a passage lacks."""


def require_peers() -> None:
    """Refuse to start where a peer is not installed.

    Raises:
        InputError: Names what is missing.
    """
    from importlib.util import find_spec

    for module in ("bm25s", "faiss", "sentence_transformers"):
        if find_spec(module) is None:
            raise MissingExtraError(
                f"`peers` needs {module}", name=module, remedy=pip_command(extra_of(module) or module)
            )


@dataclass
class SentenceTransformersSystem:
    """`SentenceTransformer.encode` and faiss's `IndexFlatIP`, both as their documentation shows them.

    Attributes:
        folder: The model's.
        passages: Vectors of the real passages, as our own encoder made them.
    """

    name: str
    kind: Kind
    model: str | None
    folder: Path
    passages: NDArray[np.float32]
    library: str = "sentence-transformers + faiss"
    precision: str | None = "float32"
    vectors: str | None = "float32"

    def __post_init__(self) -> None:
        from cslir.models.bi_encoder import load_sentence_transformer
        from cslir.models.folders import ENCODERS
        from cslir.models.settings import EncoderSettings

        self._encoder = load_sentence_transformer(self.folder, "cpu", kinds=ENCODERS)
        settings = EncoderSettings.read(self.folder)
        self.options: dict[str, Any] = {
            "prompt": settings.query_prompt,
            "normalize_embeddings": settings.similarity == "cosine",
            "show_progress_bar": False,
        }
        """Those of `SentenceTransformer.encode` for queries."""

    def stages(self, growth: Growth, threads: int) -> Stages:
        """Encode, which tokenises, and search."""
        import faiss

        def build() -> Any:  # noqa: ANN401
            index = faiss.IndexFlatIP(self.passages.shape[1])
            index.add(growth.vectors(self.passages))
            return index

        index = growth.once(("faiss", str(self.model)), build)

        def encode(texts: list[str]) -> NDArray[np.float32]:
            vectors: NDArray[np.float32] = self._encoder.encode(texts, **self.options)
            return vectors

        return [("encode", encode), ("search", lambda queries: index.search(queries, DEPTH))]


@dataclass
class Bm25System:
    """Lexical search by bm25s (method `lucene`): lower-cased words, no stop words, no stemming."""

    name: str = "BM25"
    kind: Kind = "bm25"
    model: str | None = None
    library: str = "bm25s"
    precision: str | None = None
    vectors: str | None = None

    def stages(self, growth: Growth, threads: int) -> Stages:
        """Tokenise and search; bm25s computes on one thread."""
        retriever = growth.once(("bm25",), lambda: _bm25(growth))
        depth = min(DEPTH, growth.rows)

        def search(tokens: list[list[str]]) -> Answer:
            known = [[token for token in its if token in retriever.vocab_dict] for its in tokens]
            scores = np.zeros((len(tokens), depth), dtype=np.float32)
            rows = np.full((len(tokens), depth), NONE, dtype=np.int64)
            # bm25s refuses a query without any known word, and fills up with passages without any.
            asked = [number for number, its in enumerate(known) if its]
            if asked:
                found, its_scores = retriever.retrieve(
                    [known[number] for number in asked], k=depth, show_progress=False
                )
                scores[asked], rows[asked] = its_scores, np.where(its_scores > 0, found, NONE)
            return scores, rows

        return [("tokenise", _words), ("search", search)]


def _words(texts: list[str]) -> list[list[str]]:
    import bm25s

    words: list[list[str]] = bm25s.tokenize(
        texts, stopwords=None, return_ids=False, show_progress=False, allow_empty=False
    )
    return words


def _bm25(growth: Growth) -> Any:  # noqa: ANN401
    """Index the passages and, beyond the real ones, copies of them that lack a tenth of their tokens."""
    import bm25s

    real = _words([passage.full_text for passage in growth.collection.passages])
    random = np.random.default_rng(growth.seed)
    corpus = list(real)
    while len(corpus) < growth.rows:
        words = real[len(corpus) % len(real)]
        kept = random.random(len(words)) >= _DROPPED
        corpus.append([word for word, keep in zip(words, kept, strict=True) if keep] or words)
    retriever = bm25s.BM25()
    retriever.index(corpus, show_progress=False)
    return retriever
