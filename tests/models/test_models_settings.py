"""Prompts and similarity, read from a model's folder and used by every encoder."""

import json

import numpy as np
import pytest
from static_models import WORDS

from cslir import InputError
from cslir.models.settings import EncoderSettings

TEXTS = ["sort file", "", "image", "print list mail music play", "Datei Bild", " ".join(WORDS)]


def write(folder, **configuration):
    (folder / "config_sentence_transformers.json").write_text(json.dumps(configuration))


@pytest.mark.parametrize(
    ("prompts", "default", "expected"),
    [
        ({"query": "q: ", "document": "d: ", "passage": "p: ", "corpus": "c: "}, None, ("q: ", "d: ")),
        ({"query": "q: ", "passage": "p: ", "corpus": "c: "}, None, ("q: ", "p: ")),
        ({"corpus": "c: "}, None, ("", "c: ")),
        ({"query": "q: ", "document": "", "passage": "p: "}, None, ("q: ", "p: ")),
        ({"query": None, "document": None}, None, ("", "")),
        ({"query": "q: "}, "query", ("q: ", "")),
        ({"any": "a: "}, "any", ("a: ", "a: ")),
        ({"any": "a: "}, None, ("", "")),
        ({"query": "", "document": "", "any": "a: "}, "any", ("", "")),
    ],
)
def test_prompts_are_those_of_sentence_transformers(tmp_path, prompts, default, expected):
    write(tmp_path, prompts=prompts, default_prompt_name=default)
    settings = EncoderSettings.read(tmp_path)
    assert (settings.query_prompt, settings.passage_prompt) == expected
    write(tmp_path, **settings.to_json())
    assert EncoderSettings.read(tmp_path) == settings


def test_a_folder_that_says_nothing_has_no_prompts(tmp_path):
    assert EncoderSettings.read(tmp_path) == EncoderSettings("", "", "cosine", None)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"similarity_fn_name": "euclidean"}, "is 'euclidean', which is no inner product; exact search"),
        ({"similarity_fn_name": "manhattan"}, "is 'manhattan', which is no inner product; exact search"),
        ({"similarity_fn_name": 3}, "similarity_fn_name: is of the wrong type"),
        ({"prompts": []}, "prompts: is of the wrong type"),
        ({"prompts": {"query": 3}}, "prompts.query: is of the wrong type"),
        ({"default_prompt_name": "any"}, "the default prompt 'any' is not among the prompts"),
        ({"truncate_dim": 0}, "truncate_dim: is 0"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused(tmp_path, configuration, message):
    write(tmp_path, **configuration)
    with pytest.raises(InputError, match=message) as error:
        EncoderSettings.read(tmp_path)
    assert "config_sentence_transformers.json" in str(error.value)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    pytest.importorskip("sentence_transformers")
    from transformer_models import tiny_encoder

    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    return tiny_encoder(tmp_path / "model")


@pytest.mark.parametrize("precision", ["float32", "onnx-float32"])
@pytest.mark.parametrize(
    ("similarity", "dimension"), [("cosine", None), ("dot", None), ("cosine", 5), ("dot", 5)]
)
def test_encoders_agree_with_sentence_transformers(folder, precision, similarity, dimension):
    pytest.importorskip("onnxruntime")
    from sentence_transformers import SentenceTransformer

    from cslir.models import load_encoder

    settings = EncoderSettings("sort ", "print ", similarity, dimension)
    write(folder, **settings.to_json())
    encoder = load_encoder(str(folder), precision)
    reference = SentenceTransformer(str(folder), device="cpu")
    options = {"normalize_embeddings": similarity == "cosine"}
    queries = reference.encode_query(TEXTS, **options)
    assert encoder.dimension == queries.shape[1] == (dimension or 16)
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), queries, atol=1e-5)
    passages = reference.encode_document(TEXTS, **options)
    np.testing.assert_allclose(encoder.encode_passages(TEXTS), passages, atol=1e-5)
    assert (np.abs(np.linalg.norm(passages, axis=1) - 1).max() < 1e-5) == (similarity == "cosine")
    value = TEXTS
    for _, stage in encoder.query_stages():
        value = stage(value)
    np.testing.assert_allclose(value, queries, atol=1e-5)


def test_a_model_with_a_layer_that_normalises_does_so_with_the_dot_product_too(folder):
    pytest.importorskip("onnxruntime")
    from cslir.models import load_encoder

    modules = json.loads((folder / "modules.json").read_text())
    modules.append(
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
    )
    (folder / "2_Normalize").mkdir()
    (folder / "modules.json").write_text(json.dumps(modules))
    write(folder, **EncoderSettings(similarity="dot").to_json())
    exact = load_encoder(str(folder)).encode_passages(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(exact, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        load_encoder(str(folder), "onnx-float32").encode_passages(TEXTS), exact, atol=1e-5
    )


def test_a_prompt_that_pooling_leaves_out_is_left_out(folder):
    from sentence_transformers import SentenceTransformer

    from cslir.models import load_encoder

    path = folder / "1_Pooling" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"include_prompt": False}))
    write(folder, **EncoderSettings("sort ", "print ").to_json())
    expected = SentenceTransformer(str(folder), device="cpu").encode_query(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(load_encoder(str(folder)).encode_queries(TEXTS), expected, atol=1e-5)
    with pytest.raises(InputError, match="leaves the prompt out"):
        load_encoder(str(folder), "onnx-float32")


@pytest.mark.parametrize("precision", ["float32", "onnx-float32"])
def test_search_and_evaluation_rank_by_the_dot_product(run, folder, tmp_path, precision):
    pytest.importorskip("onnxruntime")
    from sentence_transformers import SentenceTransformer

    write(folder, **EncoderSettings(similarity="dot").to_json())
    (tmp_path / "data" / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", WORDS), ("queries", WORDS[:3])):
        lines = [json.dumps({"_id": text, "text": text}) for text in texts]
        (tmp_path / "data" / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    qrels = ["query-id\tcorpus-id\tscore", *(f"{text}\t{text}\t1" for text in WORDS[:3])]
    (tmp_path / "data" / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n")
    model = SentenceTransformer(str(folder), device="cpu")
    scores = model.encode_query(WORDS[:3]) @ model.encode_document(WORDS).T
    expected = [[WORDS[row] for row in np.argsort(-its)] for its in scores]
    chosen = ["--model", folder, "--precision", precision]
    found = run("eval", tmp_path / "data", *chosen, "--run-out", tmp_path / "eval.run")
    assert found.status == 0, found.err
    made = run("index", tmp_path / "data" / "corpus.jsonl", *chosen, "--output", tmp_path / "index")
    assert made.status == 0, made.err
    found = run("search", "--index", tmp_path / "index", "--queries", tmp_path / "data" / "queries.jsonl",
                "-k", len(WORDS), "--run-out", tmp_path / "search.run")  # fmt: skip
    assert found.status == 0, found.err
    for name in ("eval.run", "search.run"):
        lines = [line.split() for line in (tmp_path / name).read_text().splitlines()]
        assert [[line[2] for line in lines if line[0] == query] for query in WORDS[:3]] == expected
    refused = run("eval", tmp_path / "data", *chosen, "--remove-means")
    assert (refused.status, "similarity is the dot product" in refused.err) == (2, True)
