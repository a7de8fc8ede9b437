"""`cslir compare`: what it prints and writes; what is computed is tested in evaluation/test_compare.py."""

import csv
import io
import json

import numpy as np
import pytest

from cslir.evaluation.checksums import Checksums
from cslir.evaluation.metrics import Judged
from cslir.evaluation.results import Result, SettingScores, SystemResult

QUERIES = tuple(f"q{number}" for number in range(30))


def write(path, names, queries="en"):
    systems = [
        SystemResult(
            name,
            "base" if number else "",
            1,
            {
                "all": SettingScores(
                    "",
                    Judged(QUERIES, {"RR@10": np.random.default_rng(number).random(30) / (2 - number)}, ()),
                    checksums=Checksums(queries, "qrels"),
                )
            },
        )
        for number, name in enumerate(names)
    ]
    Result(str(path.parent / "gone"), "test", systems).save(path)
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "result.json", ["base", "better"])


def test_tables_go_to_stdout_and_notes_to_stderr(run, file):
    outcome = run("compare", file, "--changed", "1")
    assert outcome.status == 0, outcome.err
    for words in ("RR@10, percent", "better", "95% interval", "Holm's correction", "better / base"):
        assert words in outcome.out
    assert "ids are shown without their texts" in outcome.err


def test_formats_go_to_stdout_too(run, file):
    outcome = run("compare", file, "--format", "json", "--seed", "3")
    content = json.loads(outcome.out)
    assert (content["format"], content["configuration"]["seed"]) == ("cslir comparison", 3)
    assert (outcome.status, outcome.err) == (0, "")


def test_an_output_is_written_in_the_format_of_its_name(run, file, tmp_path):
    for name, options in (("new/table.csv", []), ("other", ["--format", "csv"])):
        outcome = run("compare", file, "--output", tmp_path / name, *options)
        assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
        rows = list(csv.DictReader(io.StringIO((tmp_path / name).read_text())))
        assert [row["system"] for row in rows] == ["base", "better"]
    assert run("compare", file, "--output", tmp_path / "table").status == 0
    assert "95% interval" in (tmp_path / "table").read_text()


def test_a_file_is_named_before_it(run, tmp_path):
    (tmp_path / "qrels").write_text("".join(f"{one} 0 d1 1\n" for one in QUERIES))
    for name in ("a", "b=b"):
        (tmp_path / name).write_text("".join(f"{one} Q0 d1 1 1 x\n" for one in QUERIES))
    outcome = run("compare", f"the best={tmp_path / 'a'}", tmp_path / "b=b", "--qrels", tmp_path / "qrels",
                  "--format", "csv")  # fmt: skip
    assert [row["system"] for row in csv.DictReader(io.StringIO(outcome.out))] == ["the best", "b=b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}", "--system", "none"], "no system 'none'; choose among 'base', 'better'"),
        (["{0}", "--format", "xml"], "no format 'xml'; choose among table, json, csv, markdown, latex"),
        (["{0}", "--format", "csv", "--changed", "1"], "--changed has no csv form"),
        (["{0}", "{0}"], "two systems are named 'base' with seed 1; name one otherwise by NAME=FILE"),
        (["{0}", "--qrels", "{0}"], "--qrels is for runs, and none is given"),
        (["{run}"], "no result file, and a run needs --qrels; give --qrels"),
        (
            ["{0}", "{other}", "--baseline", "base"],
            "; compare systems on one task; --different-data compares them all the same",
        ),
    ],
)
def test_wrong_use_names_options_and_exits_with_2(run, file, tmp_path, arguments, message):
    (tmp_path / "run").write_text("q1 Q0 d1 1 1.0 x\n")
    other = write(tmp_path / "other.json", ["other"], "de")
    outcome = run("compare", *(one.format(file, run=tmp_path / "run", other=other) for one in arguments))
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err
