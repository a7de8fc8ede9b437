"""The lexicons that the package carries, with checksums that are verified before use."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from cslir.errors import DamagedFileError, InputError, UnknownNameError
from cslir.files import read_lines, sha256_of
from cslir.languages import parse_pair

__all__ = [
    "EMBEDDED_PAIRS",
    "EMBEDDED_TITLE_PAIRS",
    "embedded_lexicon_path",
    "embedded_titles_path",
    "parse_lexicons",
]

EMBEDDED_PAIRS: tuple[tuple[str, str], ...] = (("en", "de"), ("en", "fr"), ("en", "it"), ("en", "ru"))
"""Source and target languages of the embedded lexicons."""
EMBEDDED_TITLE_PAIRS: tuple[tuple[str, str], ...] = tuple(
    ("en", target)
    for target in ("ar", "de", "es", "fa", "fi", "fr", "he", "it", "ja", "ru", "th", "tr", "zh")
)
"""Source and target languages of the embedded lexicons of names."""

_FOLDER = Path(__file__).with_name("embedded")


@lru_cache
def embedded_lexicon_path(source: str, target: str) -> Path:
    """Return the path of an embedded lexicon, after verifying its checksum.

    Raises:
        InputError: No lexicon of this pair is embedded, or the file was changed.
    """
    if (source, target) not in EMBEDDED_PAIRS:
        known = ", ".join("-".join(pair) for pair in EMBEDDED_PAIRS)
        raise UnknownNameError(
            f"no lexicon {source}-{target} is embedded",
            remedy=f"use one of {known}, name a lexicon file, or build one with `cslir lexicons build`",
        )
    return _verified(_FOLDER / f"{source}-{target}.tsv")


@lru_cache
def embedded_titles_path(source: str, target: str) -> Path:
    """Return the path of an embedded lexicon of names from CLDR, after verifying its checksum.

    Raises:
        InputError: No names of this pair are embedded, or the file was changed.
    """
    if (source, target) not in EMBEDDED_TITLE_PAIRS:
        known = ", ".join("-".join(pair) for pair in EMBEDDED_TITLE_PAIRS)
        raise UnknownNameError(
            f"no names {source}-{target} are embedded",
            remedy=f"use one of {known}, or name a lexicon of titles, such as Wikipedia's",
        )
    return _verified(_FOLDER / "cldr" / f"{source}-{target}.tsv.xz")


def _verified(path: Path) -> Path:
    lines = read_lines(path.with_name("SHA256SUMS"))
    sums = {name: digest for digest, name in (line.split() for _, line in lines)}
    if not path.is_file() or sha256_of(path) != sums.get(path.name):
        raise DamagedFileError("is missing or was changed", path=path, remedy="install cslir again")
    return path


def parse_lexicons(
    specifications: Iterable[str] = (), *, titles: bool = False
) -> list[tuple[str, str, Path]]:
    """Return source language, target language and file of lexicons.

    Args:
        specifications: Each a pair, `en-de`, which means the embedded lexicon, or `PAIR=FILE`; without any,
            all embedded lexicons.
        titles: Embedded are the lexicons of names, of the same languages if there is no specification.

    Raises:
        InputError: A pair is malformed, given twice, or has no embedded lexicon; or sources differ.
    """
    embedded = embedded_titles_path if titles else embedded_lexicon_path
    parsed: list[tuple[str, str, Path]] = []
    for specification in list(specifications) or [f"{source}-{target}" for source, target in EMBEDDED_PAIRS]:
        pair, equals, name = specification.partition("=")
        source, target = parse_pair(pair)
        if any((source, target) == (one, other) for one, other, _ in parsed):
            raise InputError(f"the lexicon {pair} is given twice", remedy="name each pair once")
        parsed.append((source, target, Path(name) if equals else embedded(source, target)))
    if len({source for source, _, _ in parsed}) > 1:
        raise InputError("the lexicons have different source languages", remedy="use one source language")
    return parsed
