"""The static encoder: one vector per token, summed and normalised. Needs neither PyTorch nor a GPU.

The folder is a sentence-transformers one (`SentenceTransformer(path)` loads it as `StaticEmbedding` and
`Normalize`: the mean it takes and our sum have the same direction). What `cslir train` makes has the settings
of its training in `static_encoder.json` beside; any other model of a `StaticEmbedding` opens without. The
token table is memory-mapped, so opening costs the tokenizer alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import cslir
from cslir import _core
from cslir.errors import DamagedFileError, InputError, MissingFileError
from cslir.json_values import decode_json
from cslir.models.folders import (
    MODULES,
    STATIC_CONFIGURATION,
    STATIC_ENCODERS,
    TRAINING_RECORD,
    read_modules,
    read_object,
    require_kind,
)
from cslir.models.language_means import MEANS_FILE, read_language_means
from cslir.models.settings import EncoderSettings, TextKind
from cslir.models.text_limits import cut, refuse_one_text
from cslir.outputs import replace_folder
from cslir.plurals import count_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["FORMAT_VERSION", "StaticEncoder"]

FORMAT_VERSION = 1
_TABLE = "embedding.weight"
_MODULE = "0_StaticEmbedding"
_NORMALIZE = "1_Normalize"
_MODULES = [
    {"idx": 0, "name": "0", "path": _MODULE, "type": "sentence_transformers.models.StaticEmbedding"},
    {"idx": 1, "name": "1", "path": _NORMALIZE, "type": "sentence_transformers.models.Normalize"},
]
_REMEDY = "fetch the model, or make it with `cslir train`, again"
_FOLDED = ("embeddings", "mapping", "weights")
"""Tensors of model2vec: a token's row is its mapped row of the first, times its weight."""


@dataclass(frozen=True)
class StaticEncoder:
    """A table of token vectors with its tokenizer.

    An embedding is the normalised sum of the rows of a text's tokens:
    e(t) = s / |s| with s = sum of table[i] over the token ids i of t. A text without tokens is all zeros.
    A model whose similarity is the dot product and that does not normalise has the mean of the rows instead.
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
    settings: EncoderSettings = field(default_factory=EncoderSettings)
    """Prompts and similarity."""
    normalised: bool = True
    """Whether embeddings have length 1."""
    folder: Path | None = field(default=None, compare=False)
    """Where it was opened, for what notes the model."""

    def __repr__(self) -> str:
        tokens, dimensions = count_of(len(self.table), "token"), count_of(self.dimension, "dimension")
        return f"<StaticEncoder of {tokens}, {dimensions}>"

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.table.shape[1])

    @classmethod
    def open(cls, folder: Path) -> "StaticEncoder":
        """Open a static encoder; its table is mapped, not read, where the file has it as it is used.

        Args:
            folder: One that `save` wrote, or a sentence-transformers model of a `StaticEmbedding` with or
                without `Normalize`.

        Raises:
            InputError: The folder is missing or holds no static encoder, or a file of it is corrupt.
        """
        require_kind(folder, STATIC_ENCODERS)
        own = _read_own_settings(folder / STATIC_CONFIGURATION)
        settings = EncoderSettings.read(folder)
        first, *others = read_modules(folder)
        if first.kind != "StaticEmbedding" or [one.kind for one in others] not in ([], ["Normalize"]):
            raise InputError(
                "lists other modules than a static encoder's", path=folder / MODULES, remedy=_REMEDY
            )
        table = _read_table(first.folder / "model.safetensors")
        if settings.dimension is not None:
            table = np.ascontiguousarray(table[:, : settings.dimension])
        encoder = cls(
            table=table,
            tokenizer=read_tokenizer(first.folder / "tokenizer.json"),
            languages=tuple(own["languages"]),
            language_means=read_language_means(folder, table.shape[1]),
            configuration=own["configuration"],
            settings=settings,
            normalised=settings.similarity == "cosine" or bool(others),
            folder=folder,
        )
        if encoder.tokenizer.get_vocab_size() > len(encoder.table):
            raise DamagedFileError(
                "the tokenizer has more tokens than the table rows", path=folder, remedy=_REMEDY
            )
        return encoder

    def tokenize(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return the token ids of all texts, flat, and where each text begins.

        Of a text longer than a million characters (`STATIC_CHARACTERS`) the beginning is read.

        Returns:
            Ids of shape (tokens,) and offsets of shape (texts + 1,): text n has the ids
            `ids[offsets[n] : offsets[n + 1]]`.
        """
        encodings = self.tokenizer.encode_batch_fast(cut(texts), add_special_tokens=False)
        ids = [encoding.ids for encoding in encodings]
        offsets = np.fromiter(accumulate(map(len, ids), initial=0), dtype=np.int64, count=len(ids) + 1)
        flat = np.fromiter(chain.from_iterable(ids), dtype=np.uint32, count=int(offsets[-1]))
        return flat, offsets

    def encode(self, texts: Sequence[str], kind: TextKind = "query") -> NDArray[np.float32]:
        """Return the embeddings of texts, shape (texts, dimension), zeros for a text without tokens.

        Args:
            texts: Texts without prompts; the model's for `kind` is put before each, if it has any.
            kind: `query` or `passage`.

        Raises:
            InputError: `texts` is one text.
        """
        refuse_one_text(texts)
        prompt = self.settings.prompt(kind)
        return self._pool(*self.tokenize([prompt + text for text in texts] if prompt else texts))

    def _pool(self, token_ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.normalised:
            return _core.pool_tokens(self.table, token_ids, offsets)
        means = np.zeros((len(offsets) - 1, self.dimension), dtype=np.float32)
        for row, (start, end) in enumerate(pairwise(offsets.tolist())):
            if start < end:
                means[row] = self.table[token_ids[start:end]].mean(axis=0)
        return means

    def query_stages(self) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        """Return the stages from a list of queries to their vectors, (queries, dimension), by name."""
        prompt = self.settings.query_prompt
        return (
            ("tokenise", lambda texts: self.tokenize([prompt + text for text in texts])),
            ("encode", lambda tokens: self._pool(*tokens)),
        )

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of queries; those that `cslir train` makes have no prompts."""
        return self.encode(texts, "query")

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of passages; those that `cslir train` makes have no prompts."""
        return self.encode(texts, "passage")

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
        modules = _MODULES if self.normalised else _MODULES[:1]
        with replace_folder(folder, "model") as work:
            (work / _MODULE).mkdir()
            if self.normalised:
                (work / _NORMALIZE).mkdir()
                _write_json(work / _NORMALIZE / "config.json", {})
            (work / _MODULE / "tokenizer.json").write_text(self.tokenizer.to_str(), encoding="utf-8")
            table = np.ascontiguousarray(self.table, dtype=np.float32)
            save_file({_TABLE: table}, work / _MODULE / "model.safetensors")
            if self.language_means:
                save_file(dict(self.language_means), work / MEANS_FILE)
            _write_json(work / "modules.json", modules)
            _write_json(work / "config_sentence_transformers.json", self.settings.to_json())
            _write_json(work / STATIC_CONFIGURATION, settings)
            if training_record is not None:
                (work / TRAINING_RECORD).write_bytes(training_record)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _unreadable(error: Exception, path: Path) -> InputError:
    kind = MissingFileError if isinstance(error, FileNotFoundError) else DamagedFileError
    return kind(f"can't be read ({error})", path=path, remedy=_REMEDY)


def read_tokenizer(path: Path) -> "Tokenizer":
    """Read a `tokenizer.json`; it pads nothing.

    Raises:
        InputError: It is missing or damaged.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_buffer(path.read_bytes())
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise _unreadable(error, path) from None
    tokenizer.no_padding()
    return tokenizer


def _read_own_settings(path: Path) -> dict[str, Any]:
    """Return languages and configuration; none of either where there is no such file."""
    if not path.exists():
        return {"languages": [], "configuration": {}}
    settings = read_object(path)
    version = settings.get("format_version", int).value
    if version != FORMAT_VERSION:
        raise settings.wrong(f"format {version} is not known here ({FORMAT_VERSION} is)")
    return {
        "languages": settings.get("languages", list).strings(),
        "configuration": settings.get("configuration", dict).value,
    }


def _read_table(path: Path) -> NDArray[np.float32]:
    """Return the token table of a safetensors file: 8 bytes of header length, a JSON header, the values.

    A table of 32-bit floats is mapped; what is in fewer bits, or in model2vec's parts, is read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = decode_json(file.read(min(length, size)), path=path, remedy=_REMEDY)
        if _TABLE not in header or header[_TABLE]["dtype"] != "F32":
            return _read_folded(path)
        entry = header[_TABLE]
        rows, dimension = entry["shape"]
        start, end = entry["data_offsets"]
        if start < 0 or rows < 1 or dimension < 1 or end - start != 4 * rows * dimension:
            raise ValueError("the table's shape does not fit its size, or it is empty")
        if 8 + length + end > size:
            raise ValueError("the file is cut short")
        mapped = np.memmap(path, dtype="<f4", mode="r", offset=8 + length + start, shape=(rows, dimension))
        table = np.asarray(mapped)  # a plain array of the same memory costs each call less
        return table if table.flags.aligned else table.copy()
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DamagedFileError(f"not a token table ({error})", path=path, remedy=_REMEDY) from None


def _read_folded(path: Path) -> NDArray[np.float32]:
    """Return a table of other floats than 32-bit ones, or of model2vec's parts.

    Raises:
        ValueError: There is no table, or its parts do not fit each other.
    """
    tensors = read_tensors(path)
    table = tensors.get(_TABLE, tensors.get(_FOLDED[0]))
    mapping, weights = (tensors.get(name) for name in _FOLDED[1:])
    if table is None or table.ndim != 2 or not table.size or table.dtype.kind != "f":
        raise ValueError("there is no table of floats")
    if mapping is not None:
        if (
            mapping.ndim != 1
            or mapping.dtype.kind not in "iu"
            or not (mapping.min(initial=0) >= 0 and mapping.max(initial=0) < len(table))
        ):
            raise ValueError("the mapping of tokens does not fit the table")
        table = table[mapping]
    folded = table.astype(np.float32)
    if weights is not None:
        if weights.shape != (len(folded),):
            raise ValueError("the weights of tokens do not fit the table")
        folded *= weights[:, None].astype(np.float32)
    return folded


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a safetensors file by name.

    Raises:
        InputError: It is missing or damaged, or holds numbers of a type that numpy lacks.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(error, path) from None
