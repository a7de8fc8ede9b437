"""cslir: search in any language, trained in English."""

from cslir._core import Index, __version__
from cslir.errors import CslirError, InputError

__all__ = ["CslirError", "Index", "InputError", "__version__"]
