"""Settings of a parallel dataset as texts: each query and passage in the language that the setting gives it.

A setting may be evaluated as it is, or written as an ordinary BEIR folder whose records carry `language`, so
that others evaluate the same collection with any tool.
"""

import json
import os
import shutil
from collections.abc import Collection, Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cslir import __version__
from cslir.datasets.judgements import Missing
from cslir.datasets.parallel import DESCRIPTION_FILE, TRAINING_LANGUAGE, ParallelDataset, verify_files
from cslir.datasets.plain import Dataset
from cslir.errors import InputError, UnknownNameError
from cslir.evaluation.settings import MIXTURES, Setting, parse_setting, setting_of
from cslir.files import sha256_of
from cslir.formats import write_beir_corpus, write_beir_queries, write_qrels_tsv
from cslir.json_values import read_json
from cslir.languages import language_codes
from cslir.outputs import replace_folder
from cslir.plurals import count_of
from cslir.records import Passage, Qrel, Query

__all__ = [
    "SettingDataset",
    "all_settings",
    "languages_of",
    "merged_qrels",
    "mixture_description",
    "seen_and_unseen",
    "setting_of_dataset",
    "write_mixture",
]


@dataclass(frozen=True)
class SettingDataset(Dataset):
    """One setting of a parallel dataset: each query and passage in the language that the setting gives it.

    Attributes:
        parallel: What it is taken from.
        split: The one split that it has.
        seed: Of the draws for X.
        setting: Its name, group, and the language of each query and passage.
        languages: All that take part, in the order that decides the order of the ids.
        asked: The queries, in their languages.
        collection: The passages, in their languages.
        judgements: Of these.
        all_query_ids: Those that any of the languages has.
        all_doc_ids: Those that any of the languages has.
        absent: Judged ids that none of the languages has.
    """

    parallel: ParallelDataset
    split: str
    seed: int
    setting: Setting = field(repr=False)
    languages: tuple[str, ...]
    asked: list[Query] = field(repr=False)
    collection: list[Passage] = field(repr=False)
    judgements: list[Qrel] = field(repr=False)
    all_query_ids: Set[str] = field(repr=False)
    all_doc_ids: Set[str] = field(repr=False)
    absent: Missing

    @property
    def description(self) -> Mapping[str, Any]:
        """The setting's name and group, as the `dataset.json` of a written mixture has them."""
        return {"setting": {"name": self.setting.name, "group": self.setting.group}}

    @property
    def left_out(self) -> int:
        """How many queries one of the languages has and another lacks."""
        return len(self.all_query_ids) - len(self.asked)

    @property
    def collection_place(self) -> str:
        """The setting's name, and the dataset's."""
        return f"{self.setting.name} of {self.name}"

    def queries_place(self, split: str) -> str:
        """Return the setting's name, and the dataset's."""
        return self.collection_place

    def qrels_place(self, split: str) -> str:
        """Return the setting's name, and the dataset's."""
        return self.collection_place

    def iterate_passages(self) -> Iterator[Passage]:
        """Yield the passages."""
        return iter(self.collection)

    def iterate_queries(self, split: str) -> Iterator[Query]:
        """Yield the queries."""
        return iter(self.queries(split))

    def query_ids(self, split: str) -> Set[str]:
        """Return the ids that any of the languages has."""
        return self.all_query_ids

    def doc_ids(self, found: Set[str]) -> Set[str]:
        """Return the ids that any of the languages has."""
        return self.all_doc_ids

    def count_passages(self) -> int:
        """Return the number of passages."""
        return len(self.collection)

    def queries(self, split: str) -> list[Query]:
        """Return all queries, each judged in one of the languages at least."""
        self._require(split)
        return self.asked

    def qrels(self, split: str) -> list[Qrel]:
        """Return the judgements."""
        self._require(split)
        return self.judgements

    def missing(self, split: str, passages: Container[str] | None) -> Missing:
        """Return how many judged queries and relevant passages have a text in none of the languages."""
        return self.absent

    def _iterate_qrels(self, split: str) -> Iterator[Qrel]:
        return iter(self.qrels(split))

    def _require(self, split: str) -> None:
        if split != self.split:
            raise UnknownNameError(
                f"no split {split!r}: {self.collection_place} was made of {self.split!r}",
                remedy=f"ask for {self.split!r}, or make the setting of the other split",
            )

    @property
    def summary(self) -> str:
        """What it is made of, in a line."""
        what = f"{self.setting.name} over {', '.join(self.languages)}"
        text = f"{what}: {count_of(len(self.asked), 'query')}, {count_of(len(self.collection), 'passage')}"
        if self.left_out:
            text += f"; left out: {count_of(self.left_out, 'query')} that one of the languages lacks"
        return text


def setting_of_dataset(
    dataset: ParallelDataset, name: str, split: str, languages: Sequence[str] | None = None, *, seed: int = 1
) -> SettingDataset:
    """Return one setting of a parallel dataset, over the ids that all its languages have.

    Args:
        dataset: Has the split.
        name: A language pair, or one of `MIXTURES`.
        split: `dev` or `test`.
        languages: Among which X is drawn; if None, those that have all ids of the split.
        seed: Of the draws.

    Raises:
        InputError: There is no such setting, language or split, `languages` do not go with the setting, or
            its languages share no id.
    """
    source, target = parse_setting(name)
    having = languages_of(dataset, split)
    if name not in MIXTURES:
        if languages:
            raise InputError(
                f"{name} says its languages itself", remedy="give languages with X-en, en-X or X-X"
            )
        drawn, taking_part = [], list(dict.fromkeys((source, target)))
    else:
        drawn = language_codes(languages) or seen_and_unseen(dataset, split, having)[0]
        if len(drawn) < 2:
            raise InputError(
                f"{name} draws among {', '.join(drawn)} alone", remedy="give two languages at least"
            )
        fixed = [] if name == "X-X" or TRAINING_LANGUAGE in drawn else [TRAINING_LANGUAGE]
        taking_part = [*fixed, *drawn]
    _require_languages(dataset, split, taking_part, having)
    return _SharedTexts.of(dataset, split, taking_part).setting(name, drawn, seed)


def all_settings(
    dataset: ParallelDataset, split: str, seen: Sequence[str], unseen: Sequence[str], *, seed: int = 1
) -> list[SettingDataset]:
    """Return every setting of a parallel dataset.

    All ordered pairs of the seen languages and their mixtures are over the ids that all of them have; each
    unseen language with itself and, where English is among the languages, with it, both ways, over the ids
    that it has.

    Args:
        dataset: Has the split.
        split: `dev` or `test`.
        seen: Languages of training and lexicons.
        unseen: Languages without any.
        seed: Of the language draws of the mixtures.

    Raises:
        InputError: A language lacks the split, or languages share no id.
    """
    _require_languages(dataset, split, [*seen, *unseen], languages_of(dataset, split))
    shared = _SharedTexts.of(dataset, split, seen)
    names = [f"{source}-{target}" for source in seen for target in seen]
    if len(seen) > 1:
        names += [name for name in MIXTURES if TRAINING_LANGUAGE in seen or name == "X-X"]
    settings = {name: shared.setting(name, seen, seed) for name in names}
    for language in unseen:
        pivot = TRAINING_LANGUAGE in (*seen, *unseen) and language != TRAINING_LANGUAGE
        pair = [TRAINING_LANGUAGE, language] if pivot else [language]
        shared = _SharedTexts.of(dataset, split, pair)
        for name in (f"{source}-{target}" for source in pair for target in pair):
            # English with itself is there once, over the seen languages' ids where it is one of them.
            if name not in settings:
                settings[name] = shared.setting(name, pair, seed)
    return list(settings.values())


@dataclass(frozen=True)
class _SharedTexts:
    """The texts of a split in some languages, and the ids that all of these have."""

    dataset: ParallelDataset
    split: str
    queries: dict[str, dict[str, Query]]
    passages: dict[str, dict[str, Passage]]
    query_ids: list[str]
    doc_ids: list[str]
    qrels: list[Qrel]
    all_query_ids: Set[str]
    all_doc_ids: Set[str]
    absent: Missing

    @classmethod
    def of(cls, dataset: ParallelDataset, split: str, languages: Sequence[str]) -> "_SharedTexts":
        queries = {one: {q.query_id: q for q in dataset.queries(split, one)} for one in languages}
        passages = {one: {p.doc_id: p for p in dataset.passages(split, one)} for one in languages}
        query_ids, doc_ids = shared_ids(queries, passages)
        all_query_ids, all_doc_ids = (set().union(*texts.values()) for texts in (queries, passages))
        qrels = judgements_of(merged_qrels(dataset, split, languages), query_ids, all_doc_ids - set(doc_ids))
        absent = dataset.missing(split, languages)
        return cls(
            dataset, split, queries, passages, query_ids, doc_ids, qrels, all_query_ids, all_doc_ids, absent
        )

    def setting(self, name: str, drawn: Sequence[str], seed: int) -> SettingDataset:
        setting = setting_of(name, drawn, self.query_ids, self.doc_ids, seed)
        queries = zip(self.query_ids, setting.query_languages, strict=True)
        passages = zip(self.doc_ids, setting.passage_languages, strict=True)
        return SettingDataset(
            name=self.dataset.name,
            parallel=self.dataset,
            split=self.split,
            seed=seed,
            setting=setting,
            languages=tuple(self.queries),
            asked=[self.queries[language][one] for one, language in queries],
            collection=[self.passages[language][one] for one, language in passages],
            judgements=self.qrels,
            all_query_ids=self.all_query_ids,
            all_doc_ids=self.all_doc_ids,
            absent=self.absent,
        )


def _require_languages(
    dataset: ParallelDataset, split: str, languages: Sequence[str], having: Sequence[str]
) -> None:
    if unknown := [one for one in languages if one not in dataset.languages]:
        raise UnknownNameError(
            f"no language {', '.join(unknown)}",
            path=dataset.folder,
            remedy=f"it has {', '.join(dataset.languages)}",
        )
    if missing := [one for one in languages if one not in having]:
        raise UnknownNameError(
            f"no split {split!r} in {', '.join(missing)}",
            path=dataset.folder,
            remedy=f"there is {', '.join(having)}",
        )


def languages_of(dataset: ParallelDataset, split: str) -> list[str]:
    """Return the languages that have a split.

    Raises:
        InputError: None has it.
    """
    having = [one for one in dataset.languages if dataset.has_split(split, one)]
    if not having:
        splits = sorted({split for one in dataset.languages for split in dataset.splits(one)})
        raise UnknownNameError(
            f"no split {split!r}",
            path=dataset.folder,
            remedy=f"it has the splits {', '.join(splits) or '(none)'}",
        )
    return having


def seen_and_unseen(
    dataset: ParallelDataset, split: str, languages: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Divide languages into those that have all of the split's ids, and those that have only some.

    Mixtures and all ordered pairs need the former; the latter are evaluated against English.
    """
    most = max(len(dataset.qrels(split, language)) for language in languages)
    whole = [language for language in languages if len(dataset.qrels(split, language)) == most]
    return whole, [language for language in languages if language not in whole]


def shared_ids(
    queries: Mapping[str, Mapping[str, object]], passages: Mapping[str, Mapping[str, object]]
) -> tuple[list[str], list[str]]:
    """Return the query ids and passage ids that all languages have, in the order of the first.

    Args:
        queries: By language, then by id.
        passages: By language, then by id.

    Raises:
        InputError: They share none.
    """
    query_ids, doc_ids = (
        [one for one in next(iter(texts.values())) if all(one in ids for ids in texts.values())]
        for texts in (queries, passages)
    )
    if not query_ids or not doc_ids:
        kind = "passage" if query_ids else "query"
        raise InputError(
            f"no {kind} id is shared by {', '.join(queries)}",
            remedy="evaluate each language by itself, with its folder, or languages that are parallel",
        )
    return query_ids, doc_ids


def merged_qrels(dataset: ParallelDataset, split: str, languages: Sequence[str]) -> list[Qrel]:
    """Return the judgements that any of the languages has, each pair of ids once: the first one found."""
    merged: dict[tuple[str, str], Qrel] = {}
    for language in languages:
        for qrel in dataset.qrels(split, language):
            merged.setdefault((qrel.query_id, qrel.doc_id), qrel)
    return list(merged.values())


def judgements_of(qrels: Sequence[Qrel], query_ids: Sequence[str], left_out: Collection[str]) -> list[Qrel]:
    """Return the judgements of the given queries.

    Args:
        qrels: All judgements.
        query_ids: The queries.
        left_out: Passages that only some of the languages have, whose judgements do not count. A relevant
            passage that none has counts as never found.
    """
    queries = set(query_ids)
    return [one for one in qrels if one.query_id in queries and one.doc_id not in left_out]


def write_mixture(texts: SettingDataset, output: Path, *, suffix: str = "") -> None:
    """Write a setting as a BEIR folder with `language` in its records, and a `dataset.json`.

    The same dataset, setting, languages and seed give the same bytes.

    Args:
        texts: The setting.
        output: The folder; an earlier mixture there is replaced.
        suffix: `.gz` or `.xz` for compressed files.

    Raises:
        InputError: `output` holds something else.
    """
    with replace_folder(output, "mixture") as work:
        summary = _summary(texts)
        write_beir_corpus(work / f"corpus.jsonl{suffix}", texts.collection)
        write_beir_queries(work / f"queries.jsonl{suffix}", texts.asked)
        write_qrels_tsv(work / "qrels" / f"{texts.split}.tsv", texts.judgements)
        # The texts stay under the licence of the dataset that they are taken from.
        if (texts.parallel.folder / "LICENSE").is_file():
            shutil.copyfile(texts.parallel.folder / "LICENSE", work / "LICENSE")
        files = sorted(path for path in work.rglob("*") if path.is_file())
        summary["files"] = {path.relative_to(work).as_posix(): sha256_of(path) for path in files}
        content = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
        (work / DESCRIPTION_FILE).write_text(content, encoding="utf-8", errors="replace")


def _summary(texts: SettingDataset) -> dict[str, Any]:
    dataset = texts.parallel
    drawn = sorted({*texts.setting.query_languages, *texts.setting.passage_languages})
    return {
        "name": f"{dataset.name} {texts.setting.name}",
        "cslir": __version__,
        "setting": {
            "name": texts.setting.name,
            "group": texts.setting.group,
            "languages": list(texts.languages),
            "seed": texts.seed,
            "split": texts.split,
        },
        "counts": {
            language: {
                "queries": texts.setting.query_languages.count(language),
                "passages": texts.setting.passage_languages.count(language),
            }
            for language in drawn
        },
        "source": {
            "name": dataset.name,
            "files": {
                path.relative_to(dataset.folder).as_posix(): sha256_of(path)
                for language in texts.languages
                for path in dataset.files(texts.split, language)
            },
        },
    }


def mixture_description(folder: Path) -> Mapping[str, Any]:
    """Return the `dataset.json` of a folder that `write_mixture` wrote; empty for another folder.

    Raises:
        InputError: `dataset.json` is no JSON, or a file of the mixture is missing or was changed.
    """
    description = _read_mixture(folder)
    verify_files(folder, description)
    return description


def _read_mixture(folder: Path) -> Mapping[str, Any]:
    path = folder / DESCRIPTION_FILE
    if not os.path.lexists(path):
        return {}
    description = read_json(path, remedy="make the mixture again, or remove it if it is yours").value
    # Other people's folders may hold a file of this name too.
    is_ours = isinstance(description, dict) and isinstance(description.get("setting"), dict)
    if not is_ours or not isinstance(description.get("files"), dict):
        return {}
    if not all(isinstance(description["setting"].get(key), str) for key in ("name", "group")):
        raise InputError("not a mixture's description", path=path, remedy="make the mixture again")
    return dict(description)
