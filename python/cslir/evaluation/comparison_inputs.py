"""What `cslir compare` takes: result files and TREC runs, with names."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cslir.errors import DamagedFileError, InputError, UnknownNameError
from cslir.evaluation.metrics import measure_names, run_of, without_identical_ids
from cslir.evaluation.results import (
    ONLY_SETTING,
    Result,
    SettingScores,
    SystemResult,
    read_results,
)
from cslir.evaluation.scoring import score_run
from cslir.files import DAMAGE_ERRORS, open_bytes
from cslir.formats import read_qrels, read_run
from cslir.records import Qrel

__all__ = ["RUN_MEASURES", "ComparisonInputs", "choose_measures", "choose_systems", "read_inputs"]

RUN_MEASURES = ("RR@10", "nDCG@10", "AP", "R@100")
"""By which runs are judged if no measure is named."""


@dataclass(frozen=True)
class ComparisonInputs:
    """All systems of the files, and what these say of the data.

    Attributes:
        systems: In the order of the files.
        datasets: The different (dataset, split) of the result files.
        languages: The seen languages that all result files share; None where no file has any.
        runs: How many of the systems are runs, which do not say what they were made on.
        mixes_identical_ids: Whether passages with a query's own id were left out of some systems, and count
            in others.
    """

    systems: list[SystemResult]
    datasets: list[tuple[str, str]]
    languages: tuple[str, ...] | None
    runs: int = 0
    mixes_identical_ids: bool = False


def read_inputs(
    sources: Sequence[str],
    *,
    qrels: Path | None = None,
    measures: Sequence[str] | None = None,
    ignore_identical_ids: bool = True,
) -> ComparisonInputs:
    """Read result files and runs.

    Args:
        sources: Each a file, or `NAME=FILE` to give its one system another name. A run has the name of its
            file, and no seed.
        qrels: By which runs are judged.
        measures: By which runs are judged; `RUN_MEASURES` if None.
        ignore_identical_ids: Of runs; see `without_identical_ids`.

    Raises:
        InputError: A file is missing or malformed, a run comes without qrels, or qrels without a run.
    """
    systems: list[SystemResult] = []
    files: list[Result] = []
    runs = 0
    judgements: list[Qrel] = []
    for source in sources:
        name, path = _named(source)
        if _is_json(path):
            file = read_results(path)
            files.append(file)
            systems += _renamed(file.systems, name, path)
        elif qrels is None:
            raise InputError("no result file, and a run needs --qrels", path=path, remedy="add --qrels FILE")
        else:
            runs += 1
            judgements = judgements or list(read_qrels(qrels))  # once: it may be a pipe
            scores = _judge_run(path, judgements, qrels, measures or RUN_MEASURES, ignore_identical_ids)
            systems.append(SystemResult(name or path.stem, "", None, {ONLY_SETTING: scores}))
    if qrels is not None and not runs:
        raise InputError("--qrels is for runs, and none is given", remedy="leave it out, or add a run")
    with_languages = [file.seen for file in files if file.seen]
    languages = None
    if with_languages:
        languages = tuple(one for one in with_languages[0] if all(one in seen for seen in with_languages))
    left_out = any(scores.identical_ids for one in systems for scores in one.settings.values())
    counted = any(file.configuration.get("ignore_identical_ids") is not True for file in files)
    return ComparisonInputs(
        systems,
        list(dict.fromkeys((file.dataset, file.split) for file in files)),
        languages,
        runs,
        left_out and (counted or (runs > 0 and not ignore_identical_ids)),
    )


def _named(source: str) -> tuple[str, Path]:
    name, equals, path = source.partition("=")
    if equals and name and not Path(source).exists():
        return name, Path(path)
    return "", Path(source)


def _is_json(path: Path) -> bool:
    # Read again below as what it is.
    with open_bytes(path, pipe=False) as file:
        try:
            first = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        except DAMAGE_ERRORS as error:
            raise DamagedFileError(
                f"truncated or corrupt ({error})", path=path, remedy="write or fetch the file again"
            ) from None
    if not first:
        raise InputError("is empty", path=path, remedy="give a result file or a run")
    return first in (b"{", b"[")


def _renamed(systems: list[SystemResult], name: str, path: Path) -> list[SystemResult]:
    if not name:
        return systems
    if len({system.name for system in systems}) > 1:
        raise InputError(
            f"has several systems, which {name!r} can't name all", path=path, remedy="give the file alone"
        )
    return [replace(system, name=name) for system in systems]


def _judge_run(
    path: Path, qrels: Sequence[Qrel], qrels_place: Path, measures: Sequence[str], ignore_identical_ids: bool
) -> SettingScores:
    run, identical = run_of(read_run(path)), 0
    if ignore_identical_ids:
        run, identical = without_identical_ids(run, qrels)
    return score_run(
        run,
        qrels,
        measure_names(measures),
        identical_ids=identical,
        qrels_place=qrels_place,
        run_place=path,
    )


def choose_systems(
    systems: Sequence[SystemResult],
    names: Sequence[str] | None,
    baseline: str | None,
    places: Sequence[str] | None,
) -> list[SystemResult]:
    """Return the systems of these names, the baseline among them, restricted to settings and groups.

    Raises:
        InputError: A name is unknown, or no system has a setting or group of that name.
    """
    known = list(dict.fromkeys(system.name for system in systems))
    for name in [*(names or ()), *([baseline] if baseline is not None else [])]:
        if name not in known:
            raise UnknownNameError(
                f"no system {name!r}", remedy=f"choose among {', '.join(map(repr, known))}"
            )
    chosen = [one for one in systems if not names or one.name in names or one.name == baseline]
    if not places:
        return chosen
    named = [(scores.group, name) for one in chosen for name, scores in one.settings.items()]
    available = dict.fromkeys(place for pair in named for place in pair if place)
    for place in places:
        if place not in available:
            raise UnknownNameError(
                f"no setting or group {place!r}", remedy=f"choose among {', '.join(available)}"
            )
    restricted = [
        replace(
            one,
            settings={
                name: scores
                for name, scores in one.settings.items()
                if name in places or scores.group in places
            },
        )
        for one in chosen
    ]
    return [one for one in restricted if one.settings]


def choose_measures(systems: Sequence[SystemResult], measures: Sequence[str] | None) -> tuple[str, ...]:
    """Return the measures to compare by: those named, or the first that all systems have.

    Raises:
        InputError: The systems share no measure, or not a named one.
    """
    held = [set(scores.judged.values) for one in systems for scores in one.settings.values()]
    first = next(iter(systems[0].settings.values())).judged.values
    shared = [measure for measure in first if all(measure in one for one in held)]
    wanted = measure_names(measures or ())
    for measure in wanted:
        if measure not in shared:
            raise UnknownNameError(
                f"not all systems have {measure}", remedy=f"all have: {', '.join(shared) or 'none'}"
            )
    if not shared:
        raise InputError("the systems share no measure", remedy="evaluate them with the same --measure")
    return wanted or (shared[0],)
