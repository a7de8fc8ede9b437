"""Converted models against PyTorch's answers."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("sentence_transformers")

from static_models import WORDS, tiny_table
from transformer_models import tiny_encoder

from cslir import InputError
from cslir.models import load_encoder
from cslir.models.bi_encoder import BiEncoder
from cslir.models.onnx_encoder import OnnxEncoder
from cslir.models.onnx_graph import quantise
from cslir.models.onnx_network import OnnxNetwork, converted_network
from cslir.models.static import StaticEncoder

TEXTS = ["sort file", "", "image", "print list mail music play", "Datei Bild", " ".join(WORDS * 4)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.mark.parametrize(("family", "pooling"), [("bert", "mean"), ("xlm-roberta", "mean"), ("bert", "cls")])
def test_float32_agrees_with_pytorch(tmp_path, family, pooling):
    folder = tiny_encoder(tmp_path / "model", family, pooling)
    reference = BiEncoder.open(folder)
    encoder = load_encoder(str(folder), "onnx-float32", threads=1)
    assert encoder.dimension == 16
    assert encoder.max_length == reference.max_length == 32
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), reference.encode_queries(TEXTS), atol=2e-6)
    passages = encoder.encode_passages(TEXTS)
    np.testing.assert_allclose(passages, reference.encode_passages(TEXTS), atol=2e-6)
    assert not np.allclose(passages, encoder.encode_queries(TEXTS), atol=1e-3)
    assert encoder.encode_queries([]).shape == (0, 16)
    value = TEXTS[:2]
    for _, stage in encoder.query_stages():
        value = stage(value)
    np.testing.assert_allclose(value, reference.encode_queries(TEXTS[:2]), atol=2e-6)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
def test_int8_is_near(tmp_path, family):
    folder = tiny_encoder(tmp_path / "model", family)
    exact = BiEncoder.open(folder).encode_passages(TEXTS)
    near = load_encoder(str(folder), "onnx-int8").encode_passages(TEXTS)
    assert (exact * near).sum(axis=1).min() > 0.99
    np.testing.assert_allclose(np.linalg.norm(near, axis=1), 1, atol=1e-5)


def test_quantised_columns_keep_their_range():
    matrix = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    matrix[:, 2] = 0
    quantised, scales = quantise(matrix)
    assert (quantised.dtype, scales.shape) == (np.uint8, (5,))
    back = (quantised.astype(np.float32) - 128) * scales
    assert np.all(np.abs(back - matrix) <= np.abs(matrix).max(axis=0) / 254 + 1e-6)
    assert not back[:, 2].any()


def test_a_model_is_converted_once_and_anew_when_it_changes(tmp_path, cache):
    folder = tiny_encoder(tmp_path / "model")
    first = converted_network(folder, "onnx-float32")
    assert first.parent == cache
    written = (first / "network.onnx").stat().st_mtime_ns
    assert converted_network(folder, "onnx-float32") == first
    assert (first / "network.onnx").stat().st_mtime_ns == written
    assert converted_network(folder, "onnx-int8") != first
    tiny_encoder(folder, pooling="cls")
    assert converted_network(folder, "onnx-float32") != first


def test_conversion_is_the_same_each_time(tmp_path, cache, monkeypatch):
    folder = tiny_encoder(tmp_path / "model")
    first = converted_network(folder, "onnx-int8")
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "other"))
    second = converted_network(folder, "onnx-int8")
    assert first != second
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_neither_conversion_nor_encoding_imports_pytorch(tmp_path):
    folder = tiny_encoder(tmp_path / "model")
    program = (
        "import sys; from cslir.models import load_encoder\n"
        f"load_encoder({str(folder)!r}, 'onnx-int8').encode_queries(['sort file'])\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("config.json", '"model_type": "bert"', '"model_type": "mpnet"', "is of type 'mpnet'"),
        ("config.json", '"hidden_act": "gelu"', '"hidden_act": "relu"', "hidden_act 'relu'"),
        ("modules.json", "Pooling", "Dense", "has the modules"),
        ("config.json", "{", "", r"config\.json: .*JSON"),
    ],
)
def test_models_of_other_kinds_are_refused(tmp_path, name, old, new, message):
    folder = tiny_encoder(tmp_path / "model")
    path = folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        converted_network(folder, "onnx-float32")


def test_damage_and_wrong_use_are_named(tmp_path):
    folder = tiny_encoder(tmp_path / "model")
    network = converted_network(folder, "onnx-float32")
    for name, content in (
        ("words.npy", b""),
        ("words.npy", np.zeros((3, 16), np.float32)),
        ("words.npy", np.zeros((100, 5), np.float32)),
        ("words.npy", np.zeros(100, np.float32)),
        ("words.npy", np.full((100, 16), "a")),
        ("positions.npy", np.zeros((1, 2, 16), np.float32)),
        ("positions.npy", np.zeros((32, 16), np.float32)),
        ("network.json", b"[" * 100_000),
        ("network.json", b'{"max_length": "long"}'),
        ("config_sentence_transformers.json", b'{"prompts": 3}'),
        ("tokenizer.json", b"{}"),
    ):
        path = network / name
        raw = path.read_bytes()
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.save(path, content)
        with pytest.raises(InputError, match=f"({name}|do not fit).*; remove its folder"):
            OnnxNetwork.open(network)
        path.write_bytes(raw)
    OnnxNetwork.open(network)
    with pytest.raises(InputError, match="`texts` is one text"):
        OnnxEncoder.open(folder, "onnx-float32").encode_queries("sort file")
    (network / "network.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="can't be opened"):
        OnnxEncoder.open(folder, "onnx-float32")
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(InputError, match="no weights"):
        converted_network(folder, "onnx-int8")
    with pytest.raises(InputError, match="no precision 'int4'"):
        load_encoder(str(folder), "int4")
    table = tiny_table()
    StaticEncoder(table.vectors, table.tokenizer).save(tmp_path / "static")
    with pytest.raises(InputError, match="no layers to convert"):
        load_encoder(str(tmp_path / "static"), "onnx-int8")
