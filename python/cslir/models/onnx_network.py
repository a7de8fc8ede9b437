"""Fast encoders: a model converted once into the cache for onnxruntime, and run without PyTorch.

The converted folder holds `network.onnx` (see `cslir.models.onnx_graph`), `words.npy` (the word embeddings,
mapped, in 16 bits for `onnx-int8`), `positions.npy` (position plus token-type embeddings),
`tokenizer.json`, and `network.json` with the rest: prompts, longest input, which model it was made from.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cslir._core import threads as default_threads
from cslir.errors import InputError
from cslir.files import cache_folder
from cslir.models.folders import ModelKind, classifier_architecture, fingerprint, model_kind
from cslir.outputs import replace_folder

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    from cslir.models.onnx_graph import Head

__all__ = ["CONVERSION_VERSION", "OnnxNetwork", "OnnxPrecision", "converted_network"]

OnnxPrecision = Literal["onnx-float32", "onnx-int8"]
CONVERSION_VERSION = 1
"""Raised whenever a converted folder's content changes, so that old caches are not taken for new."""

_SETTINGS = "network.json"
_TYPES = {"bert": "bert", "xlm-roberta": "roberta", "roberta": "roberta", "camembert": "roberta"}
"""Architectures that are known, by `model_type`, and the prefix of their weights' names."""
_REMEDY = "use --precision float32, which runs any model in PyTorch"


@dataclass(frozen=True)
class OnnxNetwork:
    """A converted model, ready to run.

    Attributes:
        session: Of onnxruntime.
        words: Shape (vocabulary, hidden), mapped.
        positions: float32 of shape (token types, positions, hidden).
        tokenizer: Without padding and truncation.
        settings: Those of `network.json`.
    """

    session: "InferenceSession"
    words: NDArray[Any]
    positions: NDArray[np.float32]
    tokenizer: "Tokenizer"
    settings: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path, *, threads: int | None = None) -> "OnnxNetwork":
        """Open a converted folder.

        Args:
            folder: From `converted_network`.
            threads: Of the session; None for one per core.

        Raises:
            InputError: onnxruntime is missing, or a file is damaged.
        """
        from tokenizers import Tokenizer

        session = _session(folder / "network.onnx", threads or default_threads())
        try:
            return cls(
                session,
                np.load(folder / "words.npy", mmap_mode="r", allow_pickle=False),
                np.load(folder / "positions.npy", allow_pickle=False),
                Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes()),
                json.loads((folder / _SETTINGS).read_text(encoding="utf-8")),
            )
        except Exception as error:  # the tokenizers library raises nothing narrower
            raise InputError(
                f"can't be read ({error})", path=folder, remedy="remove the folder, it is made again"
            ) from None

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


def _session(path: Path, threads: int) -> "InferenceSession":
    try:
        import onnxruntime
    except ImportError:
        raise InputError("this precision needs onnxruntime", remedy="pip install 'cslir[onnx]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Its threads would go on spinning after a query is encoded, on the cores that search for it.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        raise InputError(
            f"can't be opened ({error})", path=path, remedy="remove its folder, it is made again"
        ) from None


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
    if model_kind(folder) is ModelKind.STATIC:
        raise InputError(
            "holds a static encoder, which has no layers to convert",
            path=folder,
            remedy="leave --precision out",
        )
    try:
        import onnx
    except ImportError:
        raise InputError("converting a model needs onnx", remedy="pip install 'cslir[onnx]'") from None
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from cslir.models.onnx_graph import Architecture, build_graph

    transformer, head, settings = _read_model(folder)
    configuration = _read_json(transformer / "config.json")
    family = _check_architecture(configuration, transformer)
    if not (transformer / "tokenizer.json").is_file():
        raise InputError("holds no tokenizer.json", path=transformer, remedy=_REMEDY)
    try:
        weights = load_file(transformer / "model.safetensors")
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"no weights in model.safetensors ({error})", path=transformer, remedy=_REMEDY
        ) from None
    weights = {name.removeprefix(f"{family}."): value.astype(np.float32) for name, value in weights.items()}
    architecture = Architecture(
        configuration["hidden_size"],
        configuration["num_hidden_layers"],
        configuration["num_attention_heads"],
        configuration["layer_norm_eps"],
    )
    try:
        graph = build_graph(weights, architecture, head, int8=precision == "onnx-int8")
        words = weights["embeddings.word_embeddings.weight"]
        places = weights["embeddings.position_embeddings.weight"]
        types = weights["embeddings.token_type_embeddings.weight"]
    except KeyError as error:
        raise InputError(f"lacks the weight {error}", path=transformer, remedy=_REMEDY) from None
    # RoBERTa's positions start behind that of the padding.
    places = places[configuration["pad_token_id"] + 1 :] if family == "roberta" else places
    settings["max_length"] = min(settings["max_length"] or len(places), len(places))
    with replace_folder(target, None, wait=True) as work:
        onnx.save(graph, str(work / "network.onnx"))
        np.save(work / "words.npy", words.astype(np.float16 if precision == "onnx-int8" else np.float32))
        np.save(work / "positions.npy", types[:, None] + places)
        shutil.copyfile(transformer / "tokenizer.json", work / "tokenizer.json")
        settings |= {"version": CONVERSION_VERSION, "precision": precision, "labels": _labels(configuration)}
        (work / _SETTINGS).write_text(
            json.dumps(settings, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )


def _labels(configuration: Mapping[str, Any]) -> int:
    """Return how many scores a classification head gives; Hugging Face's default is two."""
    return int(configuration.get("num_labels") or len(configuration.get("id2label") or (0, 1)))


def _check_architecture(configuration: Mapping[str, Any], folder: Path) -> str:
    """Return the prefix of the weights' names.

    Raises:
        InputError: The architecture is not one that the graph has.
    """
    family = _TYPES.get(str(configuration.get("model_type")))
    if family is None:
        raise InputError(
            f"is of type {configuration.get('model_type')!r}, not among {', '.join(_TYPES)}",
            path=folder,
            remedy=_REMEDY,
        )
    usual = {"hidden_act": "gelu", "position_embedding_type": "absolute"}
    for name, value in usual.items():
        if configuration.get(name, value) != value:
            raise InputError(f"has {name} {configuration[name]!r}, not {value}", path=folder, remedy=_REMEDY)
    return family


def _read_model(folder: Path) -> tuple[Path, "Head", dict[str, Any]]:
    """Return the transformer's folder, what follows its last layer, and prompts and longest input."""
    settings: dict[str, Any] = {"prompts": {}, "max_length": None}
    transformer, head = folder, _classifier(folder)
    if model_kind(folder) is ModelKind.SENTENCE_TRANSFORMERS and head is None:
        modules = _read_json(folder / "modules.json")
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Normalize"}:
            raise InputError(f"has the modules {', '.join(kinds)}", path=folder, remedy=_REMEDY)
        transformer = folder / modules[0]["path"]
        head = _pooling(folder / modules[1]["path"] / "config.json")
        settings["prompts"] = (
            _read_json(folder / "config_sentence_transformers.json", {}).get("prompts") or {}
        )
        settings["max_length"] = _read_json(transformer / "sentence_bert_config.json", {}).get(
            "max_seq_length"
        )
    if settings["max_length"] is None:
        # Where a tokenizer has no limit its configuration says 1e30.
        limit = _read_json(transformer / "tokenizer_config.json", {}).get("model_max_length")
        settings["max_length"] = int(limit) if limit and limit < 1e6 else None
    return transformer, head or "mean", settings


def _classifier(folder: Path) -> "Head | None":
    """Return the classification head that a folder's model has, if it has one."""
    name = classifier_architecture(folder)
    if name is None:
        return None
    return "bert-classifier" if name.startswith("Bert") else "roberta-classifier"


def _pooling(path: Path) -> "Head":
    settings = _read_json(path)
    # Newer releases of sentence-transformers name the mode, older ones have a switch for each.
    mode = settings.get("pooling_mode")
    modes = (
        {mode} if mode else {name for name, on in settings.items() if name.startswith("pooling_mode_") and on}
    )
    modes = {
        str(name).removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for name in modes
    }
    if modes == {"mean"}:
        return "mean"
    if modes == {"cls"}:
        return "cls"
    raise InputError(f"pools by {', '.join(sorted(modes)) or 'nothing'}", path=path, remedy=_REMEDY)


def _read_json(path: Path, default: Any = None) -> Any:  # noqa: ANN401
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if default is not None:
            return default
        raise InputError("no such file", path=path, remedy="fetch or make the model again") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"can't be read ({error})", path=path, remedy="fetch or make the model again"
        ) from None
