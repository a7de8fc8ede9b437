"""The queries whose values differ most between two systems, with their texts for showing side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from cslir.datasets.collections import Dataset, DatasetFiles, load_dataset
from cslir.datasets.parallel import ParallelDataset
from cslir.evaluation.comparison import Change, Ranked
from cslir.evaluation.pairing import (
    TIE,
    SeedValues,
    baselines,
    common_places,
    runs_by_name,
    values_by_seed,
)
from cslir.evaluation.results import SystemResult
from cslir.evaluation.settings import draw_languages, setting_languages
from cslir.records import Qrel

__all__ = ["changed_queries", "with_texts"]

_Text = Callable[[str, int | None, str], str | None]
"""Returns the text of an id as a setting, with a seed, shows it; None where there is none."""


def changed_queries(
    systems: Sequence[SystemResult],
    count: int,
    *,
    measure: str,
    baseline: str | None = None,
) -> list[Change]:
    """Return the queries that gained most and those that lost most, so many of each pair of systems.

    Queries are ordered by the mean change over the settings in which both systems judge them, gains first,
    then losses; equal ones by id. Each is shown in the setting where it changed most in that direction.

    Args:
        systems: As for `compare_systems`.
        count: How many gains, and how many losses.
        measure: By which.
        baseline: As for `compare_systems`.

    Raises:
        InputError: As for `compare_systems`.
    """
    named = runs_by_name(systems)
    changes: list[Change] = []
    for name, base in baselines(systems, baseline).items():
        pair = [named[name], named[base]]
        shared = [
            one
            for one in common_places([*pair[0], *pair[1]], "setting")
            if all(one in member.settings for members in pair for member in members)
        ]
        changes += _pair_changes(name, base, pair, shared, measure, count)
    return changes


def _pair_changes(
    name: str,
    base: str,
    pair: Sequence[Sequence[SystemResult]],
    settings: Sequence[str],
    measure: str,
    count: int,
) -> list[Change]:
    values: dict[str, tuple[SeedValues, SeedValues]] = {}
    by_query: dict[str, dict[str, float]] = {}
    for setting in settings:
        own, other = (values_by_seed(members, (setting,), measure, setting) for members in pair)
        other = other.in_order(own.query_ids, f"{name} and {base}", setting)
        values[setting] = own, other
        differences = own.rows.mean(axis=0) - other.rows.mean(axis=0)
        for query_id, one in zip(own.query_ids, differences.tolist(), strict=True):
            by_query.setdefault(query_id, {})[setting] = one
    overall = {query_id: float(np.mean(list(found.values()))) for query_id, found in by_query.items()}
    # Passages of both are shown from a run with the same seed, as far as there is one.
    seed = next(
        (one.seed for one in pair[0] if any(one.seed == other.seed for other in pair[1])), pair[0][0].seed
    )
    runs = [next((one for one in members if one.seed == seed), members[0]) for members in pair]
    changes = []
    for sign in (1, -1):
        chosen = sorted(
            (query_id for query_id, one in overall.items() if sign * one > TIE),
            key=lambda query_id: (-sign * round(overall[query_id], 9), query_id),
        )[:count]
        for query_id in chosen:
            setting = max(settings, key=lambda one: sign * by_query[query_id].get(one, -sign * np.inf))
            own, other = values[setting]
            row = own.query_ids.index(query_id)
            changes.append(
                Change(
                    query_id=query_id,
                    setting=setting,
                    measure=measure,
                    difference=by_query[query_id][setting],
                    overall=overall[query_id],
                    seed=seed,
                    system=_ranked(runs[0], own, row, setting, measure),
                    baseline=_ranked(runs[1], other, row, setting, measure),
                )
            )
    return changes


def _ranked(run: SystemResult, values: SeedValues, row: int, setting: str, measure: str) -> Ranked:
    value = float(values.rows[:, row].mean())
    reciprocal = measure.partition("@")[0] in ("RR", "MRR") and len(values.rows) == 1 and value > 0
    top = run.settings[setting].top.get(values.query_ids[row], ())
    return Ranked(run.name, value, round(1 / value) if reciprocal else None, top)


def with_texts(
    changes: Sequence[Change], source: str | DatasetFiles, split: str, seen: Sequence[str]
) -> list[Change]:
    """Return the changes with the texts of their queries, of relevant passages and of the first ones.

    Args:
        changes: Without texts.
        source: The dataset, as for `load_dataset`.
        split: Of the dataset.
        seen: The languages among which those of X were drawn.

    Raises:
        InputError: There is no such dataset, or a file of it is bad.
    """
    dataset = load_dataset(source)
    if isinstance(dataset, ParallelDataset):
        relevant = _relevant(dataset.qrels(split, dataset.languages[0]))
        query, passage = _parallel_texts(dataset, split, seen)
    else:
        relevant = _relevant(dataset.qrels(split))
        query, passage = _plain_texts(
            dataset, split, {one for few in changes for one in _shown(few, relevant)}
        )
    return [
        replace(
            one,
            query=query(one.setting, one.seed, one.query_id),
            relevant=relevant.get(one.query_id, ()),
            passages={
                doc_id: text
                for doc_id in _shown(one, relevant)
                if (text := passage(one.setting, one.seed, doc_id)) is not None
            },
        )
        for one in changes
    ]


def _shown(change: Change, relevant: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the ids of the passages that are relevant, or first for one of the systems."""
    return sorted({*relevant.get(change.query_id, ()), *change.system.top, *change.baseline.top})


def _parallel_texts(dataset: ParallelDataset, split: str, seen: Sequence[str]) -> tuple[_Text, _Text]:
    def reader(place: int, role: str, read: Callable[[str], dict[str, str]]) -> _Text:
        by_language: dict[str, dict[str, str]] = {}

        def text(setting: str, seed: int | None, identifier: str) -> str | None:
            language = (setting_languages(setting) or ("", ""))[place]
            if language == "X" and seed is not None and seen:
                language = draw_languages(seen, [identifier], seed, role)[0]
            if language not in dataset.languages:
                return None
            if language not in by_language:
                by_language[language] = read(language)
            return by_language[language].get(identifier)

        return text

    return (
        reader(0, "query", lambda one: {q.query_id: q.text for q in dataset.queries(split, one)}),
        reader(1, "passage", lambda one: {p.doc_id: p.full_text for p in dataset.passages(split, one)}),
    )


def _plain_texts(dataset: Dataset, split: str, wanted: set[str]) -> tuple[_Text, _Text]:
    queries = {query.query_id: query.text for query in dataset.queries(split)}
    passages = {one.doc_id: one.full_text for one in dataset.iterate_passages() if one.doc_id in wanted}
    return (
        lambda _setting, _seed, query_id: queries.get(query_id),
        lambda _setting, _seed, doc_id: passages.get(doc_id),
    )


def _relevant(qrels: Iterable[Qrel]) -> dict[str, tuple[str, ...]]:
    relevant: dict[str, tuple[str, ...]] = {}
    for qrel in qrels:
        if qrel.relevance > 0:
            relevant[qrel.query_id] = (*relevant.get(qrel.query_id, ()), qrel.doc_id)
    return relevant
