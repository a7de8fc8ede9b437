"""Reader of names in Unicode's CLDR (Debian's package `unicode-cldr-core`): one XML file a language and kind.

The names of two languages are joined on their keys: codes of territories, languages and subdivisions, and the
characters of emoji and symbols.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from cslir.errors import InputError, MissingFileError
from cslir.languages import language_label, spellings
from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.readers.languages import Pair
from cslir.lexicons.readers.titles import DIRECTION_MARKS
from cslir.lexicons.readers.xml_elements import local_name, read_elements

__all__ = ["find_cldr", "read_cldr"]

_FOLDERS = ("main", "subdivisions", "annotations")
_ELEMENTS = ("territory", "language", "subdivision", "annotation")
_ROOTS = ("", "common", "usr/share/unicode/cldr/common", "unicode-cldr-core/usr/share/unicode/cldr/common")
ALTERNATIVE_WEIGHT = 0.5
"""Weight of a short or variant name beside the standard one."""
_UNSURE = ("unconfirmed", "provisional")
# Stands for a name that is inherited from another file.
_INHERITED = "↑↑↑"

_Key = tuple[str, str, str]


def find_cldr(path: Path) -> Path | None:
    """Return the folder of CLDR's `main`, `subdivisions` and `annotations` at or below a folder, if any."""
    return next((path / root for root in _ROOTS if (path / root / "main").is_dir()), None)


def read_cldr(path: Path, asked: Pair) -> Iterator[LexiconEntry]:
    """Yield the names of territories, languages, subdivisions, emoji and symbols in two languages.

    Args:
        path: CLDR's folder `common`, one that holds it or an unpacked package; or the file of one of the two
            languages in a folder of it, for the names of that kind alone.
        asked: Source and target language.

    Raises:
        InputError: The folder is none of CLDR's, a language is missing, or a file is no XML.
    """
    if path.is_dir():
        root = find_cldr(path)
        if root is None:
            raise InputError(
                "no folder of CLDR: it holds no `main`",
                path=path,
                remedy="unpack Debian's package unicode-cldr-core and give its usr/share/unicode/cldr/common",
            )
        folders = [root / name for name in _FOLDERS]
    elif language_label(path.name.partition(".")[0]) in asked:
        folders = [path.parent]
    else:
        raise InputError(
            f"is the file of neither language of {'-'.join(asked)}",
            path=path,
            remedy=f"give {asked[0]}.xml or {asked[1]}.xml, or the folder `common`",
        )
    suffix = ".xml" if path.is_dir() else path.name[len(path.name.partition(".")[0]) :]
    for language in asked:
        if not _files(folders[0], language, suffix):
            raise MissingFileError(
                "no such file",
                path=folders[0] / f"{language}{suffix}",
                remedy=f"CLDR may lack the language {language}",
            )
    for folder in folders:
        found = [_files(folder, language, suffix) for language in asked]
        if all(found):
            yield from _joined(*map(_names, found))


def _files(folder: Path, language: str, suffix: str) -> list[Path]:
    """Return the files of a language, each before those that differ from it: `pt.xml`, then `pt_PT.xml`.

    A script has names of its own: `zh_Hant.xml` adds nothing to `zh.xml`.
    """
    parts = language.split("-")
    first = 2 if len(parts) > 1 and len(parts[1]) == 4 else 1
    codes = ["-".join(parts[:end]) for end in range(first, len(parts) + 1)]
    paths = [folder / f"{one}{suffix}" for code in codes for one in reversed(spellings(code))]
    return [path for path in paths if path.is_file()]


def _names(paths: Iterable[Path]) -> dict[_Key, str]:
    """Return the names of a language's files by element, code and alternative."""
    names: dict[_Key, str] = {}
    for _, element in chain.from_iterable(read_elements(path, _ELEMENTS) for path in paths):
        name = " ".join((element.text or "").translate(DIRECTION_MARKS).split())
        if not name or name == _INHERITED or element.get("draft") in _UNSURE:
            continue
        if local_name(element) == "annotation":
            # Without type there are key words, in an order of their own in every language.
            if element.get("type") == "tts":
                names["annotation", element.get("cp", ""), ""] = name
        else:
            names[local_name(element), element.get("type", ""), element.get("alt", "")] = name
    return names


def _joined(sources: dict[_Key, str], targets: dict[_Key, str]) -> Iterator[LexiconEntry]:
    for (kind, code, alternative), source in sources.items():
        target = targets.get((kind, code, alternative)) or targets.get((kind, code, ""))
        if target:
            yield LexiconEntry(source, target, ALTERNATIVE_WEIGHT if alternative else 1.0)
