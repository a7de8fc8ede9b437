"""Readers of the field's lexicon and dictionary files; each yields entries in the order of its file."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from cslir.errors import InputError, UnknownNameError
from cslir.languages import language_label
from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.readers.detection import FORMATS, detect_format
from cslir.lexicons.readers.languages import Pair, is_reversed, pair_in_name
from cslir.lexicons.translations import SkippedLines
from cslir.plurals import count_of

__all__ = ["FORMATS", "read_lexicon"]


def read_lexicon(
    path: str | PathLike[str],
    source_language: str,
    target_language: str,
    *,
    format: str | None = None,  # noqa: A002
    skipped: SkippedLines | None = None,
) -> Iterator[LexiconEntry]:
    """Yield the entries of a lexicon or dictionary file of any known format, in the order of the file.

    A file that tells its languages is read in either direction; one that doesn't has those asked for.

    Args:
        path: The file; for CLDR also its folder, for dictd and Wikipedia one of the two files of each.
        source_language: Code of the entries wanted as sources.
        target_language: Code of the targets.
        format: One of `FORMATS`; None finds it by name and contents.
        skipped: Receives malformed lines; None makes the first one an error.

    Raises:
        InputError: The file is missing or damaged, its format is unknown, it has other languages or no entry,
            or a line is malformed and `skipped` is None or strict.
    """
    path = Path(path)
    if format is not None and format not in FORMATS:
        raise UnknownNameError(f"no format {format!r} is known", remedy=f"use one of {', '.join(FORMATS)}")
    account = SkippedLines(strict=True) if skipped is None else skipped
    before = account.count
    asked = (language_label(source_language), language_label(target_language))
    entries = _entries(path, asked, format or detect_format(path), account)
    if (first := next(entries, None)) is not None:
        yield first
        yield from entries
        return
    malformed = account.count - before
    raise InputError(
        f"has no entry for {source_language}-{target_language}"
        + (f", and {count_of(malformed, 'malformed line')}" if malformed else ""),
        path=path,
        remedy=f"check the languages, and the format ({', '.join(FORMATS)})",
    )


def _entries(path: Path, asked: Pair, name: str, skipped: SkippedLines) -> Iterator[LexiconEntry]:
    if name == "cslex":
        return _compiled(path, asked)
    if name in ("tsv", "muse"):
        from cslir.lexicons.readers.word_lists import read_word_list

        return read_word_list(path, skipped=skipped, spaces=name == "muse")
    if name == "psq":
        from cslir.lexicons.readers.psq import read_psq

        return read_psq(path, skipped=skipped)
    if name == "wikititles":
        from cslir.lexicons.readers.wikititles import read_wikititles

        return read_wikititles(path, asked, skipped=skipped)
    if name == "wikipedia":
        from cslir.lexicons.readers.wikipedia import read_wikipedia

        return read_wikipedia(path, asked, skipped=skipped)
    if name == "cldr":
        from cslir.lexicons.readers.cldr import read_cldr

        return read_cldr(path, asked)
    return _dictionary_entries(path, asked, name, skipped)


def _compiled(path: Path, asked: Pair) -> Iterator[LexiconEntry]:
    from cslir._core import Lexicon

    lexicon = Lexicon.open(path)
    inverted = is_reversed((lexicon.source_language, lexicon.target_language), asked, path)
    for source, targets in lexicon.entries():
        for target, weight in targets:
            yield LexiconEntry(target, source, weight) if inverted else LexiconEntry(source, target, weight)


def _dictionary_entries(path: Path, asked: Pair, name: str, skipped: SkippedLines) -> Iterator[LexiconEntry]:
    """Yield the entries of a dictionary that prints more than words: cleaned, and turned where need be."""
    from cslir.lexicons.readers.dictd import dictd_files, read_freedict
    from cslir.lexicons.readers.ding import read_ding
    from cslir.lexicons.readers.edict import read_edict
    from cslir.lexicons.readers.expressions import clean_entries
    from cslir.lexicons.readers.mueller import read_mueller
    from cslir.lexicons.readers.tei import read_tei

    known: dict[str, Pair] = {"ding": ("de", "en"), "edict": ("ja", "en"), "mueller": ("en", "ru")}
    pair = known.get(name) or pair_in_name(path) or asked
    inverted = is_reversed(pair, asked, path)
    if name == "ding":
        translations = read_ding(path, skipped=skipped)
    elif name == "edict":
        translations = read_edict(path, skipped=skipped)
    elif name == "tei":
        translations = read_tei(path, pair[1], skipped=skipped)
    else:
        text, index = dictd_files(path)
        reader = read_mueller if name == "mueller" else read_freedict
        translations = reader(text, index, skipped=skipped)
    return clean_entries(translations, pair, inverted=inverted)
