"""What both trainers share: batches of examples as texts, lexicon pairs, and the report of a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cslir.errors import InputError
from cslir.records import Example
from cslir.switching import SwitchingTotals
from cslir.training.configuration import TrainingConfiguration

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Augment", "Step", "check_inputs", "draw_pairs", "group_keys", "plain_texts", "text_keys"]


class Augment(Protocol):
    """How code-switching enters training; `Switching.augmenter` makes one."""

    totals: SwitchingTotals
    """What was switched so far."""

    def __call__(self, examples: Sequence[Example], epoch: int) -> tuple[list[str], list[str]]:
        """Return the queries and the passages of a batch of examples in an epoch."""


@dataclass(frozen=True)
class Step:
    """One training step, as the progress callback sees it."""

    step: int
    """From 1."""
    steps: int
    epoch: int
    """From 0."""
    loss: float
    """Ranking + weight * alignment."""
    ranking: float
    alignment: float


def check_inputs(
    examples: Sequence[Example], configuration: TrainingConfiguration, word_pairs: Sequence[tuple[str, str]]
) -> None:
    """Refuse inputs no trainer can learn from.

    Raises:
        InputError: Fewer than two examples, or an alignment loss without at least two word pairs.
    """
    if len(examples) < 2:
        raise InputError(
            f"{len(examples)} training examples: in-batch negatives need at least 2",
            remedy="give a larger training set",
        )
    if configuration.alignment_weight and len(word_pairs) < 2:
        raise InputError(
            f"the alignment loss {configuration.align} needs at least 2 lexicon pairs, not {len(word_pairs)}",
            remedy="give a lexicon with `lexicons`, or leave `alignment` out",
        )


def plain_texts(examples: Sequence[Example]) -> tuple[list[str], list[str]]:
    """Return the examples' queries and passages as they are."""
    return [example.query.text for example in examples], [example.positive.full_text for example in examples]


def text_keys(texts: Sequence[str]) -> "Tensor":
    """Return an integer per text, equal for equal texts; shape (texts,)."""
    import torch

    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(text, len(numbers)) for text in texts])


def group_keys(examples: Sequence[Example]) -> "tuple[Tensor, Tensor]":
    """Return an integer per query text and one per passage id, to tell repeated ones in a batch."""
    queries = text_keys([example.query.text for example in examples])
    return queries, text_keys([example.positive.doc_id for example in examples])


def draw_pairs(
    pairs: Sequence[tuple[str, str]], count: int, generator: np.random.Generator
) -> list[tuple[str, str]]:
    """Draw word pairs without repetition; all of them, shuffled, when there are fewer than `count`."""
    rows = generator.choice(len(pairs), size=min(count, len(pairs)), replace=False, shuffle=True)
    return [pairs[int(row)] for row in rows]
