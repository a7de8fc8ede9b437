"""`cslir report`: what it prints; what it writes is tested in reporting/test_report.py."""

import sys

import numpy as np
import pytest

from cslir.evaluation.checksums import Checksums
from cslir.evaluation.metrics import Judged
from cslir.evaluation.results import Result, SettingScores, SystemResult


@pytest.fixture
def files(tmp_path):
    """Two result files, on queries of other texts."""
    paths = [tmp_path / "one.json", tmp_path / "other.json"]
    for number, path in enumerate(paths):
        judged = Judged(tuple("abcde"), {"RR@10": np.random.default_rng(number).random(5)}, ())
        scores = SettingScores("", judged, checksums=Checksums(str(number), "same"))
        Result("mine", "test", [SystemResult(path.stem, "", None, {"all": scores})]).save(path)
    return paths


def test_it_prints_where_the_page_is(run, files, tmp_path):
    outcome = run("report", files[0], "-o", tmp_path / "out")
    assert (outcome.status, outcome.out.strip(), outcome.err) == (0, str(tmp_path / "out" / "index.html"), "")


def test_different_data_is_refused_unless_that_is_meant(run, files, tmp_path):
    outcome = run("report", *files, "-o", tmp_path / "out")
    assert outcome.status == 2
    assert "--different-data compares them all the same" in outcome.err
    assert run("report", *files, "-o", tmp_path / "out", "--different-data").status == 0


def test_wrong_use_exits_with_2(run, files, tmp_path):
    outcome = run("report", tmp_path / "absent.json")
    assert (outcome.status, outcome.out) == (2, "")
    assert "no such file" in outcome.err
    assert "Missing argument" in run("report").err


def test_a_base_install_says_which_extra_draws(run, monkeypatch, files, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    outcome = run("report", *files, "--different-data", "-o", tmp_path / "out")
    assert outcome.status == 2
    assert "pip install 'cslir[report]'" in outcome.err
