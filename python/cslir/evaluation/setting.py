"""One setting's texts and their ranking: every passage of the collection, or fixed candidates."""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cslir.datasets.candidates import Candidates, read_candidates
from cslir.datasets.judgements import Missing
from cslir.datasets.mixing import SettingTexts
from cslir.datasets.parallel import ParallelDataset
from cslir.datasets.plain import PlainDataset
from cslir.evaluation.results import ONLY_SETTING
from cslir.evaluation.scoring import cells_by_language, group_of_languages
from cslir.models.language_means import LanguageSample, complete_means, remove_language_means
from cslir.progress import SILENT, Progress
from cslir.records import Passage, Qrel, Query
from cslir.retrieval import Retrieved, encode_texts, retrieve_passages, score_candidates
from cslir.search import Encoder

__all__ = ["EvaluatedTexts", "Ranker", "candidates_of", "plain_texts", "rank_texts", "texts_of_setting"]


@dataclass(frozen=True)
class EvaluatedTexts:
    """The texts and judgements of one setting, of a plain dataset or a parallel one.

    Attributes:
        name: Of the setting.
        known_group: The setting's aggregate where it is known from the start, else None.
        queries: Those that are judged.
        qrels: Judgements.
        passages: Gives the collection, anew at each call.
        count: Gives the number of its passages; None if it is unknown.
        query_ids: Gives the ids of all queries, judged or not.
        missing: Gives what is judged and has no text, from the ids of the collection; None for a collection
            that was not read.
        collection_place: Where the passages come from, for messages.
        queries_place: Where the queries come from, for messages.
        qrels_place: Where the judgements come from, for messages.
    """

    name: str
    known_group: str | None
    queries: list[Query]
    qrels: list[Qrel]
    passages: Callable[[], Iterable[Passage]]
    count: Callable[[], int | None]
    query_ids: Callable[[], Collection[str]]
    missing: Callable[[set[str] | None], Missing]
    collection_place: Path | str
    queries_place: Path | str
    qrels_place: Path | str

    @property
    def query_texts(self) -> dict[str, str]:
        """The text of each judged query, by id."""
        return {query.query_id: query.text for query in self.queries}

    def group(self, passage_languages: Mapping[str, str]) -> str:
        """Return the aggregate that the setting belongs to."""
        if self.known_group is not None:
            return self.known_group
        return group_of_languages((query.language for query in self.queries), passage_languages.values())

    def languages_of(self, doc_ids: Collection[str]) -> dict[str, str]:
        """Return the languages of passages; empty without reading on if the first has none."""
        first = next(iter(islice(self.passages(), 1)), None)
        if first is None or not first.language:
            return {}
        return {one.doc_id: one.language for one in self.passages() if one.doc_id in doc_ids and one.language}

    def cells(self, run: Mapping[str, Mapping[str, float]], measure: str) -> Mapping[tuple[str, str], float]:
        """Return a measure by query language and passage language; empty for passages in one language."""
        relevant = {qrel.doc_id for qrel in self.qrels if qrel.relevance > 0}
        languages = self.languages_of(relevant)
        if len(set(languages.values())) < 2:
            return {}
        return cells_by_language(run, self.qrels, measure, self.queries, languages)


@dataclass(frozen=True)
class Ranker:
    """A model with the way in which it is used.

    Attributes:
        encoder: Gives the vectors.
        depth: Passages per query.
        candidates: A top1000 file or a run, whose passages alone are scored; None for the whole collection.
        language_means: Removed from queries and passages; empty for none. A language that is not among them
            gets a mean of its own, of the texts that are ranked (see `complete_means`).
    """

    encoder: Encoder
    depth: int
    candidates: Path | None
    language_means: Mapping[str, NDArray[np.float32]]


def plain_texts(dataset: PlainDataset, split: str) -> EvaluatedTexts:
    """Return what is evaluated of a plain dataset; a mixture is the setting that it was made as."""
    setting = dataset.description.get("setting", {})
    return EvaluatedTexts(
        name=setting.get("name", ONLY_SETTING),
        known_group=setting.get("group"),
        queries=dataset.queries(split),
        qrels=dataset.qrels(split),
        passages=dataset.iterate_passages,
        count=dataset.count_passages,
        query_ids=lambda: {query.query_id for query in dataset.iterate_queries(split)},
        missing=lambda known: dataset.missing(split, known),
        collection_place=dataset.collection_place,
        queries_place=dataset.queries_place(split),
        qrels_place=dataset.qrels_place(split),
    )


def texts_of_setting(texts: SettingTexts, dataset: ParallelDataset) -> EvaluatedTexts:
    """Return what is evaluated of one setting of a parallel dataset."""
    place = f"{texts.setting.name} of {dataset.name}"
    return EvaluatedTexts(
        name=texts.setting.name,
        known_group=texts.setting.group,
        queries=texts.queries,
        qrels=texts.qrels,
        passages=lambda: texts.passages,
        count=lambda: len(texts.passages),
        query_ids=lambda: {query.query_id for query in texts.queries},
        missing=lambda _: texts.missing,
        collection_place=place,
        queries_place=place,
        qrels_place=place,
    )


def candidates_of(texts: EvaluatedTexts, path: Path) -> Candidates:
    """Read the candidates of the judged queries.

    Raises:
        InputError: They are malformed, or name a query that is not there.
    """
    candidates = read_candidates(path, texts.query_ids(), texts.queries_place)
    asked = {query.query_id for query in texts.queries}
    return replace(
        candidates,
        doc_ids={one: doc_ids for one, doc_ids in candidates.doc_ids.items() if one in asked},
    )


def rank_texts(texts: EvaluatedTexts, ranker: Ranker, progress: Progress = SILENT) -> Retrieved:
    """Rank the passages for every query.

    Raises:
        InputError: The collection is empty, the candidates are malformed or name what is not there, or means
            are removed and a language can't have one.
    """
    candidates = None if ranker.candidates is None else candidates_of(texts, ranker.candidates)
    queries, encoder = texts.queries, ranker.encoder
    means = _means_of_all(ranker.language_means, texts, encoder) if ranker.language_means else {}
    with progress.stage("encoding queries", "query") as update:
        update(0, len(queries))
        vectors = encode_texts(
            encoder.encode_queries,
            [query.text for query in queries],
            lambda done: update(done, len(queries)),
        )
    vectors = remove_language_means(vectors, [query.language for query in queries], means)
    with progress.stage("encoding passages", "passage") as update:
        if candidates is None:
            # Counting the lines of a compressed file takes a while, and only the bar needs it.
            total = texts.count() if sys.stderr.isatty() and progress is not SILENT else None
            update(0, total)
            return retrieve_passages(
                queries,
                vectors,
                texts.passages(),
                encoder,
                ranker.depth,
                language_means=means,
                progress=lambda done: update(done, total),
                place=texts.collection_place,
            )
        distinct = len({doc_id for doc_ids in candidates.doc_ids.values() for doc_id in doc_ids})
        retrieved = score_candidates(
            queries,
            vectors,
            texts.passages(),
            candidates.doc_ids,
            encoder,
            ranker.depth,
            language_means=means,
            progress=lambda done: update(done, distinct),
        )
    candidates.check_passage_ids(retrieved.doc_ids, texts.collection_place)
    return retrieved


def _means_of_all(
    known: Mapping[str, NDArray[np.float32]], texts: EvaluatedTexts, encoder: Encoder
) -> Mapping[str, NDArray[np.float32]]:
    """Return the known means with one for each further language of queries and passages."""
    queries, passages = LanguageSample(), LanguageSample()
    for query in texts.queries:
        queries.add(query.language, query.text)
    for passage in texts.passages():
        passages.add(passage.language, passage.full_text)
    if not (queries.counts.keys() | passages.counts.keys()) - known.keys():
        return known
    sampled = passages.vectors(encoder.encode_passages)
    for language, rows in queries.vectors(encoder.encode_queries).items():
        sampled[language] = np.concatenate([rows, sampled[language]]) if language in sampled else rows
    return complete_means(known, sampled)
