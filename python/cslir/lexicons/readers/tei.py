"""Reader of FreeDict's TEI XML: headwords in `form/orth`, translations in `cit[@type='trans']/quote`."""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cslir.languages import language_label, primary_language
from cslir.lexicons.readers.xml_elements import local_name, read_elements
from cslir.lexicons.translations import SkippedLines, Translation

__all__ = ["read_tei"]

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def read_tei(path: Path, target_language: str, *, skipped: SkippedLines) -> Iterator[Translation]:
    """Yield the translations of a FreeDict dictionary in TEI, as printed.

    Every spelling of an entry is a source, but for readings (`form[@type='r_ele']`) beside a spelling in
    kanji. Quotations marked with another language than the target's are passed over. The senses of a headword
    that has several entries are counted through, as in the dictd form.

    Args:
        path: The dictionary, plain or compressed.
        target_language: Code of its translations.
        skipped: Receives the entries without headword; those without translation are cross-references.

    Raises:
        InputError: The file can't be read or is no XML; an entry is malformed, under `strict`.
    """
    earlier: Counter[str] = Counter()
    for line, entry in read_elements(path, ("entry",)):
        headwords = _headwords(entry)
        if not headwords:
            skipped.skip(path, line, "the entry that ends here has no headword")
            continue
        senses = [found for sense in _children(entry, "sense") if (found := _targets(sense, target_language))]
        for headword in headwords:
            for number, (targets, labels) in enumerate(senses, start=earlier[headword] + 1):
                for target in targets:
                    yield Translation(headword, target, number, len(targets), labels)
            earlier[headword] += bool(senses)


def _children(element: ET.Element, *names: str) -> Iterator[ET.Element]:
    return (child for child in element if local_name(child) in names)


def _text(element: ET.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _headwords(entry: ET.Element) -> list[str]:
    forms = list(_children(entry, "form"))
    written = [form for form in forms if form.get("type") != "r_ele"] or forms
    found = (_text(orth) for form in written for orth in form.iter() if local_name(orth) == "orth")
    return list(dict.fromkeys(word for word in found if word))


def _targets(sense: ET.Element, language: str) -> tuple[list[str], tuple[str, ...]] | None:
    """Return the translations of a sense, subordinate senses included, and its labels of usage."""
    targets, labels = [], []
    for element in sense.iter():
        name = local_name(element)
        if name == "cit" and element.get("type") in ("trans", "translation"):
            quotes = [
                quote
                for quote in _children(element, "quote")
                if _primary(quote.get(_LANGUAGE, language)) == _primary(language)
            ]
            targets += [text for quote in quotes if (text := _text(quote))]
        elif name == "usg" and (label := _text(element)):
            labels.append(label)
    return (targets, tuple(labels)) if targets else None


def _primary(language: str) -> str:
    return primary_language(language_label(language))
