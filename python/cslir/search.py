"""Indexing and exact retrieval: passages and their vectors in a folder, queries in, a run out.

An index folder holds `index.json` (version, encoder, counts, checksums), `vectors` (a `cslir.VectorIndex`: a
unit row per passage, with its id and language), `passages.jsonl` (a BEIR corpus in the order of the rows),
`offsets.npy` (where each of its lines starts), and `language_means.npy` where these were removed. It appears
whole or not at all.
"""

import hashlib
import json
import math
import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cslir import __version__
from cslir._core import VectorIndex, check_finite, top_k
from cslir.errors import InputError
from cslir.files import sha256_of
from cslir.formats import passage_line, passage_of_line
from cslir.json_values import read_json
from cslir.languages import language_label
from cslir.models.folders import fingerprint
from cslir.models.language_means import (
    LanguageSample,
    complete_means,
    language_weights,
    remove_language_means,
)
from cslir.outputs import replace_folder
from cslir.plain_text import is_unicode
from cslir.records import Passage, ScoredPassage
from cslir.shell import own_command

__all__ = ["Encoder", "Hit", "PassageIndex", "rank", "refuse_not_finite", "retrieve"]

FORMAT_VERSION = 2
_CHUNK = 4096
_REMEDY = "build the index again"


class Encoder(Protocol):
    """What search needs of a model."""

    @property
    def dimension(self) -> int:
        """Width of the vectors."""

    def query_stages(self) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        """Return the stages from a list of queries to their vectors, (queries, dimension), by name."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors whose inner products rank, float32 of shape (len(texts), dimension)."""

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors whose inner products rank, float32 of shape (len(texts), dimension)."""


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
    """A searchable folder of passages; made by `build`, opened by `open` in milliseconds.

    An opened index answers from the files that it opened, whatever another process puts in their place.
    """

    def __init__(
        self, folder: Path, description: dict[str, Any], vectors: VectorIndex, files: Mapping[str, mmap]
    ) -> None:
        """Take over opened files; see `open`.

        Raises:
            InputError: The files do not fit each other.
        """
        self.folder = folder
        self.description = description
        self.vectors = vectors
        self._files = files
        codes, dimension = description["language_means"], description["dimension"]
        if (vectors.rows, vectors.dimension) != (description["passages"], dimension):
            raise InputError("its files do not fit each other", path=folder, remedy=_REMEDY)
        self._offsets = self._array("offsets.npy", np.int64, (vectors.rows + 1,))
        if self._offsets[0] != 0 or self._offsets[-1] != len(files["passages.jsonl"]):
            raise InputError("does not fit passages.jsonl", path=folder / "offsets.npy", remedy=_REMEDY)
        means = self._array("language_means.npy", np.float32, (len(codes), dimension)) if codes else ()
        if not np.isfinite(means).all():
            raise InputError("a value is not finite", path=folder / "language_means.npy", remedy=_REMEDY)
        self.language_means: Mapping[str, NDArray[np.float32]] = dict(zip(codes, means, strict=True))

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
        progress: Callable[[int], None] = lambda _: None,
        notice: Callable[[str], None] = lambda _: None,
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
                ranked by meaning more than by language. A language of the collection that is not among
                them gets a mean of its own (see `complete_means`), or no language loses one.
            progress: Called with the number of passages done so far.
            notice: Called with a sentence if a language gets a mean of its own, or none loses one.

        Raises:
            InputError: There is no passage, two have the same id, a vector is not finite, or `folder` holds
                something else.
        """
        if not is_unicode(encoder_name):
            raise InputError(
                "the model's name is not UTF-8, as an index notes it",
                path=encoder_name,
                remedy="rename the model's folder",
            )
        with replace_folder(folder, "index") as work:
            offsets, sample = array("q", [0]), LanguageSample()
            texts = work / "passages.jsonl"
            stored = _store(texts, passages, offsets, sample)
            means: Mapping[str, NDArray[np.float32]] = {}
            if language_means:
                # Only when all are read it is known which languages need a mean.
                deque(stored, maxlen=0)
                means = _means_of_all(language_means, sample, encoder, notice)
                stored = _stored(texts)
            _write_vectors(work / "vectors", stored, encoder, means, progress)
            np.save(work / "offsets.npy", np.asarray(offsets, dtype=np.int64))
            if means:
                np.save(work / "language_means.npy", np.stack(list(means.values())))
            description = {
                "format": "cslir index",
                "format_version": FORMAT_VERSION,
                "cslir": __version__,
                "encoder": _portable(encoder_name, folder),
                "encoder_fingerprint": fingerprint(Path(encoder_name)),
                "precision": precision,
                "dimension": encoder.dimension,
                "passages": len(offsets) - 1,
                "languages": dict(sorted(sample.counts.items())),
                "language_means": list(means),
                "sha256": {path.name: sha256_of(path) for path in sorted(work.iterdir()) if path.is_file()},
            }
            (work / "index.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "PassageIndex":
        """Open an index folder; its files are mapped, all of one state of the folder.

        Raises:
            InputError: The folder is no index, of another version, or its files do not fit each other, as
                far as sizes and shapes tell (see `verify`).
        """
        path = folder / "index.json"
        while path.is_file():
            # No other file has its number while it is open: if it is there in the end, nothing was replaced.
            with path.open("rb") as held:
                number = os.fstat(held.fileno()).st_ino
                try:
                    opened = cls._open(folder)
                except InputError:
                    if _is_number(path, number):
                        raise
                else:
                    if _is_number(path, number):
                        return opened
        raise InputError(
            "no index here", path=folder, remedy=f"make one with 'cslir index', or {own_command('demo')}"
        )

    @classmethod
    def _open(cls, folder: Path) -> "PassageIndex":
        description = _read_description(folder / "index.json")
        names = ["passages.jsonl", "offsets.npy"]
        if description["language_means"]:
            names.append("language_means.npy")
        files = {name: _map(folder / name) for name in names}
        try:
            vectors = VectorIndex.open(folder / "vectors")
        except OSError as error:  # a folder in a file's place, for one
            raise InputError(
                f"incomplete or corrupt ({error.strerror})", path=error.filename, remedy=_REMEDY
            ) from None
        return cls(folder, description, vectors, files)

    def _array(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the array in a mapped .npy file, which must be of that type and shape."""
        file = self._files[name]
        try:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("another version")
            found, by_columns, kind = np.lib.format.read_array_header_1_0(file)
            if (found, kind, by_columns) != (shape, np.dtype(dtype), False):
                raise ValueError(f"{kind} of shape {found}, {np.dtype(dtype)} of shape {shape} is needed")
            return np.frombuffer(file, dtype, math.prod(shape), file.tell()).reshape(shape)
        except Exception as error:  # numpy raises nothing narrower for a damaged header
            raise InputError(
                f"incomplete or corrupt ({error})", path=self.folder / name, remedy=_REMEDY
            ) from None

    def verify(self) -> None:
        """Compare the checksums of all files, vectors included, with those noted when they were written.

        Raises:
            InputError: A file is damaged.
        """
        self.vectors.verify()
        for name, file in self._files.items():
            if hashlib.sha256(file).hexdigest() != self.description["sha256"].get(name):
                raise InputError("damaged: its checksum is another", path=self.folder / name, remedy=_REMEDY)

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.vectors)

    @property
    def encoder_name(self) -> str:
        """The folder or hub id of the encoder that made the vectors.

        A stranger's index names what it likes: `load_encoder(name, fetch=False)` takes only what is here.
        """
        name = str(self.description["encoder"])
        return str((self.folder / name).resolve()) if name.startswith(".") else name

    @property
    def precision(self) -> str:
        """What that encoder computed in."""
        return str(self.description["precision"])

    @cached_property
    def languages(self) -> list[str]:
        """The languages of the passages, in order."""
        counts = self.description.get("languages")
        if not isinstance(counts, dict):  # an index of an earlier release
            counts = dict.fromkeys(self.vectors.metadata("language", self.vectors.live_rows()))
        return sorted(counts.keys() - {""})

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
        there = self.languages
        for language in languages:
            if language_label(language) not in there:
                remedy = f"there are {', '.join(there)}" if there else "the passages have no languages"
                raise InputError(f"no passage in language {language!r}", path=self.folder, remedy=remedy)

    def passages(self, rows: Sequence[int]) -> Iterator[Passage]:
        """Yield the passages of the given rows, reading only them.

        Raises:
            InputError: There is no such row, or what stands in its place is not its passage.
        """
        texts = self._files["passages.jsonl"]
        for row, doc_id in zip(rows, self.vectors.ids(rows), strict=True):
            try:
                passage = passage_of_line(texts[self._offsets[row] : self._offsets[row + 1]])
            except InputError:
                passage = None
            if passage is None or passage.doc_id != doc_id:
                raise InputError(
                    f"damaged: passage {doc_id!r} is not where offsets.npy says",
                    path=self.folder / "passages.jsonl",
                    line=row + 1,
                    remedy=_REMEDY,
                )
            yield passage

    def without_language_means(
        self, queries: NDArray[np.float32], language: str | None = None
    ) -> tuple[NDArray[np.float32], list[dict[str, float]]]:
        """Return query vectors less the mean of their language, as the passages are, and these languages.

        Args:
            queries: float32 of shape (queries, dimension), as the encoder gives them.
            language: Of all queries; None guesses it for each.

        Returns:
            vectors: float32 of shape (queries, dimension).
            languages: Of each query, with how sure that is, from 0 to 1, the surest first: the query lost
                their means in these shares (see `language_weights`). Empty without language means.

        Raises:
            InputError: The index has language means, but not of this language.
        """
        if not self.language_means:
            return queries, [{language: 1.0} if language else {} for _ in range(len(queries))]
        language = language_label(language) if language else ""
        if language and language not in self.language_means:
            raise InputError(f"no language {language!r}", remedy=f"it has {', '.join(self.language_means)}")
        languages = [{language: 1.0}] * len(queries)
        if not language:
            codes = sorted(self.language_means)
            weights = language_weights(queries, self.language_means)
            order = np.argsort(-weights, axis=1, kind="stable")
            languages = [
                {codes[place]: float(row[place]) for place in places}
                for row, places in zip(weights, order, strict=True)
            ]
        return remove_language_means(queries, [language] * len(queries), self.language_means), languages

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
        for query_id, scores, rows in self.ranked(query_ids, queries, depth, languages=languages):
            for doc_id, score in zip(self.vectors.ids(rows), scores, strict=True):
                yield ScoredPassage(query_id, doc_id, score)

    def ranked(
        self,
        query_ids: Sequence[str],
        queries: NDArray[np.float32],
        depth: int,
        *,
        languages: Sequence[str] | None = None,
    ) -> Iterator[tuple[str, list[float], list[int]]]:
        """Yield each query's id with scores and rows as `search` returns them; arguments as for `run`."""
        for start in range(0, len(query_ids), _CHUNK):
            found, rows = self.search(queries[start : start + _CHUNK], depth, languages=languages)
            yield from zip(query_ids[start : start + _CHUNK], found.tolist(), rows.tolist(), strict=True)


def _read_description(path: Path) -> dict[str, Any]:
    """Return what index.json says, checked."""
    whole = read_json(path, remedy=_REMEDY)
    whole.require_format("cslir index", FORMAT_VERSION, "description of an index")
    described: dict[str, Any] = whole.value
    for key, kind in (("encoder", str), ("dimension", int), ("passages", int), ("sha256", dict)):
        whole.get(key, kind)
    whole.get("encoder_fingerprint", (str, NoneType))
    codes = whole.get("language_means", list, []).strings()
    if len(set(codes)) < len(codes):
        raise whole.wrong("language_means: a language stands there twice")
    return described | {
        "language_means": list(codes),
        # Indexes of earlier releases do not say it.
        "precision": whole.get("precision", str, "float32").value,
    }


def _is_number(path: Path, number: int) -> bool:
    try:
        return path.stat().st_ino == number
    except FileNotFoundError:
        return False


def _map(path: Path) -> mmap:
    """Map a file."""
    try:
        # A pipe in its place would never open.
        if not path.is_file():
            raise ValueError("no such file")
        with path.open("rb") as file:
            return mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError) as error:
        raise InputError(f"incomplete or corrupt ({error})", path=path, remedy=_REMEDY) from None


def _portable(encoder_name: str, folder: Path) -> str:
    """Return a folder beside the index relative to it, another one as absolute, a hub id as it is."""
    path = Path(encoder_name)
    if not path.is_dir():
        return encoder_name
    path, parent = path.resolve(), folder.resolve().parent
    return os.path.relpath(path, folder.resolve()) if path.is_relative_to(parent) else str(path)


def _store(
    path: Path, passages: Iterable[Passage], offsets: "array[int]", sample: LanguageSample
) -> Iterator[Passage]:
    """Write passages to a file as they pass by, and note where each ends and in which language it is."""
    with path.open("wb") as file:
        for passage in passages:
            file.write(passage_line(passage).encode() + b"\n")
            offsets.append(file.tell())
            sample.add(passage.language, passage.full_text)
            yield passage
    if len(offsets) == 1:
        raise InputError("the collection is empty", remedy="an index needs at least one passage")


def _stored(path: Path) -> Iterator[Passage]:
    """Yield the passages that `_store` wrote."""
    with path.open("rb") as file:
        yield from map(passage_of_line, file)


def _means_of_all(
    known: Mapping[str, NDArray[np.float32]],
    sample: LanguageSample,
    encoder: Encoder,
    notice: Callable[[str], None],
) -> dict[str, NDArray[np.float32]]:
    """Return the known means with one for each language of the collection; none if one can't be had."""
    try:
        sampled = sample.vectors(encoder.encode_passages) if sample.counts.keys() - known.keys() else {}
        means = complete_means(known, sampled)
    except InputError as error:
        notice(f"no language means are removed: {error}")
        return {}
    if estimated := sorted(means.keys() - known.keys()):
        notice(f"language means of the collection's own texts: {', '.join(estimated)}")
    return {language: np.asarray(means[language], dtype=np.float32) for language in sorted(means)}


def _write_vectors(
    folder: Path,
    passages: Iterator[Passage],
    encoder: Encoder,
    language_means: Mapping[str, NDArray[np.float32]],
    progress: Callable[[int], None],
) -> None:
    """Write the passages' vectors chunk by chunk."""
    done = 0
    with VectorIndex.writer(folder, encoder.dimension) as writer:
        while chunk := list(islice(passages, _CHUNK)):
            vectors = encoder.encode_passages([passage.full_text for passage in chunk])
            languages = [passage.language for passage in chunk]
            vectors = remove_language_means(vectors, languages, language_means)
            refuse_not_finite(vectors, chunk)
            writer.add(vectors, [passage.doc_id for passage in chunk], {"language": languages})
            done += len(chunk)
            progress(done)


def refuse_not_finite(vectors: NDArray[np.float32], passages: Sequence[Passage]) -> None:
    """Refuse vectors that are not finite, naming the first passage that has such a one."""
    try:
        check_finite(vectors)
    except InputError as error:
        bad = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise InputError(f"passage {passages[bad].doc_id!r}: {error.message}", remedy=error.remedy) from None
