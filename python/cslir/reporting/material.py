"""What a report is made of: the files that are given, told apart by what is in them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cslir.errors import InputError
from cslir.evaluation.results import FORMAT as RESULT_FORMAT
from cslir.evaluation.results import Result, read_results
from cslir.json_values import read_json

__all__ = ["Coverage", "Latency", "Material", "Measurement", "Training", "read_material"]

_LATENCY_FORMAT = "cslir latency"
_TRAINING_FORMAT = "cslir training record"
_DEMO_FILE = "demo.json"
_TRAINING_FILE = "training_record.json"
_REMEDY = (
    "give files of 'cslir eval --json', 'cslir demo', 'cslir bench latency --json' or 'cslir lexicons"
    " coverage"
    " --json', or a folder of 'cslir train' or 'cslir demo'"
)


@dataclass(frozen=True)
class Coverage:
    """How much of a text one lexicon covers, as shares from 0 to 1, by kind of word.

    Attributes:
        pair: Of its languages.
        exact: Covered as they stand, by `tokens`, `types` and `content`.
        by_lemma: Covered as they stand or by their base form; empty where that was not measured.
        sources: Entries of the lexicon.
    """

    pair: str
    exact: dict[str, float]
    by_lemma: dict[str, float]
    sources: int


class Measurement(NamedTuple):
    """Response times of one system over one collection, milliseconds per call.

    Args:
        system: Its name.
        accuracy: MRR@10 in percent, None where it is not known.
        passages: Of the collection; 0 where the file does not say.
        batch: Queries of a call.
        threads: That it ran on; 0 where the file does not say.
        stages: Medians, by stage.
        p50: Median of the whole.
        p95: 95th percentile of the whole.
    """

    system: str
    accuracy: float | None
    passages: int
    batch: int
    threads: int
    stages: dict[str, float]
    p50: float
    p95: float


@dataclass(frozen=True)
class Latency:
    """A file of `cslir bench latency --json`: the collection's name and size, and what was measured."""

    collection: str
    passages: int
    measurements: tuple[Measurement, ...]
    configuration: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, Any]


@dataclass(frozen=True)
class Training:
    """How a system was trained.

    Attributes:
        system: Its name, or the model folder's.
        step: Of the points of the curves.
        losses: `loss`, `ranking` and `alignment`, one value for each of `step`.
        switch_rate: Share of the tokens that were switched; None without switching.
        by_language: Share of the tokens that were switched into each language.
    """

    system: str
    step: tuple[float, ...]
    losses: dict[str, tuple[float, ...]]
    switch_rate: float | None
    by_language: dict[str, float]


@dataclass(frozen=True, eq=False)
class Material:
    """The inputs of a report.

    Attributes:
        results: Of one dataset and split, by file.
        latency: By file.
        training: Of the systems and model folders that have a record.
        coverage: By lexicon.
        inputs: Names of the files and folders in the order given.
    """

    results: dict[str, Result] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)
    training: tuple[Training, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    inputs: tuple[str, ...] = ()


def read_material(paths: Sequence[Path]) -> Material:
    """Read the inputs of a report.

    Raises:
        InputError: There is none, one is missing, damaged or of another kind, or they do not go together.
    """
    results: dict[Path, Result] = {}
    latency: dict[str, Latency] = {}
    training: list[Training] = []
    coverage: list[Coverage] = []
    for path in dict.fromkeys(paths):
        file = _file_of(path)
        content = read_json(file, remedy=_REMEDY).value
        kind = content.get("format") if isinstance(content, dict) else None
        if kind == RESULT_FORMAT:
            results[file] = read_results(file)
        elif isinstance(content, dict) and kind == _LATENCY_FORMAT:
            latency[str(path)] = _read_latency(file, content)
        elif kind == _TRAINING_FORMAT:
            training += _trainings(path.name or str(path), content, file)
        elif isinstance(content, list):
            coverage += _read_coverage(file, content)
        else:
            raise InputError("nothing that a report is made of", path=file, remedy=_REMEDY)
    _refuse_other_datasets(results)
    _refuse_twins(results)
    first_seeds = {
        system.name: system for file in reversed(results.values()) for system in reversed(file.systems)
    }
    for file, result in results.items():
        for system in result.systems:
            if first_seeds[system.name] is system:
                training += _trainings(system.name, system.details.get("training"), file)
    return Material(
        {str(path): file for path, file in results.items()},
        latency,
        tuple(training),
        tuple(coverage),
        tuple(str(path) for path in dict.fromkeys(paths)),
    )


def _file_of(path: Path) -> Path:
    """Return the file that tells of a folder: the demo's tables, or a model's training record."""
    if not path.is_dir():
        return path
    for name in (_DEMO_FILE, _TRAINING_FILE):
        if (path / name).is_file():
            return path / name
    raise InputError("holds nothing that a report is made of", path=path, remedy=_REMEDY)


def _read_latency(path: Path, content: dict[str, Any]) -> Latency:
    """Return what `cslir bench latency --json` measured; see docs/latency.md."""
    try:
        measurements = [
            Measurement(
                system=str(system["name"]),
                accuracy=None if system.get("mrr_at_10") is None else 100 * float(system["mrr_at_10"]),
                passages=int(one["passages"]),
                batch=int(one["batch"]),
                threads=int(one["threads"]),
                stages={name: float(stage["p50_ms"]) for name, stage in one["stages"].items()},
                p50=float(one["total"]["p50_ms"]),
                p95=float(one["total"]["p95_ms"]),
            )
            for system in content["systems"]
            for one in system["measurements"]
        ]
        found = Latency(
            str(content["collection"]["name"]),
            int(content["collection"]["passages"]),
            tuple(measurements),
            *(dict(content.get(key) or {}) for key in ("configuration", "machine", "versions")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"not as cslir bench latency writes it ({error!r})", path=path, remedy="measure again"
        ) from None
    if not measurements or any(not 0 < one.p50 <= one.p95 < math.inf for one in measurements):
        raise InputError("holds no usable response time", path=path, remedy="measure again")
    return found


def _trainings(name: str, content: object, path: Path) -> list[Training]:
    """Return a training's curve and switches, none where they were not kept."""
    if not isinstance(content, dict) or not isinstance(content.get("curve"), dict):
        return []
    try:
        curve = content["curve"]
        steps = tuple(float(step) for step in curve["step"])
        losses = {
            kind: tuple(math.nan if value is None else float(value) for value in curve[kind])
            for kind in ("loss", "ranking", "alignment")
        }
        switching = content.get("switching")
        rate, by_language = None, {}
        if switching:
            tokens = max(1, int(switching["tokens"]))
            rate = float(switching["switch_rate"])
            by_language = {
                one: int(count) / tokens for one, count in switching["switched_by_language"].items()
            }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"the training record of {name!r} is malformed ({error!r})", path=path, remedy="train again"
        ) from None
    if any(len(values) != len(steps) for values in losses.values()):
        raise InputError(
            f"the curve of {name!r} has lists of different lengths", path=path, remedy="train again"
        )
    return [Training(name, steps, losses, rate, by_language)]


def _read_coverage(path: Path, rows: list[Any]) -> list[Coverage]:
    """Return the rows of `cslir lexicons coverage --json`."""
    found = []
    for number, row in enumerate(rows):
        try:
            found.append(
                Coverage(
                    pair=str(row["pair"]),
                    exact={kind: float(one["share"]) for kind, one in row["exact"].items()},
                    by_lemma={kind: float(one["share"]) for kind, one in row.get("by_lemma", {}).items()},
                    sources=int(row["sources"]),
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputError(
                f"element {number} of the list is no lexicon's coverage", path=path, remedy=_REMEDY
            ) from None
    if not found:
        raise InputError("an empty list", path=path, remedy=_REMEDY)
    return found


def _refuse_other_datasets(results: dict[Path, Result]) -> None:
    """Refuse results of different datasets: their means can't be compared."""
    first: tuple[Path, Result] | None = None
    for path, file in results.items():
        if first is None:
            first = (path, file)
        elif (file.dataset, file.split) != (first[1].dataset, first[1].split):
            raise InputError(
                f"results on {file.dataset} {file.split}, those of {first[0]} are on {first[1].dataset}"
                f" {first[1].split}",
                path=path,
                remedy="make a report for each dataset",
            )


def _refuse_twins(results: dict[Path, Result]) -> None:
    """Refuse two systems of one name and seed: which of them a number is of could not be told."""
    seen: dict[tuple[str, int | None], Path] = {}
    for path, file in results.items():
        for system in file.systems:
            other = seen.setdefault((system.name, system.seed), path)
            if other != path:
                seed = "" if system.seed is None else f" with seed {system.seed}"
                raise InputError(
                    f"the system {system.name!r}{seed} is in {other} too",
                    path=path,
                    remedy="give one of the files, or evaluate with another name or seed",
                )
