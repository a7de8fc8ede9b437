"""What is fuzzed: each reader of lexicons, fed any bytes, yields sound entries or raises InputError."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cslir.errors import InputError
from cslir.lexicons.readers import read_lexicon
from cslir.lexicons.translations import SkippedLines
from cslir.switching import Lexicon

__all__ = ["TARGETS", "Target", "read_bytes", "seeds"]

FIXTURES = Path(__file__).parents[2] / "tests" / "fixtures" / "lexicons"
SEPARATOR = b"\n=====\n"
"""Stands between the two files of a format that has two."""


class Target(NamedTuple):
    """One reader, and how its input becomes files.

    Attributes:
        format: Given to `read_lexicon`; None to fuzz the detection as well.
        pair: Languages asked for.
        names: Files that are written, the first being the one read.
        seeds: Fixtures, for each the paths of its files.
    """

    format: str | None
    pair: tuple[str, str]
    names: tuple[str, ...]
    seeds: tuple[tuple[str, ...], ...]


_DICTD = "dict-freedict-{0}/usr/share/dictd/freedict-{0}"
_MUELLER = "mueller7-dict/usr/share/dictd/mueller7"
_CLDR = "unicode-cldr-core/usr/share/unicode/cldr/common/{0}/{1}.xml"
_WIKIPEDIA = "wikipedia/enwiki-20240101-{0}.sql.gz"
_EDICT = "edict/usr/share/edict/edict"
_DING = "trans-de-en/usr/share/trans/de-en"
_TEI = ("freedict-tei/eng-fra.tei", "freedict-tei/jpn-eng.tei")
_TITLES = "wikititles/wikititles-2014_deen.xml.gz"
_LISTS = ("word-lists/en-de.tsv", "word-lists/muse-en-de.txt")

TARGETS: dict[str, Target] = {
    "tsv": Target("tsv", ("en", "de"), ("list.tsv",), ((_LISTS[0],),)),
    "muse": Target("muse", ("en", "de"), ("list.txt",), ((_LISTS[1],), (_LISTS[0],))),
    "dictd": Target(
        "dictd",
        ("de", "fr"),
        ("book.dict", "book.index"),
        tuple(
            (_DICTD.format(names) + ".dict.dz", _DICTD.format(names) + ".index")
            for names in ("deu-fra", "eng-fra", "deu-rus")
        ),
    ),
    "tei": Target("tei", ("en", "fr"), ("book.tei",), tuple((one,) for one in _TEI)),
    "ding": Target("ding", ("de", "en"), ("de-en",), ((_DING,),)),
    "mueller": Target(
        "mueller", ("en", "ru"), ("book.dict", "book.index"), ((f"{_MUELLER}.dict.dz", f"{_MUELLER}.index"),)
    ),
    "edict": Target("edict", ("ja", "en"), ("edict",), ((_EDICT,),)),
    "wikititles": Target("wikititles", ("en", "de"), ("titles.xml",), ((_TITLES,),)),
    "wikipedia": Target(
        "wikipedia",
        ("en", "de"),
        ("enwiki-page.sql", "enwiki-langlinks.sql"),
        ((_WIKIPEDIA.format("page"), _WIKIPEDIA.format("langlinks")),),
    ),
    "psq": Target("psq", ("en", "de"), ("table.json",), (("psq/en-de.json",),)),
    "cldr": Target(
        "cldr",
        ("en", "de"),
        ("en.xml", "de.xml"),
        tuple(
            (_CLDR.format(kind, "en"), _CLDR.format(kind, "de"))
            for kind in ("annotations", "main", "subdivisions")
        ),
    ),
    "cslex": Target("cslex", ("en", "de"), ("compiled.cslex",), ()),
    "detected": Target(
        None,
        ("en", "de"),
        ("file",),
        tuple((one,) for one in (*_LISTS, *_TEI, _DING, _EDICT, _TITLES, "psq/en-de.json")),
    ),
}
"""The targets by name."""


def seeds(name: str, folder: Path) -> list[bytes]:
    """Return the inputs that mutation starts from: fixtures, decompressed and packed again.

    Args:
        name: One of `TARGETS`.
        folder: Where a compiled lexicon may be written.
    """
    if name == "cslex":
        path = folder / "seed.cslex"
        Lexicon.from_entries("en", "de", [("house", [("Haus", 2.0)]), ("ice cream", [("Eis", 1.0)])]).save(
            path
        )
        return [path.read_bytes()]
    plain = [SEPARATOR.join(_plain(FIXTURES / part) for part in parts) for parts in TARGETS[name].seeds]
    pack: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, lzma.compress) if name == "detected" else ()
    return plain + [packed(one) for one in plain for packed in pack]


def _plain(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def read_bytes(name: str, data: bytes, folder: Path) -> int:
    """Write an input as the files of a target and read them; return the number of entries.

    Raises:
        AssertionError: An entry is unsound.
        Exception: Whatever the reader raises but for `InputError`: a finding.
    """
    target = TARGETS[name]
    parts = data.split(SEPARATOR)
    for number, file_name in enumerate(target.names):
        (folder / file_name).write_bytes(parts[number] if number < len(parts) else b"")
    entries = 0
    try:
        path = folder / target.names[0]
        for source, word, weight in read_lexicon(
            path, *target.pair, format=target.format, skipped=SkippedLines()
        ):
            assert source and word and 0 < weight < float("inf"), (source, word, weight)  # noqa: PT018
            assert not set("\t\n") & set(source + word), (source, word)
            entries += 1
    except InputError as error:
        if not error.path:
            raise AssertionError("the error names no file") from error
    return entries
