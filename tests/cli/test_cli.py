import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from cslir.cli import app


def all_commands(command, words=()):
    """Yield the words of every command and group, and what click knows of it."""
    yield words, command
    for name, one in getattr(command, "commands", {}).items():
        yield from all_commands(one, (*words, name))


COMMANDS = dict(all_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "cslir")
def test_help_in_80_columns_cuts_nothing(run, words):
    outcome = run(*words, "--help", columns=80)
    assert (outcome.status, outcome.err) == (0, "")
    assert "Usage:" in outcome.out
    assert max(len(line) for line in outcome.out.splitlines() if not line.startswith("Usage:")) <= 80
    assert not re.search(r"[a-z:,]\.\.\.|…", outcome.out)
    printed = set(re.split(r"[\s,/]+", outcome.out))
    command = COMMANDS[words]
    names = {
        name
        for one in command.params
        if one.param_type_name == "option"
        for name in one.opts
        if not getattr(one, "hidden", False)
    }
    assert names | set(getattr(command, "commands", {})) <= printed


def test_a_group_without_a_command_prints_its_help(run):
    assert re.search(r"Usage: \S*cslir \[OPTIONS\] COMMAND", run().err)


def test_version(run):
    assert run("--version").out.startswith("cslir 0.")


@pytest.fixture
def beir(tmp_path):
    """A BEIR folder of three passages and two queries."""
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    passages = {
        "d1": "a library for reading files",
        "d2": "ein Spiel mit Karten",
        "d3": "свободная программа",
    }
    (folder / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": key, "title": "", "text": text}) + "\n" for key, text in passages.items())
    )
    (folder / "queries.jsonl").write_text(
        '{"_id": "q1", "text": "file library"}\n{"_id": "q2", "text": "card game"}\n'
    )
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
    return folder


@pytest.fixture
def lexicon(tmp_path):
    path = tmp_path / "en-de.tsv"
    path.write_text("library\tBibliothek\t1.0\nfile\tDatei\t1.0\nfree\tfrei\t1.0\n", encoding="utf-8")
    return path


def test_switch_changes_words_and_nothing_else(run, tmp_path, lexicon):
    source, destination = tmp_path / "queries.tsv", tmp_path / "switched.tsv"
    source.write_text("1\tA  FREE library;  (file)\n2\t\n3\tпривет, 世界\n", encoding="utf-8")
    outcome = run(
        "switch",
        source,
        destination,
        "--lexicon",
        f"en-de={lexicon}",
        "--arm",
        "bl-cs",
        "--translation-prob",
        1,
    )
    assert outcome.status == 0, outcome.err
    assert (
        destination.read_text(encoding="utf-8") == "1\tA  FREI Bibliothek;  (Datei)\n2\t\n3\tпривет, 世界\n"
    )
    assert "3 records" in outcome.err
    assert "3 switched" in outcome.err


def test_switch_says_that_a_lexicon_switches_nothing(run, tmp_path):
    words = ["".join(letters) for letters in itertools.product("abcde", repeat=3)]
    (tmp_path / "queries.tsv").write_text(f"q1\t{' '.join(words)}\n")
    (tmp_path / "de-en.tsv").write_text("".join(f"{word}lich\t{word}\n" for word in words))
    (tmp_path / "en-de.tsv").write_text("other\tandere\n")
    for name, reason in (("de-en", "; turn it round with `cslir lexicons invert"), ("en-de", "; check that")):
        output = tmp_path / "out.tsv"
        options = ("--lexicon", f"en-de={tmp_path / name}.tsv", "--translation-prob", 1)
        outcome = run("switch", tmp_path / "queries.tsv", output, *options)
        assert outcome.status == 0, outcome.err
        assert "warning: the lexicon en-de switches 0 of 125 words chosen (0.0%)" in outcome.err
        assert reason in outcome.err
        output.unlink()


def test_switch_of_jsonl_keeps_the_other_fields(run, tmp_path, lexicon):
    source, destination = tmp_path / "corpus.jsonl", tmp_path / "switched.jsonl.gz"
    source.write_text('{"_id": "1", "title": "Free file", "text": "a library", "url": "free"}\n')
    arguments = ["switch", source, destination, "--lexicon", f"en-de={lexicon}", "--translation-prob", "1"]
    assert run(*arguments).status == 0
    import gzip

    record = json.loads(gzip.decompress(destination.read_bytes()))
    assert record == {"_id": "1", "title": "Frei Datei", "text": "a Bibliothek", "url": "free"}


def test_eval_of_a_run_on_a_beir_folder(run, tmp_path, beir):
    run_file, json_file = tmp_path / "x.run", tmp_path / "x.json"
    run_file.write_text("q1 Q0 d2 1 2 t\nq1 Q0 d1 2 1 t\n")
    outcome = run("eval", beir, "--run", run_file, "--json", json_file, "--measure", "RR@10")
    assert outcome.status == 0, outcome.err
    assert "0.2500" in outcome.out
    assert "1 have no retrieved passage" in outcome.out
    (system,) = json.loads(json_file.read_text())["systems"]
    assert system["settings"]["all"]["per_query"]["RR@10"] == {"q1": 0.5, "q2": 0.0}


def test_describe_the_embedded_collection(run):
    outcome = run("datasets", "describe")
    assert outcome.status == 0, outcome.err
    assert "1,000" in outcome.out


BAD_CALLS = {
    "unknown command": (["fly"], "No such command"),
    "unknown option": (["search", "--fast"], "No such option"),
    "no query": (["search"], "one query or --queries"),
    "empty query": (["search", " "], "the query is empty"),
    "not UTF-8": (["search", "stra\udcdfe"], "the query is not UTF-8"),
    "no index": (["search", "x", "--index", "{tmp}/absent"], "no index here"),
    "k of zero": (["search", "x", "-k", "0"], "Invalid value for '-k'"),
    "missing input": (["switch", "{tmp}/absent.tsv", "{tmp}/out.tsv"], "absent.tsv: no such file"),
    "unknown layout": (["switch", "{tmp}/a.doc", "{tmp}/out.tsv"], "neither .tsv nor .jsonl"),
    "empty input": (["switch", "{tmp}/empty.tsv", "{tmp}/out.tsv"], "holds no record"),
    "same file": (["switch", "{tmp}/good.tsv", "{tmp}/good.tsv"], "the same file"),
    "record without id": (["switch", "{tmp}/noid.jsonl", "{tmp}/out.jsonl"], 'noid.jsonl:1: no "_id"'),
    "no tab": (["switch", "{tmp}/notab.tsv", "{tmp}/out.tsv"], "notab.tsv:2: no tab"),
    "probability": (
        ["switch", "{tmp}/good.tsv", "{tmp}/out.tsv", "--translation-prob", "2"],
        "Invalid value for '--translation-prob'",
    ),
    "bad pair": (["switch", "{tmp}/good.tsv", "{tmp}/o.tsv", "--lexicon", "deutsch"], "not a language pair"),
    "pair without lexicon": (
        ["switch", "{tmp}/good.tsv", "{tmp}/o.tsv", "--lexicon", "en-tlh"],
        "no lexicon en-tlh is embedded",
    ),
    "no embedded lexicon": (["switch", "{tmp}/good.tsv", "{tmp}/o.tsv", "--lexicon", "en-ja"], "en-ja"),
    "pair twice": (
        ["switch", "{tmp}/good.tsv", "{tmp}/o.tsv", "--lexicon", "en-de", "--lexicon", "en-de"],
        "given twice",
    ),
    "lexicon line": (
        ["switch", "{tmp}/good.tsv", "{tmp}/o.tsv", "--lexicon", "en-de={tmp}/bad.tsv", "--strict"],
        "bad.tsv:2:",
    ),
    "bl-cs with many": (
        ["switch", "{tmp}/good.tsv", "{tmp}/o.tsv", "--arm", "bl-cs"],
        "bl-cs needs one lexicon, not 4",
    ),
    "no dataset": (["eval", "{tmp}/absent", "--run", "r"], "no such folder"),
    "not a dataset": (["eval", "{tmp}", "--run", "r"], "not a dataset"),
    "neither model nor run": (["eval", "{tmp}/beir"], "either --model or --run"),
    "run missing": (["eval", "{tmp}/beir", "--run", "{tmp}/absent.run"], "absent.run: no such file"),
    "split missing": (["eval", "{tmp}/beir", "--split", "dev", "--run", "{tmp}/good.run"], "qrels/dev.tsv"),
    "unknown measure": (
        ["eval", "{tmp}/beir", "--run", "{tmp}/good.run", "--measure", "accuracy"],
        "unknown measure",
    ),
    "index of nothing": (
        ["index", "{tmp}/absent", "--model", "{tmp}", "--output", "{tmp}/i"],
        "not a model folder",
    ),
    "train of nothing": (["train", "{tmp}/absent", "--output", "{tmp}/m"], "no such folder"),
    "train without train": (["train", "{tmp}/beir", "--output", "{tmp}/m"], "qrels/train.tsv"),
    "output of something else": (
        ["train", "{tmp}/beir", "--split", "test", "--output", "{tmp}/beir"],
        "not part of an output of cslir",
    ),
    "output is a file": (
        ["train", "{tmp}/beir", "--split", "test", "--output", "{tmp}/good.tsv"],
        "is a file",
    ),
    "align": (["train", "{tmp}/beir", "--output", "{tmp}/m", "--align", "word"], "no alignment loss"),
    "no lists": (["datasets", "build", "debian", "--lists", "{tmp}/absent", "--output", "{tmp}/d"], "absent"),
    "no packages": (["lexicons", "build", "--packages", "{tmp}/absent", "--output", "{tmp}/l"], "absent"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_wrong_use_exits_with_2_and_says_why(run, tmp_path, beir, name):
    (tmp_path / "a.doc").write_text("1\tx\n")
    (tmp_path / "empty.tsv").write_text("")
    (tmp_path / "good.tsv").write_text("1\tfree library\n")
    (tmp_path / "noid.jsonl").write_text('{"text": "x"}\n')
    (tmp_path / "notab.tsv").write_text("1\tx\n2 y\n")
    (tmp_path / "bad.tsv").write_text("library\tBibliothek\nfile\n")
    (tmp_path / "good.run").write_text("q1 Q0 d1 1 1 t\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    arguments, problem = BAD_CALLS[name]
    outcome = run(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert outcome.status == 2, outcome.err
    assert problem in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_qrels_of_another_collection(run, tmp_path, beir):
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq8\td1\t1\nq9\td2\t1\n")
    outcome = run("train", beir, "--split", "test", "--output", tmp_path / "m", "--arm", "zero-shot")
    assert outcome.status == 2
    assert "test.tsv: no query that is judged is in" in outcome.err


def test_interrupt_leaves_no_half_output(tmp_path):
    source = tmp_path / "collection.tsv"
    with source.open("w") as file:
        file.writelines(
            f"{row}\tthe free library reads every file of passage {row}\n" for row in range(400_000)
        )
    # A process started in the background of a shell ignores SIGINT, and so would its children.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listen}; from cslir.cli import main; main()"]
    process = subprocess.Popen(
        [*command, "switch", source, tmp_path / "out.tsv"], stderr=subprocess.PIPE, text=True
    )
    # The unfinished output tells that writing has begun.
    while process.poll() is None and not (tmp_path / "out.tsv.part").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert messages.splitlines()[-1] == "cslir: interrupted"
    # What was done stays for the next run, unless nothing was.
    left = {path.name for path in tmp_path.iterdir()} - {"out.tsv.part", "out.tsv.part.json"}
    assert left == {"collection.tsv"}


def test_a_reader_that_has_enough_is_no_failure():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from cslir.cli import main; main()", "lexicons", "coverage", "en-de"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_commands_that_do_not_train_do_not_import_torch():
    code = (
        "import sys, cslir.cli, cslir.search, cslir.switching, cslir.streaming, cslir.lexicons, cslir.models,"
        " cslir.models.static, cslir.evaluation.evaluate, cslir.datasets.collections\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_a_base_install_says_which_extra_trains(run, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("cslir.training")]:
        monkeypatch.delitem(sys.modules, name)
    outcome = run("train", "debian-sample", "--output", tmp_path / "model")
    assert outcome.status == 2
    assert "pip install 'cslir[train]'" in outcome.err


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("電子メール", 10, "電子メール"),
        ("電子メール", 9, "電子メー…"),
        ("電子メール", 8, "電子メ…"),
        ("", 3, ""),
    ],
)
def test_wide_characters_take_two_columns(text, width, expected):
    from cslir.cli.search import cut

    assert cut(text, width) == expected


def test_package_holds_no_pickle():
    package = Path(__file__).parents[2] / "python" / "cslir"
    assert not [path for path in package.rglob("*.py") if "import pickle" in path.read_text(encoding="utf-8")]
