"""Counts in sentences: 1 record, 2 records."""

__all__ = ["count_of"]


def count_of(number: int, noun: str) -> str:
    """Return a count with its noun: `1 query`, `1,000 queries`.

    Args:
        number: How many.
        noun: Of one thing; the last of several words becomes the plural.
    """
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
