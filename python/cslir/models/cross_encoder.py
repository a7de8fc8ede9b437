"""The cross-encoder: a transformer that reads a query and a passage together and scores the pair."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError
from cslir.models import Device
from cslir.models.batches import BATCH_TOKENS, length_batches
from cslir.models.onnx_network import OnnxNetwork, OnnxPrecision, converted_network

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
        InputError: There is no such model or device, it has no classification head with one output, or it
            can't be had in that precision.
    """
    from cslir.models import PRECISIONS
    from cslir.models.resolve import resolve_model

    if precision not in PRECISIONS:
        raise InputError(f"no precision {precision!r}", remedy=f"choose among {', '.join(PRECISIONS)}")
    folder = resolve_model(name)
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
        from cslir.models.bi_encoder import require_device
        from cslir.models.folders import require_classifier

        require_classifier(folder)
        try:
            import sentence_transformers
        except ImportError:
            raise InputError(
                "a cross-encoder needs sentence-transformers", remedy="pip install 'cslir[train]'"
            ) from None
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
        try:
            # The folder may come from a stranger: what its files name is not fetched.
            model = sentence_transformers.CrossEncoder(
                str(folder), device=require_device(device), local_files_only=True
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise InputError(
                f"can't be loaded ({error})", path=folder, remedy="fetch or make the model again"
            ) from None
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
                [pairs[row] for row in rows],
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
        limit = min(max_length, int(network.settings["max_length"]))
        self._tokenizer.enable_truncation(limit, strategy="longest_first")

    @classmethod
    def open(
        cls, folder: Path, precision: OnnxPrecision, *, threads: int | None = None
    ) -> "OnnxCrossEncoder":
        """Open a model folder, converted on first use.

        Raises:
            InputError: A package is missing, or the model is no cross-encoder that can be converted.
        """
        from cslir.models.folders import require_classifier

        require_classifier(folder)
        network = OnnxNetwork.open(converted_network(folder, precision), threads=threads)
        if network.settings["labels"] != 1:
            outputs = network.settings["labels"]
            raise InputError(f"gives {outputs} outputs a pair", path=folder, remedy=_ONE_SCORE)
        return cls(network)

    def score(
        self, pairs: Sequence[tuple[str, str]], *, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the relevance of each pair; see `Scorer`."""
        encodings = self._tokenizer.encode_batch(list(pairs))
        scores = np.empty(len(pairs), dtype=np.float32)
        done = 0
        for rows in length_batches([len(one.ids) for one in encodings], BATCH_TOKENS):
            ids, types = [encodings[row].ids for row in rows], [encodings[row].type_ids for row in rows]
            scores[rows] = self._network.run(ids, types)[:, 0]
            done += len(rows)
            if progress is not None:
                progress(done, len(pairs))
        return scores
