"""Reader of Ding dictionaries (`trans-de-en`): one line per entry, `German :: English`.

Each side lists forms separated by `|`, the first being the base form, and alternatives of a form separated by
`;`; the forms of both sides correspond one to one. Grammar stands in braces, domain and register in brackets,
explanations in parentheses, spelling variants in angle brackets.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cslir.files import read_lines
from cslir.lexicons.translations import SkippedLines, Translation
from cslir.plurals import count_of

__all__ = ["DingForms", "read_ding", "read_ding_forms"]

_LABEL = re.compile(r"\[([^\[\]]*)\]")
# Semicolons inside parentheses, brackets or braces do not separate alternatives.
_SEPARATOR = re.compile(r";(?![^(\[{<]*[)\]}>])")


# Labels of a single alternative, even where they stand at the end of a form.
_REGISTERS = re.compile(
    r"[A-ZÄÖÜ].*|ugs\.|coll\.|obs\.|poet\.|humor\.|vulg\.|pej\.|slang|alt|veralte.*|selten|rare"
)


class DingForms(NamedTuple):
    """One line: for each form, the alternatives on the German and on the English side."""

    german: list[list[str]]
    english: list[list[str]]


def _alternatives(text: str) -> list[str]:
    return [stripped for part in _SEPARATOR.split(text) if (stripped := part.strip())]


def read_ding_forms(path: Path, *, skipped: SkippedLines) -> Iterator[DingForms]:
    """Yield the lines of a Ding dictionary, each split into corresponding forms and their alternatives.

    Raises:
        InputError: The file is missing, truncated or not UTF-8; a malformed line, under `strict`.
    """
    for number, line in read_lines(path):
        if not line.strip() or line.startswith("#"):
            continue
        sides = line.split(" :: ")
        if len(sides) != 2:
            skipped.skip(path, number, "not `German :: English`")
            continue
        german, english = ([_alternatives(form) for form in side.split("|")] for side in sides)
        if len(german) != len(english):
            skipped.skip(
                path,
                number,
                f"{count_of(len(german), 'form')} on the left of `::`, {len(english)} on the right",
            )
            continue
        yield DingForms(german, english)


def read_ding(path: Path, *, skipped: SkippedLines) -> Iterator[Translation]:
    """Yield the translations of a Ding dictionary, German to English: every pair of alternatives of a form.

    A domain at the end of the German base form (`Computerdatei {f}; Datei {f} [comp.]`) labels the whole
    line; other labels belong to the alternative that they follow.

    Raises:
        InputError: As `read_ding_forms`.
    """
    for forms in read_ding_forms(path, skipped=skipped):
        last = forms.german[0][-1] if forms.german[0] else ""
        domain = [label for label in _LABEL.findall(last) if not _REGISTERS.fullmatch(label)]
        for german, english in zip(forms.german, forms.english, strict=True):
            alternatives = max(len(german), len(english))
            for source in german:
                for target in english:
                    labels = tuple(dict.fromkeys([*domain, *_LABEL.findall(f"{source} {target}")]))
                    yield Translation(source, target, 1, alternatives, labels)
