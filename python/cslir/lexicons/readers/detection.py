"""Which format a lexicon or dictionary file has, from its name and its first bytes."""

import re
from pathlib import Path

from cslir.errors import InputError
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
_DICTD_NAME = re.compile(r"\.(?:dict(?:\.dz)?|index)$")
_XML_ROOTS = ((rb"<TEI[\s>.]", "tei"), (rb"<ldml[\s>]", "cldr"), (rb"<translation[\s>]", "wikititles"))
_SQL = re.compile(rb"(?:CREATE TABLE|INSERT INTO) `(?:page|langlinks)`")
_DING_LINE = re.compile(rb"\S ::\s")
_MUSE_LINE = re.compile(rb"\S+[ ]+\S+\s*")


def is_compiled(path: Path) -> bool:
    """Whether the file starts like a `.cslex`; False too for one that can't be read."""
    try:
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
            remedy=f"name its format with --format: one of {', '.join(FORMATS)}",
        )
    return found


def _head(path: Path) -> bytes:
    try:
        with open_bytes(path) as file:
            head = file.read(_HEAD)
    except DAMAGE_ERRORS as error:
        raise InputError(
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
    lines = (line for line in head.splitlines() if line.strip())
    first = next((line for line in lines if not line.startswith(b"#")), b"")
    if _DING_LINE.search(first):
        return "ding"
    if is_edict_line(first):
        return "edict"
    if b"\t" in first:
        return "tsv"
    return "muse" if _MUSE_LINE.fullmatch(first) else None
