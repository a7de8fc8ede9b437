"""Training of the static encoder: sparse updates of token vectors and weights, on CPU in seconds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cslir.models.build_static import StaticTable
from cslir.models.static import StaticEncoder
from cslir.models.text_limits import cut
from cslir.records import Example
from cslir.switching import SwitchingTotals
from cslir.training.batches import (
    Augment,
    Step,
    check_inputs,
    draw_pairs,
    group_keys,
    plain_texts,
    text_keys,
)
from cslir.training.configuration import TrainingConfiguration
from cslir.training.losses import alignment_loss, info_nce, repeated
from cslir.training.record import TrainingRecord

__all__ = ["TrainedStatic", "train_static"]


@dataclass(frozen=True)
class TrainedStatic:
    """A trained static encoder and how its training went."""

    encoder: StaticEncoder
    curve: tuple[Step, ...]
    switching: SwitchingTotals | None = None
    """What was switched; None without switching."""

    @property
    def record(self) -> TrainingRecord:
        """What the model folder keeps of the training."""
        return TrainingRecord.of(self.curve, self.switching)


class _Table(nn.Module):
    """Token vectors and log weights as sparse parameters.

    The weight of a token is exp(l), so that equal steps of the optimiser change rare and frequent tokens'
    weights in proportion and none turns negative.
    """

    def __init__(self, base: StaticTable) -> None:
        super().__init__()
        rows, dimension = base.vectors.shape
        self.tokenizer = base.tokenizer
        self.vectors = nn.EmbeddingBag(
            rows, dimension, mode="sum", sparse=True, include_last_offset=True,
            _weight=torch.from_numpy(base.vectors.copy()),
        )  # fmt: skip
        weights = np.maximum(base.weights, np.finfo(np.float32).tiny)
        self.log_weights = nn.Embedding(
            rows, 1, sparse=True, _weight=torch.from_numpy(np.log(weights, dtype=np.float32))[:, None]
        )

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return unnormalised embeddings, shape (texts, dimension)."""
        encodings = self.tokenizer.encode_batch_fast(cut(texts), add_special_tokens=False)
        ids = torch.tensor([token for encoding in encodings for token in encoding.ids], dtype=torch.long)
        offsets = torch.zeros(len(encodings) + 1, dtype=torch.long)
        torch.cumsum(torch.tensor([len(encoding.ids) for encoding in encodings]), dim=0, out=offsets[1:])
        weights = self.log_weights(ids).squeeze(1).exp()
        embeddings: Tensor = self.vectors(ids, offsets, per_sample_weights=weights)
        return embeddings

    def rows(self) -> NDArray[np.float32]:
        """Return the table for inference: vectors times weights, shape (vocabulary, dimension)."""
        with torch.no_grad():
            product: NDArray[np.float32] = (self.vectors.weight * self.log_weights.weight.exp()).numpy()
        return product


def train_static(
    base: StaticTable,
    examples: Sequence[Example],
    configuration: TrainingConfiguration,
    *,
    augment: Augment | None = None,
    word_pairs: Sequence[tuple[str, str]] = (),
    progress: Callable[[Step], None] | None = None,
) -> TrainedStatic:
    """Train a static encoder.

    Each step takes a batch of examples, ranks every query's passage above the others of the batch (see
    `losses.info_nce`) and, with an alignment weight, draws the sources and targets of lexicon pairs to each
    other. The same arguments give the same bytes; the order of examples and pairs is drawn from the seed.

    Args:
        base: Where training starts; it is not changed.
        examples: At least two. Their hard negatives, if any, are not used: the batch's own 255 others are.
        configuration: Settings; those of a bi-encoder alone are ignored.
        augment: Called with each batch and the epoch; without it the texts are taken as they are.
        word_pairs: (source, target) pairs of lexicons, for the alignment loss.
        progress: Called after every step.

    Raises:
        InputError: Fewer than two examples, or an alignment loss without word pairs.
    """
    check_inputs(examples, configuration, word_pairs)
    table = _Table(base)
    optimiser = torch.optim.SparseAdam(list(table.parameters()), lr=configuration.learning_rate)
    order = np.random.default_rng([configuration.seed, 0])
    pair_order = np.random.default_rng([configuration.seed, 1])
    query_keys, passage_keys = group_keys(examples)
    batches = max(1, len(examples) // configuration.batch_size)
    curve: list[Step] = []
    for epoch in range(configuration.epochs):
        permutation = order.permutation(len(examples))
        for rows in np.array_split(permutation, batches):
            batch = [examples[row] for row in rows]
            queries, passages = augment(batch, epoch) if augment else plain_texts(batch)
            excluded = repeated(query_keys[rows], passage_keys[rows])
            ranking = info_nce(table(queries), table(passages), configuration.temperature, excluded=excluded)
            alignment = torch.zeros(())
            if configuration.alignment_weight:
                pairs = draw_pairs(word_pairs, configuration.alignment_pairs, pair_order)
                alignment = _align(table, pairs, configuration.temperature)
            loss = ranking + configuration.alignment_weight * alignment
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()  # type: ignore[no-untyped-call]
            step = Step(
                len(curve) + 1, batches * configuration.epochs, epoch,
                loss.item(), ranking.item(), alignment.item(),
            )  # fmt: skip
            curve.append(step)
            if progress is not None:
                progress(step)
    encoder = StaticEncoder(
        table=table.rows(),
        tokenizer=base.tokenizer,
        languages=base.languages,
        configuration={"base": base.source, "training": configuration.to_json(), "examples": len(examples)},
    )
    return TrainedStatic(encoder, tuple(curve), augment.totals if augment else None)


def _align(table: _Table, pairs: Sequence[tuple[str, str]], temperature: float) -> Tensor:
    sources, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    excluded = repeated(text_keys(sources), text_keys(targets))
    return alignment_loss(table(sources), table(targets), temperature, excluded=excluded)
