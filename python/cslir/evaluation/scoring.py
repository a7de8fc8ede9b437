"""From a run to the scores of one setting: metrics, language bias, language shares, first passages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cslir.evaluation.checksums import Checksums, checksum
from cslir.evaluation.metrics import evaluate, own_language_share, rank_biased_shares, trec_order
from cslir.evaluation.results import SettingScores, top_passages
from cslir.evaluation.settings import GROUPS, pair_group
from cslir.records import Qrel, Query

__all__ = ["cells_by_language", "group_of_languages", "score_run"]

MIXED = GROUPS[-1]
"""X-X, which has a language bias also if its few queries were all drawn in one language."""


def score_run(
    run: Mapping[str, Mapping[str, float]],
    qrels: Sequence[Qrel],
    measures: Sequence[str],
    *,
    group: str = "",
    query_languages: Mapping[str, str] | None = None,
    passage_languages: Mapping[str, str] | None = None,
    query_texts: Mapping[str, str] | None = None,
    identical_ids: int = 0,
    qrels_place: Path | str | None = None,
    run_place: Path | str | None = None,
) -> SettingScores:
    """Judge a run and describe the languages of what it retrieved.

    Args:
        run: Scores by query id and passage id.
        qrels: Judgements.
        measures: Names for ir_measures.
        group: Of the setting.
        query_languages: By query id; the language bias needs two at least, but of X-X.
        passage_languages: Of the retrieved passages; the shares need two languages at least.
        query_texts: By query id, for the checksum, which needs those of all judged queries.
        identical_ids: Queries whose own passage was left out of the run; see `without_identical_ids`.
        qrels_place: Where the judgements come from, for messages.
        run_place: Where the run comes from, for messages.
    """
    judged = evaluate(run, qrels, measures, qrels_place=qrels_place, run_place=run_place)
    texts = query_texts or {}
    known_texts = all(query_id in texts for query_id in judged.query_ids)
    unlabelled = SettingScores(
        group,
        judged,
        top=top_passages(run, judged.query_ids),
        checksums=Checksums(
            queries=checksum((one, texts[one]) for one in judged.query_ids) if known_texts else "",
            qrels=checksum(qrels),
        ),
        identical_ids=identical_ids,
    )
    known = passage_languages or {}
    if len(set(known.values())) < 2:
        return unlabelled
    retrieved = {
        query_id: [known.get(doc_id, "") for doc_id in trec_order(run[query_id])]
        for query_id in judged.query_ids
        if run.get(query_id)
    }
    own = {query_id: language for query_id, language in (query_languages or {}).items() if language}
    asked = [query_id for query_id in retrieved if query_id in own]
    bias = None
    if asked and (group == MIXED or len({own[query_id] for query_id in asked}) > 1):
        bias = own_language_share([own[one] for one in asked], [retrieved[one] for one in asked])
    shares = rank_biased_shares(retrieved.values())
    return replace(unlabelled, language_bias=bias, language_shares=shares)


def group_of_languages(query_languages: Iterable[str], passage_languages: Iterable[str]) -> str:
    """Return the aggregate that a dataset's languages make it; empty if one is unknown or none fits."""
    queries, passages = set(query_languages), set(passage_languages)
    if not queries or not passages or "" in queries | passages:
        return ""
    if len(queries) == len(passages) == 1:
        return pair_group(*queries, *passages)
    name = "-".join("X" if len(one) > 1 else next(iter(one)) for one in (queries, passages))
    return f"MLIR {name}" if name in ("X-en", "en-X", "X-X") else ""


def cells_by_language(
    run: Mapping[str, Mapping[str, float]],
    qrels: Sequence[Qrel],
    measure: str,
    queries: Sequence[Query],
    passage_languages: Mapping[str, str],
) -> dict[tuple[str, str], float]:
    """Return a measure by query language and passage language, of a collection in several languages.

    The cell (q, p) is the mean over the queries in q that have a relevant passage in p, judged by the
    passages in p alone, while the ranking is the one over the whole collection. So a low value may tell that
    passages in p are ranked behind relevant ones in other languages.

    Args:
        run: Scores by query id and passage id.
        qrels: Judgements.
        measure: A name for ir_measures.
        queries: With their languages.
        passage_languages: Of all passages that are judged relevant.
    """
    language_of = {query.query_id: query.language for query in queries}
    cells: dict[tuple[str, str], list[Qrel]] = {}
    for qrel in qrels:
        pair = (language_of.get(qrel.query_id, ""), passage_languages.get(qrel.doc_id, ""))
        if qrel.relevance > 0 and all(pair):
            cells.setdefault(pair, []).append(qrel)
    means: dict[tuple[str, str], float] = {}
    for pair, judgements in sorted(cells.items()):
        asked = {qrel.query_id for qrel in judgements}
        part = {query_id: scores for query_id, scores in run.items() if query_id in asked}
        means[pair] = evaluate(part, judgements, [measure]).means[measure] if part else 0.0
    return means
