"""Indexing and exact retrieval: passages and their vectors in a folder, queries in, a run out.

An index folder holds `index.json` (version, encoder, counts, checksums), `vectors` (a `cslir.Index`: one unit
row per passage, with its id and language), `passages.jsonl` (a BEIR corpus in the order of the rows),
`offsets.npy` (where each of its lines starts), and `language_means.npy` where these were removed. It appears
whole or not at all.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cslir import __version__
from cslir._core import Index, IndexWriter, check_finite, top_k
from cslir.errors import InputError
from cslir.files import replace_folder, require_replaceable, sha256_of
from cslir.formats import passage_line, passage_of_line
from cslir.languages import language_label
from cslir.models.folders import fingerprint
from cslir.models.language_means import nearest_language, remove_language_means
from cslir.records import Passage, ScoredPassage

__all__ = ["Encoder", "Hit", "PassageIndex", "rank", "refuse_not_finite", "retrieve"]

FORMAT_VERSION = 2
_CHUNK = 4096


class Encoder(Protocol):
    """What search needs of a model."""

    @property
    def dimension(self) -> int:
        """Width of the vectors."""

    def query_stages(self) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        """Return the stages from a list of queries to their vectors, (queries, dimension), by name."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32 of shape (len(texts), dimension)."""

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32 of shape (len(texts), dimension)."""


class Hit(NamedTuple):
    """A retrieved passage with its inner product."""

    passage: Passage
    score: float


def retrieve(
    query_ids: Sequence[str],
    queries: NDArray[np.float32],
    doc_ids: Sequence[str],
    vectors: NDArray[np.float32],
    depth: int,
) -> Iterator[ScoredPassage]:
    """Yield a run: for each query its `depth` best passages by inner product, ties to the lower row.

    Args:
        query_ids: One per row of `queries`.
        queries: float32 of shape (queries, dimension), C order.
        doc_ids: One per row of `vectors`.
        vectors: float32 of shape (passages, dimension), C order.
        depth: Passages per query; all of them if there are fewer.
    """
    for query_id, scores in rank(query_ids, queries, doc_ids, vectors, depth):
        for doc_id, score in scores.items():
            yield ScoredPassage(query_id, doc_id, score)


def rank(
    query_ids: Sequence[str],
    queries: NDArray[np.float32],
    doc_ids: Sequence[str],
    vectors: NDArray[np.float32],
    depth: int,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each query's scores by passage id, best first; arguments as for `retrieve`."""
    found, rows = top_k(vectors, queries, min(depth, len(doc_ids)))
    for query_id, scores, its_rows in zip(query_ids, found.tolist(), rows.tolist(), strict=True):
        yield query_id, dict(zip((doc_ids[row] for row in its_rows), scores, strict=True))


class PassageIndex:
    """A searchable folder of passages; made by `build`, opened by `open` in milliseconds."""

    def __init__(
        self,
        folder: Path,
        description: dict[str, Any],
        vectors: Index,
        language_means: Mapping[str, NDArray[np.float32]],
    ) -> None:
        self.folder = folder
        self.description = description
        self.vectors = vectors
        self.language_means = language_means

    @classmethod
    def build(
        cls,
        folder: Path,
        passages: Iterable[Passage],
        encoder: Encoder,
        encoder_name: str,
        *,
        precision: str = "float32",
        language_means: Mapping[str, NDArray[np.float32]] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> "PassageIndex":
        """Encode passages and write an index folder, at constant memory.

        Args:
            folder: Where the index goes; an index that is there already is replaced at the end.
            passages: The collection.
            encoder: Gives their vectors.
            encoder_name: What `open` should load to encode queries: a folder or a hub id. A folder beside
                the index is noted relative to it, so that the two may move together.
            precision: That of the encoder, for `load_encoder`.
            language_means: Mean vector by language, float32 of shape (dimension,). Each passage loses the
                mean of its language, and so will each query: a collection in several languages is then
                ranked by meaning more than by language.
            progress: Called with the number of passages done so far.

        Raises:
            InputError: There is no passage, two have the same id, a vector is not finite, or `folder` holds
                something else.
        """
        require_replaceable(folder, "index", "index.json")
        with replace_folder(folder) as work:
            means = dict(sorted((language_means or {}).items()))
            rows = _write_passages_and_vectors(work, iter(passages), encoder, means, progress)
            if means:
                np.save(work / "language_means.npy", np.stack(list(means.values())).astype(np.float32))
            description = {
                "format": "cslir index",
                "format_version": FORMAT_VERSION,
                "cslir": __version__,
                "encoder": _portable(encoder_name, folder),
                "encoder_fingerprint": fingerprint(Path(encoder_name)),
                "precision": precision,
                "dimension": encoder.dimension,
                "passages": rows,
                "language_means": list(means),
                "sha256": {path.name: sha256_of(path) for path in sorted(work.iterdir()) if path.is_file()},
            }
            (work / "index.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "PassageIndex":
        """Open an index folder; its vectors are memory-mapped.

        Raises:
            InputError: The folder is no index, of another version, or its files do not fit each other.
        """
        path = folder / "index.json"
        try:
            description = json.loads(path.read_text(encoding="utf-8"))
            version, codes = description["format_version"], list(description.get("language_means", ()))
        except FileNotFoundError:
            raise InputError(
                "no index here", path=folder, remedy="make one with 'cslir index' or 'cslir demo'"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
            raise InputError("not an index description", path=path, remedy="build the index again") from None
        if version != FORMAT_VERSION:
            raise InputError(
                f"format version {version}, this cslir reads {FORMAT_VERSION}",
                path=path,
                remedy="build it again",
            )
        try:
            vectors = Index.open(folder / "vectors")
            lines = np.load(folder / "offsets.npy", mmap_mode="r", allow_pickle=False)
            means = np.load(folder / "language_means.npy", allow_pickle=False) if codes else []
            language_means = dict(zip(codes, means, strict=True))
        except (OSError, ValueError, EOFError) as error:
            raise InputError(
                f"incomplete or corrupt ({error})", path=folder, remedy="build the index again"
            ) from None
        size = (folder / "passages.jsonl").stat().st_size if (folder / "passages.jsonl").is_file() else -1
        expected = (len(lines) - 1, description.get("dimension"))
        whole = lines.ndim == 1 and len(lines) > 1 and lines[-1] == size
        whole = whole and (vectors.rows, vectors.dimension) == expected
        if not whole or not isinstance(description.get("encoder"), str):
            raise InputError("its files do not fit each other", path=folder, remedy="build the index again")
        return cls(folder, description, vectors, language_means)

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.vectors)

    @property
    def encoder_name(self) -> str:
        """The folder or hub id of the encoder that made the vectors."""
        name = str(self.description["encoder"])
        return str((self.folder / name).resolve()) if name.startswith(".") else name

    @property
    def precision(self) -> str:
        """What that encoder computed in; indexes of earlier releases do not say."""
        return str(self.description.get("precision", "float32"))

    def check_encoder(self, encoder: Encoder) -> None:
        """Refuse an encoder that is not the one that made the vectors.

        Raises:
            InputError: The model was trained anew since, or has another dimension.
        """
        made_with = self.description.get("encoder_fingerprint")
        now = fingerprint(Path(self.encoder_name))
        if encoder.dimension != self.description["dimension"] or (made_with and made_with != now):
            raise InputError(
                f"was made with another model than is now in {self.encoder_name}",
                path=self.folder,
                remedy="build the index again",
            )

    def search(
        self, queries: NDArray[np.float32], k: int, *, languages: Sequence[str] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return scores and rows of the `k` best passages of each query, best first, ties to the lower row.

        Args:
            queries: float32 of shape (queries, dimension), C order.
            k: At least 1; all passages that take part if there are fewer.
            languages: Only passages in one of these; None means all.
        """
        where = None if languages is None else {"language": [language_label(one) for one in languages]}
        return self.vectors.search(queries, k, where=where)

    def check_languages(self, languages: Sequence[str]) -> None:
        """Refuse a language that no passage is in.

        Raises:
            InputError: Names it, and the languages that there are.
        """
        rows = self.vectors.live_rows()
        there = sorted(set(self.vectors.metadata("language", rows)) - {""})
        for language in languages:
            if language_label(language) not in there:
                remedy = f"there are {', '.join(there)}" if there else "the passages have no languages"
                raise InputError(f"no passage in language {language!r}", path=self.folder, remedy=remedy)

    def passages(self, rows: Iterable[int]) -> Iterator[Passage]:
        """Yield the passages of the given rows, reading only them."""
        offsets = np.load(self.folder / "offsets.npy", mmap_mode="r")
        with (self.folder / "passages.jsonl").open("rb") as file:
            for row in rows:
                file.seek(int(offsets[row]))
                yield passage_of_line(file.readline())

    def without_language_means(
        self, queries: NDArray[np.float32], language: str | None = None
    ) -> tuple[NDArray[np.float32], list[str]]:
        """Return query vectors less the mean of their language, as the passages are, and these languages.

        Args:
            queries: float32 of shape (queries, dimension), as the encoder gives them.
            language: Of all queries; None guesses it for each (see `nearest_language`).

        Raises:
            InputError: The index has language means, but not of this language.
        """
        if not self.language_means:
            return queries, [language or ""] * len(queries)
        language = language_label(language) if language else None
        if language is not None and language not in self.language_means:
            raise InputError(f"no language {language!r}", remedy=f"it has {', '.join(self.language_means)}")
        guessed = [language] * len(queries) if language else nearest_language(queries, self.language_means)
        return remove_language_means(queries, guessed, self.language_means), guessed

    def hits(
        self, query: NDArray[np.float32], k: int, *, languages: Sequence[str] | None = None
    ) -> list[Hit]:
        """Return the `k` best passages of one query vector, shape (dimension,); arguments as for `search`."""
        scores, rows = self.search(query.reshape(1, -1), k, languages=languages)
        found = self.passages(rows[0].tolist())
        return [Hit(passage, score) for passage, score in zip(found, scores[0].tolist(), strict=True)]

    def run(
        self,
        query_ids: Sequence[str],
        queries: NDArray[np.float32],
        depth: int,
        *,
        languages: Sequence[str] | None = None,
    ) -> Iterator[ScoredPassage]:
        """Yield the run of many queries, see `retrieve`; of passages in some languages only, as `search`."""
        for start in range(0, len(query_ids), _CHUNK):
            found, rows = self.search(queries[start : start + _CHUNK], depth, languages=languages)
            for query_id, scores, its_rows in zip(query_ids[start:], found.tolist(), rows, strict=False):
                for doc_id, score in zip(self.vectors.ids(its_rows), scores, strict=True):
                    yield ScoredPassage(query_id, doc_id, score)


def _portable(encoder_name: str, folder: Path) -> str:
    """Return a folder beside the index relative to it, another one as absolute, a hub id as it is."""
    path = Path(encoder_name)
    if not path.is_dir():
        return encoder_name
    path, parent = path.resolve(), folder.resolve().parent
    return os.path.relpath(path, folder.resolve()) if path.is_relative_to(parent) else str(path)


def _write_passages_and_vectors(
    work: Path,
    passages: Iterator[Passage],
    encoder: Encoder,
    language_means: Mapping[str, NDArray[np.float32]],
    progress: Callable[[int], None] | None,
) -> int:
    """Write the vectors, the passages and their offsets chunk by chunk and return the number of rows."""
    offsets = [0]
    writer = Index.writer(work / "vectors", encoder.dimension)
    with (work / "passages.jsonl").open("wb") as texts, writer:
        while chunk := list(islice(passages, _CHUNK)):
            vectors = encoder.encode_passages([passage.full_text for passage in chunk])
            languages = _languages(chunk, vectors, language_means)
            vectors = remove_language_means(vectors, languages, language_means)
            _add_vectors(writer, vectors, chunk)
            for passage in chunk:
                texts.write(passage_line(passage).encode() + b"\n")
                offsets.append(texts.tell())
            if progress:
                progress(len(offsets) - 1)
    rows = len(offsets) - 1
    if rows == 0:
        raise InputError("the collection is empty", remedy="an index needs at least one passage")
    np.save(work / "offsets.npy", np.asarray(offsets, dtype=np.int64))
    return rows


def _languages(
    chunk: Sequence[Passage], vectors: NDArray[np.float32], means: Mapping[str, NDArray[np.float32]]
) -> list[str]:
    """Return the passages' languages, guessed as for queries where no mean of a language is known."""
    if not means:
        return [passage.language for passage in chunk]
    guessed = nearest_language(vectors, means)
    return [
        passage.language if passage.language in means else guess
        for passage, guess in zip(chunk, guessed, strict=True)
    ]


def refuse_not_finite(vectors: NDArray[np.float32], passages: Sequence[Passage]) -> None:
    """Refuse vectors that are not finite, naming the first passage that has such a one."""
    try:
        check_finite(vectors)
    except InputError as error:
        bad = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise InputError(f"passage {passages[bad].doc_id!r}: {error.message}", remedy=error.remedy) from None


def _add_vectors(writer: IndexWriter, vectors: NDArray[np.float32], chunk: Sequence[Passage]) -> None:
    refuse_not_finite(vectors, chunk)
    languages = [passage.language for passage in chunk]
    writer.add(vectors, [passage.doc_id for passage in chunk], {"language": languages})
