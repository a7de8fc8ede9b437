"""The cross-encoder: a transformer that reads a query and a passage together and scores the pair."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError, MissingExtraError, UnknownNameError
from cslir.models import Device, without_pytorch
from cslir.models.batches import BATCH_TOKENS, length_batches
from cslir.models.folders import CROSS_ENCODERS, require_kind, require_readable
from cslir.models.onnx_network import OnnxNetwork, OnnxPrecision, converted_network
from cslir.models.text_limits import cut

if TYPE_CHECKING:
    import sentence_transformers

__all__ = ["MAX_LENGTH", "CrossEncoder", "OnnxCrossEncoder", "Scorer", "load_cross_encoder"]

MAX_LENGTH = 256
"""Tokens of a pair that are read, query first: longer passages are cut."""

Progress = Callable[[int, int], None]
_ONE_SCORE = "use a cross-encoder with one output, the relevance"


class Scorer(Protocol):
    """What reranking needs of a cross-encoder."""

    def score(
        self, pairs: Sequence[tuple[str, str]], *, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the relevance of each (query, passage), shape (pairs,).

        It is what the model gives before the logistic function, positive or negative without bounds.
        `progress` is called with (pairs done, pairs in all).
        """


def load_cross_encoder(
    name: str, precision: str = "float32", *, threads: int | None = None, device: Device = "cpu"
) -> Scorer:
    """Open a cross-encoder.

    Args:
        name: A folder or hub id of a sentence-transformers `CrossEncoder` or a Hugging Face sequence
            classifier with one output.
        precision: As for `load_encoder`.
        threads: Of onnxruntime; one per core if None.
        device: Where PyTorch computes; onnxruntime always uses the CPU.

    Raises:
        InputError: There is no such model or device, it is no cross-encoder with one output, or it can't be
            had in that precision.
    """
    from cslir.models import PRECISIONS
    from cslir.models.resolve import resolve_model

    if precision not in PRECISIONS:
        raise UnknownNameError(f"no precision {precision!r}", remedy=f"choose among {', '.join(PRECISIONS)}")
    folder = resolve_model(name, CROSS_ENCODERS)
    if precision == "onnx-float32" or precision == "onnx-int8":
        return OnnxCrossEncoder.open(folder, precision, threads=threads)
    return CrossEncoder.open(folder, device=device)


class CrossEncoder:
    """Scores pairs with sentence-transformers."""

    def __init__(self, model: "sentence_transformers.CrossEncoder") -> None:
        self._model = model

    @classmethod
    def open(cls, folder: Path, *, max_length: int = MAX_LENGTH, device: Device = "cpu") -> "CrossEncoder":
        """Open a model folder.

        Raises:
            InputError: The library or the device is missing, or the folder holds no cross-encoder with one
                output.
        """
        require_kind(folder, CROSS_ENCODERS)
        require_readable(folder)
        try:
            import sentence_transformers
        except ImportError:
            raise MissingExtraError(
                "a cross-encoder in PyTorch needs sentence-transformers",
                name="sentence_transformers",
                remedy=without_pytorch("reranker_precision"),
            ) from None
        from cslir.models.bi_encoder import load_quietly

        model = load_quietly(sentence_transformers.CrossEncoder, folder, device)
        if model.num_labels != 1:
            raise InputError(f"gives {model.num_labels} outputs a pair", path=folder, remedy=_ONE_SCORE)
        model.max_length = min(max_length, model.max_length or max_length)
        return cls(model)

    def score(
        self, pairs: Sequence[tuple[str, str]], *, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the relevance of each pair; see `Scorer`."""
        import torch

        scores = np.empty(len(pairs), dtype=np.float32)
        # The logistic function, which most models end with, makes equal scores of high ones: it rounds to 1.
        logits = torch.nn.Identity()
        # Lengths in characters order texts nearly as tokens would.
        batches = length_batches([len(query) + len(passage) for query, passage in pairs], 4 * BATCH_TOKENS)
        done = 0
        for rows in batches:
            scores[rows] = self._model.predict(
                [_cut(pairs[row], self._model.max_length) for row in rows],
                batch_size=len(rows),
                show_progress_bar=False,
                activation_fn=logits,
            )
            done += len(rows)
            if progress is not None:
                progress(done, len(pairs))
        return scores


class OnnxCrossEncoder:
    """Scores pairs with a converted model."""

    def __init__(self, network: OnnxNetwork, *, max_length: int = MAX_LENGTH) -> None:
        self._network = network
        self._tokenizer = network.tokenizer
        self._tokenizer.no_padding()
        self._max_length = min(max_length, network.settings.max_length)
        self._tokenizer.enable_truncation(self._max_length, strategy="longest_first")

    @classmethod
    def open(
        cls, folder: Path, precision: OnnxPrecision, *, threads: int | None = None
    ) -> "OnnxCrossEncoder":
        """Open a model folder, converted on first use.

        Raises:
            InputError: A package is missing, or the model is no cross-encoder that can be converted.
        """
        require_kind(folder, CROSS_ENCODERS)
        network = OnnxNetwork.open(converted_network(folder, precision), threads=threads)
        if network.settings.labels != 1:
            raise InputError(
                f"gives {network.settings.labels} outputs a pair", path=folder, remedy=_ONE_SCORE
            )
        return cls(network)

    def score(
        self, pairs: Sequence[tuple[str, str]], *, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the relevance of each pair; see `Scorer`."""
        encodings = self._tokenizer.encode_batch([_cut(pair, self._max_length) for pair in pairs])
        scores = np.empty(len(pairs), dtype=np.float32)
        done = 0
        for rows in length_batches([len(one.ids) for one in encodings], BATCH_TOKENS):
            ids, types = [encodings[row].ids for row in rows], [encodings[row].type_ids for row in rows]
            scores[rows] = self._network.run(ids, types)[:, 0]
            done += len(rows)
            if progress is not None:
                progress(done, len(pairs))
        return scores


def _cut(pair: tuple[str, str], max_length: int) -> tuple[str, str]:
    query, passage = cut(pair, max_length)
    return query, passage
