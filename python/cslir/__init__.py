"""cslir: search in any language, trained in English."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cslir._core import Index, __version__
    from cslir.errors import CslirError, InputError

__all__ = ["CslirError", "Index", "InputError", "__version__"]

_MODULES = {
    "CslirError": "cslir.errors",
    "Index": "cslir._core",
    "InputError": "cslir.errors",
    "__version__": "cslir._core",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the command hears Ctrl-C before it loads much."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
