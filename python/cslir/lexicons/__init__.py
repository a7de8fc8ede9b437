"""Bilingual lexicons: built from packaged dictionaries, embedded in the package, read and written as text."""

from cslir.lexicons.build import LexiconReport, build_lexicons
from cslir.lexicons.embedded_lexicons import EMBEDDED_PAIRS, embedded_lexicon_path
from cslir.lexicons.entries import Coverage, LexiconEntry, coverage, write_entries
from cslir.lexicons.readers.word_lists import read_entries

__all__ = [
    "EMBEDDED_PAIRS",
    "Coverage",
    "LexiconEntry",
    "LexiconReport",
    "build_lexicons",
    "coverage",
    "embedded_lexicon_path",
    "read_entries",
    "write_entries",
]
