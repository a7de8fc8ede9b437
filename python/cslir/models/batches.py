"""Batches of texts of nearly equal length, of which hardly any part is padding."""

from collections.abc import Sequence

__all__ = ["BATCH_TOKENS", "length_batches"]

BATCH_TOKENS = 2048
"""Tokens of a batch, padding included: enough to fill the matrix products of a CPU, little enough for its
caches."""


def length_batches(lengths: Sequence[int], batch_tokens: int = BATCH_TOKENS) -> list[list[int]]:
    """Return all rows, ordered from long to short, in batches of at most `batch_tokens` after padding."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    batches: list[list[int]] = []
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // max(lengths[order[start]], 1))
        batches.append(order[start : start + size])
        start += size
    return batches
