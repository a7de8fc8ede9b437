"""Bilingual lexicons: built from packaged dictionaries, embedded in the package, read and written as text."""

from cslir.lexicons.build import LexiconReport, build_lexicons
from cslir.lexicons.cldr import TitlesReport, build_titles
from cslir.lexicons.coverage import Coverage, measure_coverage
from cslir.lexicons.embedded_lexicons import (
    EMBEDDED_PAIRS,
    EMBEDDED_TITLE_PAIRS,
    embedded_lexicon_path,
    embedded_titles_path,
)
from cslir.lexicons.entries import LexiconEntry, write_entries
from cslir.lexicons.inspection import Inspection, inspect_table
from cslir.lexicons.operations import EntryFilter, filter_table, invert, merge, pivot
from cslir.lexicons.readers.word_lists import read_entries
from cslir.lexicons.tables import LexiconTable, compile_lexicon, read_table, write_table

__all__ = [
    "EMBEDDED_PAIRS",
    "EMBEDDED_TITLE_PAIRS",
    "Coverage",
    "EntryFilter",
    "Inspection",
    "LexiconEntry",
    "LexiconReport",
    "LexiconTable",
    "TitlesReport",
    "build_lexicons",
    "build_titles",
    "compile_lexicon",
    "embedded_lexicon_path",
    "embedded_titles_path",
    "filter_table",
    "inspect_table",
    "invert",
    "measure_coverage",
    "merge",
    "pivot",
    "read_entries",
    "read_table",
    "write_entries",
    "write_table",
]
