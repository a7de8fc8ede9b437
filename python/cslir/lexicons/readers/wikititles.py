"""Reader of the Wikipedia Parallel Titles Corpora of linguatools: linked titles in XML.

Each `translation` has one `entry` per language, with `redirects`, `textlinks` and `categories` that are not
read: redirects hold misspellings, and links whatever an author wrote.
"""

from collections.abc import Iterator
from pathlib import Path

from cslir.errors import InputError
from cslir.languages import language_label
from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.readers.languages import Pair
from cslir.lexicons.readers.titles import title_entry
from cslir.lexicons.readers.xml_elements import local_name, read_elements
from cslir.lexicons.translations import SkippedLines

__all__ = ["read_wikititles"]


def read_wikititles(path: Path, asked: Pair, *, skipped: SkippedLines) -> Iterator[LexiconEntry]:
    """Yield the linked titles, in the direction asked for.

    Args:
        path: `wikititles-2014_deen.xml` or its like, plain or compressed.
        asked: Source and target language.
        skipped: Receives translations that lack one of the two titles.

    Raises:
        InputError: The file can't be read, is no XML or has other languages; a translation is malformed,
            under `strict`.
    """
    source_language, target_language = asked
    for line, translation in read_elements(path, ("translation",)):
        titles = {
            language_label(entry.get("lang", "")): entry.text or ""
            for entry in translation
            if local_name(entry) == "entry"
        }
        if titles.keys() - {"", *asked}:
            raise InputError(
                f"has titles in {' and '.join(sorted(titles))}, {'-'.join(asked)} was asked for",
                path=path,
                line=line,
                remedy="name the language pair of the file, in either direction",
            )
        entry = title_entry(titles.get(source_language, ""), titles.get(target_language, ""))
        if entry is None:
            skipped.skip(path, line, "the translation that ends here lacks a title")
        else:
            yield entry
