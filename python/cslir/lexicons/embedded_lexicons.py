"""The lexicons that the package carries, with checksums that are verified before use."""

from functools import lru_cache
from pathlib import Path

from cslir.errors import InputError
from cslir.files import read_lines, sha256_of

__all__ = ["EMBEDDED_PAIRS", "embedded_lexicon_path"]

EMBEDDED_PAIRS: tuple[tuple[str, str], ...] = (("en", "de"), ("en", "fr"), ("en", "it"), ("en", "ru"))
"""Source and target languages of the embedded lexicons."""

_FOLDER = Path(__file__).with_name("embedded")


@lru_cache
def embedded_lexicon_path(source: str, target: str) -> Path:
    """Return the path of an embedded lexicon, after verifying its checksum.

    Raises:
        InputError: No lexicon of this pair is embedded, or the file was changed.
    """
    if (source, target) not in EMBEDDED_PAIRS:
        known = ", ".join("-".join(pair) for pair in EMBEDDED_PAIRS)
        raise InputError(
            f"no lexicon {source}-{target} is embedded",
            remedy=f"use one of {known}, name a lexicon file, or build one with `cslir lexicons build`",
        )
    path = _FOLDER / f"{source}-{target}.tsv"
    sums = {name: digest for digest, name in (line.split() for _, line in read_lines(_FOLDER / "SHA256SUMS"))}
    if not path.is_file() or sha256_of(path) != sums.get(path.name):
        raise InputError("is missing or was changed", path=path, remedy="install cslir again")
    return path
