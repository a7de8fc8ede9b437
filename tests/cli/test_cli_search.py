"""`cslir search` with a static encoder made by hand."""

import json
import os
import subprocess
import sys

import pytest
from static_models import tiny_table

from cslir.models import resolve
from cslir.models.static import StaticEncoder

PASSAGES = [
    {"_id": "d1", "text": "sort file list", "language": "en"},
    {"_id": "d2", "text": "Datei sortieren", "title": "Über Füchse 日本", "language": "de"},
    {"_id": "d3", "text": "play music", "language": "en"},
]


@pytest.fixture
def index(tmp_path, run):
    table = tiny_table()
    encoder = StaticEncoder(table.vectors, table.tokenizer, languages=("en", "de"))
    encoder.save(tmp_path / "model")
    lines = "".join(f"{json.dumps(one)}\n" for one in PASSAGES)
    (tmp_path / "corpus.jsonl").write_text(lines)
    made = run(
        "index", tmp_path / "corpus.jsonl", "--model", tmp_path / "model", "--output", tmp_path / "index"
    )
    assert made.status == 0, made.err
    return tmp_path / "index"


def test_ids_that_a_run_can_not_hold_are_found_before_encoding(run, index, tmp_path, monkeypatch):
    queries = tmp_path / "queries.tsv"
    queries.write_text("q1\tsort file\nq 2\tplay music\n")
    monkeypatch.setattr(StaticEncoder, "encode_queries", lambda *_: pytest.fail("encoded"))
    outcome = run("search", "--queries", queries, "--index", index)
    assert outcome.status == 2
    assert "queries.tsv: the id 'q 2' holds white space" in outcome.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_stdout_of_any_encoding_takes_every_passage(index, encoding, options):
    command = ["search", "Datei sortieren", "--index", str(index), *options]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[1:] = {command}; from cslir.cli import main; main()"],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert len(lines) == (3 if options else 6)
    if options:
        shown = {one["doc_id"]: one["title"] for one in map(json.loads, lines)}
        assert shown == {"d1": "", "d2": "Über Füchse 日本", "d3": ""}


def test_an_index_that_names_a_model_elsewhere_does_not_fetch_it(run, index, monkeypatch):
    description = json.loads((index / "index.json").read_text())
    (index / "index.json").write_text(json.dumps(description | {"encoder": "someone/model"}))
    asked = []
    monkeypatch.setattr(
        resolve,
        "_from_hub",
        lambda name, fetch: asked.append((name, fetch)) or index.parent / "model",
    )
    run("search", "sort", "--index", index)
    run("search", "sort", "--index", index, "--fetch-model")
    assert asked == [("someone/model", False), ("someone/model", True)]


def test_passages_are_added_to_an_index_with_its_own_model(run, index, tmp_path):
    (tmp_path / "more.jsonl").write_text('{"_id": "d4", "text": "print image"}\n')
    outcome = run("index", tmp_path / "more.jsonl", "--append", "--output", index)
    assert outcome.status == 0, outcome.err
    assert "4 passages" in outcome.err
    assert (
        json.loads(run("search", "print an image", "--index", index, "-k", 1, "--json").out)["doc_id"] == "d4"
    )
    again = run("index", tmp_path / "more.jsonl", "--append", "--output", index)
    assert again.status == 2
    assert "there is a row with the id" in again.err
    wrong = run(
        "index", tmp_path / "more.jsonl", "--append", "--model", tmp_path / "model", "--output", index
    )
    assert (wrong.status, "leave --model out" in wrong.err) == (2, True)
    wrong = run("index", tmp_path / "more.jsonl", "--output", index)
    assert (wrong.status, "--model is missing" in wrong.err) == (2, True)
