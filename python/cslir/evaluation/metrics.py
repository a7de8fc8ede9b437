"""Retrieval metrics, through ir_measures, with the values of every query kept.

ir_measures asks several programs, and these break ties in different ways: pytrec_eval (nDCG, AP, R) as
trec_eval does, the one of RR@10 the other way round. So every query's passages are ordered here, as
trec_eval orders them, and the programs are given scores without ties.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError
from cslir.records import Qrel, ScoredPassage

__all__ = [
    "MEASURES",
    "PERSISTENCE",
    "Judged",
    "evaluate",
    "largest_cutoff",
    "own_language_share",
    "rank_biased_shares",
    "run_of",
    "tied_queries",
    "trec_order",
]

MEASURES = ("RR@10", "R@100")
"""The measures of a table, as ir_measures names them; the mean of RR@10 over queries is MRR@10."""
PERSISTENCE = 0.9
"""The p of `rank_biased_shares`: a reader goes from one passage to the next with this probability."""


_KNOWN = "RR@10, R@100, nDCG@10, AP"


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
    """Judge a run; passages with equal scores are ordered as `trec_order` says.

    Args:
        run: Scores by query id and passage id, or the lines of a run.
        qrels: Judgements; queries that have none above zero are left out.
        measures: Names that ir_measures parses, such as `nDCG@10`.

    Raises:
        InputError: A measure is unknown or needs what is not installed, or no judged query is left.
    """
    import ir_measures

    parsed = _parse(measures)
    if not isinstance(run, Mapping):
        run = run_of(run)
    judgements: dict[str, dict[str, int]] = {}
    for qrel in qrels:
        judgements.setdefault(qrel.query_id, {})[qrel.doc_id] = qrel.relevance
    judgements = {query_id: docs for query_id, docs in judgements.items() if max(docs.values()) > 0}
    if not judgements:
        raise InputError("no query has a relevant passage", remedy="check the qrels")
    position = {query_id: row for row, query_id in enumerate(judgements)}
    # Two names may mean one measure, as RR@10 and MRR@10 do.
    by_measure = {measure: np.zeros(len(position)) for measure in parsed.values()}
    judged_run = {
        query_id: _descending(trec_order(run[query_id])) for query_id in judgements if run.get(query_id)
    }
    if judged_run:
        try:
            evaluator = ir_measures.evaluator(list(by_measure), judgements)
        except (ValueError, AssertionError) as error:
            raise InputError(
                f"can't be measured here: {error}", remedy=f"use others, such as {_KNOWN}"
            ) from None
        for metric in evaluator.iter_calc(judged_run):
            by_measure[metric.measure][position[metric.query_id]] = metric.value
    values = {name: by_measure[measure] for name, measure in parsed.items()}
    if run and not judged_run:
        raise InputError("the run and the qrels share no query", remedy="check that they belong together")
    missing = tuple(query_id for query_id in judgements if query_id not in judged_run)
    return Judged(tuple(judgements), values, missing)


def _parse(measures: Sequence[str]) -> dict[str, Any]:
    """Return ir_measures' measures by the name that was given."""
    import ir_measures

    try:
        return {name: ir_measures.parse_measure(name) for name in dict.fromkeys(measures)}
    except (NameError, SyntaxError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"unknown measure among {', '.join(measures)}", remedy=f"such as {_KNOWN}") from None


def largest_cutoff(measures: Sequence[str]) -> int:
    """Return the largest rank that one of the measures looks at; 0 where none has a cutoff.

    Raises:
        InputError: A measure is unknown.
    """
    cutoffs = (measure.params.get("cutoff", 0) for measure in _parse(measures).values())
    return max((one for one in cutoffs if isinstance(one, int)), default=0)


def run_of(lines: Iterable[ScoredPassage]) -> dict[str, dict[str, float]]:
    """Return the lines of a run as scores by query id and passage id."""
    run: dict[str, dict[str, float]] = {}
    for scored in lines:
        run.setdefault(scored.query_id, {})[scored.doc_id] = scored.score
    return run


def trec_order(scores: Mapping[str, float]) -> list[str]:
    """Return a query's passage ids in the order in which trec_eval takes them.

    trec_eval keeps scores as 32-bit floats and orders by descending score; among equal ones the greater id
    comes first, compared byte by byte. The ranks that a run file states play no part.
    """
    values = _single(scores)
    if np.all(values[:-1] > values[1:]):
        return list(scores)
    # Code points compare as their UTF-8 bytes do.
    pairs = sorted(zip(values.tolist(), scores, strict=True), reverse=True)
    return [doc_id for _, doc_id in pairs]


def tied_queries(run: Mapping[str, Mapping[str, float]]) -> int:
    """Return how many queries have two passages of equal score, as 32-bit floats."""
    return sum(np.unique(_single(scores)).size < len(scores) for scores in run.values())


def _single(scores: Mapping[str, float]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.array(list(scores.values()), dtype=np.float64).astype(np.float32)


def _descending(doc_ids: Sequence[str]) -> dict[str, float]:
    return {doc_id: float(-rank) for rank, doc_id in enumerate(doc_ids)}


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


def rank_biased_shares(
    retrieved_languages: Iterable[Sequence[str]], persistence: float = PERSISTENCE
) -> dict[str, float]:
    """Return the share of each language among the retrieved passages, the first of them counting most.

    The passage at rank i has the weight that a reader of rank-biased precision gives it, who looks at the
    first passage and goes on to the next with probability p. A query's share of language l is

        s(l) = sum_i p^(i-1) [language of passage i is l] / sum_i p^(i-1)

    over its retrieved passages, and the mean over queries is returned, so that the shares sum to 1.

    Source: A. Moffat and J. Zobel, Rank-biased precision for measurement of retrieval effectiveness, ACM
    Transactions on Information Systems 27 (2008), for the weights.

    Args:
        retrieved_languages: Per query, the languages of its retrieved passages, best first; queries without
            any are left out.
        persistence: p, between 0 and 1.

    Returns:
        Shares by language, in alphabetical order; empty where nothing was retrieved.
    """
    totals: dict[str, float] = {}
    queries = 0
    for languages in retrieved_languages:
        if not languages:
            continue
        queries += 1
        weights = persistence ** np.arange(len(languages))
        weights /= weights.sum()
        for language, weight in zip(languages, weights.tolist(), strict=True):
            totals[language] = totals.get(language, 0.0) + weight
    return {language: totals[language] / queries for language in sorted(totals)}
