"""Fast encoders: a model converted once into the cache for onnxruntime, and run without PyTorch.

The converted folder holds `network.onnx` (see `cslir.models.onnx_graph`), `words.npy` (the word embeddings,
mapped, in 16 bits for `onnx-int8`), `positions.npy` (position plus token-type embeddings),
`tokenizer.json`, `config_sentence_transformers.json` with prompts and similarity, and `network.json` with the
longest input and the number of outputs.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir._core import threads as default_threads
from cslir.errors import DamagedFileError, InputError, MissingExtraError, MissingFileError
from cslir.files import cache_folder
from cslir.json_values import JsonValue
from cslir.models.folders import (
    ModelKind,
    classifier_architecture,
    fingerprint,
    model_kind,
    read_modules,
    read_object,
)
from cslir.models.settings import EncoderSettings
from cslir.models.static import read_tokenizer
from cslir.outputs import replace_folder
from cslir.shell import pip_command

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    from cslir.models.onnx_graph import Head

__all__ = ["CONVERSION_VERSION", "OnnxNetwork", "OnnxPrecision", "converted_network"]

OnnxPrecision = Literal["onnx-float32", "onnx-int8"]
CONVERSION_VERSION = 2
"""Raised whenever a converted folder's content changes, so that old caches are not taken for new."""

_SETTINGS = "network.json"
_ENCODER_SETTINGS = "config_sentence_transformers.json"
_TYPES = {"bert": "bert", "xlm-roberta": "roberta", "roberta": "roberta", "camembert": "roberta"}
"""Architectures that are known, by `model_type`, and the prefix of their weights' names."""
_REMEDY = 'use `precision="float32"`, which runs any model in PyTorch'
_REMOVE = "remove its folder, it is made again"


class NetworkSettings(NamedTuple):
    """What `network.json` holds."""

    max_length: int
    """Longest input in tokens."""
    labels: int
    """Scores that a classification head gives."""


@dataclass(frozen=True)
class OnnxNetwork:
    """A converted model, ready to run.

    Attributes:
        session: Of onnxruntime.
        words: Shape (vocabulary, hidden), mapped.
        positions: float32 of shape (token types, positions, hidden).
        tokenizer: Without padding and truncation.
        settings: Sizes.
        encoder: Prompts and similarity.
    """

    session: "InferenceSession"
    words: NDArray[Any]
    positions: NDArray[np.float32]
    tokenizer: "Tokenizer"
    settings: NetworkSettings
    encoder: EncoderSettings

    @classmethod
    def open(cls, folder: Path, *, threads: int | None = None) -> "OnnxNetwork":
        """Open a converted folder.

        Args:
            folder: From `converted_network`.
            threads: Of the session; None for one per core.

        Raises:
            InputError: onnxruntime is missing, or a file is damaged.
        """
        session = _session(folder / "network.onnx", threads or default_threads())
        try:
            settings = read_object(folder / _SETTINGS)
            network = cls(
                session,
                _read_array(folder / "words.npy", mapped=True),
                _read_array(folder / "positions.npy"),
                read_tokenizer(folder / "tokenizer.json"),
                NetworkSettings(settings.get("max_length", int).value, settings.get("labels", int).value),
                EncoderSettings.read(folder),
            )
        except InputError as error:
            raise type(error)(error.message, path=error.path, remedy=_REMOVE) from None
        if problem := network._problem():
            raise InputError(problem, path=folder, remedy=_REMOVE)
        return network

    def _problem(self) -> str:
        """Say where the parts do not fit each other, as in a damaged folder; nothing if they do."""
        words, positions = self.words, self.positions
        shapes = f"embeddings of shapes {words.shape} and {positions.shape}"
        floats = words.dtype.name in ("float16", "float32") and positions.dtype.name == "float32"
        if not floats or words.ndim != 2 or positions.ndim != 3 or words.shape[1:] != positions.shape[2:]:
            return f"{shapes} do not fit each other"
        if [words.shape[1]] != self.session.get_inputs()[0].shape[-1:]:
            return f"{shapes} do not fit the network"
        if len(words) < self.tokenizer.get_vocab_size():
            return f"{shapes} do not fit the tokenizer"
        if not 0 < self.settings.max_length <= positions.shape[1]:
            return f"{shapes} do not fit {self.settings.max_length} tokens"
        return ""

    def run(
        self, rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None
    ) -> NDArray[np.float32]:
        """Return the network's output for a batch, shape (rows, width).

        Args:
            rows: Token ids of each text, special tokens included.
            types: Token types of each text, 0 if left out.
        """
        longest = max(map(len, rows))
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int32)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        embeddings = self.words[ids].astype(np.float32, copy=False)
        if types is None or len(self.positions) == 1:
            embeddings += self.positions[0, :longest]
        else:
            kinds = np.zeros((len(rows), longest), dtype=np.int64)
            for number, row in enumerate(types):
                kinds[number, : len(row)] = row
            embeddings += self.positions[kinds, np.arange(longest)]
        output: NDArray[np.float32] = self.session.run(None, {"embeddings": embeddings, "mask": mask})[0]
        return output


def _read_array(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError, OverflowError, MemoryError, SyntaxError) as error:
        raise DamagedFileError(f"can't be read ({error})", path=path) from None
    return array


def _session(path: Path, threads: int) -> "InferenceSession":
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError(
            "this precision needs onnxruntime", name="onnxruntime", remedy=pip_command("cslir[onnx]")
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Its threads would go on spinning after a query is encoded, on the cores that search for it.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        raise DamagedFileError(f"can't be opened ({error})", path=path, remedy=_REMOVE) from None


def converted_network(folder: Path, precision: OnnxPrecision) -> Path:
    """Return the folder of a converted model in cslir's cache, converting first if it is not there.

    Args:
        folder: A Hugging Face or sentence-transformers model: an encoder with mean or first-token pooling,
            or a sequence classifier, of BERT's or RoBERTa's kind with weights in safetensors.
        precision: What to compute in.

    Raises:
        InputError: The model is of another kind, or a package is missing.
    """
    name = f"{folder.resolve().name}-{fingerprint(folder)}-{precision}-{CONVERSION_VERSION}"
    target = cache_folder() / "models" / name
    # The settings are written last, and the folder appears whole or not at all.
    if not (target / _SETTINGS).is_file():
        _convert(folder, precision, target)
    return target


def _convert(folder: Path, precision: OnnxPrecision, target: Path) -> None:
    try:
        import onnx
    except ImportError:
        raise MissingExtraError(
            "converting a model needs onnx", name="onnx", remedy=pip_command("cslir[onnx]")
        ) from None
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from cslir.models.onnx_graph import Architecture, build_graph

    source = _read_model(folder)
    transformer = source.transformer
    configuration = read_object(transformer / "config.json")
    family = _check_architecture(configuration, transformer)
    if not (transformer / "tokenizer.json").is_file():
        raise MissingFileError("holds no tokenizer.json", path=transformer, remedy=_REMEDY)
    try:
        weights = load_file(transformer / "model.safetensors")
    except (OSError, SafetensorError) as error:
        raise DamagedFileError(
            f"no weights in model.safetensors ({error})", path=transformer, remedy=_REMEDY
        ) from None
    weights = {name.removeprefix(f"{family}."): value.astype(np.float32) for name, value in weights.items()}
    architecture = Architecture(
        configuration.get("hidden_size", int).value,
        configuration.get("num_hidden_layers", int).value,
        configuration.get("num_attention_heads", int).value,
        configuration.get("layer_norm_eps", float).value,
    )
    try:
        graph = build_graph(
            weights, architecture, source.head, int8=precision == "onnx-int8", normalise=source.normalise
        )
        words = weights["embeddings.word_embeddings.weight"]
        places = weights["embeddings.position_embeddings.weight"]
        types = weights["embeddings.token_type_embeddings.weight"]
    except KeyError as error:
        raise DamagedFileError(f"lacks the weight {error}", path=transformer, remedy=_REMEDY) from None
    # RoBERTa's positions start behind that of the padding.
    places = places[configuration.get("pad_token_id", int).value + 1 :] if family == "roberta" else places
    settings = NetworkSettings(min(source.max_length or len(places), len(places)), _labels(configuration))
    with replace_folder(target, None, wait=True) as work:
        onnx.save(graph, str(work / "network.onnx"))
        np.save(work / "words.npy", words.astype(np.float16 if precision == "onnx-int8" else np.float32))
        np.save(work / "positions.npy", types[:, None] + places)
        shutil.copyfile(transformer / "tokenizer.json", work / "tokenizer.json")
        for name, content in (
            (_ENCODER_SETTINGS, source.encoder.to_json()),
            (_SETTINGS, {"version": CONVERSION_VERSION, "precision": precision, **settings._asdict()}),
        ):
            (work / name).write_text(
                json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
            )


def _labels(configuration: JsonValue) -> int:
    """Return how many scores a classification head gives; Hugging Face's default is two."""
    labels = configuration.get("num_labels", (int, type(None))).value
    return int(labels or len(configuration.get("id2label", dict, {}).value) or 2)


def _check_architecture(configuration: JsonValue, folder: Path) -> str:
    """Return the prefix of the weights' names.

    Raises:
        InputError: The architecture is not one that the graph has.
    """
    kind = configuration.get("model_type", (str, type(None))).value
    family = _TYPES.get(str(kind))
    if family is None:
        raise InputError(f"is of type {kind!r}, not among {', '.join(_TYPES)}", path=folder, remedy=_REMEDY)
    usual = {"hidden_act": "gelu", "position_embedding_type": "absolute"}
    for name, value in usual.items():
        found = configuration.get(name, str, value).value
        if found != value:
            raise InputError(f"has {name} {found!r}, not {value}", path=folder, remedy=_REMEDY)
    return family


class _Source(NamedTuple):
    """A model as it is converted."""

    transformer: Path
    """Folder of the transformer."""
    head: "Head"
    """What follows its last layer."""
    encoder: EncoderSettings = EncoderSettings()
    normalise: bool = True
    """Whether vectors are scaled to length 1."""
    max_length: int | None = None
    """Longest input in tokens, if the model limits it below its positions."""


def _read_model(folder: Path) -> _Source:
    kind = model_kind(folder)
    if kind is ModelKind.CROSS_ENCODER:
        return _Source(folder, _classifier(folder), max_length=_tokenizer_limit(folder))
    encoder = EncoderSettings.read(folder)
    if kind is ModelKind.TRANSFORMERS:
        return _Source(folder, "mean", encoder, max_length=_tokenizer_limit(folder))
    modules = read_modules(folder)
    kinds = [module.kind for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Normalize"}:
        raise InputError(f"has the modules {', '.join(kinds)}", path=folder, remedy=_REMEDY)
    transformer = modules[0].folder
    limits = read_object(transformer / "sentence_bert_config.json", optional=True)
    max_length = limits.get("max_seq_length", (int, type(None))).value
    return _Source(
        transformer,
        _pooling(
            modules[1].folder / "config.json", prompted=bool(encoder.query_prompt or encoder.passage_prompt)
        ),
        encoder,
        encoder.similarity == "cosine" or "Normalize" in kinds,
        _tokenizer_limit(transformer) if max_length is None else max_length,
    )


def _tokenizer_limit(folder: Path) -> int | None:
    """Return how many tokens a tokenizer takes; None without a limit, where its configuration says 1e30."""
    configuration = read_object(folder / "tokenizer_config.json", optional=True)
    limit = configuration.get("model_max_length", (int, float, type(None))).value
    return int(limit) if limit and limit < 1e6 else None


def _classifier(folder: Path) -> "Head":
    """Return the classification head of a cross-encoder."""
    name = classifier_architecture(folder)
    if name is None:
        raise InputError("is a cross-encoder without a classification head", path=folder, remedy=_REMEDY)
    return "bert-classifier" if name.startswith("Bert") else "roberta-classifier"


def _pooling(path: Path, *, prompted: bool) -> "Head":
    settings = read_object(path)
    if prompted and settings.value.get("include_prompt") is False:
        raise InputError("leaves the prompt out of the pooling", path=path, remedy=_REMEDY)
    # Newer releases of sentence-transformers name the mode, older ones have a switch for each.
    mode = settings.value.get("pooling_mode")
    modes = (
        {mode}
        if isinstance(mode, str)
        else {name for name, on in settings.value.items() if name.startswith("pooling_mode_") and on}
    )
    modes = {
        name.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token") for name in modes
    }
    if modes == {"mean"}:
        return "mean"
    if modes == {"cls"}:
        return "cls"
    raise InputError(f"pools by {', '.join(sorted(modes)) or 'nothing'}", path=path, remedy=_REMEDY)
