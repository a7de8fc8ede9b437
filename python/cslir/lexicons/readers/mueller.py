"""Reader of V. K. Mueller's English-Russian dictionary in dictd form (`mueller7-dict`).

Below the headword, homonyms are numbered `_I`, parts of speech `1.`, senses `1)`; labels begin with an
underscore (`_тех.`). A sense gives Russian translations separated by commas and semicolons, then English
examples with their translations: everything from the first Latin letter on is example.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from cslir.lexicons.readers.dictd import read_dictd_entries
from cslir.lexicons.translations import SkippedLines, Translation

__all__ = ["read_mueller"]

_PARENTHESES = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_MARKER = re.compile(
    r"(?:^|(?<=\s))(?:_(?P<homonym>[IVX]+)\b|\d+\.(?=\s)|(?P<sense>[1-9][0-9]{0,2})\)|(?P<letter>[а-я])\))"
)
_LABEL = re.compile(r"_(\w+)\.?")
_EXAMPLE = re.compile(r"[A-Za-z=:]")
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8}


def read_mueller(path: Path, index: Path, *, skipped: SkippedLines) -> Iterator[Translation]:
    """Yield the translations of Mueller's dictionary, English to Russian.

    The sense number is that of the sense within its part of speech, plus one for every homonym before: the
    first sense of the second homonym ranks beside the second sense of the first.

    Raises:
        InputError: As `read_dictd_entries`; a malformed entry, under `strict`.
    """
    for entry in read_dictd_entries(path, index, skipped=skipped):
        headword, _, body = entry.text.strip().partition("\n")
        if not headword or not body.strip():
            skipped.skip(index, entry.line, "its entry has no headword or no body")
            continue
        for sense, text in _senses(" ".join(body.split())):
            labels = tuple(_LABEL.findall(text))
            russian = _EXAMPLE.split(_LABEL.sub(" ", text), maxsplit=1)[0]
            targets = [stripped for part in re.split(r"[;,]", russian) if (stripped := part.strip(" ."))]
            for target in targets:
                yield Translation(headword.strip(), target, sense, len(targets), labels)


def _senses(body: str) -> Iterator[tuple[int, str]]:
    """Yield (rank of the sense, its text) of an entry's body without its parentheses and pronunciations."""
    while (shorter := _PARENTHESES.sub(" ", body)) != body:
        body = shorter
    homonym, sense, start, wanted = 1, 1, 0, True
    for match in _MARKER.finditer(body):
        if wanted:
            yield sense + homonym - 1, body[start : match.start()]
        start = match.end()
        # Lettered senses explain phrasal verbs and set phrases, which the headword is not.
        wanted = match["letter"] is None
        if match["homonym"]:
            homonym, sense = _ROMAN.get(match["homonym"], len(_ROMAN)), 1
        else:
            sense = int(match["sense"] or 1)
    if wanted:
        yield sense + homonym - 1, body[start:]
