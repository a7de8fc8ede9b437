import numpy as np
import pytest

pytest.importorskip("onnxruntime")
sentence_transformers = pytest.importorskip("sentence_transformers")

from safetensors.numpy import load_file, save_file  # noqa: E402
from static_models import WORDS  # noqa: E402
from transformer_models import tiny_cross_encoder, tiny_encoder  # noqa: E402

from cslir import InputError  # noqa: E402
from cslir.models.cross_encoder import load_cross_encoder  # noqa: E402

PAIRS = [("sort", "file list"), ("image", ""), ("Datei Bild", " ".join(WORDS * 5)), ("music", "play music")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
def test_scores_agree_with_sentence_transformers(tmp_path, family):
    folder = tiny_cross_encoder(tmp_path / "model", family)
    reference = sentence_transformers.CrossEncoder(str(folder), device="cpu", max_length=32)
    expected = reference.predict(PAIRS)
    steps = []
    scores = load_cross_encoder(str(folder)).score(PAIRS, progress=lambda done, of: steps.append((done, of)))
    assert steps[-1] == (4, 4)
    # Scores are those before the logistic function, which keeps the order.
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), expected, atol=1e-5)
    converted = load_cross_encoder(str(folder), "onnx-float32").score(PAIRS)
    np.testing.assert_allclose(converted, scores, atol=1e-5)
    rough = load_cross_encoder(str(folder), "onnx-int8").score(PAIRS)
    np.testing.assert_allclose(rough, converted, atol=0.1)
    assert load_cross_encoder(str(folder)).score([]).shape == (0,)


def test_high_scores_stay_apart(tmp_path):
    folder = tiny_cross_encoder(tmp_path / "model", "bert")
    weights = load_file(folder / "model.safetensors")
    # A head so sure of itself that the logistic function of every score rounds to 1.
    weights["classifier.bias"] = weights["classifier.bias"] + np.float32(40)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    scores = load_cross_encoder(str(folder)).score(PAIRS)
    assert (scores > 30).all()
    assert len(set(scores.tolist())) == len(PAIRS)


def test_a_bi_encoder_is_no_cross_encoder(tmp_path):
    folder = tiny_encoder(tmp_path / "model")
    for precision in ("float32", "onnx-float32"):
        with pytest.raises(InputError, match="a cross-encoder is needed"):
            load_cross_encoder(str(folder), precision)
    with pytest.raises(InputError, match="no precision"):
        load_cross_encoder(str(folder), "int4")
    with pytest.raises(InputError, match="check the path"):
        load_cross_encoder(str(tmp_path / "nothing"))
