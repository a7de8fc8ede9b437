"""Checksums of what a setting was judged on, by which a comparison tells one task from another."""

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Checksums", "checksum"]

_MODULUS = 1 << 256


class Checksums(NamedTuple):
    """SHA-256 sums of what a setting was judged on, as hex; empty where it is not known.

    Args:
        queries: Of the judged queries' ids and texts; a run judged by qrels alone has none.
        qrels: Of the judgements.
    """

    queries: str = ""
    qrels: str = ""


def checksum(records: Iterable[tuple[str | int, ...]]) -> str:
    """Return the sum of the records' SHA-256 as hex, whatever their order; empty without records."""
    digests = [int.from_bytes(hashlib.sha256(json.dumps(one).encode()).digest()) for one in records]
    return f"{sum(digests) % _MODULUS:064x}" if digests else ""
