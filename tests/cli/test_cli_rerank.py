"""`cslir search` and `cslir eval` with converted encoders and a cross-encoder."""

import json

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("sentence_transformers")

from static_models import WORDS
from transformer_models import tiny_cross_encoder, tiny_encoder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "qrels").mkdir()
    corpus = [json.dumps({"_id": f"d{i}", "text": word}) for i, word in enumerate(WORDS)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(corpus) + "\n")
    queries = [json.dumps({"_id": f"q{i}", "text": word}) for i, word in enumerate(WORDS[:3])]
    (tmp_path / "queries.jsonl").write_text("\n".join(queries) + "\n")
    (tmp_path / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t1\nq2\td2\t1\n"
    )
    tiny_encoder(tmp_path / "encoder")
    tiny_cross_encoder(tmp_path / "reranker")
    return tmp_path


def test_an_index_notes_the_precision_and_search_uses_it(run, folder):
    built = run("index", folder / "corpus.jsonl", "--model", folder / "encoder", "--precision", "onnx-float32",
                "--output", folder / "index")  # fmt: skip
    assert built.status == 0, built.err
    assert json.loads((folder / "index" / "index.json").read_text())["precision"] == "onnx-float32"
    plain = run("search", "sort file", "--index", folder / "index", "--json", "-k", 14)
    assert plain.status == 0, plain.err
    again = run("search", "sort file", "--index", folder / "index", "--json", "-k", 14,
                "--rerank", folder / "reranker", "--rerank-depth", 5, "--rerank-precision", "onnx-float32")  # fmt: skip
    assert again.status == 0, again.err
    before, after = ([json.loads(line) for line in one.out.splitlines()] for one in (plain, again))
    assert {one["doc_id"] for one in after[:5]} == {one["doc_id"] for one in before[:5]}
    assert [one["doc_id"] for one in after[5:]] == [one["doc_id"] for one in before[5:]]
    scores = [one["score"] for one in after]
    assert scores == sorted(scores, reverse=True)
    lines = run("search", "--queries", folder / "queries.jsonl", "--index", folder / "index", "-k", 2,
                "--rerank", folder / "reranker", "--rerank-depth", 5, "--rerank-precision", "onnx-float32")  # fmt: skip
    assert lines.status == 0, lines.err
    assert [line.split()[0] for line in lines.out.splitlines()] == ["q0", "q0", "q1", "q1", "q2", "q2"]


def test_evaluation_reranks_one_setting(run, folder):
    arguments = ["eval", folder, "--model", folder / "encoder", "--precision", "onnx-int8"]
    plain = run(*arguments, "--run-out", folder / "plain.run")
    assert plain.status == 0, plain.err
    again = run(
        *arguments, "--rerank", folder / "reranker", "--rerank-depth", 3, "--run-out", folder / "new.run"
    )
    assert again.status == 0, again.err
    first, lines = (
        [line.split() for line in (folder / name).read_text().splitlines()]
        for name in ("plain.run", "new.run")
    )
    for query in ("q0", "q1", "q2"):
        before, after = ([one[2] for one in run if one[0] == query] for run in (first, lines))
        assert set(before[:3]) == set(after[:3])
        # The others follow as they were.
        assert before[3:] == after[3:]
        assert len(after) == len(WORDS)
    assert "the first 3 are reranked" in again.err
    refused = run(*arguments, "--rerank", folder / "encoder")
    assert (refused.status, "a cross-encoder is needed" in refused.err) == (2, True)
