"""Result files: the values of every query in every setting, for comparing and drawing; docs/evaluation.md."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cslir import __version__
from cslir.errors import InputError, UnknownNameError, naming_extras
from cslir.evaluation.checksums import Checksums
from cslir.evaluation.metrics import Judged, trec_order, usual_name
from cslir.evaluation.settings import setting_languages
from cslir.json_values import JsonValue, read_json
from cslir.outputs import replace_file

if TYPE_CHECKING:
    import pandas as pd

    from cslir.retrieval import Run

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "ONLY_SETTING",
    "TOP",
    "QueryValues",
    "Result",
    "SettingScores",
    "SystemResult",
    "group_values",
    "installed_versions",
    "mean_values",
    "query_order",
    "read_results",
    "this_machine",
    "top_passages",
    "within_languages",
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
        checksums: Of the queries and qrels; empty in files of earlier versions.
        identical_ids: Queries of which the passage with their own id was left out, as
            `metrics.without_identical_ids` says.
    """

    group: str
    judged: Judged
    language_bias: float | None = None
    language_shares: Mapping[str, float] = field(default_factory=dict)
    top: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checksums: Checksums = field(default_factory=Checksums)
    identical_ids: int = 0


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


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The value of every query in every setting, and what it was made on: `evaluate` returns it.

    Values are shares from 0 to 1; its repr, the table, shows several settings in percent. `save` writes the
    result file that `read`, `compare` and `report` take, and `cslir eval --json` and `cslir demo` write.

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
        title: Of the table; the dataset's name if empty. This and what follows is not in the file.
        runs: Of the one setting that was evaluated.
        cells: A measure by query language and passage language, of a collection in several languages.
        remarks: What a reader of the values should know.

    Example:
        >>> data = cslir.load_dataset("debian-sample")
        >>> result = cslir.evaluate("model", data, pair="en-de", measures=["RR@10"])
        >>> result.systems[0].settings["en-de"].judged.values["RR@10"].dtype
        dtype('float64')
        >>> result.save("result.json")
        >>> list(Result.read("result.json").to_pandas().columns)
        ['system', 'seed', 'setting', 'query_id', 'measure', 'value']
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
    title: str = ""
    runs: Mapping[str, "Run"] = field(default_factory=dict)
    cells: Mapping[tuple[str, str], float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | PathLike[str]) -> "Result":
        """Read a result file, plain or compressed.

        Raises:
            MissingFileError: There is none.
            DamagedFileError: It is truncated or corrupt.
            InputError: It is no result file, or of a version that is not known here.
        """
        return read_results(Path(path))

    def save(self, path: str | PathLike[str]) -> None:
        """Write a result file, whole or not at all; `compare` and `report` read it.

        Raises:
            InputError: It can't be written there.
        """
        write_results(Path(path), self)

    @naming_extras
    def to_pandas(self) -> "pd.DataFrame":
        """Return one row per system, setting, query and measure, as a pandas `DataFrame`.

        The columns are `system`, `seed`, `setting`, `query_id`, `measure` and `value`, float64 from 0 to 1.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        import pandas as pd

        rows = [
            (system.name, system.seed, name, query_id, measure, value)
            for system in self.systems
            for name, scores in system.settings.items()
            for measure, values in scores.judged.values.items()
            for query_id, value in zip(scores.judged.query_ids, values.tolist(), strict=True)
        ]
        return pd.DataFrame(rows, columns=["system", "seed", "setting", "query_id", "measure", "value"])

    def __repr__(self) -> str:
        """Return the tables as text."""
        from cslir.evaluation.tables import result_text

        return result_text(self)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"


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
    chosen = within_languages({name: one for name, one in settings.items() if one.group == group}, languages)
    if not chosen:
        among = "" if languages is None else f" among {', '.join(languages)}"
        raise UnknownNameError(f"no setting of {group or ONLY_SETTING}{among}")
    return mean_values(chosen, measure)


def within_languages(
    settings: Mapping[str, SettingScores], languages: Sequence[str] | None
) -> dict[str, SettingScores]:
    """Return the settings of a group over which its mean is taken; see `group_values`."""
    if languages is not None:
        allowed = {*languages, "X", ONLY_SETTING}
        return {
            name: one for name, one in settings.items() if {*(setting_languages(name) or (name,))} <= allowed
        }
    most = max((len(one.judged.query_ids) for one in settings.values()), default=0)
    return {name: one for name, one in settings.items() if len(one.judged.query_ids) == most}


def mean_values(settings: Mapping[str, SettingScores], measure: str) -> QueryValues:
    """Return the mean over settings of each query's value, in the order of the first setting.

    Raises:
        InputError: A setting lacks the measure, or the settings judge different queries.
    """
    query_ids = next(iter(settings.values())).judged.query_ids
    columns = []
    for name, scores in settings.items():
        if measure not in scores.judged.values:
            raise UnknownNameError(
                f"{name} has no {measure}", remedy=f"it has {', '.join(scores.judged.values)}"
            )
        order = query_order(scores.judged.query_ids, query_ids)
        if order is None:
            raise InputError(
                f"{name} judges other queries than what it is taken together with",
                remedy="judge all by the same qrels: queries without passages count as zero",
            )
        columns.append(scores.judged.values[measure][order])
    means: NDArray[np.float64] = np.mean(np.stack(columns), axis=0)
    return QueryValues(query_ids, means)


def query_order(own: tuple[str, ...], wanted: tuple[str, ...]) -> slice | list[int] | None:
    """Return what puts values of the queries `own` in the order of `wanted`; None for different queries."""
    if own == wanted:
        return slice(None)
    if set(own) != set(wanted):
        return None
    place = {query_id: row for row, query_id in enumerate(own)}
    return [place[query_id] for query_id in wanted]


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


def write_results(path: str | PathLike[str], results: Result) -> None:
    """Write a result file, whole or not at all."""
    path = Path(path)
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
        # What is not UTF-8 in the name of a file becomes a question mark.
        file.write(_lines(content).encode(errors="replace") + b"\n")


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
        "checksums": scores.checksums._asdict(),
        "identical_ids": scores.identical_ids,
    }


def read_results(path: str | PathLike[str]) -> Result:
    """Read a result file, plain or compressed.

    Raises:
        InputError: It is missing, truncated, of another format or version, or a value in it is malformed.
    """
    path = Path(path)
    file = read_json(path, remedy="write it again with 'cslir eval --json' or 'cslir demo'")
    file.require_format(FORMAT, FORMAT_VERSION, "result file")
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
    return Result(
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


def _read_system(node: JsonValue) -> SystemResult:
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


def _read_setting(node: JsonValue) -> SettingScores:
    per_query = node.get("per_query", dict)
    columns = {usual_name(measure): per_query.get(measure, dict).numbers() for measure in per_query.value}
    first = next(iter(columns.values()), {})
    if not first:
        raise per_query.wrong("holds no query")
    values: dict[str, NDArray[np.float64]] = {}
    for measure, column in columns.items():
        if column.keys() != first.keys():
            raise per_query.wrong(f"{measure} has other queries than {next(iter(columns))}")
        values[measure] = np.array([column[query_id] for query_id in first], dtype=np.float64)
    judged = Judged(tuple(first), values, node.get("missing", list, []).strings())
    numbers = node.get("measures", dict, {}).numbers()
    means = {usual_name(measure): mean for measure, mean in numbers.items()}
    for measure, mean in judged.means.items():
        if not math.isclose(means.get(measure, mean), mean, abs_tol=1e-6):
            raise node.wrong(f"the mean of {measure} is not that of its queries")
    top = node.get("top", dict, {})
    checksums = node.get("checksums", dict, {})
    return SettingScores(
        group=node.get("group", str, "").value,
        judged=judged,
        language_bias=node.get("language_bias", (float, int, type(None))).value,
        language_shares=node.get("language_shares", dict, {}).numbers(),
        top={query_id: top.get(query_id, list).strings() for query_id in top.value},
        checksums=Checksums(*(checksums.get(key, str, "").value for key in Checksums._fields)),
        identical_ids=node.get("identical_ids", int, 0).value,
    )
