import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests' makers of small models and data

from command_server import MODULES, REPORT_MODULES, TRAINING_MODULES, CommandServer
from material import SEED, Material


def pytest_addoption(parser):
    group = parser.getgroup("faults")
    group.addoption(
        "--faults-full", action="store_true", help="the long form: a thousand kills, all damage, all inputs"
    )
    group.addoption("--faults-seed", type=int, default=SEED, help="of kills and damage")


class Plan:
    """How much is tried, from which seed, and what came of it."""

    def __init__(self, is_full, seed):
        self.is_full, self.seed = is_full, seed
        self.started = time.monotonic()
        self.counts = {}

    def count(self, table, row, column, number=1):
        self.counts.setdefault(table, {}).setdefault(row, Counter())[column] += number


def pytest_configure(config):
    config.faults_plan = Plan(
        config.getoption("faults_full", default=False), config.getoption("faults_seed", default=SEED)
    )


@pytest.fixture(scope="session")
def plan(request):
    return request.config.faults_plan


def _environment(folder):
    # One thread: many small commands are faster so, and what is written does not depend on it.
    return {"COLUMNS": "100", "RAYON_NUM_THREADS": "2", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
            "CSLIR_CACHE": os.fspath(folder / "cache"), "MPLCONFIGDIR": os.fspath(folder / "matplotlib"),
            "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONUTF8": "1"}  # fmt: skip


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with CommandServer(folder, (*MODULES, *REPORT_MODULES), _environment(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def training_server(tmp_path_factory):
    """A server that has PyTorch, which takes seconds to import."""
    pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    folder = tmp_path_factory.mktemp("training-server")
    with CommandServer(folder, (*MODULES, *TRAINING_MODULES), _environment(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def material(tmp_path_factory, server):
    return Material(tmp_path_factory.mktemp("material"), server)


def pytest_terminal_summary(terminalreporter, config):
    plan = config.faults_plan
    if not plan.counts:
        return
    form = "full" if plan.is_full else "short"
    terminalreporter.write_sep(
        "-", f"faults: {form} form, seed {plan.seed}, {time.monotonic() - plan.started:.0f} s"
    )
    for table, rows in plan.counts.items():
        columns = list(dict.fromkeys(column for counts in rows.values() for column in counts))
        total = Counter()
        terminalreporter.write_line(f"\n| {table} | " + " | ".join(columns) + " |")
        terminalreporter.write_line("|---|" + "---:|" * len(columns))
        for row, counts in rows.items():
            total += counts
            terminalreporter.write_line(
                f"| {row} | " + " | ".join(str(counts[column]) for column in columns) + " |"
            )
        terminalreporter.write_line(
            "| all | " + " | ".join(f"{total[column]:,}" for column in columns) + " |"
        )
