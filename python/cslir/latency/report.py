"""What was measured, as JSON (docs/latency.md) and as a table of 80 columns."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cslir import __version__
from cslir.diagnosis import diagnose
from cslir.evaluation.latency import Percentiles, ResponseTime, spread
from cslir.latency.run import Case, Latency, SystemLatency
from cslir.outputs import replace_file
from cslir.plurals import count_of

__all__ = ["FORMAT", "FORMAT_VERSION", "latency_json", "latency_tables", "write_latency"]

FORMAT = "cslir latency"
FORMAT_VERSION = 1
_VERSIONED = (
    "cslir", "numpy", "tokenizers", "onnxruntime", "torch", "transformers", "sentence-transformers",
    "faiss-cpu", "bm25s",
)  # fmt: skip


def write_latency(path: Path, measured: Latency, configuration: Mapping[str, Any]) -> None:
    """Write `latency_json` to a file, whole or not at all."""
    content = json.dumps(latency_json(measured, configuration), ensure_ascii=False, indent=1)
    with replace_file(path) as file:
        file.write(content.encode(errors="replace") + b"\n")


def latency_json(measured: Latency, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was measured, where and with what, as the JSON object of docs/latency.md."""
    found = diagnose()
    versions = {"python": found.python.partition(" ")[0]}
    for name in _VERSIONED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "cslir": __version__,
        "machine": {
            "cpu": found.machine.processor,
            "instruction_set": " ".join(found.instruction_sets),
            "kernel": found.kernel,
            "cores": found.machine.cores,
            "threads": found.threads,
            "memory_bytes": found.machine.memory_bytes,
            "system": found.machine.system,
        },
        "versions": versions,
        "configuration": dict(configuration),
        "collection": {
            "name": measured.collection.name,
            "passages": len(measured.collection.passages),
            "queries": len(measured.collection.queries),
        },
        "systems": [_system_json(one) for one in measured.systems],
    }


def _system_json(measured: SystemLatency) -> dict[str, Any]:
    system, cold = measured.system, measured.cold_start
    return {
        "name": system.name,
        "kind": system.kind,
        "library": system.library,
        "model": system.model,
        "precision": system.precision,
        "vectors": system.vectors,
        "mrr_at_10": measured.mrr_at_10,
        "cold_start_ms": None if cold is None else round(cold.milliseconds, 1),
        "cold_starts_ms": [] if cold is None else [round(one, 1) for one in cold.all_milliseconds],
        "peak_memory_mb": None if cold is None else round(cold.peak_memory_bytes / 1e6, 1),
        "measurements": [_measurement_json(case, times) for case, times in measured.measurements.items()],
    }


def _measurement_json(case: Case, times: ResponseTime) -> dict[str, Any]:
    return {
        **case._asdict(),
        "calls": times.calls,
        "stages": {name: _percentiles(one) for name, one in times.stages.items() if name != "total"},
        "total": _percentiles(times.total),
        "turn_medians_ms": [round(one, 4) for one in times.turn_medians],
        "queries_per_second": round(times.queries_per_second, 2),
    }


def _percentiles(values: Percentiles) -> dict[str, float]:
    return {f"{name}_ms": round(value, 4) for name, value in values._asdict().items()}


def latency_tables(measured: Latency) -> RenderableType:
    """Return a table of each size of the collection, single queries on all threads, and one of the rest."""
    cases = list(measured.systems[0].measurements)
    threads, batch = max(case.threads for case in cases), min(case.batch for case in cases)
    tables: list[RenderableType] = [_systems_table(measured)]
    sizes = dict.fromkeys(case.passages for case in cases)
    tables += [_case_table(measured, Case(passages, batch, threads)) for passages in sizes]
    others = [case for case in cases if (case.batch, case.threads) != (batch, threads)]
    tables += [_throughput_table(measured, others)] if others else []
    widest = max(spread(times) for one in measured.systems for times in one.measurements.values())
    note = (
        "Medians, and 95th and 99th percentiles of a call from text to 10 passages.\n"
        f"The medians of turns differ by {100 * widest:.0f}% at most. Collections beyond the real one\n"
        "are noisy copies of it."
    )
    return Group(*tables, Text(note, style="dim"))


def _table(title: str, *headings: str) -> Table:
    table = Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", padding=(0, 1, 0, 0)
    )
    table.add_column("", overflow="fold", max_width=34)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _systems_table(measured: Latency) -> Table:
    title = f"{measured.collection.name}, {count_of(len(measured.collection.passages), 'passage')}"
    table = _table(title, "MRR@10", "cold start", "its memory")
    for one in measured.systems:
        cold = one.cold_start
        cells = ("", "") if cold is None else (
            f"{cold.milliseconds / 1000:.2f} s", f"{cold.peak_memory_bytes / 1e6:,.0f} MB"
        )  # fmt: skip
        table.add_row(one.system.name, f"{100 * one.mrr_at_10:.1f}", *cells)
    return table


def _case_table(measured: Latency, case: Case) -> Table:
    title = f"{count_of(case.passages, 'passage')}, batch {case.batch}, threads {case.threads}: ms"
    table = _table(title, "tokenise", "encode", "search", "rerank", "total", "p95", "p99")
    for one in measured.systems:
        times = one.measurements[case]
        medians = [times.stages.get(name) for name in ("tokenise", "encode", "search", "rerank")]
        cells = ["" if stage is None else _milliseconds(stage.p50) for stage in medians]
        total = times.total
        table.add_row(one.system.name, *cells, *(_milliseconds(value) for value in total))
    return table


def _throughput_table(measured: Latency, cases: list[Case]) -> Table:
    passages = sorted({case.passages for case in cases})
    ways = list(dict.fromkeys((case.batch, case.threads) for case in cases))
    chosen = max(passages)
    title = f"Queries a second over {count_of(chosen, 'passage')}"
    table = _table(title, *(f"batch {batch}, {threads} thr." for batch, threads in ways))
    for one in measured.systems:
        rates = [one.measurements[Case(chosen, *way)].queries_per_second for way in ways]
        table.add_row(one.system.name, *(f"{rate:,.4g}" for rate in rates))
    return table


def _milliseconds(value: float) -> str:
    """Three significant digits."""
    return (
        f"{value:.3f}"
        if value < 1
        else f"{value:.2f}"
        if value < 10
        else f"{value:.1f}"
        if value < 100
        else f"{value:.0f}"
    )
