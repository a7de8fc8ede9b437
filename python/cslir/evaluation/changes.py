"""The queries whose values differ most between two systems, with their texts for showing side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cslir.datasets.collections import DatasetFiles, PlainDataset, load_dataset
from cslir.datasets.parallel import ParallelDataset
from cslir.evaluation.comparison import TIE
from cslir.evaluation.pairing import SeedValues, baselines, common_places, runs_by_name, values_by_seed
from cslir.evaluation.results import SystemResult
from cslir.evaluation.settings import draw_languages, setting_languages

__all__ = ["Change", "Ranked", "Texts", "changed_queries", "dataset_texts"]


@dataclass(frozen=True)
class Ranked:
    """What one system makes of a query.

    Attributes:
        system: Its name.
        value: By the measure, the mean over seeds.
        rank: Of the first relevant passage, where a reciprocal rank of one run tells it; None else.
        top: Ids of the first passages of one seed's run, best first.
    """

    system: str
    value: float
    rank: int | None
    top: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A query of which two systems make something different.

    Attributes:
        query_id: Its id.
        setting: The setting in which it changed most.
        measure: By which.
        difference: System's value minus baseline's, in that setting.
        overall: The same, as the mean over all settings looked at.
        seed: Of the run whose passages are shown; None without one.
        system: What is compared.
        baseline: And with what.
    """

    query_id: str
    setting: str
    measure: str
    difference: float
    overall: float
    seed: int | None
    system: Ranked
    baseline: Ranked


@dataclass(frozen=True)
class Texts:
    """Texts of queries and passages as a setting shows them; every function returns None for unknown ids.

    Attributes:
        query: Text by (setting, seed, query id).
        passage: Text by (setting, seed, passage id).
        relevant: Ids of relevant passages by query id.
    """

    query: Callable[[str, int | None, str], str | None]
    passage: Callable[[str, int | None, str], str | None]
    relevant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def changed_queries(
    systems: Sequence[SystemResult],
    count: int,
    *,
    measure: str,
    baseline: str | None = None,
    settings: Sequence[str] | None = None,
) -> list[Change]:
    """Return the queries that gained most and those that lost most, so many of each pair of systems.

    Queries are ordered by the mean change over the settings in which both systems judge them, gains first,
    then losses; equal ones by id. Each is shown in the setting where it changed most in that direction.

    Args:
        systems: As for `comparison.compare`.
        count: How many gains, and how many losses.
        measure: By which.
        baseline: As for `comparison.compare`.
        settings: Only these; all that both systems have if None.

    Raises:
        InputError: As for `comparison.compare`.
    """
    named = runs_by_name(systems)
    changes: list[Change] = []
    for name, base in baselines(systems, baseline).items():
        pair = [named[name], named[base]]
        shared = [
            one
            for one in common_places([*pair[0], *pair[1]], "setting")
            if all(one in member.settings for members in pair for member in members)
            and (settings is None or one in settings)
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


def dataset_texts(
    source: str | DatasetFiles, split: str, seen: Sequence[str], changes: Iterable[Change]
) -> Texts:
    """Return the texts of a dataset that changes need.

    Args:
        source: As for `load_dataset`.
        split: Of the dataset.
        seen: The languages among which those of X were drawn.
        changes: Whose queries and passages are wanted.

    Raises:
        InputError: There is no such dataset, or a file of it is bad.
    """
    dataset = load_dataset(source)
    if isinstance(dataset, ParallelDataset):
        return _parallel_texts(dataset, split, seen)
    return _plain_texts(dataset, split, list(changes))


def _parallel_texts(dataset: ParallelDataset, split: str, seen: Sequence[str]) -> Texts:
    def reader(
        place: int, role: str, read: Callable[[str], dict[str, str]]
    ) -> Callable[[str, int | None, str], str | None]:
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

    return Texts(
        reader(0, "query", lambda one: {q.query_id: q.text for q in dataset.queries(split, one)}),
        reader(1, "passage", lambda one: {p.doc_id: p.full_text for p in dataset.passages(split, one)}),
        _relevant(dataset.qrels(split, dataset.languages[0])),
    )


def _plain_texts(dataset: PlainDataset, split: str, changes: Sequence[Change]) -> Texts:
    relevant = _relevant(dataset.qrels(split))
    queries = {query.query_id: query.text for query in dataset.queries(split)}
    wanted = {doc_id for one in changes for doc_id in (*one.system.top, *one.baseline.top)}
    wanted |= {doc_id for one in changes for doc_id in relevant.get(one.query_id, ())}
    passages = {one.doc_id: one.full_text for one in dataset.iterate_passages() if one.doc_id in wanted}
    return Texts(
        lambda _setting, _seed, query_id: queries.get(query_id),
        lambda _setting, _seed, doc_id: passages.get(doc_id),
        relevant,
    )


def _relevant(qrels: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    relevant: dict[str, tuple[str, ...]] = {}
    for qrel in qrels:
        if qrel.relevance > 0:
            relevant[qrel.query_id] = (*relevant.get(qrel.query_id, ()), qrel.doc_id)
    return relevant
