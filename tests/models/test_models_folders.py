import json

import pytest

from cslir import InputError
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
