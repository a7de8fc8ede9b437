"""Bilingual lexicons: built from packaged dictionaries, embedded in the package, read and written as text."""

from cslir.lexicons.build import LexiconReport, build_lexicons
from cslir.lexicons.cldr import TitlesReport, build_titles
from cslir.lexicons.embedded_lexicons import (
    EMBEDDED_PAIRS,
    EMBEDDED_TITLE_PAIRS,
    embedded_lexicon_path,
    embedded_titles_path,
)
from cslir.lexicons.entries import Coverage, LexiconEntry, coverage, write_entries
from cslir.lexicons.readers.word_lists import read_entries

__all__ = [
    "EMBEDDED_PAIRS",
    "EMBEDDED_TITLE_PAIRS",
    "Coverage",
    "LexiconEntry",
    "LexiconReport",
    "TitlesReport",
    "build_lexicons",
    "build_titles",
    "coverage",
    "embedded_lexicon_path",
    "embedded_titles_path",
    "read_entries",
    "write_entries",
]
