import json
import os
import socket

import pytest

from cslir import InputError
from cslir.errors import DamagedFileError
from cslir.models.folders import BASES, CROSS_ENCODERS, ENCODERS, ModelKind, model_kind, require_kind

POOLED = ["Transformer", "Pooling"]
CLASSIFIER = {"architectures": ["BertForSequenceClassification"]}


def write_modules(folder, kinds, model_type=None):
    modules = [{"idx": i, "path": f"{i}_{kind}", "type": f"some.{kind}"} for i, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    if model_type is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps({"model_type": model_type}))


@pytest.mark.parametrize(
    ("modules", "model_type", "configuration", "kind"),
    [
        (None, None, {"architectures": ["BertModel"]}, ModelKind.TRANSFORMERS),
        (None, None, {}, ModelKind.TRANSFORMERS),
        (None, None, CLASSIFIER, ModelKind.CROSS_ENCODER),
        (POOLED, None, {"architectures": ["BertModel"]}, ModelKind.SENTENCE_TRANSFORMERS),
        (POOLED, "SentenceTransformer", CLASSIFIER, ModelKind.SENTENCE_TRANSFORMERS),
        (["Transformer"], None, CLASSIFIER, ModelKind.CROSS_ENCODER),
        (["Transformer", "LogitScore"], "CrossEncoder", {}, ModelKind.CROSS_ENCODER),
        (["StaticEmbedding"], None, None, ModelKind.STATIC),
        (["StaticEmbedding", "Normalize"], "SentenceTransformer", None, ModelKind.STATIC),
        (["StaticEmbedding", "Dense"], None, None, ModelKind.SENTENCE_TRANSFORMERS),
    ],
)
def test_kind_is_told_by_the_files(tmp_path, modules, model_type, configuration, kind):
    if modules is not None:
        write_modules(tmp_path, modules, model_type)
    if configuration is not None:
        (tmp_path / "config.json").write_text(json.dumps(configuration))
    assert model_kind(tmp_path) is kind
    for kinds in (BASES, ENCODERS, CROSS_ENCODERS):
        if kind in kinds:
            assert require_kind(tmp_path, kinds) is kind
        else:
            with pytest.raises(InputError, match=f"holds a {kind}, .* is needed; name"):
                require_kind(tmp_path, kinds)


def test_our_static_encoder_is_told_by_its_configuration(tmp_path):
    (tmp_path / "static_encoder.json").write_text("{}")
    assert model_kind(tmp_path) is ModelKind.STATIC


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a model folder"):
        model_kind(tmp_path)
    with pytest.raises(InputError, match="no such model folder"):
        model_kind(tmp_path / "absent")
    write_modules(tmp_path, ["Transformer", "SpladePooling"], "SparseEncoder")
    with pytest.raises(InputError, match="holds a SparseEncoder"):
        model_kind(tmp_path)


@pytest.mark.parametrize(
    "content", ["{}", "[]", "[1]", '[{"path": ""}]', '[{"path": "../x", "type": "Pooling"}]', "[" * 100_000]
)
def test_damaged_modules_are_named(tmp_path, content):
    (tmp_path / "modules.json").write_text(content)
    with pytest.raises(InputError, match=r"modules\.json: "):
        model_kind(tmp_path)


def bind_socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)


@pytest.mark.parametrize("name", ["model.safetensors", "modules.json", "1_Pooling/config.json"])
@pytest.mark.parametrize(
    "place",
    [
        os.mkfifo,
        bind_socket,
        lambda path: path.symlink_to("nothing"),
        lambda path: path.symlink_to(path.name),
    ],
    ids=["a pipe", "a socket", "a broken link", "a link to itself"],
)
def test_what_is_neither_a_file_nor_a_folder_is_named(tmp_path, monkeypatch, name, place):
    (tmp_path / "config.json").write_text("{}")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(path.parent)  # a socket's path must be short
    place(path)
    with pytest.raises(DamagedFileError, match="fetch or make the model again") as raised:
        model_kind(tmp_path)
    assert raised.value.path == str(path)


def test_links_to_files_and_hidden_files_are_no_damage(tmp_path):
    (tmp_path / "blob").write_text("{}")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").symlink_to("../blob")
    (tmp_path / "model/same").symlink_to(tmp_path / "model")
    (tmp_path / "model/.cache").mkdir()
    os.mkfifo(tmp_path / "model/.cache/pipe")
    (tmp_path / "model/.#lock").symlink_to("nothing")
    assert model_kind(tmp_path / "model") is ModelKind.TRANSFORMERS
