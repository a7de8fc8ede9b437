"""Readers of the field's lexicon and dictionary files; each yields entries line by line."""

from collections.abc import Iterator
from pathlib import Path

from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.translations import SkippedLines

__all__ = ["FORMATS", "read_lexicon"]

FORMATS: tuple[str, ...] = ("cslex", "tsv", "muse")
"""Names of the formats that are read."""


def read_lexicon(
    path: Path,
    source_language: str,
    target_language: str,
    *,
    format: str | None = None,  # noqa: A002
    skipped: SkippedLines | None = None,
) -> Iterator[LexiconEntry]:
    """Yield the entries of a lexicon or dictionary file of any known format, in the order of the file.

    Args:
        path: The file.
        source_language: ISO 639-1 code of the entries wanted as sources.
        target_language: ISO 639-1 code of the targets.
        format: One of `FORMATS`; None finds it by name and contents.
        skipped: Receives malformed lines; None makes the first one an error.

    Raises:
        InputError: The file is missing or damaged, its format is unknown, or a line is malformed and
            `skipped` is None or strict.
    """
    from cslir._core import Lexicon
    from cslir.switching import is_compiled, read_word_list

    if is_compiled(path):
        for source, targets in Lexicon.open(path).entries():
            for target, weight in targets:
                yield LexiconEntry(source, target, weight)
    else:
        for entry in read_word_list(path):
            yield LexiconEntry(*entry)
