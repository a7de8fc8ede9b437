"""The mean embedding of each language, and its removal.

A multilingual encoder places texts by language as well as by meaning, so in a collection of several
languages a query prefers passages of its own. The part of an embedding that tells the language is, to a
first approximation, the mean over that language's texts; subtracting it removes most of the preference
without any training.
"""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cslir.errors import DamagedFileError, InputError, UnknownNameError
from cslir.outputs import replace_file, within_folder
from cslir.records import Passage, Query

if TYPE_CHECKING:
    from cslir.datasets.parallel import ParallelDataset
    from cslir.search import Encoder

__all__ = [
    "FEWEST_TEXTS",
    "MEANS_FILE",
    "MEAN_TEXTS",
    "SAMPLE_TEXTS",
    "LanguageSample",
    "complete_means",
    "completed_by_texts",
    "dev_language_means",
    "estimate_language_means",
    "language_means",
    "language_weights",
    "nearest_language",
    "read_language_means",
    "remove_language_means",
    "save_language_means",
]

FEWEST_TEXTS = 32
"""Texts of a language from which its mean is estimated at least; what fewer cost stands in docs/search.md."""
MEANS_FILE = "language_means.safetensors"
"""In a model's folder: one tensor by language."""
MEAN_TEXTS = 64
"""Queries, and as many passages, of a language's dev split from which its mean is estimated."""
SAMPLE_TEXTS = 256
"""Texts of a language from which its mean is estimated at most."""


class LanguageSample:
    """Some texts of each language of a collection, drawn as they stream by, each text as likely as another.

    Attributes:
        counts: How many texts there were, by language; texts without a language are not counted.
        texts: The drawn ones, at most `SAMPLE_TEXTS` by language.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.texts: dict[str, list[str]] = {}
        self._draw = random.Random(1)

    def add(self, language: str, text: str) -> None:
        """Count a text, and perhaps keep it."""
        if not language:
            return
        count = self.counts[language] = self.counts.get(language, 0) + 1
        texts = self.texts.setdefault(language, [])
        if len(texts) < SAMPLE_TEXTS:
            texts.append(text)
        elif (place := self._draw.randrange(count)) < SAMPLE_TEXTS:
            texts[place] = text

    def vectors(
        self, encode: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of the drawn texts by language, each of shape (texts, dimension)."""
        return {language: encode(texts) for language, texts in sorted(self.texts.items())}


def complete_means(
    known: Mapping[str, NDArray[np.float32]], sampled: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Return the known means with one for each further language of a collection.

    A collection's texts differ from those of the known means in more than language, in their subject for
    one: what the sampled languages that have a known mean differ by, on average, is subtracted.

    Args:
        known: Mean embedding by language, each of shape (dimension,).
        sampled: Embeddings of the collection's texts by language, each of shape (texts, dimension).

    Raises:
        InputError: A language has no known mean and fewer than `FEWEST_TEXTS` texts.
    """
    own = {
        language: rows.mean(axis=0, dtype=np.float64)
        for language, rows in sampled.items()
        if len(rows) >= FEWEST_TEXTS
    }
    if too_few := sorted(sampled.keys() - known.keys() - own.keys()):
        counts = ", ".join(f"{language} ({len(sampled[language])})" for language in too_few)
        raise InputError(
            f"too few texts for a language's mean, which the model lacks: {counts}; it takes {FEWEST_TEXTS}",
            remedy="leave these texts out, or the removal of means",
        )
    shared = own.keys() & known.keys()
    shift = np.mean([own[one] - known[one] for one in sorted(shared)], axis=0) if shared else 0.0
    estimated = {
        language: (own[language] - shift).astype(np.float32) for language in sorted(own.keys() - known.keys())
    }
    return dict(known) | estimated


def completed_by_texts(
    known: Mapping[str, NDArray[np.float32]],
    queries: Iterable[Query],
    passages: Iterable[Passage],
    encoder: "Encoder",
) -> Mapping[str, NDArray[np.float32]]:
    """Return the known means with one for each further language of some queries and passages.

    Raises:
        InputError: A language has neither a known mean nor enough texts; see `complete_means`.
    """
    asked, found = LanguageSample(), LanguageSample()
    for query in queries:
        asked.add(query.language, query.text)
    for passage in passages:
        found.add(passage.language, passage.full_text)
    if not (asked.counts.keys() | found.counts.keys()) - known.keys():
        return known
    sampled = found.vectors(encoder.encode_passages)
    for language, rows in asked.vectors(encoder.encode_queries).items():
        sampled[language] = np.concatenate([rows, sampled[language]]) if language in sampled else rows
    return complete_means(known, sampled)


def estimate_language_means(
    encoder: "Encoder", passages: Iterable[Passage]
) -> dict[str, NDArray[np.float32]]:
    """Return the mean vector of each language, of at most `SAMPLE_TEXTS` of its passages, drawn at random.

    Args:
        encoder: Gives the vectors.
        passages: Texts with their language; those without one count for nothing. No judgements are needed,
            and the texts need not be parallel.

    Returns:
        By language, each float32 of shape (dimension,).

    Raises:
        InputError: No passage has a language, or a language has fewer than `FEWEST_TEXTS`.
    """
    sample = LanguageSample()
    for passage in passages:
        sample.add(passage.language, passage.full_text)
    if not sample.texts:
        raise InputError("no passage has a language", remedy="give records with `language`")
    return complete_means({}, sample.vectors(encoder.encode_passages))


def save_language_means(folder: str | PathLike[str], means: Mapping[str, NDArray[np.float32]]) -> Path:
    """Write language means into a model's folder, of any kind; `load_encoder` opens the model with them.

    From then on `Index.build`, `evaluate` and their commands remove them, unless they are told not to.

    Args:
        folder: Of the model.
        means: By language, each float32 of shape (dimension,).

    Returns:
        The file.

    Raises:
        InputError: There is no such model, or the file can't be written.
    """
    from safetensors.numpy import save

    from cslir.models.folders import ENCODERS, require_kind

    require_kind(Path(folder), ENCODERS)
    with replace_file(within_folder(folder, MEANS_FILE)) as file:
        file.write(save({one: np.ascontiguousarray(means[one], dtype=np.float32) for one in sorted(means)}))
    return Path(folder) / MEANS_FILE


def read_language_means(folder: Path, dimension: int) -> dict[str, NDArray[np.float32]]:
    """Return the means in a model's folder by language; none where it has none.

    Raises:
        DamagedFileError: The file can't be read, or holds means of another dimension.
    """
    from cslir.models.static import read_tensors

    path = folder / MEANS_FILE
    if not path.exists():
        return {}
    means = read_tensors(path)
    for language, mean in means.items():
        if mean.shape != (dimension,) or mean.dtype != np.float32 or not np.isfinite(mean).all():
            raise DamagedFileError(
                f"the mean of {language!r} is not {dimension} finite 32-bit floats",
                path=path,
                remedy="estimate the means again, or remove the file",
            )
    return means


def dev_language_means(
    encoder: "Encoder", dataset: "ParallelDataset", languages: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the mean vector of each language over the first `MEAN_TEXTS` queries and passages of dev.

    Args:
        encoder: Gives the vectors.
        dataset: Has a split `dev` in these languages.
        languages: Their codes.
    """
    means: dict[str, NDArray[np.float32]] = {}
    for language in languages:
        queries = dataset.queries("dev", language)[:MEAN_TEXTS]
        passages = dataset.passages("dev", language)[:MEAN_TEXTS]
        both = np.concatenate(
            [
                encoder.encode_queries([query.text for query in queries]),
                encoder.encode_passages([passage.full_text for passage in passages]),
            ]
        )
        means.update(language_means(both, [language] * len(both)))
    return means


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
        languages: The language of each text; where it is empty, the text loses the means of all languages,
            each as much as the text seems to be in it (see `language_weights`).
        means: Mean embedding by language, each of shape (dimension,); empty leaves everything as it is.

    Raises:
        InputError: A language has no mean: its texts would nearly vanish among the others.
    """
    if not means:
        return embeddings
    codes = sorted(means)
    rows = {code: row for row, code in enumerate(codes)}
    if without := sorted({language for language in languages if language and language not in rows}):
        raise UnknownNameError(f"no mean of language {without[0]!r}", remedy=f"there are {', '.join(codes)}")
    table = np.stack([means[code] for code in codes])
    removed = table[[rows.get(language, 0) for language in languages]]
    if unknown := [row for row, language in enumerate(languages) if not language]:
        removed[unknown] = language_weights(embeddings[unknown], means) @ table
    centred = embeddings - removed
    # A text without tokens has no embedding, and so no language to remove.
    centred[~embeddings.any(axis=1)] = 0
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    normalised: NDArray[np.float32] = centred / np.maximum(lengths, np.finfo(np.float32).tiny)
    return normalised.astype(np.float32, copy=False)


def language_weights(
    embeddings: NDArray[np.float32], means: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return how much each embedding seems to be in each language, from 0 to 1, 1 in all.

    What makes the removal of means worth while, that an embedding tells its language, tells it here: how far
    it lies in the direction of a language's mean, seen from the mean of the means. The weights are a softmax
    of these lengths, in units of the deviation of unit vectors from the mean of their language.

    Args:
        embeddings: Of unit length, shape (texts, dimension).
        means: Mean embedding by language, each of shape (dimension,); not empty.

    Returns:
        Shape (texts, languages), languages in the order of their codes.
    """
    table = np.stack([means[code] for code in sorted(means)])
    centre = table.mean(axis=0)
    directions = table - centre
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    # A mean of length 1 leaves no variance; a small one keeps the weights finite.
    variance = max(1 - float(np.square(table).sum(axis=1).mean()), 1e-3) / table.shape[1]
    lengths = (embeddings - centre) @ directions.T / math.sqrt(variance)
    weights = np.exp(lengths - lengths.max(axis=1, keepdims=True))
    normalised: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def nearest_language(embeddings: NDArray[np.float32], means: Mapping[str, NDArray[np.float32]]) -> list[str]:
    """Return the language of the greatest weight of each embedding; arguments as for `language_weights`."""
    codes = sorted(means)
    return [codes[row] for row in language_weights(embeddings, means).argmax(axis=1)]
