"""Retrieval metrics, through ir_measures, with the values of every query kept.

ir_measures asks several programs, and these break ties in different ways: pytrec_eval (nDCG, AP, R) as
trec_eval does, the one of RR@10 the other way round. So every query's passages are ordered here, as
trec_eval orders them, and the programs are given scores without ties.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir.errors import InputError, UnknownNameError
from cslir.records import Qrel, ScoredPassage

__all__ = [
    "MEASURES",
    "PERSISTENCE",
    "Judged",
    "evaluate",
    "largest_cutoff",
    "measure_names",
    "own_language_share",
    "rank_biased_shares",
    "run_of",
    "tied_queries",
    "trec_order",
    "usual_name",
    "without_identical_ids",
]

MEASURES = ("RR@10", "R@100")
"""The measures of a table, as ir_measures names them; the mean of RR@10 over queries is MRR@10."""
PERSISTENCE = 0.9
"""The p of `rank_biased_shares`: a reader goes from one passage to the next with this probability."""
_KNOWN = "RR@10, R@100, nDCG@10, AP"
_LONGEST = 200
"""Characters of a measure's name: Python's own parser, which ir_measures asks, fails on endless nesting."""
_LARGEST = 2**31 - 1
"""Of the integers of a measure: trec_eval keeps them in 32 bits, and aborts the process at a cutoff of 0."""


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
    *,
    qrels_place: Path | str | None = None,
    run_place: Path | str | None = None,
) -> Judged:
    """Judge a run; passages with equal scores are ordered as `trec_order` says.

    Args:
        run: Scores by query id and passage id, or the lines of a run.
        qrels: Judgements; queries that have none above zero are left out.
        measures: Names that ir_measures parses, such as `nDCG@10`.
        qrels_place: Where the judgements come from, for messages.
        run_place: Where the run comes from, for messages.

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
        raise InputError("no query has a relevant passage", path=qrels_place, remedy="check the qrels")
    position = {query_id: row for row, query_id in enumerate(judgements)}
    # Two names may mean one measure, as RR@10 and MRR@10 do.
    by_measure = {measure: np.zeros(len(position)) for measure in parsed.values()}
    judged_run = {
        query_id: _descending(trec_order(run[query_id])) for query_id in judgements if run.get(query_id)
    }
    if judged_run:
        try:
            evaluator = ir_measures.evaluator(list(by_measure), judgements)
            for metric in evaluator.iter_calc(judged_run):
                by_measure[metric.measure][position[metric.query_id]] = metric.value
        except Exception as error:  # each of the programs behind ir_measures fails in its own way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"can't be measured here: {reason}", remedy=f"use others, such as {_KNOWN}"
            ) from None
    values = {name: by_measure[measure] for name, measure in parsed.items()}
    if run and not judged_run:
        judged_by = "the qrels" if qrels_place is None else str(qrels_place)
        raise InputError(
            f"the run and {judged_by} share no query",
            path=run_place,
            remedy="check that they belong together",
        )
    missing = tuple(query_id for query_id in judgements if query_id not in judged_run)
    return Judged(tuple(judgements), values, missing)


def measure_names(measures: Iterable[str]) -> tuple[str, ...]:
    """Return the measures under the names that results have, each once: `RR@10` for `MRR@10` too.

    Raises:
        InputError: A measure is unknown.
    """
    return tuple(dict.fromkeys(str(measure) for measure in _parse(list(measures)).values()))


def usual_name(measure: str) -> str:
    """Return the name of `measure_names` of one measure, and that of an unknown one as it is."""
    try:
        return measure_names([measure])[0]
    except InputError:
        return measure


def _parse(measures: Sequence[str]) -> dict[str, Any]:
    """Return ir_measures' measures by the name that was given."""
    return {name: _parse_one(name) for name in dict.fromkeys(measures)}


def _parse_one(name: str) -> Any:  # noqa: ANN401  a measure of ir_measures, which has no types
    """Return one measure, checked: the programs behind ir_measures end the process on some values.

    Raises:
        InputError: There is no such measure, or a value in its name is out of range.
    """
    import ir_measures

    if len(name) > _LONGEST:
        raise UnknownNameError(f"unknown measure {name[:40]!r} ...", remedy=f"such as {_KNOWN}")
    measure: Any
    try:
        measure = ir_measures.parse_measure(name)
    except Exception:  # Python's parser and ir_measures raise a dozen kinds of errors
        raise UnknownNameError(f"unknown measure {name!r}", remedy=f"such as {_KNOWN}") from None
    try:
        measure.validate_params()
        wrong = next((key for key, value in measure.params.items() if not _in_range(key, value)), None)
    except AssertionError:
        raise InputError(
            f"measure {name!r} lacks a value, or has one that it does not take", remedy=f"such as {_KNOWN}"
        ) from None
    if wrong is not None:
        raise InputError(
            f"measure {name!r}: {wrong} is out of range",
            remedy="cutoffs and relevances are whole numbers from 1 on, a recall is from 0 to 1",
        )
    return measure


def _in_range(key: str, value: object) -> bool:
    """Return whether the programs that compute a measure take a value of one of its parameters."""
    if isinstance(value, dict):  # gains, by relevance
        return all(type(one) is int and 0 <= one <= _LARGEST for pair in value.items() for one in pair)
    if key in ("cutoff", "rel"):
        return type(value) is int and 1 <= value <= _LARGEST
    if key == "recall":
        return isinstance(value, float) and 0 <= value <= 1
    return not isinstance(value, int | float) or math.isfinite(value)


def largest_cutoff(measures: Sequence[str]) -> int:
    """Return the largest rank that one of the measures looks at; 0 where none has a cutoff.

    Raises:
        InputError: A measure is unknown.
    """
    return max((measure.params.get("cutoff", 0) for measure in _parse(measures).values()), default=0)


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


def without_identical_ids(
    run: Mapping[str, dict[str, float]], qrels: Iterable[Qrel], depth: int | None = None
) -> tuple[dict[str, dict[str, float]], int]:
    """Leave out of each query's passages the one that has the query's id, and count these queries.

    Where queries are passages of the collection themselves, as in ArguAna and Quora, each finds itself first.
    BEIR's evaluation drops such passages (`ignore_identical_ids`). Here one stays that is judged relevant to
    its query: in collections of titles and texts, for example, the two may share an id on purpose.

    Args:
        run: Scores by query id and passage id.
        qrels: Judgements.
        depth: Passages that are kept of each query, in the order of the run; all if None.
    """
    wanted = {one.query_id for one in qrels if one.query_id == one.doc_id and one.relevance > 0}
    kept = dict(run)
    dropped = [one for one, scores in run.items() if one in scores and one not in wanted]
    for query_id in dropped:
        kept[query_id] = {one: score for one, score in run[query_id].items() if one != query_id}
    if depth is not None:
        kept = {one: dict(islice(scores.items(), depth)) for one, scores in kept.items()}
    return kept, len(dropped)


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
