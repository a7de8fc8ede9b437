"""Which format a lexicon or dictionary file has, from its name and its first bytes."""

import re
from collections import Counter
from pathlib import Path

from cslir.errors import DamagedFileError, InputError
from cslir.files import DAMAGE_ERRORS, open_bytes
from cslir.lexicons.readers.edict import is_edict_line

__all__ = ["FORMATS", "detect_format", "is_compiled"]

FORMATS: tuple[str, ...] = (
    "cslex",
    "tsv",
    "muse",
    "dictd",
    "tei",
    "ding",
    "mueller",
    "edict",
    "wikititles",
    "wikipedia",
    "psq",
    "cldr",
)
"""Names of the formats that are read."""

_CSLEX_MAGIC = b"\x89CSLEX\r\n"
_HEAD = 1 << 16
_LINES = 20
_DICTD_NAME = re.compile(r"\.(?:dict(?:\.dz)?|index)$")
_XML_ROOTS = ((rb"<TEI[\s>.]", "tei"), (rb"<ldml[\s>]", "cldr"), (rb"<translation[\s>]", "wikititles"))
_SQL = re.compile(rb"(?:CREATE TABLE|INSERT INTO) `(?:page|langlinks)`")
_DING_LINE = re.compile(rb"\S ::\s")
_MUSE_LINE = re.compile(rb"\S+[ ]+\S+\s*")


def is_compiled(path: Path) -> bool:
    """Whether the file starts like a `.cslex`; False too for one that can't be read."""
    try:
        # A pipe would lose these bytes.
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_CSLEX_MAGIC)) == _CSLEX_MAGIC
    except OSError:
        return False


def detect_format(path: Path) -> str:
    """Return the name of a file's format, one of `FORMATS`.

    Raises:
        InputError: The file is missing, empty, truncated or corrupt, or of no known format.
    """
    if path.is_dir():
        return "cldr"
    if is_compiled(path):
        return "cslex"
    head = _head(path)
    if _DICTD_NAME.search(path.name):
        return "mueller" if path.name.startswith("mueller") else "dictd"
    found = _by_contents(head)
    if found is None:
        raise InputError(
            "is of no format that is recognised",
            path=path,
            remedy="give what 'cslir lexicons build PAIR=FILE --format FORMAT --output OUT.tsv' makes of it,"
            f" with one of {', '.join(FORMATS)}",
        )
    return found


def _head(path: Path) -> bytes:
    # Read again from its beginning in the format that is found.
    with open_bytes(path, pipe=False) as file:
        try:
            head = file.read(_HEAD)
        except DAMAGE_ERRORS as error:
            raise DamagedFileError(
                f"truncated or corrupt ({error})", path=path, remedy="fetch the file again"
            ) from None
    if not head.strip():
        raise InputError("is empty", path=path, remedy="give a lexicon or dictionary with entries")
    return head.removeprefix(b"\xef\xbb\xbf")


def _by_contents(head: bytes) -> str | None:
    start = head.lstrip()
    if start.startswith(b"<"):
        return next((name for root, name in _XML_ROOTS if re.search(root, start)), None)
    if start.startswith(b"{"):
        return "psq"
    if _SQL.search(head):
        return "wikipedia"
    lines = [line for line in head.splitlines() if line.strip() and not line.startswith(b"#")][:_LINES]
    kinds = Counter(kind for line in lines if (kind := _kind_of_line(line)))
    # Malformed lines do not hide what the others are, but two words in some line are in prose as well.
    if 2 * kinds["muse"] <= len(lines):
        del kinds["muse"]
    return kinds.most_common(1)[0][0] if kinds else None


def _kind_of_line(line: bytes) -> str | None:
    if _DING_LINE.search(line):
        return "ding"
    if is_edict_line(line):
        return "edict"
    if b"\t" in line:
        return "tsv"
    return "muse" if _MUSE_LINE.fullmatch(line) else None
