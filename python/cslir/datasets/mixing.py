"""Settings of a parallel dataset as texts: each query and passage in the language that the setting gives it.

A setting may be evaluated as it is, or written as an ordinary BEIR folder whose records carry `language`, so
that others evaluate the same collection with any tool.
"""

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cslir import __version__
from cslir.datasets.judgements import Missing
from cslir.datasets.parallel import DESCRIPTION_FILE, TRAINING_LANGUAGE, ParallelDataset, verify_files
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
    "SettingTexts",
    "mixture_description",
    "seen_and_unseen",
    "setting_texts",
    "shared_ids",
    "write_mixture",
]


@dataclass(frozen=True)
class SettingTexts:
    """What one setting is made of.

    Attributes:
        setting: Its name, group, and the language of each query and passage.
        languages: All that take part, in the order that decides the order of the ids.
        queries: In their languages.
        passages: In their languages.
        qrels: The judgements of these.
        left_out: Queries that one of the languages has and another lacks.
        missing: Judged ids that none of the languages has.
    """

    setting: Setting
    languages: tuple[str, ...]
    queries: list[Query]
    passages: list[Passage]
    qrels: list[Qrel]
    left_out: int
    missing: Missing

    @property
    def summary(self) -> str:
        """What it is made of, in a line."""
        what = f"{self.setting.name} over {', '.join(self.languages)}"
        text = f"{what}: {count_of(len(self.queries), 'query')}, {count_of(len(self.passages), 'passage')}"
        if self.left_out:
            text += f"; left out: {count_of(self.left_out, 'query')} that one of the languages lacks"
        return text


def setting_texts(
    dataset: ParallelDataset, split: str, name: str, languages: Sequence[str] | None = None, *, seed: int = 1
) -> SettingTexts:
    """Return the texts of one setting of a parallel dataset, over the ids that all its languages have.

    Args:
        dataset: Has the split.
        split: `dev` or `test`.
        name: A language pair, or one of `MIXTURES`.
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
        drawn, all_languages = [], list(dict.fromkeys((source, target)))
    else:
        drawn = language_codes(languages) or seen_and_unseen(dataset, split, having)[0]
        if len(drawn) < 2:
            raise InputError(
                f"{name} draws among {', '.join(drawn)} alone", remedy="give two languages at least"
            )
        fixed = [] if name == "X-X" or TRAINING_LANGUAGE in drawn else [TRAINING_LANGUAGE]
        all_languages = [*fixed, *drawn]
    if missing := [one for one in all_languages if one not in having]:
        raise UnknownNameError(
            f"no split {split!r} in {', '.join(missing)}",
            path=dataset.folder,
            remedy=f"there is {', '.join(having)}",
        )
    queries = {one: {q.query_id: q for q in dataset.queries(split, one)} for one in all_languages}
    passages = {one: {p.doc_id: p for p in dataset.passages(split, one)} for one in all_languages}
    query_ids, doc_ids = shared_ids(queries, passages)
    setting = setting_of(name, drawn, query_ids, doc_ids, seed)
    qrels = merged_qrels(dataset, split, all_languages)
    return SettingTexts(
        setting,
        tuple(all_languages),
        [queries[language][one] for one, language in zip(query_ids, setting.query_languages, strict=True)],
        [passages[language][one] for one, language in zip(doc_ids, setting.passage_languages, strict=True)],
        judgements_of(qrels, query_ids, set().union(*passages.values()) - set(doc_ids)),
        len(set().union(*queries.values())) - len(query_ids),
        dataset.missing(split, all_languages),
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


def write_mixture(
    texts: SettingTexts, dataset: ParallelDataset, split: str, *, seed: int, output: Path, suffix: str = ""
) -> None:
    """Write a setting as a BEIR folder with `language` in its records, and a `dataset.json`.

    The same dataset, setting, languages and seed give the same bytes.

    Args:
        texts: Of `setting_texts`.
        dataset: Where they come from.
        split: Of the dataset, and of the folder.
        seed: Of the draws.
        output: The folder; an earlier mixture there is replaced.
        suffix: `.gz` or `.xz` for compressed files.

    Raises:
        InputError: `output` holds something else.
    """
    with replace_folder(output, "mixture") as work:
        summary = _summary(texts, dataset, split, seed)
        write_beir_corpus(work / f"corpus.jsonl{suffix}", texts.passages)
        write_beir_queries(work / f"queries.jsonl{suffix}", texts.queries)
        write_qrels_tsv(work / "qrels" / f"{split}.tsv", texts.qrels)
        # The texts stay under the licence of the dataset that they are taken from.
        if (dataset.folder / "LICENSE").is_file():
            shutil.copyfile(dataset.folder / "LICENSE", work / "LICENSE")
        files = sorted(path for path in work.rglob("*") if path.is_file())
        summary["files"] = {path.relative_to(work).as_posix(): sha256_of(path) for path in files}
        content = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
        (work / DESCRIPTION_FILE).write_text(content, encoding="utf-8", errors="replace")


def _summary(texts: SettingTexts, dataset: ParallelDataset, split: str, seed: int) -> dict[str, Any]:
    drawn = sorted({*texts.setting.query_languages, *texts.setting.passage_languages})
    return {
        "name": f"{dataset.name} {texts.setting.name}",
        "cslir": __version__,
        "setting": {
            "name": texts.setting.name,
            "group": texts.setting.group,
            "languages": list(texts.languages),
            "seed": seed,
            "split": split,
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
                for path in dataset.files(split, language)
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
    if not path.exists():
        return {}
    description = read_json(path, remedy="make the mixture again, or remove it if it is yours").value
    # Other people's folders may hold a file of this name too.
    is_ours = isinstance(description, dict) and isinstance(description.get("setting"), dict)
    if not is_ours or not isinstance(description.get("files"), dict):
        return {}
    if not all(isinstance(description["setting"].get(key), str) for key in ("name", "group")):
        raise InputError("not a mixture's description", path=path, remedy="make the mixture again")
    return dict(description)
