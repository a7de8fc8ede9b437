"""Result files: the values of every query in every setting, for comparing and drawing; docs/evaluation.md."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from cslir import __version__
from cslir.errors import InputError
from cslir.evaluation.metrics import Judged, trec_order
from cslir.files import DAMAGE_ERRORS, open_bytes, replace_file

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "ONLY_SETTING",
    "TOP",
    "QueryValues",
    "ResultFile",
    "SettingScores",
    "SystemResult",
    "group_values",
    "installed_versions",
    "read_results",
    "this_machine",
    "top_passages",
    "write_results",
]

FORMAT = "cslir result"
FORMAT_VERSION = 1
ONLY_SETTING = "all"
"""Name of the one setting of a dataset without languages."""
TOP = 3
"""Passages per query that a result file names, for showing systems side by side."""
_VERSIONED = ("cslir", "ir-measures", "numpy", "scipy", "torch", "transformers")
_TREE_DEPTH = 5
"""From this depth on objects are written on one line each: they hold values per query."""


@dataclass(frozen=True, eq=False)
class SettingScores:
    """One system in one setting.

    Attributes:
        group: The aggregate that the setting belongs to, one of `settings.GROUPS`; empty without languages.
        judged: The value of every query, by measure.
        language_bias: Of X-X, the share of the top 10 in the query's own language.
        language_shares: Of a mixed collection, the rank-biased share of each passage language.
        top: The ids of each query's first passages, best first; empty where they were not kept.
    """

    group: str
    judged: Judged
    language_bias: float | None = None
    language_shares: Mapping[str, float] = field(default_factory=dict)
    top: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SystemResult:
    """One system of a result file.

    Attributes:
        name: Unique within the file, together with the seed.
        baseline: Name of the system that it is tested against by default; empty for none.
        seed: Of its training and of the language draws; None without one.
        settings: Its scores by name of the setting: `en-de`, `X-X`; `all` for a dataset without languages.
        details: What else is known, as JSON values: `label`, `dev_mrr`, `response_time_ms`, `training`.
    """

    name: str
    baseline: str
    seed: int | None
    settings: dict[str, SettingScores]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ResultFile:
    """What `cslir eval --json` and `cslir demo` write.

    Attributes:
        dataset: Its name, folder or files.
        split: Of the dataset.
        systems: In the order of the tables.
        seen: Languages over whose pairs the groups are averaged; empty without languages.
        unseen: Languages that are evaluated with themselves and with English only.
        configuration: The command and its options.
        machine: `cpu`, `cores`, `system`.
        versions: Of the packages that took part.
        details: Further keys of the file, as JSON values.
    """

    dataset: str
    split: str
    systems: list[SystemResult]
    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    configuration: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


class QueryValues(NamedTuple):
    """One value per query, float64 of shape (queries,)."""

    query_ids: tuple[str, ...]
    values: NDArray[np.float64]


def group_values(
    settings: Mapping[str, SettingScores], group: str, measure: str, languages: Sequence[str] | None = None
) -> QueryValues:
    """Return a group's value per query: the mean over the group's settings.

    Args:
        settings: Of one system, by name.
        group: One of `settings.GROUPS`, or empty.
        measure: Name of a measure that all of them have.
        languages: Only settings whose languages are among these, or drawn; if None, those settings of the
            group that judge the most queries (an unseen language may lack some).

    Raises:
        InputError: No such setting, a setting lacks the measure, or the settings judge different queries.
    """
    chosen = {name: one.judged for name, one in settings.items() if one.group == group}
    if languages is not None:
        allowed = {*languages, "X", ONLY_SETTING}
        chosen = {name: judged for name, judged in chosen.items() if set(name.split("-")) <= allowed}
        among = f" among {', '.join(languages)}"
    else:
        most = max((len(judged.query_ids) for judged in chosen.values()), default=0)
        chosen = {name: judged for name, judged in chosen.items() if len(judged.query_ids) == most}
        among = ""
    if not chosen:
        raise InputError(f"no setting of {group or ONLY_SETTING}{among}")
    query_ids = next(iter(chosen.values())).query_ids
    values = [_values_of(name, judged, measure, query_ids) for name, judged in chosen.items()]
    means: NDArray[np.float64] = np.mean(np.stack(values), axis=0)
    return QueryValues(query_ids, means)


def _values_of(name: str, judged: Judged, measure: str, query_ids: tuple[str, ...]) -> NDArray[np.float64]:
    """Return a setting's values in the order of `query_ids`."""
    if measure not in judged.values:
        raise InputError(f"{name} has no {measure}", remedy=f"it has {', '.join(judged.values)}")
    if judged.query_ids == query_ids:
        return judged.values[measure]
    if set(judged.query_ids) != set(query_ids):
        raise InputError(
            f"{name} judges other queries than the settings of its group", remedy="restrict the languages"
        )
    place = {query_id: row for row, query_id in enumerate(judged.query_ids)}
    return judged.values[measure][[place[query_id] for query_id in query_ids]]


def top_passages(
    run: Mapping[str, Mapping[str, float]], query_ids: Sequence[str], count: int = TOP
) -> dict[str, tuple[str, ...]]:
    """Return the ids of each query's first passages, in trec_eval's order."""
    return {
        query_id: tuple(trec_order(scores)[:count])
        for query_id in query_ids
        if (scores := run.get(query_id, {}))
    }


def this_machine() -> dict[str, Any]:
    """Return what a result file says of the machine."""
    from cslir.diagnosis import diagnose

    found = diagnose()
    return {
        "cpu": found.machine.processor,
        "cores": found.machine.cores,
        "system": found.machine.system,
        "kernel": found.kernel,
        "threads": found.threads,
    }


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that results depend on, as far as they are installed."""
    versions = {}
    for name in _VERSIONED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def write_results(path: Path, results: ResultFile) -> None:
    """Write a result file, whole or not at all."""
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "cslir": __version__,
        "dataset": results.dataset,
        "split": results.split,
        "languages": {"seen": list(results.seen), "unseen": list(results.unseen)},
        "configuration": results.configuration,
        "machine": results.machine,
        "versions": results.versions,
        **results.details,
        "systems": [_system_json(system) for system in results.systems],
    }
    with replace_file(path) as file:
        file.write(_lines(content).encode() + b"\n")


def _lines(value: object, depth: int = 0) -> str:
    """Return JSON of which only the upper levels take a line per value."""
    indent = " " * depth
    if value and depth < _TREE_DEPTH and isinstance(value, Mapping):
        named = (
            f"{json.dumps(key, ensure_ascii=False)}: {_lines(one, depth + 1)}" for key, one in value.items()
        )
        return "{\n" + ",\n".join(f"{indent} {one}" for one in named) + f"\n{indent}}}"
    if value and depth < _TREE_DEPTH and isinstance(value, list):
        return "[\n" + ",\n".join(f"{indent} {_lines(one, depth + 1)}" for one in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _system_json(system: SystemResult) -> dict[str, Any]:
    return {
        "name": system.name,
        "baseline": system.baseline,
        "seed": system.seed,
        **system.details,
        "settings": {name: _setting_json(scores) for name, scores in system.settings.items()},
    }


def _setting_json(scores: SettingScores) -> dict[str, Any]:
    judged = scores.judged
    return {
        "group": scores.group,
        "measures": judged.means,
        "per_query": {
            measure: dict(zip(judged.query_ids, values.tolist(), strict=True))
            for measure, values in judged.values.items()
        },
        "missing": list(judged.missing),
        "language_bias": scores.language_bias,
        "language_shares": dict(scores.language_shares),
        "top": {query_id: list(doc_ids) for query_id, doc_ids in scores.top.items()},
    }


def read_results(path: Path) -> ResultFile:
    """Read a result file, plain or compressed.

    Raises:
        InputError: It is missing, truncated, of another format or version, or a value in it is malformed.
    """
    file = _Node(path, "", _read_json(path))
    if not isinstance(file.value, dict) or file.value.get("format") != FORMAT:
        raise file.wrong('not a result file: "format" is missing or another')
    if file.value.get("format_version") != FORMAT_VERSION:
        raise file.wrong(
            f"of format version {file.value.get('format_version')}, {FORMAT_VERSION} is read here"
        )
    languages = file.get("languages", dict, {})
    systems = [_read_system(node) for node in file.get("systems", list).items()]
    if not systems:
        raise file.wrong("no system in it")
    seen: set[tuple[str, int | None]] = set()
    for system in systems:
        if (system.name, system.seed) in seen:
            raise file.wrong(f"two systems are named {system.name!r}")
        seen.add((system.name, system.seed))
    known = {"format", "format_version", "cslir", "dataset", "split", "languages", "configuration", "machine"}
    known |= {"versions", "systems"}
    return ResultFile(
        dataset=file.get("dataset", str).value,
        split=file.get("split", str).value,
        systems=systems,
        seen=languages.get("seen", list, []).strings(),
        unseen=languages.get("unseen", list, []).strings(),
        configuration=file.get("configuration", dict, {}).value,
        machine=file.get("machine", dict, {}).value,
        versions=file.get("versions", dict, {}).value,
        details={key: value for key, value in file.value.items() if key not in known},
    )


def _read_json(path: Path) -> object:
    try:
        with open_bytes(path) as file:
            return json.loads(file.read(), parse_constant=_refuse_constant)
    except (*DAMAGE_ERRORS, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"truncated or not JSON ({error})", path=path, remedy="write the result file again"
        ) from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no value of JSON")


class _Node(NamedTuple):
    """A value of a result file, with its place for messages."""

    path: Path
    place: str
    value: Any

    def wrong(self, problem: str) -> InputError:
        """Return the error that this value has a problem."""
        place = f"{self.place}: " if self.place else ""
        return InputError(
            f"{place}{problem}",
            path=self.path,
            remedy="write it again with 'cslir eval --json' or 'cslir demo'",
        )

    def get(self, key: str, kind: type | tuple[type, ...], default: object = None) -> "_Node":
        """Return the value of a key, which must be of a kind; a missing one, or null, is the default."""
        value = self.value.get(key)
        node = _Node(
            self.path, f"{self.place}.{key}" if self.place else key, default if value is None else value
        )
        if node.value is None and not (isinstance(kind, tuple) and type(None) in kind):
            raise node.wrong("is missing")
        # True is an int to Python, and no number to us.
        if not isinstance(node.value, kind) or isinstance(node.value, bool):
            raise node.wrong(f"is of the wrong type ({type(node.value).__name__})")
        return node

    def items(self) -> list["_Node"]:
        """Return the elements of a list, which must be objects."""
        nodes = [_Node(self.path, f"{self.place}[{number}]", one) for number, one in enumerate(self.value)]
        for node in nodes:
            if not isinstance(node.value, dict):
                raise node.wrong("is not an object")
        return nodes

    def strings(self) -> tuple[str, ...]:
        """Return a list of strings."""
        if not isinstance(self.value, list) or not all(isinstance(one, str) for one in self.value):
            raise self.wrong("is not a list of strings")
        return tuple(self.value)

    def numbers(self) -> dict[str, float]:
        """Return an object whose values are finite numbers."""
        for key, one in self.value.items():
            if isinstance(one, bool) or not isinstance(one, int | float) or not math.isfinite(one):
                raise self.wrong(f"the value of {key!r} is no finite number")
        return cast("dict[str, float]", self.value)


def _read_system(node: _Node) -> SystemResult:
    settings = node.get("settings", dict)
    if not settings.value:
        raise settings.wrong("is empty")
    known = {"name", "baseline", "seed", "settings"}
    return SystemResult(
        name=node.get("name", str).value,
        baseline=node.get("baseline", str, "").value,
        seed=node.get("seed", (int, type(None))).value,
        settings={name: _read_setting(settings.get(name, dict)) for name in settings.value},
        details={key: value for key, value in node.value.items() if key not in known},
    )


def _read_setting(node: _Node) -> SettingScores:
    per_query = node.get("per_query", dict)
    columns = {measure: per_query.get(measure, dict).numbers() for measure in per_query.value}
    first = next(iter(columns.values()), {})
    if not first:
        raise per_query.wrong("holds no query")
    values: dict[str, NDArray[np.float64]] = {}
    for measure, column in columns.items():
        if column.keys() != first.keys():
            raise per_query.wrong(f"{measure} has other queries than {next(iter(columns))}")
        values[measure] = np.array([column[query_id] for query_id in first], dtype=np.float64)
    judged = Judged(tuple(first), values, node.get("missing", list, []).strings())
    means = node.get("measures", dict, {}).numbers()
    for measure, mean in judged.means.items():
        if not math.isclose(means.get(measure, mean), mean, abs_tol=1e-6):
            raise node.wrong(f"the mean of {measure} is not that of its queries")
    top = node.get("top", dict, {})
    return SettingScores(
        group=node.get("group", str, "").value,
        judged=judged,
        language_bias=node.get("language_bias", (float, int, type(None))).value,
        language_shares=node.get("language_shares", dict, {}).numbers(),
        top={query_id: top.get(query_id, list).strings() for query_id in top.value},
    )
