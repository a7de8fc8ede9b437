"""Which languages a file has: FreeDict's three-letter names, and the direction that was asked for."""

import re
from pathlib import Path

from cslir.errors import InputError

__all__ = ["Pair", "is_reversed", "pair_in_name"]

Pair = tuple[str, str]
"""Source and target language."""

# ISO 639-3 to ISO 639-1: the languages of FreeDict's dictionaries that have a code of two letters.
# fmt: off
_TWO_LETTERS = {
    "afr": "af", "ara": "ar", "bre": "br", "bul": "bg", "cat": "ca", "ces": "cs", "cym": "cy",
    "dan": "da", "deu": "de", "ell": "el", "eng": "en", "epo": "eo", "fin": "fi", "fra": "fr",
    "gla": "gd", "gle": "ga", "hin": "hi", "hrv": "hr", "hun": "hu", "isl": "is", "ita": "it",
    "jpn": "ja", "kur": "ku", "lat": "la", "lit": "lt", "mkd": "mk", "nld": "nl", "nno": "nn",
    "nob": "nb", "oci": "oc", "pol": "pl", "por": "pt", "rus": "ru", "san": "sa", "slk": "sk",
    "slv": "sl", "spa": "es", "srp": "sr", "swe": "sv", "swh": "sw", "tur": "tr", "wol": "wo",
}
# fmt: on
_NAMES = re.compile(r"(?<![a-z])([a-z]{3})-([a-z]{3})(?![a-z])")


def pair_in_name(path: Path) -> Pair | None:
    """Return the languages of a FreeDict file from its name (`freedict-eng-fra.index`), if it tells them."""
    for first, second in _NAMES.findall(path.name):
        if first in _TWO_LETTERS and second in _TWO_LETTERS:
            return _TWO_LETTERS[first], _TWO_LETTERS[second]
    return None


def is_reversed(found: Pair, asked: Pair, path: Path) -> bool:
    """Return whether a file's sources are the targets that were asked for.

    Args:
        found: Source and target language of the file.
        asked: Those wanted.
        path: The file, for the message.

    Raises:
        InputError: The file has other languages.
    """
    if found == asked:
        return False
    if found == (asked[1], asked[0]):
        return True
    raise InputError(
        f"has {'-'.join(found)}, {'-'.join(asked)} was asked for",
        path=path,
        remedy="name the language pair of the file, in either direction",
    )
