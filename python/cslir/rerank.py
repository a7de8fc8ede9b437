"""Reranking: a cross-encoder scores the first candidates of a run anew."""

from collections.abc import Callable, Iterator, Mapping

from cslir.errors import InputError
from cslir.models.cross_encoder import Scorer
from cslir.records import Passage, ScoredPassage

__all__ = ["rerank"]


def rerank(
    run: Mapping[str, Mapping[str, float]],
    queries: Mapping[str, str],
    passages: Callable[[str], Passage] | Mapping[str, Passage],
    scorer: Scorer,
    *,
    depth: int = 50,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[ScoredPassage]:
    """Yield a run whose first `depth` candidates per query are in the order of a cross-encoder's scores.

    The candidates behind them are left out: their scores are of another kind.

    Args:
        run: Scores by query id and passage id.
        queries: Text by query id.
        passages: Passage by id.
        scorer: The cross-encoder.
        depth: Candidates of each query.
        progress: Called with (pairs scored, pairs in all).

    Raises:
        InputError: The run names a query or a passage that is not there.
    """
    find = passages.__getitem__ if isinstance(passages, Mapping) else passages
    candidates = {
        query_id: sorted(scores, key=lambda doc_id: (-scores[doc_id], doc_id))[:depth]
        for query_id, scores in run.items()
    }
    pairs: list[tuple[str, str]] = []
    for query_id, doc_ids in candidates.items():
        for doc_id in doc_ids:
            try:
                pairs.append((queries[query_id], find(doc_id).full_text))
            except KeyError as error:
                raise InputError(
                    f"the candidates name {error}, which is not in the collection",
                    remedy="rerank with the queries and passages that the run is of",
                ) from None
    scored = iter(scorer.score(pairs, progress=progress).tolist())
    for query_id, doc_ids in candidates.items():
        fresh = [(next(scored), doc_id) for doc_id in doc_ids]
        for score, doc_id in sorted(fresh, key=lambda one: -one[0]):
            yield ScoredPassage(query_id, doc_id, score)
