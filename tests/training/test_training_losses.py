"""Losses against plain numpy loops over the equation."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cslir.training.losses import alignment_loss, info_nce, repeated  # noqa: E402


def draw(rows, seed):
    return np.random.default_rng(seed).normal(size=(rows, 5)).astype(np.float32)


def cosine(left, right):
    return left @ right / np.linalg.norm(left) / np.linalg.norm(right)


def reference(queries, passages, temperature, negatives=(), excluded=None):
    size = len(queries)
    total = 0.0
    for i in range(size):

        def allowed(a, b):
            return excluded is None or not excluded[a][b]

        forward = [cosine(queries[i], passages[j]) for j in range(size) if allowed(i, j)]
        forward += [cosine(queries[i], negative) for negative in negatives]
        backward = [cosine(queries[j], passages[i]) for j in range(size) if allowed(j, i)]
        own = cosine(queries[i], passages[i]) / temperature
        for scores in (forward, backward):
            total -= own - np.log(np.sum(np.exp(np.array(scores) / temperature)))
    return total / (2 * size)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
@pytest.mark.parametrize("hard", [0, 3])
@pytest.mark.parametrize("mask", [False, True])
def test_info_nce_is_its_equation(temperature, hard, mask):
    queries, passages, negatives = draw(4, 1), draw(4, 2), draw(hard, 3)
    excluded = np.zeros((4, 4), dtype=bool)
    if mask:
        excluded[0, 2] = excluded[3, 1] = True
    ours = info_nce(
        torch.from_numpy(queries),
        torch.from_numpy(passages),
        temperature,
        hard_negatives=torch.from_numpy(negatives) if hard else None,
        excluded=torch.from_numpy(excluded) if mask else None,
    )
    assert ours.shape == ()
    assert ours.item() == pytest.approx(
        reference(queries, passages, temperature, negatives, excluded), rel=1e-4
    )


def test_lengths_do_not_matter_and_matching_pairs_cost_least():
    queries = torch.from_numpy(draw(6, 4))
    assert info_nce(queries, 7 * queries, 0.05).item() == pytest.approx(
        info_nce(queries, queries, 0.05).item(), abs=1e-5
    )
    assert info_nce(queries, queries, 0.05) < info_nce(queries, queries.flip(0), 0.05)


def test_a_zero_embedding_has_a_finite_gradient():
    queries = torch.zeros(2, 5, requires_grad=True)
    info_nce(queries, torch.from_numpy(draw(2, 5)), 0.05).backward()
    assert torch.isfinite(queries.grad).all()


def test_alignment_is_info_nce_over_words():
    sources, targets = torch.from_numpy(draw(3, 6)), torch.from_numpy(draw(3, 7))
    assert alignment_loss(sources, targets, 0.1) == info_nce(sources, targets, 0.1)


def test_repeated_marks_shared_queries_and_passages():
    mask = repeated(torch.tensor([0, 1, 0, 2]), torch.tensor([0, 1, 2, 1]))
    expected = np.zeros((4, 4), dtype=bool)
    expected[0, 2] = expected[2, 0] = expected[1, 3] = expected[3, 1] = True
    assert np.array_equal(mask.numpy(), expected)
