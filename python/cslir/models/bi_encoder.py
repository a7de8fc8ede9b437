"""The bi-encoder: a sentence-transformers model that encodes queries and passages separately."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cslir.errors import DamagedFileError, InputError, MissingExtraError, UnknownNameError
from cslir.models import Device, without_pytorch
from cslir.models.batches import BATCH_TOKENS, length_batches
from cslir.models.folders import BASES, MODEL_REMEDY, ModelKind, require_kind, require_readable
from cslir.models.language_means import MEANS_FILE, read_language_means
from cslir.models.settings import EncoderSettings, TextKind
from cslir.models.text_limits import cut, refuse_one_text

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["BiEncoder", "load_quietly", "load_sentence_transformer", "require_device"]

Progress = Callable[[int, int], None]


def require_device(device: Device) -> str | None:
    """Return what sentence-transformers takes for a device, None for its own choice.

    Raises:
        InputError: This machine has no such device, or PyTorch was built without it.
    """
    import torch

    missing = (device == "cuda" and not torch.cuda.is_available()) or (
        device == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise UnknownNameError(
            f"PyTorch finds no device {device!r} here", remedy="leave `device` out, or name cpu"
        )
    return None if device == "auto" else device


def load_sentence_transformer(
    folder: Path, device: Device, *, kinds: frozenset[ModelKind] = BASES
) -> "SentenceTransformer":
    """Load a model folder with sentence-transformers.

    Args:
        folder: A sentence-transformers or Hugging Face model.
        device: Where it computes.
        kinds: What it may hold.

    Raises:
        InputError: The library or the device is missing, the folder holds a model of another kind, none that
            can be loaded, or a damaged file.
    """
    require_kind(folder, kinds)
    require_readable(folder)
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtraError(
            "an encoder in PyTorch needs sentence-transformers",
            name="sentence_transformers",
            remedy=without_pytorch("precision"),
        ) from None
    return load_quietly(SentenceTransformer, folder, device)


Model = TypeVar("Model")


def load_quietly(
    kind: Callable[..., Model],
    folder: Path,
    device: Device,
    **options: Any,  # noqa: ANN401
) -> Model:
    """Load a folder as a class of sentence-transformers, without its messages.

    Args:
        kind: `SentenceTransformer` or `CrossEncoder`.
        folder: The model's.
        device: Where it computes.
        options: Further ones of the class.

    Raises:
        InputError: The device is missing, or the class can't load the folder.
    """
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
    where = require_device(device)
    try:
        # The folder may come from a stranger: what its files name is not fetched.
        model = kind(str(folder), device=where, local_files_only=True, **options)
    except UnpicklingError:
        raise InputError(
            "holds weights in Python's pickle format with other objects among them; since these could run"
            " any program, nothing was loaded",
            path=next(iter(sorted(folder.rglob("*.bin"))), folder),
            remedy="use a copy of the model with weights in safetensors",
        ) from None
    except Exception as error:  # a damaged file raises whatever the library that reads it chooses
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DamagedFileError(f"can't be loaded ({reason})", path=folder, remedy=MODEL_REMEDY) from None
    _require_tokenizer(model, folder)
    return model


def _require_tokenizer(model: Any, folder: Path) -> None:  # noqa: ANN401
    """Refuse a model whose tokenizer fails on a word that is not in its vocabulary."""
    if not callable(model.tokenizer):  # a token table's
        return
    try:
        model.tokenizer("\N{REPLACEMENT CHARACTER}\N{SNOWMAN}")
    except Exception as error:  # as above
        reason = f"its tokenizer fails ({error})"
        # Without its settings another kind of tokenizer is made of the vocabulary.
        if not (settings := folder / "tokenizer_config.json").is_file():
            raise DamagedFileError(
                f"is no file, and without it {reason}", path=settings, remedy=MODEL_REMEDY
            ) from None
        raise DamagedFileError(reason, path=folder, remedy=MODEL_REMEDY) from None


class BiEncoder:
    """Encodes texts with a sentence-transformers model, in batches of texts of nearly equal length."""

    def __init__(
        self, model: "SentenceTransformer", settings: EncoderSettings, *, max_length: int | None = None
    ) -> None:
        self._model = model.eval()
        self.settings = settings
        """Prompts and similarity."""
        limit = int(model.max_seq_length or 512)
        self.max_length = limit if max_length is None else min(max_length, limit)
        """Longest input in tokens, prefix and sentence marks included."""
        self.language_means: Mapping[str, NDArray[np.float32]] = {}
        """Mean vector by language, as the model's folder holds them; empty without any."""
        self.folder: Path | None = None
        """Where it was opened, for what notes the model."""

    @classmethod
    def open(cls, folder: Path, *, device: Device = "cpu", max_length: int | None = None) -> "BiEncoder":
        """Open a model folder.

        Args:
            folder: A sentence-transformers or Hugging Face model.
            device: Where it computes.
            max_length: Truncate to so many tokens; the model's own limit if None.

        Raises:
            InputError: The library or the device is missing, or the folder holds no model it can load.
        """
        model = load_sentence_transformer(folder, device)
        if not hasattr(model[0], "auto_model"):
            raise InputError(
                f"begins with a {type(model[0]).__name__}, a transformer is needed",
                path=folder,
                remedy="name another model",
            )
        encoder = cls(model, EncoderSettings.read(folder), max_length=max_length)
        if (folder / MEANS_FILE).exists():
            encoder.language_means = read_language_means(folder, encoder.dimension)
        encoder.folder = folder
        return encoder

    def __repr__(self) -> str:
        return f"<BiEncoder of up to {self.max_length} tokens a text>"

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.encode([""], "query").shape[1])

    def encode(
        self,
        texts: Sequence[str],
        kind: TextKind,
        *,
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        bfloat16: bool = False,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Return the embeddings of texts.

        Args:
            texts: Texts without prefixes; the model's prompt for `kind` is put before each.
            kind: `query` or `passage`.
            max_length: Truncate to so many tokens; by default and at most the encoder's `max_length`.
            batch_tokens: Tokens of a batch, padding included.
            bfloat16: Compute matrix products in bfloat16: faster where the CPU has instructions for it,
                slower elsewhere, and embeddings differ in the third digit.
            progress: Called with (texts done, texts in all) after every batch.

        Returns:
            Shape (texts, dimension), in the order of `texts`; rows have length 1 unless the similarity of the
            model is the dot product.

        Raises:
            InputError: `texts` is one text.
        """
        import torch

        embeddings: NDArray[np.float32] | None = None
        done = 0
        batches = self._forward(texts, kind, max_length, batch_tokens, bfloat16=bfloat16)
        with torch.inference_mode():
            for rows, output in batches:
                vectors = self._vectors(output)
                if embeddings is None:
                    embeddings = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
                embeddings[rows] = vectors
                done += len(rows)
                if progress is not None:
                    progress(done, len(texts))
        return np.empty((0, self.dimension), dtype=np.float32) if embeddings is None else embeddings

    def token_states(
        self,
        texts: Sequence[str],
        kind: TextKind,
        *,
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        progress: Progress | None = None,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield the last layer's states batch by batch: token ids (tokens,) and states (tokens, dimension).

        Prefixes and sentence marks are among the tokens, padding is not. Arguments as for `encode`.
        """
        done = 0
        for rows, output in self._forward(texts, kind, max_length, batch_tokens, bfloat16=False):
            mask = output["attention_mask"].bool()
            ids, states = output["input_ids"][mask], output["token_embeddings"][mask]
            done += len(rows)
            yield ids.cpu().numpy(), states.float().cpu().numpy()
            if progress is not None:
                progress(done, len(texts))

    def _forward(
        self,
        texts: Sequence[str],
        kind: TextKind,
        max_length: int | None,
        batch_tokens: int,
        *,
        bfloat16: bool,
    ) -> Iterator[tuple[list[int], dict[str, Any]]]:
        """Yield rows of `texts` and the model's output for them, long texts first."""
        import torch

        ids = self.tokenize(texts, kind, max_length=max_length)
        for rows in length_batches([len(row) for row in ids], batch_tokens):
            features = self._features([ids[row] for row in rows], kind)
            with (
                torch.inference_mode(),
                torch.autocast(self._model.device.type, torch.bfloat16, enabled=bfloat16),
            ):
                output = self._model(dict(features))
            yield rows, features | output

    def encode_queries(
        self, texts: Sequence[str], *, max_length: int | None = None, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the embeddings of queries, as `encode` does."""
        return self.encode(texts, "query", max_length=max_length, progress=progress)

    def encode_passages(
        self, texts: Sequence[str], *, max_length: int | None = None, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Return the embeddings of passages, as `encode` does."""
        return self.encode(texts, "passage", max_length=max_length, progress=progress)

    def query_stages(self) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        """Return the stages from a list of queries to their vectors, (queries, dimension), by name."""
        import torch

        def encode(ids: list[list[int]]) -> NDArray[np.float32]:
            with torch.inference_mode():
                return self._vectors(self._model(self._features(ids, "query")))

        return ("tokenise", lambda texts: self.tokenize(texts, "query")), ("encode", encode)

    def tokenize(
        self, texts: Sequence[str], kind: TextKind, *, max_length: int | None = None
    ) -> list[list[int]]:
        """Return the token ids of each text, with prefix and sentence marks, truncated as by `encode`."""
        refuse_one_text(texts)
        if not texts:
            return []
        length = min(max_length or self.max_length, self.max_length)
        prompt = self.settings.prompt(kind)
        encoded = self._model.tokenizer(
            cut((prompt + text for text in texts), length),
            truncation=True,
            max_length=length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        rows: list[list[int]] = encoded["input_ids"]
        return rows

    def _vectors(self, output: Mapping[str, Any]) -> NDArray[np.float32]:
        """Return the embeddings of a batch, as the settings want them."""
        from torch.nn import functional

        vectors = output["sentence_embedding"].float()[:, : self.settings.dimension]
        if self.settings.similarity == "cosine":
            vectors = functional.normalize(vectors, dim=1)
        found: NDArray[np.float32] = vectors.cpu().numpy()
        return found

    def _prompt_length(self, kind: TextKind) -> int:
        """Return how many tokens the prompt for a kind has, the mark at a text's beginning included."""
        ids: list[int] = self._model.tokenizer(self.settings.prompt(kind))["input_ids"]
        return len(ids) - (bool(ids) and ids[-1] in self._model.tokenizer.all_special_ids)

    def _features(self, rows: Sequence[Sequence[int]], kind: TextKind) -> dict[str, Any]:
        """Pad token ids, where the model is; some models leave the prompt out of their pooling."""
        import torch

        longest = max(map(len, rows))
        ids = np.full((len(rows), longest), self._model.tokenizer.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        arrays = {"input_ids": ids, "attention_mask": mask}
        features: dict[str, Any] = {
            name: torch.from_numpy(array).to(self._model.device) for name, array in arrays.items()
        }
        if self.settings.prompt(kind) and not all(
            getattr(one, "include_prompt", True) for one in self._model
        ):
            features["prompt_length"] = self._prompt_length(kind)
        return features
