"""The static encoder: one vector per token, summed and normalised. Needs neither PyTorch nor a GPU.

The folder is a sentence-transformers one (`SentenceTransformer(path)` loads it as `StaticEmbedding` and
`Normalize`: the mean it takes and our sum have the same direction), with the settings of its training in
`static_encoder.json` beside. The token table is memory-mapped, so opening costs the tokenizer alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import cslir
from cslir import _core
from cslir.errors import InputError
from cslir.models.folders import STATIC_CONFIGURATION, TRAINING_RECORD, model_kind
from cslir.outputs import replace_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["FORMAT_VERSION", "StaticEncoder"]

FORMAT_VERSION = 1
_TABLE = "embedding.weight"
_MODULE = "0_StaticEmbedding"
_MEANS = "language_means.safetensors"
_MODULES = [
    {"idx": 0, "name": "0", "path": _MODULE, "type": "sentence_transformers.models.StaticEmbedding"},
    {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
]
_REMEDY = "make the model again with `cslir train`"


@dataclass(frozen=True)
class StaticEncoder:
    """A table of token vectors with its tokenizer.

    An embedding is the normalised sum of the rows of a text's tokens:
    e(t) = s / |s| with s = sum of table[i] over the token ids i of t. A text without tokens is all zeros.
    """

    table: NDArray[np.float32]
    """Shape (vocabulary, dimension); each row already multiplied by its token's weight."""
    tokenizer: "Tokenizer"
    languages: tuple[str, ...] = ()
    """Languages whose texts chose the vocabulary."""
    language_means: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Mean embedding by language, shape (dimension,); empty unless they were stored."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: base encoder, arm, seed, and the rest of the training's settings."""

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.table.shape[1])

    @classmethod
    def open(cls, folder: Path) -> "StaticEncoder":
        """Open a folder that `save` wrote; the table is mapped, not read.

        Raises:
            InputError: The folder is missing or holds no static encoder, or a file of it is corrupt.
        """
        from tokenizers import Tokenizer

        if not (folder / STATIC_CONFIGURATION).is_file():
            kind = model_kind(folder)
            raise InputError(f"holds a {kind} model, not a static encoder", path=folder)
        settings = _read_settings(folder / STATIC_CONFIGURATION)
        path = folder / _MODULE / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_buffer(path.read_bytes())
        except Exception as error:  # the tokenizers library raises nothing narrower
            raise InputError(f"can't be read ({error})", path=path, remedy=_REMEDY) from None
        means = folder / _MEANS
        encoder = cls(
            table=_map_table(folder / _MODULE / "model.safetensors"),
            tokenizer=tokenizer,
            languages=tuple(settings["languages"]),
            language_means=_read_means(means) if means.is_file() else {},
            configuration=settings["configuration"],
        )
        if encoder.tokenizer.get_vocab_size() > len(encoder.table):
            raise InputError("the tokenizer has more tokens than the table rows", path=folder, remedy=_REMEDY)
        return encoder

    def tokenize(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return the token ids of all texts, flat, and where each text begins.

        Returns:
            Ids of shape (tokens,) and offsets of shape (texts + 1,): text n has the ids
            `ids[offsets[n] : offsets[n + 1]]`.
        """
        encodings = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        ids = [encoding.ids for encoding in encodings]
        offsets = np.fromiter(accumulate(map(len, ids), initial=0), dtype=np.int64, count=len(ids) + 1)
        flat = np.fromiter(chain.from_iterable(ids), dtype=np.uint32, count=int(offsets[-1]))
        return flat, offsets

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of texts, shape (texts, dimension), each of length 1 (0 without tokens)."""
        token_ids, offsets = self.tokenize(texts)
        return _core.pool_tokens(self.table, token_ids, offsets)

    def query_stages(self) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        """Return the stages from a list of queries to their vectors, (queries, dimension), by name."""
        return (
            ("tokenise", self.tokenize),
            ("encode", lambda tokens: _core.pool_tokens(self.table, *tokens)),
        )

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of queries; a static encoder has no prefixes."""
        return self.encode(texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of passages; a static encoder has no prefixes."""
        return self.encode(texts)

    def save(self, folder: Path, *, training_record: bytes | None = None) -> None:
        """Write the encoder's folder, whole or not at all.

        Args:
            folder: Made, or replaced if it holds a model.
            training_record: A file to keep with it; see `training.record`.

        Raises:
            InputError: `folder` holds something else than a model that cslir trained.
        """
        from safetensors.numpy import save_file

        settings = {
            "format_version": FORMAT_VERSION,
            "cslir_version": cslir.__version__,
            "vocabulary": len(self.table),
            "dimension": self.dimension,
            "languages": list(self.languages),
            "configuration": dict(self.configuration),
        }
        with replace_folder(folder, "model") as work:
            (work / _MODULE).mkdir()
            (work / "1_Normalize").mkdir()
            (work / _MODULE / "tokenizer.json").write_text(self.tokenizer.to_str(), encoding="utf-8")
            table = np.ascontiguousarray(self.table, dtype=np.float32)
            save_file({_TABLE: table}, work / _MODULE / "model.safetensors")
            if self.language_means:
                save_file(dict(self.language_means), work / _MEANS)
            _write_json(work / "modules.json", _MODULES)
            _write_json(work / "1_Normalize" / "config.json", {})
            _write_json(work / "config_sentence_transformers.json", {"similarity_fn_name": "cosine"})
            _write_json(work / STATIC_CONFIGURATION, settings)
            if training_record is not None:
                (work / TRAINING_RECORD).write_bytes(training_record)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        version = settings["format_version"]
        if not isinstance(settings["languages"], list) or not isinstance(settings["configuration"], dict):
            raise TypeError("languages must be a list and configuration an object")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"not a static encoder's settings ({error})", path=path, remedy=_REMEDY) from None
    if version != FORMAT_VERSION:
        raise InputError(
            f"format {version} is not known here ({FORMAT_VERSION} is)", path=path, remedy=_REMEDY
        )
    return dict(settings)


def _map_table(path: Path) -> NDArray[np.float32]:
    """Map the one tensor of a safetensors file: 8 bytes of header length, a JSON header, the values."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, size)))
        entry = header[_TABLE]
        rows, dimension = entry["shape"]
        start, end = entry["data_offsets"]
        if entry["dtype"] != "F32" or start < 0 or end - start != 4 * rows * dimension:
            raise ValueError("the table must be of 32-bit floats")
        if 8 + length + end > size:
            raise ValueError("the file is cut short")
        if rows * dimension == 0:
            raise ValueError("the table is empty")
        mapped = np.memmap(path, dtype="<f4", mode="r", offset=8 + length + start, shape=(rows, dimension))
        return np.asarray(mapped)  # a plain array of the same memory costs each call less
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"not a token table ({error})", path=path, remedy=_REMEDY) from None


def _read_means(path: Path) -> dict[str, NDArray[np.float32]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InputError(f"can't be read ({error})", path=path, remedy=_REMEDY) from None
