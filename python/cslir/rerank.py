"""Reranking: a cross-encoder scores the first candidates of a run anew."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cslir.errors import InputError
from cslir.evaluation.metrics import trec_order
from cslir.models.cross_encoder import Scorer
from cslir.records import Passage, ScoredPassage

__all__ = ["rerank"]


def rerank(
    run: Mapping[str, Mapping[str, float]],
    queries: Mapping[str, str],
    passages: Callable[[str], Passage] | Mapping[str, Passage],
    scorer: Scorer,
    *,
    depth: int | None = 50,
    progress: Callable[[int, int], None] | None = None,
    place: Path | str | None = None,
) -> Iterator[ScoredPassage]:
    """Yield a run whose first `depth` candidates per query are in the order of a cross-encoder's scores.

    The candidates behind them follow in their order. The scores that they had are of another kind, so each is
    given the score of the passage before it, less one.

    Args:
        run: Scores by query id and passage id; ordered as trec_eval does it.
        queries: Text by query id.
        passages: Passage by id; of the first `depth` candidates alone.
        scorer: The cross-encoder.
        depth: Candidates of each query that are scored; all if None.
        progress: Called with (pairs scored, pairs in all).
        place: Where the run comes from, for messages.

    Raises:
        InputError: The run names a query or a passage that is not there.
    """
    find = passages.__getitem__ if isinstance(passages, Mapping) else passages
    candidates = {query_id: trec_order(scores) for query_id, scores in run.items()}
    pairs: list[tuple[str, str]] = []
    for query_id, doc_ids in candidates.items():
        for doc_id in doc_ids[:depth]:
            try:
                pairs.append((queries[query_id], find(doc_id).full_text))
            except KeyError as error:
                raise InputError(
                    f"the candidates name {error}, which is not in the collection",
                    path=place,
                    remedy="rerank with the queries and passages that the run is of",
                ) from None
    scored = iter(scorer.score(pairs, progress=progress).tolist() if pairs else ())
    for query_id, doc_ids in candidates.items():
        score = 0.0
        fresh = [(next(scored), doc_id) for doc_id in doc_ids[:depth]]
        for score, doc_id in sorted(fresh, key=lambda one: -one[0]):
            yield ScoredPassage(query_id, doc_id, score)
        for doc_id in doc_ids[len(fresh) :]:
            score -= 1
            yield ScoredPassage(query_id, doc_id, score)
