"""Made-up files for reports, of the shape that the commands write."""

import json

import numpy as np

from cslir.evaluation.metrics import Judged
from cslir.evaluation.results import Result, SettingScores, SystemResult, write_results
from cslir.evaluation.settings import language_pairs, mixed_settings, pair_group

SEEN, UNSEEN = ("en", "de", "ru"), ("ja",)
SYSTEMS = {
    "zero-shot": ("", 0.35, 0.8),
    "ML-CS": ("zero-shot", 0.42, 0.6),
    "ML-CS, <b>means</b> & $removed$ 日本語 عربي": ("zero-shot", 0.36, 0.4),
}


def write_parallel(path, *, seed=1, systems=SYSTEMS, queries=60, **changes):
    """Write a result file over all pairs of SEEN, their mixtures, and UNSEEN with English."""
    query_ids = tuple(f"q{number}" for number in range(queries))
    names = [(setting.name, setting.group) for setting in language_pairs(SEEN, 0, 0)]
    names += [(setting.name, setting.group) for setting in mixed_settings(SEEN, query_ids, query_ids, seed)]
    for one in UNSEEN:
        names += [(f"{a}-{b}", pair_group(a, b)) for a, b in ((one, one), ("en", one), (one, "en"))]
    results = []
    for number, (name, (baseline, level, bias)) in enumerate(systems.items()):
        random = np.random.default_rng([seed, number])
        common = np.random.default_rng(seed).random(queries)
        settings = {}
        for setting, group in names:
            values = np.clip(0.5 * common + 0.5 * (random.random(queries) < level), 0, 1)
            judged = Judged(query_ids, {"RR@10": values, "R@100": np.sqrt(values)}, ())
            mixed = setting in {"en-X", "X-X"}
            others = (1 - bias) / (len(SEEN) - 1)
            shares = {one: others if place else bias for place, one in enumerate(SEEN)} if mixed else {}
            settings[setting] = SettingScores(group, judged, bias if setting == "X-X" else None, shares)
        details = {
            "response_time_ms": {
                "p50": {"total": 1.0 + 9 * number},
                "p95": {"total": 2.0 + 18 * number},
                "queries": 5,
            }
        }
        results.append(SystemResult(name, baseline, seed, settings, details))
    file = {
        "dataset": "made-up",
        "split": "test",
        "seen": SEEN,
        "unseen": UNSEEN,
        "configuration": {"command": f"cslir eval made-up --seed {seed}", "seed": seed, "depth": 100},
        "machine": {"cpu": "abacus", "cores": 2},
        "versions": {"cslir": "0.1.0", "numpy": "2.0"},
    }
    write_results(path, Result(systems=results, **(file | changes)))
    return path


def write_plain(path, *, systems=("BM25", "static"), queries=40):
    """Write a result file of a dataset without languages."""
    query_ids = tuple(f"q{number}" for number in range(queries))
    results = []
    for number, name in enumerate(systems):
        values = np.random.default_rng(number).random(queries)
        judged = Judged(query_ids, {"nDCG@10": values, "AP": values / 2}, query_ids[:1])
        results.append(
            SystemResult(name, systems[0] if number else "", None, {"all": SettingScores("", judged)})
        )
    write_results(path, Result("scifact", "test", results))
    return path


def write_latency(path, *, sizes=(1000, 100000)):
    """Write what `cslir bench latency --json` writes."""

    def percentiles(p50):
        return {"p50_ms": p50, "p95_ms": 1.5 * p50, "p99_ms": 2 * p50}

    systems = [
        {
            "name": name,
            "mrr_at_10": accuracy,
            "measurements": [
                {
                    "passages": size,
                    "batch": batch,
                    "threads": threads,
                    "stages": {"encode": percentiles(base), "search": percentiles(size / 1e5)},
                    "total": percentiles(base + size / 1e5),
                }
                for size in sizes
                for batch in (1, 8)
                for threads in (1, 2)
            ],
        }
        for name, base, accuracy in (("static", 0.1, 0.5), ("slow", 40.0, 0.45), ("encoder", 20.0, 0.7))
    ]
    content = {
        "format": "cslir latency",
        "format_version": 1,
        "collection": {"name": "made-up X-X", "passages": sizes[0], "queries": 10},
        "configuration": {"command": "cslir bench latency"},
        "machine": {"cpu": "abacus"},
        "versions": {"numpy": "2.0"},
        "systems": systems,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def training(steps=200):
    """Return a training record as JSON values."""
    curve = {"step": list(range(1, steps + 1)), "alignment": [0.0] * steps}
    curve["loss"] = curve["ranking"] = [5 / (1 + step / 20) for step in range(steps)]
    switching = {"tokens": 1000, "switch_rate": 0.3, "switched_by_language": {"de": 100, "ru": 200}}
    return {"seconds": 3.0, "steps": steps, "curve": curve, "switching": switching}


def write_coverage(path):
    """Write what `cslir lexicons coverage --json` prints."""
    rows = []
    for pair, share in (("en-de", 0.6), ("en-ru", 0.4)):
        exact = {
            kind: {"covered": int(100 * share), "total": 100, "share": share}
            for kind in ("tokens", "types", "content")
        }
        by_lemma = {kind: one | {"share": share + 0.1} for kind, one in exact.items()}
        rows.append({"pair": pair, "provenance": "", "sources": 5, "exact": exact, "by_lemma": by_lemma})
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path
