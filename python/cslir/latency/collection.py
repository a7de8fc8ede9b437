"""What systems are timed on: the queries and passages of one setting, and larger collections made of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.datasets.collections import Dataset, DatasetFiles, load_dataset
from cslir.records import Passage, Qrel, Query

__all__ = ["Collection", "grow", "load_collection"]

_MOVE = 0.5
_CHUNK = 8192


class Collection(NamedTuple):
    """The queries, passages and judgements of one setting."""

    name: str
    queries: list[Query]
    passages: list[Passage]
    qrels: list[Qrel]


def load_collection(
    source: str | DatasetFiles,
    *,
    split: str,
    pair: str,
    languages: Sequence[str] | None = None,
    seed: int = 1,
) -> Collection:
    """Return one setting of a dataset.

    Args:
        source: As for `load_dataset`.
        split: The dataset's split.
        pair: Of a parallel dataset: a language pair, or X-en, en-X or X-X.
        languages: Of a parallel dataset, those that X is drawn among; all that have every id if None.
        seed: Of these draws.

    Raises:
        InputError: There is no such dataset, split or setting.
    """
    dataset = load_dataset(source)
    name = f"{dataset.name} {split}"
    if not isinstance(dataset, Dataset):
        dataset, name = dataset.setting(pair, split, languages=languages, seed=seed), f"{name} {pair}"
    passages = dataset.passages(split)
    # Qrels of another collection are refused.
    dataset.missing(split, {passage.doc_id for passage in passages})
    return Collection(name, dataset.queries(split), passages, dataset.qrels(split))


def grow(vectors: NDArray[np.float32], rows: int, seed: int) -> NDArray[np.float32]:
    """Return a collection of so many unit vectors: the real ones, then noisy copies of them in turn.

    A copy is moved by half of the difference of two real vectors drawn at random, so that the noise has the
    directions of the collection: noise in all directions alike would make it unlike any encoder's.

    Args:
        vectors: Unit vectors, shape (passages, dimension).
        rows: Of the result; at most `len(vectors)` cuts the collection.
        seed: Of the draws.

    Returns:
        float32 of shape (rows, dimension), C order.
    """
    grown = np.empty((rows, vectors.shape[1]), dtype=np.float32)
    grown[: len(vectors)] = vectors[:rows]
    random = np.random.default_rng(seed)
    for start in range(len(vectors), rows, _CHUNK):
        part = grown[start : start + _CHUNK]
        one = random.integers(len(vectors), size=len(part))
        other = (one + random.integers(1, max(2, len(vectors)), size=len(part))) % len(vectors)
        np.take(vectors, np.arange(start, start + len(part)) % len(vectors), axis=0, out=part)
        part += np.float32(_MOVE) * (vectors[one] - vectors[other])
        norms = np.linalg.norm(part, axis=1, keepdims=True)
        part /= np.where(norms > 0, norms, 1)
    return grown
