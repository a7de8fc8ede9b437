"""What a report is made of: the files that are given, told apart by what is in them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
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
    " coverage --json', or a folder of 'cslir train' or 'cslir demo'"
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
        results: By file; those in memory by their place among the inputs and their systems.
        latency: By file.
        training: Of the systems and model folders that have a record.
        coverage: By lexicon.
        inputs: Names of all in the order given.
    """

    results: dict[str, Result] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)
    training: tuple[Training, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    inputs: tuple[str, ...] = ()


def read_material(inputs: Sequence[Result | str | PathLike[str]]) -> Material:
    """Take results, and read the files of the others.

    Raises:
        InputError: There is none, one is missing, damaged or of another kind, or they do not go together.
    """
    results: dict[str, Result] = {}
    latency: dict[str, Latency] = {}
    training: list[Training] = []
    coverage: list[Coverage] = []
    names: list[str] = []
    for number, source in enumerate(dict.fromkeys(inputs), start=1):
        if isinstance(source, Result):
            names.append(f"result {number} ({', '.join(dict.fromkeys(one.name for one in source.systems))})")
            results[names[-1]] = source
            continue
        path = Path(source)
        names.append(str(path))
        file = _file_of(path)
        content = read_json(file, remedy=_REMEDY).value
        kind = content.get("format") if isinstance(content, dict) else None
        if kind == RESULT_FORMAT:
            results[str(file)] = read_results(file)
        elif isinstance(content, dict) and kind == _LATENCY_FORMAT:
            latency[str(path)] = _read_latency(file, content)
        elif kind == _TRAINING_FORMAT:
            training += _trainings(path.name or str(path), content, str(file))
        elif isinstance(content, list):
            coverage += _read_coverage(file, content)
        else:
            raise InputError("nothing that a report is made of", path=file, remedy=_REMEDY)
    _refuse_unrelated(results)
    _refuse_twins(results)
    first_seeds = {
        system.name: system for result in reversed(results.values()) for system in reversed(result.systems)
    }
    for name, result in results.items():
        for system in result.systems:
            if first_seeds[system.name] is system:
                training += _trainings(system.name, system.details.get("training"), name)
    return Material(results, latency, tuple(training), tuple(coverage), tuple(names))


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


def _trainings(name: str, content: object, path: str) -> list[Training]:
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


def _refuse_unrelated(results: Mapping[str, Result]) -> None:
    """Refuse results of different data without a common setting: nothing in them can be compared."""

    def settings(result: Result) -> set[str]:
        return {name for system in result.systems for name in system.settings}

    first = next(iter(results), "")
    for name, result in results.items():
        other = results[first]
        if (result.dataset, result.split) != (other.dataset, other.split) and not (
            settings(result) & settings(other)
        ):
            raise InputError(
                f"results on {result.dataset} {result.split}, those of {first} are on {other.dataset}"
                f" {other.split}, in other settings",
                path=name,
                remedy="make a report for each dataset",
            )


def _refuse_twins(results: Mapping[str, Result]) -> None:
    """Refuse two systems of one name and seed: which of them a number is of could not be told."""
    seen: dict[tuple[str, int | None], str] = {}
    for name, result in results.items():
        for system in result.systems:
            other = seen.setdefault((system.name, system.seed), name)
            if other != name:
                seed = "" if system.seed is None else f" with seed {system.seed}"
                raise InputError(
                    f"the system {system.name!r}{seed} is in {other} too",
                    path=name,
                    remedy="give one of them, or evaluate with another name or seed",
                )
