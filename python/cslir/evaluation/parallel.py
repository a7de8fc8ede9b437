"""Evaluation of an encoder over every setting of a parallel dataset: exact search, then metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cslir.datasets.mixing import judgements_of, shared_ids
from cslir.datasets.parallel import ParallelDataset
from cslir.evaluation.metrics import MEASURES, Judged, without_identical_ids
from cslir.evaluation.results import SettingScores
from cslir.evaluation.scoring import score_run
from cslir.evaluation.settings import Setting, language_pairs, mixed_settings
from cslir.models.language_means import complete_means, language_means, remove_language_means
from cslir.records import Passage, Qrel, Query
from cslir.retrieval import encode_texts
from cslir.search import Encoder, rank

__all__ = [
    "MEAN_TEXTS",
    "Evaluation",
    "ParallelVectors",
    "Rerank",
    "SettingResult",
    "embed_split",
    "evaluate_vectors",
]

Run = dict[str, dict[str, float]]
Rerank = Callable[[Run, Mapping[str, str], Mapping[str, Passage]], Run]

DEPTH = 100
MEAN_TEXTS = 64
"""Ids per language whose query and passage make the language's mean."""


@dataclass(frozen=True)
class ParallelVectors:
    """The queries and passages of a split in several languages, with their unit vectors.

    Attributes:
        queries: By language.
        passages: By language.
        query_vectors: By language, float32 of shape (queries of that language, dimension).
        passage_vectors: By language, float32 of shape (passages of that language, dimension).
    """

    queries: dict[str, list[Query]]
    passages: dict[str, list[Passage]]
    query_vectors: dict[str, NDArray[np.float32]]
    passage_vectors: dict[str, NDArray[np.float32]]

    @cached_property
    def query_rows(self) -> dict[str, dict[str, int]]:
        """The row of each query id in `query_vectors`, by language."""
        return {
            language: {query.query_id: row for row, query in enumerate(queries)}
            for language, queries in self.queries.items()
        }

    @cached_property
    def passage_rows(self) -> dict[str, dict[str, int]]:
        """The row of each passage id in `passage_vectors`, by language."""
        return {
            language: {passage.doc_id: row for row, passage in enumerate(passages)}
            for language, passages in self.passages.items()
        }

    def run(
        self, setting: Setting, query_ids: Sequence[str], doc_ids: Sequence[str], depth: int
    ) -> dict[str, dict[str, float]]:
        """Return the best passages of each query in a setting, as scores by query id and passage id."""
        queries = _gather(self.query_rows, self.query_vectors, query_ids, setting.query_languages)
        passages = _gather(self.passage_rows, self.passage_vectors, doc_ids, setting.passage_languages)
        return dict(rank(query_ids, queries, doc_ids, passages, depth))

    def query_texts(self, setting: Setting, query_ids: Sequence[str]) -> dict[str, str]:
        """Return the text of each query in its language, by id."""
        return {
            one: self.queries[language][self.query_rows[language][one]].text
            for one, language in zip(query_ids, setting.query_languages, strict=True)
        }

    def passage_records(self, setting: Setting, doc_ids: Sequence[str]) -> dict[str, Passage]:
        """Return each passage in its language, by id."""
        return {
            one: self.passages[language][self.passage_rows[language][one]]
            for one, language in zip(doc_ids, setting.passage_languages, strict=True)
        }

    def first(self, limit: int) -> "ParallelVectors":
        """Return the vectors of the first so many ids of each language."""

        def cut(items: Mapping[str, Any]) -> dict[str, Any]:
            return {language: rows[:limit] for language, rows in items.items()}

        return ParallelVectors(
            cut(self.queries), cut(self.passages), cut(self.query_vectors), cut(self.passage_vectors)
        )

    def language_means(self) -> dict[str, NDArray[np.float32]]:
        """Return the mean vector of each language over its queries and passages."""
        means: dict[str, NDArray[np.float32]] = {}
        for language, queries in self.query_vectors.items():
            both = np.concatenate([queries, self.passage_vectors[language]])
            means.update(language_means(both, [language] * len(both)))
        return means

    def without_language_means(self, means: Mapping[str, NDArray[np.float32]]) -> "ParallelVectors":
        """Return the vectors less the mean of their language, of unit length again.

        Args:
            means: By language; one that is missing is that of these vectors (see `complete_means`).

        Raises:
            InputError: A language has neither a mean nor enough texts.
        """
        sampled = {
            language: np.concatenate([queries, self.passage_vectors[language]])
            for language, queries in self.query_vectors.items()
        }
        complete = complete_means(means, sampled)

        def centre(vectors: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
            return {
                language: remove_language_means(rows, [language] * len(rows), complete)
                for language, rows in vectors.items()
            }

        return replace(
            self, query_vectors=centre(self.query_vectors), passage_vectors=centre(self.passage_vectors)
        )


def embed_split(
    dataset: ParallelDataset,
    split: str,
    languages: Sequence[str],
    encoder: Encoder,
    *,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> ParallelVectors:
    """Encode a split's queries and passages in each language.

    Args:
        dataset: A dataset with that split.
        split: `dev` or `test`.
        languages: Their codes.
        encoder: Gives the vectors.
        limit: Only the first so many ids of each language.
        progress: Called with (texts done, texts in all).
    """
    queries = {language: dataset.queries(split, language)[:limit] for language in languages}
    passages = {language: dataset.passages(split, language)[:limit] for language in languages}
    total = sum(len(one) for texts in (queries, passages) for one in texts.values())
    query_vectors, passage_vectors = {}, {}
    done = 0

    def encode(
        encoding: Callable[[Sequence[str]], NDArray[np.float32]], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        nonlocal done
        before = done
        vectors = encode_texts(encoding, texts, lambda count: progress(before + count, total))
        done += len(texts)
        return vectors

    for language in languages:
        query_vectors[language] = encode(encoder.encode_queries, [q.text for q in queries[language]])
        passage_vectors[language] = encode(encoder.encode_passages, [p.full_text for p in passages[language]])
    return ParallelVectors(queries, passages, query_vectors, passage_vectors)


@dataclass(frozen=True)
class SettingResult:
    """Outcome of one setting.

    Attributes:
        setting: The languages of its queries and passages.
        scores: What a result file keeps.
        run: Scores by query id and passage id; empty where it was not kept.
    """

    setting: Setting
    scores: SettingScores
    run: dict[str, dict[str, float]]

    @property
    def judged(self) -> Judged:
        """The values of every query."""
        return self.scores.judged


@dataclass(frozen=True)
class Evaluation:
    """Outcome of all settings, by name (`en-de`, `X-X`)."""

    results: dict[str, SettingResult]

    @property
    def scores(self) -> dict[str, SettingScores]:
        """The scores of every setting, by name."""
        return {name: result.scores for name, result in self.results.items()}

    @property
    def language_bias(self) -> float | None:
        """Share of the top 10 of X-X in the query's own language; None where X-X was not evaluated."""
        return self.results["X-X"].scores.language_bias if "X-X" in self.results else None


def evaluate_vectors(
    vectors: ParallelVectors,
    qrels: Sequence[Qrel],
    *,
    seen: Sequence[str],
    unseen: Sequence[str] = (),
    seed: int,
    measures: Sequence[str] = MEASURES,
    depth: int = DEPTH,
    keep_runs: bool = False,
    ignore_identical_ids: bool = True,
    rerank: Rerank | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Evaluation:
    """Search and judge every setting.

    All ordered pairs of the seen languages and their mixtures are evaluated over the ids that all of them
    have; each unseen language with itself and, where English is there, with it, both ways, over the ids
    that it has.

    Args:
        vectors: A split's vectors.
        qrels: Its judgements, by the ids that all languages share.
        seen: Languages of training and lexicons.
        unseen: Languages without any.
        seed: Of the language draws of the mixtures.
        measures: Names for ir_measures.
        depth: Passages retrieved per query.
        keep_runs: Keep the runs of all settings, which take far more memory than the judgements.
        ignore_identical_ids: See `without_identical_ids`.
        rerank: Gives a setting's run in another order, from its run and the texts by id.
        progress: Called with (settings done, settings in all or nearly so).
    """
    results: dict[str, SettingResult] = {}

    def evaluate_one(setting: Setting, query_ids: Sequence[str], doc_ids: Sequence[str]) -> None:
        progress(len(results), every)
        run = vectors.run(setting, query_ids, doc_ids, depth + ignore_identical_ids)
        left_out = set().union(*vectors.passage_rows.values()) - set(doc_ids)
        judgements = judgements_of(qrels, query_ids, left_out)
        identical = 0
        if ignore_identical_ids:
            run, identical = without_identical_ids(run, judgements, depth)
        query_texts = vectors.query_texts(setting, query_ids)
        if rerank is not None:
            run = rerank(run, query_texts, vectors.passage_records(setting, doc_ids))
        scores = score_run(
            run,
            judgements,
            measures,
            group=setting.group,
            query_languages=dict(zip(query_ids, setting.query_languages, strict=True)),
            passage_languages=dict(zip(doc_ids, setting.passage_languages, strict=True)),
            query_texts=query_texts,
            identical_ids=identical,
        )
        results[setting.name] = SettingResult(setting, scores, run if keep_runs else {})

    query_ids, doc_ids = _shared_ids(vectors, seen)
    settings = language_pairs(seen, len(query_ids), len(doc_ids))
    if len(seen) > 1:
        mixed = mixed_settings(seen, query_ids, doc_ids, seed)
        settings += [one for one in mixed if "en" in seen or one.name == "X-X"]
    every = len(settings) + sum(3 if "en" in seen else 4 for _ in unseen)
    for setting in settings:
        evaluate_one(setting, query_ids, doc_ids)
    for language in unseen:
        pair = ["en", language] if "en" in vectors.queries and language != "en" else [language]
        query_ids, doc_ids = _shared_ids(vectors, pair)
        for setting in language_pairs(pair, len(query_ids), len(doc_ids)):
            # English with itself is evaluated once, over the seen languages' ids where it is one of them.
            if setting.name not in results:
                evaluate_one(setting, query_ids, doc_ids)
    return Evaluation(results)


def _shared_ids(vectors: ParallelVectors, languages: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the query ids and passage ids that all the languages have, in the order of the first."""
    return shared_ids(
        {language: vectors.query_rows[language] for language in languages},
        {language: vectors.passage_rows[language] for language in languages},
    )


def _gather(
    rows: Mapping[str, Mapping[str, int]],
    vectors: Mapping[str, NDArray[np.float32]],
    identifiers: Sequence[str],
    languages: Sequence[str],
) -> NDArray[np.float32]:
    """Return the vector of each identifier in its language, shape (identifiers, dimension)."""
    dimension = next(iter(vectors.values())).shape[1]
    gathered = np.empty((len(identifiers), dimension), dtype=np.float32)
    language_of = np.asarray(languages)
    for language in set(languages):
        places = np.flatnonzero(language_of == language).tolist()
        gathered[places] = vectors[language][[rows[language][identifiers[place]] for place in places]]
    return gathered
