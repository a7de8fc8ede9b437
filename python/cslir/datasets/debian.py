"""Building the Debian descriptions: short description as query, long description as relevant passage."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from cslir import __version__
from cslir.datasets.apt import fetch_lists
from cslir.datasets.descriptions import Description, is_translated, read_packages, read_translations
from cslir.datasets.parallel import (
    DESCRIPTION_FILE,
    SEEN_LANGUAGES,
    TRAINING_LANGUAGE,
    UNSEEN_LANGUAGES,
    ParallelDataset,
    load_parallel,
)
from cslir.datasets.release import (
    ListFile,
    Lists,
    Release,
    find_lists,
    list_sha256,
    read_release,
    verify_list,
)
from cslir.datasets.splits import Splits, group_by_source, remove_duplicates, split_by_group
from cslir.datasets.stanzas import MalformedStanzas
from cslir.errors import InputError, UnknownNameError
from cslir.files import cache_folder, sha256_of
from cslir.formats import write_beir_corpus, write_beir_queries, write_qrels_tsv
from cslir.languages import language_codes
from cslir.outputs import replace_file, replace_folder, require_output_folder
from cslir.plurals import count_of
from cslir.records import Passage, Qrel, Query

__all__ = ["DEBIAN_LANGUAGES", "DEFAULT_SEED", "LanguageCounts", "build_debian", "default_output"]

DEBIAN_LANGUAGES = SEEN_LANGUAGES + UNSEEN_LANGUAGES
DEFAULT_SEED = 13

_COMPRESSIONS = {"none": "", "gz": ".gz", "xz": ".xz"}
_LICENCE = (
    "Package descriptions of Debian main by the packages' maintainers, each under its package's licence, "
    "free by the Debian Free Software Guidelines; translations by the Debian Description Translation "
    "Project. See LICENSE."
)
_LICENCE_TEXT = """\
The texts in this folder come from Debian (https://www.debian.org/).

Queries and passages are the short and the long descriptions of packages in the component "main", written
by the packages' maintainers, and translations of these made by the volunteers of the Debian Description
Translation Project (https://www.debian.org/international/l10n/ddtp). Line breaks and repeated spaces were
undone; nothing else was changed. A text's id is the name of its package.

Everything in main meets the Debian Free Software Guidelines (https://www.debian.org/social_contract). A
description is part of its source package and under that package's licence; a translation derives from it.
The authors and the licence of a package are in its copyright file: /usr/share/doc/PACKAGE/copyright where
it is installed, or by way of https://tracker.debian.org/pkg/PACKAGE. Redistribute the texts with this note.

The release they were taken from and the SHA-256 of each list are in dataset.json.
"""


@dataclass
class LanguageCounts:
    """What became of the descriptions of a language.

    Attributes:
        listed: Distinct descriptions in the list that have a short and a long part.
        unmatched: Of these, removed as no package of the Packages list has them.
        untranslated: Removed as the title or the text is the English one, or nearly.
        duplicates: Removed as another description has the same normalised title or text.
        kept: What remains.
    """

    listed: int = 0
    unmatched: int = 0
    untranslated: int = 0
    duplicates: int = 0
    kept: int = 0


@dataclass(frozen=True)
class _Configuration:
    """The options that decide what the files hold."""

    seed: int
    dev: int
    test: int
    train_limit: int | None
    train_max_characters: int | None
    compression: str
    parallel_languages: tuple[str, ...]


@dataclass
class _Descriptions:
    """The descriptions that were kept, per language by id, and the source package of each id."""

    sources: dict[str, str]
    languages: dict[str, dict[str, Description]] = field(default_factory=dict)
    counts: dict[str, LanguageCounts] = field(default_factory=dict)


def default_output(name: str = "debian-12") -> Path:
    """Return where a dataset is built when no folder is named: below the user's cache folder."""
    return cache_folder() / "datasets" / name


def build_debian(
    lists: str | PathLike[str] | None,
    output: str | PathLike[str] | None = None,
    *,
    languages: Sequence[str] = DEBIAN_LANGUAGES,
    seed: int = DEFAULT_SEED,
    dev: int = 1000,
    test: int = 1000,
    train_limit: int | None = None,
    train_max_characters: int | None = None,
    compression: str = "gz",
    strict: bool = False,
    name: str = "debian-12",
    progress: Callable[[str], None] = lambda _: None,
) -> ParallelDataset:
    """Build the parallel dataset of Debian package descriptions.

    The query is a package's short description, its one relevant passage the long description; both bear the
    package's name as id, in every language. Of equal descriptions and of those with the same normalised
    title or text one stays; translations that repeat the English are removed. Train is English; dev and test
    hold the ids that every language of `SEEN_LANGUAGES` (of those asked for) has, in the other languages the
    part of these ids that they have. Splits share no source package (see `group_by_source`). The same lists,
    options and compression library give the same bytes.

    Args:
        lists: Folder with Debian's lists (see `find_lists`); None fetches those of Debian 12 through apt.
        output: The dataset's folder, which appears whole or not at all; an older dataset there is replaced.
            None: `default_output(name)`.
        languages: The codes of the `Translation-XX` lists wanted; English must be one.
        seed: Decides the splits.
        dev: Number of ids in dev.
        test: Number of ids in test.
        train_limit: Number of training pairs at most; None takes all.
        train_max_characters: Longest training passage; None takes all.
        compression: "none", "gz" or "xz".
        strict: Raise for the first malformed stanza instead of skipping it.
        name: Name of the dataset.
        progress: Told what is being done, one line at a time.

    Returns:
        The dataset, opened.

    Raises:
        InputError: An argument is wrong, a list is missing, truncated or differs from its checksum, there
            are too few parallel ids, or `output` holds something else than a dataset.
        CslirError: apt could not fetch the lists.
    """
    lists = None if lists is None else Path(lists)
    output = None if output is None else Path(output)
    languages = _check_arguments(languages, compression)
    parallel_languages = tuple(one for one in languages if one in SEEN_LANGUAGES)
    configuration = _Configuration(
        seed, dev, test, train_limit, train_max_characters, compression, parallel_languages
    )
    output = (default_output(name) if output is None else output).resolve()
    require_output_folder(output, "dataset")
    if lists is None:
        lists = fetch_lists(cache_folder() / "apt" / "debian-12", languages, progress=progress)
    found = find_lists(lists, languages)
    release, checksums = _verify(found, progress)
    malformed = MalformedStanzas(strict)
    descriptions = _read_descriptions(found, malformed, progress)
    _report_malformed(malformed, progress)
    splits = _split(descriptions, configuration, progress)
    summary: dict[str, Any] = {
        "name": name,
        "version": __version__,
        "languages": list(languages),
        "configuration": asdict(configuration),
        "release": release
        and {one: getattr(release, one) for one in ("origin", "codename", "version", "date")},
        "lists": {
            one: {"sha256": checksum, "verified": bool(release)} for one, checksum in checksums.items()
        },
        "malformed_stanzas": malformed.count,
        "descriptions": {language: asdict(counts) for language, counts in descriptions.counts.items()},
        "licence": _LICENCE,
    }
    progress(f"writing {output}")
    with replace_folder(output, "dataset") as folder:
        summary["splits"] = _write_splits(folder, descriptions, splits, _COMPRESSIONS[compression])
        with replace_file(folder / "LICENSE") as file:
            file.write(_LICENCE_TEXT.encode())
        _write_summary(folder, summary)
    return load_parallel(output)


def _split(
    descriptions: _Descriptions, configuration: _Configuration, progress: Callable[[str], None]
) -> Splits:
    languages, longest = configuration.parallel_languages, configuration.train_max_characters
    english = descriptions.languages[TRAINING_LANGUAGE]
    parallel = [one for one in english if all(one in descriptions.languages[x] for x in languages)]
    progress(f"{count_of(len(parallel), 'id')} with all of {', '.join(languages)}")
    return split_by_group(
        group_by_source(descriptions.sources, {one: kept.text for one, kept in english.items()}),
        parallel,
        seed=configuration.seed,
        dev=configuration.dev,
        test=configuration.test,
        train_limit=configuration.train_limit,
        trainable=[one for one, kept in english.items() if longest is None or len(kept.text) <= longest],
    )


def _check_arguments(languages: Sequence[str], compression: str) -> tuple[str, ...]:
    if compression not in _COMPRESSIONS:
        raise UnknownNameError(
            f"unknown compression {compression!r}", remedy=f"use one of {', '.join(_COMPRESSIONS)}"
        )
    unique = tuple(language_codes(languages))
    if TRAINING_LANGUAGE not in unique:
        raise InputError("English is not among the languages", remedy="add en: training pairs are English")
    return unique


def _verify(found: Lists, progress: Callable[[str], None]) -> tuple[Release | None, dict[str, str]]:
    """Return the Release file, where there is one, and the SHA-256 of each list."""
    files = [found.packages, *found.translations.values()]
    if found.release_path is None:
        progress("no Release file beside the lists: they can't be verified")
        return None, {one.name: list_sha256(one.path) for one in files}
    release = read_release(found.release_path)
    progress(f"verifying the lists of Debian {release.version} ({release.date})")
    return release, {one.name: verify_list(one, release) for one in files}


def _read_descriptions(
    found: Lists, malformed: MalformedStanzas, progress: Callable[[str], None]
) -> _Descriptions:
    progress("reading the packages")
    packages: dict[str, tuple[str, str]] = {}  # MD5 of the description -> package, source
    for entry in read_packages(found.packages.path, malformed):
        mine = (entry.package, entry.source)
        packages[entry.md5] = min(packages.get(entry.md5, mine), mine)
    read = {
        language: _read_language(one, language, packages, malformed, progress)
        for language, one in found.translations.items()
    }
    english = read[TRAINING_LANGUAGE][0]
    for language, (descriptions, counts) in read.items():
        if language != TRAINING_LANGUAGE:
            for one, other in list(descriptions.items()):
                if one not in english:
                    del descriptions[one]
                    counts.unmatched += 1
                elif not is_translated(english[one], other):
                    del descriptions[one]
                    counts.untranslated += 1
    # Of duplicates the one with most languages stays, so that more ids are parallel.
    order = sorted(english, key=lambda one: (-sum(one in kept for kept, _ in read.values()), one))
    result = _Descriptions({})
    for language, (descriptions, counts) in read.items():
        kept, counts.duplicates = remove_duplicates(order, descriptions)
        result.languages[language] = kept
        result.counts[language] = counts
    kept_english = result.languages[TRAINING_LANGUAGE]
    for language, counts in result.counts.items():
        kept = result.languages[language]
        result.languages[language] = {one: kept[one] for one in kept if one in kept_english}
        counts.duplicates += len(kept) - len(result.languages[language])
        counts.kept = len(result.languages[language])
    result.sources = {package: source for package, source in packages.values() if package in kept_english}
    return result


def _read_language(
    found: ListFile,
    language: str,
    packages: Mapping[str, tuple[str, str]],
    malformed: MalformedStanzas,
    progress: Callable[[str], None],
) -> tuple[dict[str, Description], LanguageCounts]:
    """Return the descriptions of one list by id, one for each MD5."""
    seen: set[str] = set()
    descriptions: dict[str, Description] = {}
    counts = LanguageCounts()
    for one in read_translations(found.path, found.name.rpartition("-")[2], malformed):
        if one.md5 in seen:
            continue
        seen.add(one.md5)
        if one.md5 in packages:
            descriptions[packages[one.md5][0]] = one
        else:
            counts.unmatched += 1
    counts.listed = len(seen)
    progress(f"{language}: {count_of(counts.listed, 'description')}")
    return descriptions, counts


def _report_malformed(malformed: MalformedStanzas, progress: Callable[[str], None]) -> None:
    if malformed.count:
        progress(f"skipped {count_of(malformed.count, 'malformed stanza')}, the first:")
        for message in malformed.messages:
            progress(f"  {message}")


def _write_splits(
    folder: Path, descriptions: _Descriptions, splits: Splits, suffix: str
) -> dict[str, dict[str, int]]:
    """Write every language's BEIR folder; return split -> language -> number of pairs."""
    counts: dict[str, dict[str, int]] = {}
    for language, kept in descriptions.languages.items():
        members = {split: [one for one in ids if one in kept] for split, ids in asdict(splits).items()}
        if language != TRAINING_LANGUAGE:
            del members["train"]
        ids = sorted(one for part in members.values() for one in part)
        at = folder / language
        passages = (Passage(one, kept[one].text) for one in ids)
        write_beir_corpus(at / f"corpus.jsonl{suffix}", passages)
        write_beir_queries(at / f"queries.jsonl{suffix}", (Query(one, kept[one].title) for one in ids))
        for split, part in members.items():
            if part:
                write_qrels_tsv(at / "qrels" / f"{split}.tsv", (Qrel(one, one, 1) for one in part))
                counts.setdefault(split, {})[language] = len(part)
    return counts


def _write_summary(folder: Path, summary: dict[str, Any]) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    summary["files"] = {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
    with replace_file(folder / DESCRIPTION_FILE) as file:
        file.write(json.dumps(summary, ensure_ascii=False, indent=2).encode() + b"\n")
