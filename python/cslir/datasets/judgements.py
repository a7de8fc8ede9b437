"""Judgements of what a dataset lacks: some in real collections, all in the judgements of another one."""

from collections.abc import Collection, Container
from pathlib import Path
from typing import NamedTuple

from cslir.errors import InputError

__all__ = ["Missing", "missing_ids"]


class Missing(NamedTuple):
    """How many judged ids have no text.

    Args:
        queries: Nobody can ask them: they are left out, as if they were not judged.
        passages: Relevant ones of the other queries. No system can find them, and they stay judged: a query
            loses by them what it would by passages that are not found.
    """

    queries: int = 0
    passages: int = 0

    def any(self) -> bool:
        """Return whether something is missing."""
        return self != (0, 0)

    def note(self, place: Path | str) -> str:
        """Return what an evaluation makes of them, as a line."""
        return _note(
            place,
            {
                "judged queries without text, which are left out": self.queries,
                "relevant passages that the collection lacks, which count as never found": self.passages,
            },
        )

    def training_note(self, place: Path | str) -> str:
        """Return what training makes of them, as a line."""
        return _note(
            place,
            {
                "queries without text, whose pairs are left out": self.queries,
                "relevant passages that the collection lacks, whose pairs are left out": self.passages,
            },
        )


def _note(place: Path | str, counts: dict[str, int]) -> str:
    return f"{place}: " + "; ".join(f"{what}: {count:,}" for what, count in counts.items() if count)


def missing_ids(
    judged: Collection[str], known: Container[str], kind: str, *, path: Path | str, holder: Path | str
) -> set[str]:
    """Return the ids that are judged and not known.

    Args:
        judged: Ids of queries, or of relevant passages.
        known: Ids that have a text.
        kind: "query" or "relevant passage", for the message.
        path: Where the judgements are.
        holder: Where the texts are.

    Raises:
        InputError: None is known: the judgements are of another collection.
    """
    missing = {one for one in judged if one not in known}
    if judged and len(missing) == len(judged):
        raise InputError(
            f"no {kind} that is judged is in {holder}, neither {min(missing)!r} nor another",
            path=path,
            remedy="use the qrels that belong to these files",
        )
    return missing
