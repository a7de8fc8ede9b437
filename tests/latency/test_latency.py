import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("sentence_transformers")

from static_models import WORDS, tiny_table
from transformer_models import tiny_cross_encoder, tiny_encoder

from cslir import InputError
from cslir.latency.collection import grow, load_collection
from cslir.latency.systems import NONE, Growth
from cslir.models.static import StaticEncoder


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "words"
    (folder / "qrels").mkdir(parents=True)
    passages = [
        {"_id": f"d{i}", "text": f"{word} {WORDS[(i + 1) % 12]}"} for i, word in enumerate(WORDS[:12])
    ]
    queries = [{"_id": f"q{i}", "text": word} for i, word in enumerate(WORDS[:12])]
    for name, records in (("corpus", passages), ("queries", queries)):
        lines = (json.dumps(record) for record in records)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    judged = "\n".join(f"q{i}\td{i}\t1" for i in range(12))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}\n")
    return folder


@pytest.fixture
def static_model(tmp_path):
    table = tiny_table()
    StaticEncoder(table.vectors, table.tokenizer).save(tmp_path / "static")
    return tmp_path / "static"


def test_systems_are_measured_and_described(run, dataset, static_model, tmp_path):
    encoder = tiny_encoder(tmp_path / "encoder")
    reranker = tiny_cross_encoder(tmp_path / "reranker")
    out = tmp_path / "out.json"
    outcome = run(
        "bench", "latency", dataset, "--model", static_model, "--model", encoder, "--precision", "onnx-float32",
        "--precision", "onnx-int8", "--rerank", reranker, "--rerank-precision", "onnx-float32",
        "--rerank-depth", 12, "--passages", 30, "--passages", 5, "--batch", 1, "--batch", 3, "--threads", 1,
        "--turns", 2, "--seconds", 0, "--cold-starts", 0, "--json", out,
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert "30 passages, batch 1, threads 1" in outcome.out
    content = json.loads(out.read_text())
    assert (content["format"], content["format_version"]) == ("cslir latency", 1)
    assert content["collection"] == {"name": "words test", "passages": 12, "queries": 12}
    assert content["configuration"]["seed"] == 1
    by_name = {system["name"]: system for system in content["systems"]}
    assert list(by_name) == [
        "static",
        "static, float16 vectors",
        "bi-encoder onnx-float32",
        "bi-encoder onnx-int8",
        "bi-encoder onnx-int8, float16 vectors",
        "bi-encoder onnx-int8 + cross-encoder onnx-float32",
    ]
    assert by_name["static"]["mrr_at_10"] > 0.5
    assert by_name["static"]["cold_start_ms"] is None
    for system in content["systems"]:
        cases = [(one["passages"], one["batch"], one["threads"]) for one in system["measurements"]]
        assert cases == [(12, 1, 1), (12, 3, 1), (30, 1, 1), (30, 3, 1)]
        stages = ["tokenise", "encode", "search", *(["rerank"] if system["kind"] == "reranked" else [])]
        for one in system["measurements"]:
            assert list(one["stages"]) == stages
            assert one["calls"] == 6
            assert 0 < one["total"]["p50_ms"] <= one["total"]["p95_ms"] <= one["total"]["p99_ms"]
            assert len(one["turn_medians_ms"]) == 2
            assert one["queries_per_second"] > 0


def test_cold_starts_and_peers(run, dataset, static_model, tmp_path):
    pytest.importorskip("bm25s")
    pytest.importorskip("faiss")
    out = tmp_path / "out.json"
    outcome = run(
        "bench", "latency", dataset, "--model", static_model, "--peers", "--passages", 20, "--batch", 1,
        "--threads", 1, "--turns", 1, "--seconds", 0, "--cold-starts", 1, "--vectors", "float32", "--json", out,
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    lexical, static, peer = json.loads(out.read_text())["systems"]
    assert [one["kind"] for one in (lexical, static, peer)] == ["bm25", "static", "static"]
    assert [one["library"] for one in (lexical, static, peer)] == [
        "bm25s", "cslir", "sentence-transformers + faiss",
    ]  # fmt: skip
    assert lexical["mrr_at_10"] > 0.5
    assert peer["mrr_at_10"] == pytest.approx(static["mrr_at_10"])
    assert lexical["cold_start_ms"] is None
    assert 0 < static["cold_start_ms"] < peer["cold_start_ms"]
    assert 0 < static["peak_memory_mb"] < peer["peak_memory_mb"]


def test_bm25_finds_nothing_for_unknown_words(dataset):
    pytest.importorskip("bm25s")
    from cslir.latency.peers import Bm25System

    collection = load_collection(str(dataset), split="test", pair="X-X")
    value = ["sort", "unheard"]
    for _, stage in Bm25System().stages(Growth(collection, 30, seed=1), 1):
        value = stage(value)
    scores, rows = value
    assert scores.shape == rows.shape == (2, 10)
    assert rows[0, 0] % 12 in (0, 11)
    assert (rows[1] == NONE).all()


def test_grown_collections_begin_with_the_real_one():
    vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    grown = grow(vectors, 1000, seed=1)
    assert (grown.shape, grown.dtype) == ((1000, 8), np.float32)
    np.testing.assert_array_equal(grown[:50], vectors)
    np.testing.assert_allclose(np.linalg.norm(grown, axis=1), 1, atol=1e-5)
    assert len(np.unique(grown, axis=0)) > 990
    np.testing.assert_array_equal(grow(vectors, 1000, seed=1), grown)
    nearness = (grown[50:] * vectors[np.arange(50, 1000) % 50]).sum(axis=1)
    assert np.median(nearness) > 0.7


def test_settings_of_a_parallel_dataset():
    pair = load_collection("debian-sample", split="dev", pair="de-en")
    assert {query.language for query in pair.queries} == {"de"}
    assert {passage.language for passage in pair.passages} == {"en"}
    mixed = load_collection("debian-sample", split="dev", pair="X-X", languages=["de", "fr", "ru"])
    assert {passage.language for passage in mixed.passages} == {"de", "fr", "ru"}
    assert {qrel.doc_id for qrel in mixed.qrels} <= {passage.doc_id for passage in mixed.passages}
    with pytest.raises(InputError, match="deutsch"):
        load_collection("debian-sample", split="dev", pair="deutsch")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "nowhere/at/all"], "nowhere/at/all"),
        (["--model", "{model}", "--vectors", "int4"], "no vectors of type 'int4'"),
        (["--model", "{model}", "--rerank", "{model}"], "a cross-encoder is needed"),
        (["--model", "{model}", "--split", "train"], "train"),
    ],
)
def test_wrong_use_ends_with_the_remedy(run, dataset, static_model, options, message):
    options = [option.format(model=static_model) for option in options]
    outcome = run("bench", "latency", dataset, *options)
    assert outcome.status == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
