"""cslir: search in any language, trained in English."""

from cslir._core import __version__
from cslir.errors import CslirError, InputError

__all__ = ["CslirError", "InputError", "__version__"]
