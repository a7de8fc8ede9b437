import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cslir.models.language_means import language_means, remove_language_means


def normalised(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 2**32 - 1))
def test_removal_is_subtraction_and_normalisation(seed):
    draw = np.random.default_rng(seed)
    embeddings = normalised(draw.normal(size=(20, 6)))
    languages = ["en", "de"] * 10
    means = language_means(embeddings, languages)
    removed = remove_language_means(embeddings, languages, means)
    for row, language in enumerate(languages):
        own = embeddings[[other == language for other in languages]].mean(axis=0)
        expected = embeddings[row] - own
        assert np.allclose(removed[row], expected / np.linalg.norm(expected), atol=1e-4)


def test_a_language_offset_disappears():
    draw = np.random.default_rng(1)
    meanings = draw.normal(size=(40, 16))
    offsets = {"en": draw.normal(size=16) * 5, "de": draw.normal(size=16) * 5}
    embeddings = {code: (meanings + offset).astype(np.float32) for code, offset in offsets.items()}
    means = {code: rows.mean(axis=0) for code, rows in embeddings.items()}
    english = remove_language_means(embeddings["en"], ["en"] * 40, means)
    german = remove_language_means(embeddings["de"], ["de"] * 40, means)
    assert np.allclose(english, german, atol=1e-5)


def test_unknown_languages_lose_the_mean_of_means_and_no_means_change_nothing():
    embeddings = normalised(np.random.default_rng(2).normal(size=(3, 4)))
    means = {"en": np.ones(4, dtype=np.float32), "de": np.zeros(4, dtype=np.float32)}
    removed = remove_language_means(embeddings, ["xh"] * 3, means)
    assert np.allclose(removed, normalised(embeddings - 0.5), atol=1e-6)
    assert remove_language_means(embeddings, ["en"] * 3, {}) is embeddings


def test_a_text_without_embedding_stays_without():
    means = {"en": np.ones(4, dtype=np.float32)}
    embeddings = np.zeros((2, 4), dtype=np.float32)
    embeddings[1, 2] = 1
    removed = remove_language_means(embeddings, ["en", "en"], means)
    assert not removed[0].any()
    assert removed[1].any()
