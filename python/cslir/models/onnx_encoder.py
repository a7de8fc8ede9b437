"""The bi-encoder in onnxruntime: the same embeddings as PyTorch's, several times faster on a CPU."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cslir.models.batches import BATCH_TOKENS, length_batches
from cslir.models.folders import BASES, require_kind
from cslir.models.language_means import read_language_means
from cslir.models.onnx_network import OnnxNetwork, OnnxPrecision, converted_network
from cslir.models.settings import TextKind
from cslir.models.text_limits import cut, refuse_one_text

__all__ = ["OnnxEncoder"]


class OnnxEncoder:
    """Encodes texts with a converted model, in batches of texts of nearly equal length."""

    def __init__(self, network: OnnxNetwork, *, max_length: int | None = None) -> None:
        self._network = network
        self.settings = network.encoder
        """Prompts and similarity."""
        limit = network.settings.max_length
        self.max_length = limit if max_length is None else min(max_length, limit)
        """Longest input in tokens, prefix and sentence marks included."""
        self.language_means: Mapping[str, NDArray[np.float32]] = {}
        """Mean vector by language, as the model's folder holds them; empty without any."""
        self.folder: Path | None = None
        """Where it was opened, for what notes the model."""
        self.precision: OnnxPrecision = "onnx-float32"
        self._tokenizer = network.tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_length)

    @classmethod
    def open(
        cls,
        folder: Path,
        precision: OnnxPrecision,
        *,
        threads: int | None = None,
        max_length: int | None = None,
    ) -> "OnnxEncoder":
        """Open a model folder, converted on first use.

        Args:
            folder: A sentence-transformers or Hugging Face model.
            precision: What to compute in.
            threads: For one batch; one per core if None.
            max_length: Truncate to so many tokens; the model's own limit if None.

        Raises:
            InputError: A package is missing, or the model makes no vector of a text or can't be converted.
        """
        require_kind(folder, BASES)
        network = OnnxNetwork.open(converted_network(folder, precision), threads=threads)
        encoder = cls(network, max_length=max_length)
        encoder.language_means = read_language_means(folder, encoder.dimension)
        encoder.folder, encoder.precision = folder, precision
        return encoder

    def __repr__(self) -> str:
        return f"<OnnxEncoder in {self.precision}, {self.dimension} dimensions>"

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        width = int(self._network.words.shape[1])
        return width if self.settings.dimension is None else min(width, self.settings.dimension)

    def tokenize(self, texts: Sequence[str], kind: TextKind) -> list[list[int]]:
        """Return the token ids of each text, with prefix and sentence marks, truncated."""
        refuse_one_text(texts)
        prompt = self.settings.prompt(kind)
        prompted = cut((prompt + text for text in texts), self.max_length)
        if len(texts) == 1:  # a batch would wake the library's threads
            return [self._tokenizer.encode(prompted[0]).ids]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(prompted)]

    def encode(
        self, texts: Sequence[str], kind: TextKind, *, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return the embeddings of texts.

        Args:
            texts: Texts without prefixes; the model's prompt for `kind` is put before each.
            kind: `query` or `passage`.
            progress: Called with (texts done, texts in all) after every batch.

        Returns:
            Shape (texts, dimension), in the order of `texts`; rows have length 1 unless the similarity of the
            model is the dot product.

        Raises:
            InputError: `texts` is one text.
        """
        return self._encode_ids(self.tokenize(texts, kind), progress)

    def _encode_ids(
        self, ids: Sequence[Sequence[int]], progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        embeddings = np.empty((len(ids), self.dimension), dtype=np.float32)
        done = 0
        for rows in length_batches([len(row) for row in ids], BATCH_TOKENS):
            embeddings[rows] = self._network.run([ids[row] for row in rows])[:, : self.settings.dimension]
            done += len(rows)
            if progress is not None:
                progress(done, len(ids))
        if self.settings.dimension is not None and self.settings.similarity == "cosine":
            lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
            embeddings /= np.maximum(lengths, np.finfo(np.float32).tiny)
        return embeddings

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of queries, as `encode` does."""
        return self.encode(texts, "query")

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of passages, as `encode` does."""
        return self.encode(texts, "passage")

    def query_stages(self) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        """Return the stages from a list of queries to their vectors, (queries, dimension), by name."""
        return ("tokenise", lambda texts: self.tokenize(texts, "query")), ("encode", self._encode_ids)
