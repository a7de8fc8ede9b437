"""The index of texts: passages and their vectors in a folder, queries in, passages or a run out.

An index folder appears whole or not at all. What is added later is written in this order: names into the list
of the folder's files, texts, `index.json`, and last the vectors, which decide: texts of rows that these don't
have are no part of the index. What is deleted is so in the vectors alone.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, overload

import numpy as np
from numpy.typing import NDArray

from cslir import __version__
from cslir._core import VectorIndex, check_finite
from cslir.errors import InputError, UnknownNameError
from cslir.files import sha256_of
from cslir.index_folder import (
    FORMAT_VERSION,
    IndexFolder,
    description_bytes,
    model_fingerprint,
    portable_name,
)
from cslir.languages import language_label
from cslir.models.language_means import (
    LanguageSample,
    complete_means,
    language_weights,
    remove_language_means,
)
from cslir.outputs import changing_folder, replace_file, replace_folder, synchronise, within_folder
from cslir.passage_files import (
    REBUILD,
    PassageWriter,
    passage_file_names,
)
from cslir.plain_text import is_unicode
from cslir.plurals import count_of
from cslir.progress import SILENT, Progress, Update
from cslir.records import Passage, Query, ScoredPassage

if TYPE_CHECKING:
    from cslir.models import Device
    from cslir.models.cross_encoder import Scorer

__all__ = ["Encoder", "Hit", "Index", "refuse_not_finite", "rerank_hits"]

_CHUNK = 4096
"""Passages that are encoded at once."""


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


class Index:
    """Passages with their vectors in a folder: searched with texts, exactly; added to and deleted from.

    Opening takes milliseconds: all files are mapped. An opened index answers from the state that it opened,
    or wrote, last, whatever other processes write meanwhile (see `refresh`), and may be used by several
    threads. One process at a time changes a folder; one that is killed leaves the old state or the new one.
    An index can be pickled: by its folder, which is opened again.

    Example:
        >>> from cslir import Index, Passage
        >>> passages = [Passage("1", "play music"), Passage("2", "Datei sortieren", language="de")]
        >>> index = Index.build("index", passages, "model")  # the folder of a model
        >>> [hit.passage.doc_id for hit in index.search("sort a file", languages=["de"])]
        ['2']
        >>> index.add([Passage("3", "list files", language="en")])
        1
        >>> index.delete(["1"])
        1
        >>> index
        <Index of 2 passages, de, en, in index>
    """

    def __init__(
        self, folder: Path, state: "IndexFolder", model: Encoder | str | None, device: "Device", fetch: bool
    ) -> None:
        """Take over an opened state; see `open`."""
        self.folder = folder
        self._state = state
        self._model, self._device, self._fetch = model, device, fetch

    @classmethod
    def build(
        cls,
        folder: str | os.PathLike[str],
        passages: Iterable[Passage],
        model: Encoder | str | os.PathLike[str],
        *,
        model_name: str | os.PathLike[str] = "",
        precision: str = "float32",
        device: "Device" = "auto",
        language_means: Mapping[str, NDArray[np.float32]] | bool = True,
        progress: Progress = SILENT,
    ) -> Self:
        """Encode passages and write an index folder, at constant memory.

        Args:
            folder: Where the index goes; an index that is there already is replaced at the end.
            passages: The collection; each with another `doc_id`.
            model: Gives the vectors: an encoder, or its name as for `load_encoder`.
            model_name: What `open` should load to encode queries, where `model` is an encoder that does not
                know its folder: a folder or a hub id. A folder beside the index is noted relative to it, so
                that the two may move together. Without a name `open` needs the encoder.
            precision: What a model that is given by its name computes in, as for `load_encoder`.
            device: Where a model that is given by its name computes the vectors.
            language_means: Mean vector by language, float32 of shape (dimension,); True takes those of the
                model, if it has some. Each passage loses the mean of its language, and so will each query: a
                collection in several languages is then ranked by meaning more than by language. A language of
                the collection that is not among them gets a mean of its own (see `complete_means`), or no
                language loses one.
            progress: Counts passages, and tells if a language gets a mean of its own, or none loses one.

        Raises:
            InputError: There is no passage, one is none or has no id, two have the same id, a vector is not
                finite, `folder` holds something else, or another process is writing it; there is no such
                model.
            CslirError: The disk is full, say.
        """
        _require_several(passages)
        folder = Path(folder)
        encoder = _loaded(model, precision, device)
        name = _name_of(model_name or model)
        known = language_means if isinstance(language_means, Mapping) else {}
        if language_means is True:
            known = getattr(encoder, "language_means", known)
        with (
            replace_folder(folder, "index") as work,
            progress.stage("encoding", "passage") as update,
        ):
            sample = LanguageSample()
            means: Mapping[str, NDArray[np.float32]] = {}
            with PassageWriter(work, 0) as texts:
                stored = _store(passages, texts, sample)
                if known:
                    # Only when all are read it is known which languages need a mean.
                    deque(stored, maxlen=0)
                    means = _means_of_all(known, sample, encoder, progress.notice)
                    stored = texts.written()
                with VectorIndex.writer(work / "vectors", encoder.dimension) as writer:
                    for vectors, ids, languages in _encoded(stored, encoder, means, update):
                        writer.add(vectors, ids, {"language": languages})
            if not texts.passages:
                raise InputError("the collection is empty", remedy="an index needs at least one passage")
            sha256 = dict(texts.sha256)
            if means:
                np.save(work / "language_means.npy", np.stack(list(means.values())))
                sha256["language_means.npy"] = sha256_of(work / "language_means.npy")
            description = {
                "format": "cslir index",
                "format_version": FORMAT_VERSION,
                "cslir": __version__,
                "encoder": portable_name(name, folder),
                "encoder_fingerprint": model_fingerprint(name),
                "precision": getattr(encoder, "precision", precision),
                "dimension": encoder.dimension,
                "passages": texts.passages,
                "language_means": list(means),
                "sha256": sha256,
            }
            (work / "index.json").write_bytes(description_bytes(description))
        return cls(folder, IndexFolder.open(folder), encoder, device, fetch=True)

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        model: Encoder | str | os.PathLike[str] | None = None,
        *,
        device: "Device" = "cpu",
        fetch_model: bool = False,
    ) -> Self:
        """Open an index folder; its files are mapped, all of one state of the folder.

        Args:
            folder: The index.
            model: Encodes queries and added passages, when it is first needed: an encoder, or its name as for
                `load_encoder`; by default what the index was made with.
            device: Where a model that is not given as an encoder computes.
            fetch_model: Whether a model may be downloaded that the index names and that is not here: only if
                you trust who made the index.

        Raises:
            InputError: The folder is no index, of another version, its vectors were changed without their
                passages, or its files do not fit each other, as far as sizes and shapes tell (see `verify`).
        """
        folder = Path(folder)
        given = _name_of(model) if isinstance(model, str | os.PathLike) else model
        return cls(folder, IndexFolder.open(folder), given, device, fetch_model or given is not None)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: by the folder, which is opened again."""
        model = self._model
        if model is not None and not isinstance(model, str):
            model = _name_of(model) or (None if self.encoder_name else model)
        return _reopened, (self.folder.absolute(), model, self._device, self._fetch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do: each change is on disk when its call returns."""

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.vectors)

    def __repr__(self) -> str:
        languages = f", {', '.join(self.languages)}" if self.languages else ""
        return f"<Index of {count_of(len(self), 'passage')}{languages}, in {self.folder}>"

    @property
    def vectors(self) -> VectorIndex:
        """The passages' vectors; to look at: they are changed by `add`, `delete` and `compact` alone."""
        return self._state.vectors

    @property
    def description(self) -> Mapping[str, Any]:
        """What `index.json` says."""
        return self._state.description

    @property
    def language_means(self) -> Mapping[str, NDArray[np.float32]]:
        """The mean vector of each language that passages and queries lose, float32 of shape (dimension,)."""
        return self._state.means

    @property
    def languages(self) -> list[str]:
        """The languages of the passages, in order."""
        return self._state.languages

    @property
    def encoder_name(self) -> str:
        """The folder or hub id of the encoder that made the vectors; empty if it had none.

        A stranger's index names what it likes: `load_encoder(name, fetch=False)` takes only what is here.
        """
        return self._state.encoder_name

    @property
    def precision(self) -> str:
        """What that encoder computed in."""
        return str(self.description["precision"])

    @property
    def model(self) -> Encoder:
        """The encoder of queries, which is loaded when it is first used.

        Raises:
            InputError: It isn't here, is not the one that made the vectors, or has no name.
        """
        if self._model is None or isinstance(self._model, str):
            name = self._model or self.encoder_name
            if not name:
                raise InputError(
                    "does not know its model, which was in memory",
                    path=self.folder,
                    remedy="give it: Index.open(folder, model)",
                )
            encoder = _loaded(name, self.precision, self._device, fetch=self._fetch)
            self.check_encoder(encoder, name)
            self._model = encoder
        return self._model

    def check_encoder(self, encoder: Encoder, name: str = "") -> None:
        """Refuse an encoder that is not the one that made the vectors.

        Args:
            encoder: The encoder.
            name: Its folder, if it is not the one that the index names.

        Raises:
            InputError: The model was trained anew since, or has another dimension.
        """
        name = name or self.encoder_name
        made_with = self.description.get("encoder_fingerprint")
        now = model_fingerprint(name)
        if encoder.dimension != self.description["dimension"] or (made_with and made_with != now):
            raise InputError(
                f"was made with another model than is now in {name}", path=self.folder, remedy=REBUILD
            )

    def check_languages(self, languages: Sequence[str]) -> None:
        """Refuse a language that no passage is in.

        Raises:
            InputError: Names it, and the languages that there are.
        """
        there = self.languages
        for language in languages:
            if language_label(language) not in there:
                remedy = f"there are {', '.join(there)}" if there else "the passages have no languages"
                raise UnknownNameError(
                    f"no passage in language {language!r}", path=self.folder, remedy=remedy
                )

    @overload
    def search(  # type: ignore[overload-overlap]  # a text is a sequence of texts, too
        self,
        queries: str,
        k: int = ...,
        *,
        languages: Sequence[str] | None = ...,
        query_language: str | None = ...,
        reranker: "Scorer | str | os.PathLike[str] | None" = ...,
        rerank_depth: int = ...,
        progress: Progress = ...,
    ) -> list[Hit]: ...

    @overload
    def search(
        self,
        queries: Sequence[str],
        k: int = ...,
        *,
        languages: Sequence[str] | None = ...,
        query_language: str | None = ...,
        reranker: "Scorer | str | os.PathLike[str] | None" = ...,
        rerank_depth: int = ...,
        progress: Progress = ...,
    ) -> list[list[Hit]]: ...

    def search(
        self,
        queries: str | Sequence[str],
        k: int = 10,
        *,
        languages: Sequence[str] | None = None,
        query_language: str | None = None,
        reranker: "Scorer | str | os.PathLike[str] | None" = None,
        rerank_depth: int = 50,
        progress: Progress = SILENT,
    ) -> list[Hit] | list[list[Hit]]:
        """Find the passages of highest inner product with a query, exactly, the best first; ties as added.

        Args:
            queries: A text in any language, or several.
            k: Passages per query; all that take part if there are fewer.
            languages: Only passages in one of these languages, as codes (`fr`, `zh-Hant`); None for all.
            query_language: That of all queries, for an index with language means; None guesses it for each.
            reranker: A cross-encoder that orders the first candidates anew, as `load_cross_encoder` gives
                one, or its name, which is then loaded at each call.
            rerank_depth: Candidates per query that it scores.
            progress: Counts the pairs that are reranked.

        Returns:
            For one query its hits, each with `passage` and `score`; for several a list of such lists.

        Raises:
            InputError: A query is no text or empty, `k` is less than 1, no passage is in one of the
                languages, the model can't be had, or a passage is damaged.
        """
        texts = _texts_of(queries)
        if not isinstance(k, Integral):
            raise InputError(f"`k` must be a whole number, not {k!r}")
        if not all(text.strip() for text in texts):
            raise InputError("a query is empty", remedy="give at least one word")
        if languages is not None:
            languages = [languages] if isinstance(languages, str) else languages
            self.check_languages(languages)
        if not texts:
            return []
        scorer: Scorer | None = None
        if reranker is not None:
            from cslir.models.cross_encoder import load_cross_encoder

            if isinstance(reranker, str | os.PathLike):
                reranker = load_cross_encoder(os.fspath(reranker))
            scorer = reranker
        vectors, _ = self.encode(texts, query_language)
        found = self.hits(vectors, k if scorer is None else max(k, rerank_depth), languages=languages)
        if scorer is not None:
            with progress.stage("reranking", "pair") as update:
                found = rerank_hits(texts, found, scorer, rerank_depth, update)
        found = [hits[:k] for hits in found]
        return found[0] if isinstance(queries, str) else found

    def encode(
        self, queries: Sequence[str], query_language: str | None = None
    ) -> tuple[NDArray[np.float32], list[dict[str, float]]]:
        """Return the vectors of queries and their languages, as `without_language_means` does."""
        return self.without_language_means(self.model.encode_queries(queries), query_language)

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
            raise UnknownNameError(
                f"no language {language!r}", remedy=f"it has {', '.join(self.language_means)}"
            )
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
        self, queries: NDArray[np.float32], k: int, *, languages: Sequence[str] | None = None
    ) -> list[list[Hit]]:
        """Return the `k` best passages of each query vector, best first, ties to the lower row.

        Args:
            queries: float32 of shape (queries, dimension), C order, as `encode` gives them.
            k: At least 1; all passages that take part if there are fewer.
            languages: Only passages in one of these; None means all.
        """
        state = self._state
        return [
            [
                Hit(passage, score)
                for passage, score in zip(state.passages(state.vectors.ids(rows), rows), scores, strict=True)
            ]
            for scores, rows in state.ranked(queries, k, languages)
        ]

    def run(
        self,
        query_ids: Sequence[str],
        queries: NDArray[np.float32],
        depth: int,
        *,
        languages: Sequence[str] | None = None,
    ) -> Iterator[ScoredPassage]:
        """Yield the run of many queries, without reading passages; arguments as for `hits`."""
        state = self._state
        found = state.ranked(queries, depth, languages)
        for query_id, (scores, rows) in zip(query_ids, found, strict=True):
            for doc_id, score in zip(state.vectors.ids(rows), scores, strict=True):
                yield ScoredPassage(query_id, doc_id, score)

    def passages(self, rows: Sequence[int]) -> Iterator[Passage]:
        """Yield the passages of the given rows of `vectors`, reading only them.

        Raises:
            InputError: There is no such row, or what stands in its place is not its passage.
        """
        state = self._state
        return state.passages(state.vectors.ids(rows), rows)

    def add(self, passages: Iterable[Passage], *, progress: Progress = SILENT) -> int:
        """Encode passages and add them behind those that are there, all at once; return their number.

        Memory holds the vectors of all of them. Each call adds a segment, and many small ones are slow to
        search: add in large batches, and `compact` now and then.

        Args:
            passages: Each with a `doc_id` that no passage of the index has.
            progress: Counts passages.

        Raises:
            InputError: One is no passage or has no id; an id is there already, or given twice; a language has
                no mean, in an index with language means; the model can't be had; another process is changing
                the index. Nothing is added then.
            CslirError: The disk is full, say; nothing is added.
        """
        _require_several(passages)
        with changing_folder(self.folder), progress.stage("encoding", "passage") as update:
            state = IndexFolder.open(self.folder)
            encoder, first = self.model, state.vectors.rows
            names = passage_file_names(first)
            for name in names:
                within_folder(self.folder, name)
            path = self.folder / "index.json"
            before = path.read_bytes()
            try:
                blocks = []
                with PassageWriter(self.folder, first) as texts:
                    stored = _store(passages, texts)
                    blocks = list(_encoded(stored, encoder, state.means, update))
                if not blocks:
                    return 0
                added = [one for one in state.description["added"] if one["first_row"] < first]
                added.append({"first_row": first, "passages": texts.passages})
                sha256 = state.description["sha256"] | texts.sha256
                with replace_file(path) as file:
                    file.write(description_bytes(state.description | {"added": added, "sha256": sha256}))
                synchronise(self.folder)
                # With this last step they are there.
                VectorIndex.open(self.folder / "vectors").append(
                    np.concatenate([vectors for vectors, _, _ in blocks]),
                    [doc_id for _, ids, _ in blocks for doc_id in ids],
                    {"language": [language for _, _, languages in blocks for language in languages]},
                )
            finally:
                if VectorIndex.open(self.folder / "vectors").rows == first:
                    if path.read_bytes() != before:
                        with replace_file(path) as file:
                            file.write(before)
                    for name in names:
                        (self.folder / name).unlink(missing_ok=True)
            self._state = IndexFolder.open(self.folder)
        return texts.passages

    def delete(self, ids: Iterable[str]) -> int:
        """Delete passages by their ids, and return their number; their texts stay until `compact`.

        Raises:
            InputError: An id that no passage has, or that is given twice: then nothing is deleted. Another
                process is changing the index.
        """
        with changing_folder(self.folder):
            vectors = IndexFolder.open(self.folder).vectors
            deleted = vectors.delete([ids] if isinstance(ids, str) else list(ids))
            self._state = IndexFolder.open(self.folder)
        return deleted

    def compact(self) -> None:
        """Write the folder anew without what was deleted, as if built of the passages that are left.

        Raises:
            InputError: A passage is damaged, `folder` holds something else too, or another process is
                changing the index.
        """
        with replace_folder(self.folder, "index") as work:
            state = IndexFolder.open(self.folder)
            rows = state.vectors.live_rows().tolist()
            if not rows:
                raise InputError(
                    "all passages are deleted", path=self.folder, remedy="add some, or remove it"
                )
            state.vectors.save(work / "vectors")
            with PassageWriter(work, 0) as texts:
                for row, doc_id in zip(rows, state.vectors.ids(rows), strict=True):
                    texts.add(state.file_of(row).passage(row, doc_id))
            old = state.description
            sha256 = dict(texts.sha256)
            if state.means_file is not None:
                (work / "language_means.npy").write_bytes(state.means_file)
                sha256 |= {"language_means.npy": old["sha256"].get("language_means.npy")}
            description = old | {"passages": texts.passages, "added": [], "sha256": sha256}
            (work / "index.json").write_bytes(description_bytes(description))
        self._state = IndexFolder.open(self.folder)

    def refresh(self) -> bool:
        """Take up what was written to the folder since, and return whether there was something.

        Raises:
            InputError: As for `open`.
        """
        newest = IndexFolder.open(self.folder)
        is_new = newest.stamp != self._state.stamp
        if is_new:
            self._state = newest
        return is_new

    def verify(self) -> None:
        """Compare the checksums of all files, vectors included, with those noted when they were written.

        Raises:
            InputError: A file is damaged.
        """
        self._state.verify()


def rerank_hits(
    queries: Sequence[str],
    found: Sequence[Sequence[Hit]],
    scorer: "Scorer",
    depth: int,
    update: Update | None = None,
) -> list[list[Hit]]:
    """Return each query's hits, the first `depth` in the order of a cross-encoder's scores; see `rerank`."""
    from cslir.rerank import rerank

    passages = {hit.passage.doc_id: hit.passage for hits in found for hit in hits}
    lines = rerank(
        {str(place): {hit.passage.doc_id: hit.score for hit in hits} for place, hits in enumerate(found)},
        {str(place): query for place, query in enumerate(queries)},
        passages,
        scorer,
        depth=depth,
        progress=update,
    )
    reranked: list[list[Hit]] = [[] for _ in found]
    for line in lines:
        reranked[int(line.query_id)].append(Hit(passages[line.doc_id], line.score))
    return reranked


def _reopened(folder: Path, model: Encoder | str | None, device: "Device", fetch: bool) -> Index:
    return Index(folder, IndexFolder.open(folder), model, device, fetch)


def _loaded(
    model: Encoder | str | os.PathLike[str], precision: str, device: "Device", *, fetch: bool = True
) -> Encoder:
    if not isinstance(model, str | os.PathLike):
        return model
    from cslir.models import load_encoder

    return load_encoder(os.fspath(model), precision, device=device, fetch=fetch)


def _name_of(model: Encoder | str | os.PathLike[str]) -> str:
    """Return a model's name such that it means the same from every folder; empty where it has none."""
    from cslir.models import model_name

    if not isinstance(model, str | os.PathLike):
        folder = getattr(model, "folder", None)
        model = folder if folder is not None and Path(folder).is_dir() else ""
    name = os.fspath(model)
    if not is_unicode(name):
        raise InputError(
            "the model's name is not UTF-8, as an index notes it",
            path=name,
            remedy="rename the model's folder",
        )
    return model_name(name) if name else ""


def _texts_of(queries: str | Sequence[str]) -> list[str]:
    """Return the queries as a list of texts; refuse what is none."""
    alone = isinstance(queries, str | Query) or not isinstance(queries, Iterable)
    texts: list[Any] = [queries] if alone else list(queries)
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"the query {text!r:.60} is no text", remedy="give texts, such as query.text")
        if not is_unicode(text):
            raise InputError(f"the query {text!r:.60} can't be written as UTF-8", remedy="decode it anew")
    return texts


def _require_several(passages: object) -> None:
    """Refuse what holds no passages in the place of some, before any work."""
    if hasattr(passages, "passages"):
        raise InputError("`passages` is a dataset", remedy='name a split: data.passages("test")')
    if isinstance(passages, str | Passage) or not isinstance(passages, Iterable):
        raise InputError(
            f"`passages` must be a list of `Passage`, not {passages!r:.60}", remedy="write [passage]"
        )


def _require_passage(passage: object) -> None:
    if not isinstance(passage, Passage) or not all(isinstance(one, str) for one in passage):
        raise InputError(
            f"`passages` holds {passage!r:.60}, which is no passage",
            remedy="write Passage(id, text, title, language), all of them texts",
        )
    if not passage.doc_id:
        raise InputError(f"the passage {passage!r:.60} has an empty id", remedy="give it one")
    if not all(map(is_unicode, passage)):
        raise InputError(
            f"the passage {passage.doc_id!r:.60} can't be written as UTF-8", remedy="decode it anew"
        )


def _store(
    passages: Iterable[Passage], texts: PassageWriter, sample: LanguageSample | None = None
) -> Iterator[Passage]:
    """Write passages to a file as they pass by, languages as codes, and draw some of each language."""
    code = cache(language_label)
    for passage in passages:
        _require_passage(passage)
        if passage.language:
            passage = passage._replace(language=code(passage.language))
        texts.add(passage)
        if sample is not None:
            sample.add(passage.language, passage.full_text)
        yield passage


def _encoded(
    passages: Iterator[Passage],
    encoder: Encoder,
    language_means: Mapping[str, NDArray[np.float32]],
    update: Update,
) -> Iterator[tuple[NDArray[np.float32], list[str], list[str]]]:
    """Yield vectors, ids and languages of the passages chunk by chunk."""
    done = 0
    while chunk := list(islice(passages, _CHUNK)):
        vectors = encoder.encode_passages([passage.full_text for passage in chunk])
        languages = [passage.language for passage in chunk]
        vectors = remove_language_means(vectors, languages, language_means)
        refuse_not_finite(vectors, chunk)
        yield vectors, [passage.doc_id for passage in chunk], languages
        done += len(chunk)
        update(done, None)


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


def refuse_not_finite(vectors: NDArray[np.float32], passages: Sequence[Passage]) -> None:
    """Refuse vectors that are not finite, naming the first passage that has such a one."""
    try:
        check_finite(vectors)
    except InputError as error:
        bad = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise InputError(f"passage {passages[bad].doc_id!r}: {error.message}", remedy=error.remedy) from None
