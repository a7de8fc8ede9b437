"""`cslir compare` on small result files and runs."""

import csv
import io
import json

import numpy as np
import pytest
from rich.cells import cell_len

from cslir.evaluation.comparison import compare
from cslir.evaluation.metrics import Judged
from cslir.evaluation.results import Result, SettingScores, SystemResult, read_results, write_results

QUERIES = tuple(f"q{number}" for number in range(30))
TEXTS = ["بحث بلا حدود في لغات كثيرة", "検索エンジンの評価方法について説明する", "свободная программа"]
GROUPS = {"en-en": "MoIR", "en-de": "CLIR en-x", "X-X": "MLIR X-X"}


@pytest.fixture
def dataset(tmp_path):
    """A parallel dataset, the texts of which are Arabic, Japanese and Russian."""
    for language in ("en", "de"):
        folder = tmp_path / "mine" / language
        (folder / "qrels").mkdir(parents=True)
        for name in ("corpus", "queries"):
            lines = [
                json.dumps({"_id": one, "text": f"{language} {name} {TEXTS[number % 3] * 9}"})
                for number, one in enumerate(QUERIES)
            ]
            (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        rows = "".join(f"{one}\t{one}\t1\n" for one in QUERIES)
        (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}", encoding="utf-8")
    return tmp_path / "mine"


def system(name, baseline="", seed=1, shift=0.0):
    draw = np.random.default_rng([seed, *name.encode()])
    return SystemResult(
        name, baseline, seed,
        {
            key: SettingScores(
                group,
                Judged(
                    QUERIES,
                    {
                        "RR@10": 1 / np.clip(np.round(draw.integers(1, 10, 30) - 5 * shift), 1, 10),
                        "R@100": np.ones(30),
                    },
                    (),
                ),
                top={one: (one, "q1", "q2") for one in QUERIES},
            )
            for key, group in GROUPS.items()
        },
    )  # fmt: skip


@pytest.fixture
def results(dataset, tmp_path):
    """Two result files: seeds 1 and 2 of two systems."""
    paths = []
    for seed in (1, 2):
        systems = [system("base", seed=seed), system("better", "base", seed, 1.0)]
        paths.append(tmp_path / f"seed-{seed}.json")
        write_results(paths[-1], Result(str(dataset), "test", systems, ("en", "de")))
    return paths


def test_tables_say_what_their_marks_mean(run, results):
    outcome = run("compare", *results)
    assert outcome.status == 0, outcome.err
    for words in (
        "RR@10, percent",
        "MoIR",
        "en-x",
        "better",
        "95% interval",
        "win/tie/loss",
        "±",
        "Holm's correction",
    ):
        assert words in outcome.out
    assert "+2" in outcome.out
    assert outcome.err == ""


def test_json_holds_what_the_library_returns(run, results):
    outcome = run("compare", *results, "--format", "json", "--by", "setting", "--changed", "2")
    assert outcome.status == 0, outcome.err
    content = json.loads(outcome.out)
    assert content["format"] == "cslir comparison"
    systems = [one for path in results for one in read_results(path).systems]
    expected = compare(systems, measure="RR@10", by="setting")
    assert [one["adjusted_p"] for one in content["compared"]] == [one.adjusted_p for one in expected]
    assert [one["system"] for one in content["scores"]] == ["base"] * 3 + ["better"] * 3
    gained = content["changed"][0]
    assert gained["difference"] > 0
    assert gained["query"].startswith(("en queries", "de queries"))
    assert gained["relevant"] == [gained["query_id"]]
    assert gained["passages"][gained["query_id"]].partition(" ")[2].startswith("corpus")


@pytest.mark.parametrize("name", ["csv", "markdown", "latex", "table", "json"])
def test_every_format_goes_to_a_file_whole(run, results, tmp_path, name):
    path = tmp_path / "new" / "comparison"
    outcome = run(
        "compare", *results, "--format", name, "--output", path, "--measure", "R@100", "--measure", "RR@10"
    )
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert "RR@10" in text
    assert "R@100" in text
    assert "\x1b" not in text
    if name == "csv":
        assert len(list(csv.DictReader(io.StringIO(text)))) == 2 * 2 * 3
    if name == "table":
        assert max(cell_len(line) for line in text.splitlines()) <= 80


def test_changed_queries_keep_to_the_width_in_every_script(run, results, tmp_path):
    path = tmp_path / "comparison.txt"
    assert run("compare", *results, "--changed", "5", "--output", path).status == 0
    text = path.read_text(encoding="utf-8")
    assert "better / base" in text
    assert "検索" in text
    assert "بحث" in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "  *" in text
    assert "…" in text


def test_texts_are_left_out_where_the_data_is_gone(run, results, dataset):
    dataset.rename(dataset.with_name("moved"))
    outcome = run("compare", *results, "--changed", "1")
    assert outcome.status == 0
    assert "ids are shown without their texts" in outcome.err
    assert "better / base" in outcome.out


def test_runs_are_judged_by_qrels_and_named_by_their_files(run, tmp_path):
    (tmp_path / "qrels").write_text("".join(f"{one} 0 d1 1\n" for one in QUERIES), encoding="utf-8")
    for name, rank in (("good", 1), ("poor", 2)):
        lines = [
            f"{query} Q0 {'d1' if place == rank else f'd{place + 1}'} {place} {9 - place} x\n"
            for query in QUERIES[: 30 if name == "good" else 20]
            for place in (1, 2)
        ]
        (tmp_path / f"{name}.run").write_text("".join(lines), encoding="utf-8")
    arguments = [
        "compare",
        tmp_path / "poor.run",
        f"the best={tmp_path / 'good.run'}",
        "--qrels",
        tmp_path / "qrels",
    ]
    outcome = run(*arguments, "--format", "csv", "--test", "wilcoxon")
    assert outcome.status == 0, outcome.err
    base, best = csv.DictReader(io.StringIO(outcome.out))
    assert (base["system"], best["system"], best["place"], best["measure"]) == (
        "poor",
        "the best",
        "all",
        "RR@10",
    )
    # Ten queries have no passage and count as zero, twenty have the relevant one second.
    assert float(base["mean"]) == pytest.approx(1 / 3)
    assert (float(best["mean"]), best["wins"]) == (1, "30")
    shown = run(*arguments, "--changed", "1", "--measure", "AP")
    assert shown.status == 0, shown.err
    assert "the best: AP 1.000" in shown.out


def test_systems_and_settings_are_chosen_by_name(run, results):
    outcome = run("compare", results[0], "--system", "better", "--baseline", "base", "--setting", "MoIR",
                  "--setting", "en-de", "--by", "setting", "--format", "csv")  # fmt: skip
    assert outcome.status == 0, outcome.err
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert {row["place"] for row in rows} == {"en-en", "en-de"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}", "--system", "none"], "no system 'none'; choose among 'base', 'better'"),
        (["{0}", "--system", "base"], "only one system, 'base'"),
        (["{0}", "--baseline", "none"], "no system 'none'"),
        (["{0}", "--measure", "AP"], "not all systems have AP; all have: RR@10, R@100"),
        (["{0}", "--setting", "de-de"], "no setting or group 'de-de'; choose among MoIR, en-en"),
        (["{0}", "--test", "z"], "no test 'z'"),
        (["{0}", "--correction", "z"], "no correction 'z'"),
        (["{0}", "--by", "language"], "can't compare by 'language'"),
        (["{0}", "--format", "xml"], "no format 'xml'; choose among table, json, csv, markdown, latex"),
        (["{0}", "--format", "csv", "--changed", "1"], "--changed has no csv form"),
        (["{0}", "{0}"], "two systems are named 'base' with seed 1; name one otherwise: NAME=FILE"),
        (["x={0}"], "has several systems, which 'x' can't name all"),
        (["{0}", "--qrels", "{0}"], "--qrels is for runs, and none is given"),
        (["{run}"], "no result file, and a run needs --qrels"),
        (["{empty}"], "is empty"),
        (["{missing}"], "no such file"),
        (["{folder}"], "is a folder"),
        (["{truncated}"], "not JSON"),
        (["{other}"], "not a result file"),
    ],
)
def test_wrong_use_is_named_and_exits_with_2(run, results, tmp_path, arguments, message):
    whole = results[0].read_bytes()
    for name, content in (
        ("run", b"q1 Q0 d1 1 1.0 x\n"),
        ("empty", b""),
        ("truncated", whole[:-99]),
        ("other", b"{}"),
    ):
        (tmp_path / name).write_bytes(content)
    places = {name: tmp_path / name for name in ("run", "empty", "truncated", "other", "missing")}
    given = [one.format(results[0], folder=tmp_path, **places) for one in arguments]
    outcome = run("compare", *given)
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.out == ""
