"""Retrieval metrics, through ir_measures, with the values of every query kept."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError
from cslir.records import Qrel, ScoredPassage

__all__ = ["MEASURES", "Judged", "evaluate", "own_language_share"]

MEASURES = ("RR@10", "R@100")
"""The measures of a table, as ir_measures names them; the mean of RR@10 over queries is MRR@10."""


class Judged(NamedTuple):
    """A run judged by qrels.

    Args:
        query_ids: The queries of the qrels that have a relevant passage, in the order of the qrels.
        values: Per measure, float64 of shape (queries,).
        missing: Queries without any retrieved passage; they count as zero.
    """

    query_ids: tuple[str, ...]
    values: dict[str, NDArray[np.float64]]
    missing: tuple[str, ...]

    @property
    def means(self) -> dict[str, float]:
        """Mean over all judged queries, per measure."""
        return {measure: float(values.mean()) for measure, values in self.values.items()}


def evaluate(
    run: Mapping[str, Mapping[str, float]] | Iterable[ScoredPassage],
    qrels: Iterable[Qrel],
    measures: Sequence[str] = MEASURES,
) -> Judged:
    """Judge a run.

    Args:
        run: Scores by query id and passage id, or the lines of a run.
        qrels: Judgements; queries that have none above zero are left out.
        measures: Names that ir_measures parses, such as `nDCG@10`.

    Raises:
        InputError: A measure is unknown or needs what is not installed, or no judged query is left.
    """
    import ir_measures

    known = "RR@10, R@100, nDCG@10, AP"
    try:
        parsed = {name: ir_measures.parse_measure(name) for name in dict.fromkeys(measures)}
    except (NameError, SyntaxError, ValueError, KeyError):
        raise InputError(f"unknown measure among {', '.join(measures)}", remedy=f"such as {known}") from None
    if not isinstance(run, Mapping):
        scores: dict[str, dict[str, float]] = {}
        for scored in run:
            scores.setdefault(scored.query_id, {})[scored.doc_id] = scored.score
        run = scores
    judgements: dict[str, dict[str, int]] = {}
    for qrel in qrels:
        judgements.setdefault(qrel.query_id, {})[qrel.doc_id] = qrel.relevance
    judgements = {query_id: docs for query_id, docs in judgements.items() if max(docs.values()) > 0}
    if not judgements:
        raise InputError("no query has a relevant passage", remedy="check the qrels")
    position = {query_id: row for row, query_id in enumerate(judgements)}
    # Two names may mean one measure, as RR@10 and MRR@10 do.
    by_measure = {measure: np.zeros(len(position)) for measure in parsed.values()}
    judged_run = {query_id: run[query_id] for query_id in judgements if run.get(query_id)}
    if judged_run:
        try:
            evaluator = ir_measures.evaluator(list(by_measure), judgements)
        except (ValueError, AssertionError) as error:
            raise InputError(
                f"can't be measured here: {error}", remedy=f"use others, such as {known}"
            ) from None
        for metric in evaluator.iter_calc(judged_run):
            by_measure[metric.measure][position[metric.query_id]] = metric.value
    values = {name: by_measure[measure] for name, measure in parsed.items()}
    if run and not judged_run:
        raise InputError("the run and the qrels share no query", remedy="check that they belong together")
    missing = tuple(query_id for query_id in judgements if query_id not in judged_run)
    return Judged(tuple(judgements), values, missing)


def own_language_share(
    query_languages: Sequence[str], retrieved_languages: Sequence[Sequence[str]], cutoff: int = 10
) -> float:
    """Return the language bias: the share of the first `cutoff` passages that are in the query's language.

    An unbiased ranker over a collection that is evenly mixed from n languages gives about 1/n.

    Args:
        query_languages: Language of each query.
        retrieved_languages: Per query, the languages of its retrieved passages, best first.
        cutoff: Passages that count.
    """
    shares = [
        sum(language == own for language in languages[:cutoff]) / min(cutoff, len(languages))
        for own, languages in zip(query_languages, retrieved_languages, strict=True)
        if languages
    ]
    return float(np.mean(shares)) if shares else 0.0
