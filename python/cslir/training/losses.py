"""Training losses as pure functions of tensors."""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["alignment_loss", "info_nce", "repeated"]


def info_nce(
    queries: Tensor,
    passages: Tensor,
    temperature: float,
    *,
    hard_negatives: Tensor | None = None,
    excluded: Tensor | None = None,
) -> Tensor:
    r"""Symmetric InfoNCE with in-batch negatives.

    With cosine similarities s_ij = cos(q_i, p_j) / temperature,

        L = - 1/(2B) sum_i [ log softmax_j(s_ij)_{j=i} + log softmax_j(s_ji)_{j=i} ],

    the first term ranking passages for each query, the second queries for each passage (van den Oord,
    Li and Vinyals 2018, equation 4, taken in both directions as by Radford et al. 2021).

    Args:
        queries: Shape (B, D); lengths don't matter.
        passages: Shape (B, D); row i is relevant to query i, every other row is a negative.
        temperature: Divides the cosine.
        hard_negatives: Shape (M, D); further negatives of every query, in the first term only.
        excluded: Shape (B, B), boolean; true where passage j is no negative of query i, since it is relevant
            too. The diagonal must be false.

    Returns:
        A scalar: the mean over the batch and both directions.
    """
    queries = functional.normalize(queries, dim=1)
    passages = functional.normalize(passages, dim=1)
    similarities = queries @ passages.T / temperature
    if excluded is not None:
        similarities = similarities.masked_fill(excluded, float("-inf"))
    forward = similarities
    if hard_negatives is not None:
        further = queries @ functional.normalize(hard_negatives, dim=1).T / temperature
        forward = torch.cat([similarities, further], dim=1)
    targets = torch.arange(len(queries), device=queries.device)
    ranking = functional.cross_entropy(forward, targets)
    return (ranking + functional.cross_entropy(similarities.T, targets)) / 2


def alignment_loss(
    sources: Tensor, targets: Tensor, temperature: float, *, excluded: Tensor | None = None
) -> Tensor:
    """Word-level alignment: InfoNCE between the embeddings of lexicon sources and of their targets.

    Draws each source word to its own translation and away from the other translations of the batch, and
    the reverse; the same equation as `info_nce`.

    Args:
        sources: Shape (W, D), embeddings of source words.
        targets: Shape (W, D); row i translates source i.
        temperature: Divides the cosine.
        excluded: Shape (W, W), boolean; true where target j is another translation of source i.

    Returns:
        A scalar: the mean over the pairs and both directions.
    """
    return info_nce(sources, targets, temperature, excluded=excluded)


def repeated(left: Tensor, right: Tensor) -> Tensor:
    """Tell which in-batch negatives are none because the pair shares a query or a passage.

    Args:
        left: Shape (B,), an integer per query (equal texts have equal integers).
        right: Shape (B,), an integer per passage.

    Returns:
        Shape (B, B), boolean: true off the diagonal where row i and column j have the same query or the
        same passage.
    """
    same = (left[:, None] == left[None, :]) | (right[:, None] == right[None, :])
    return same & ~torch.eye(len(left), dtype=torch.bool, device=left.device)
