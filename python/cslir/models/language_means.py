"""The mean embedding of each language, and its removal.

A multilingual encoder places texts by language as well as by meaning, so in a collection of several
languages a query prefers passages of its own. The part of an embedding that tells the language is, to a
first approximation, the mean over that language's texts; subtracting it removes most of the preference
without any training.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["language_means", "nearest_language", "remove_language_means"]


def language_means(
    embeddings: NDArray[np.float32], languages: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the mean embedding of each language.

    Args:
        embeddings: Shape (texts, dimension).
        languages: The language of each text.
    """
    codes = np.asarray(languages)
    return {
        str(code): embeddings[codes == code].mean(axis=0, dtype=np.float64).astype(np.float32)
        for code in np.unique(codes)
    }


def remove_language_means(
    embeddings: NDArray[np.float32],
    languages: Sequence[str],
    means: Mapping[str, NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Return the embeddings less their language's mean, normalised to length 1 again.

    Args:
        embeddings: Shape (texts, dimension).
        languages: The language of each text; one without a known mean loses the mean of the means, so that
            its texts stay comparable with the others.
        means: Mean embedding by language, each of shape (dimension,); empty leaves everything as it is.
    """
    if not means:
        return embeddings
    codes = sorted(means)
    rows = {code: row for row, code in enumerate(codes)}
    table = np.stack([means[code] for code in codes])
    table = np.concatenate([table, table.mean(axis=0, keepdims=True)])
    centred = embeddings - table[[rows.get(language, len(codes)) for language in languages]]
    # A text without tokens has no embedding, and so no language to remove.
    centred[~embeddings.any(axis=1)] = 0
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    normalised: NDArray[np.float32] = centred / np.maximum(lengths, np.finfo(np.float32).tiny)
    return normalised.astype(np.float32, copy=False)


def nearest_language(embeddings: NDArray[np.float32], means: Mapping[str, NDArray[np.float32]]) -> list[str]:
    """Guess the language of each embedding: the mean nearest in direction, seen from the mean of the means.

    What makes the removal of means worth while, that an embedding tells its language, tells it here.

    Args:
        embeddings: Shape (texts, dimension).
        means: Mean embedding by language, each of shape (dimension,); not empty.
    """
    codes = sorted(means)
    table = np.stack([means[code] for code in codes])
    centre = table.mean(axis=0)
    directions = table - centre
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return [codes[row] for row in np.argmax((embeddings - centre) @ directions.T, axis=1)]
