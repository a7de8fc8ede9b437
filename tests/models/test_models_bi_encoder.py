"""Where an encoder computes, which models it opens, and how much of a text it reads."""

import json
import pickle
import re

import numpy as np
import pytest
from safetensors.numpy import load_file

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from static_models import tiny_table  # noqa: E402
from transformer_models import tiny_cross_encoder, tiny_encoder  # noqa: E402

from cslir import InputError  # noqa: E402
from cslir.errors import DamagedFileError  # noqa: E402
from cslir.models import load_encoder  # noqa: E402
from cslir.models.bi_encoder import BiEncoder, require_device  # noqa: E402
from cslir.models.cross_encoder import load_cross_encoder  # noqa: E402
from cslir.models.onnx_encoder import OnnxEncoder  # noqa: E402
from cslir.models.text_limits import CHARACTERS_PER_TOKEN  # noqa: E402
from cslir.records import Example, Passage, Query  # noqa: E402
from cslir.training.configuration import TrainingConfiguration  # noqa: E402
from cslir.training.train import train_model  # noqa: E402

EXAMPLES = [Example(Query(f"q{i}", f"sort {i}"), Passage(f"d{i}", f"file {i}")) for i in range(4)]


def test_the_device_is_the_named_one_or_the_choice_of_pytorch(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [require_device(device) for device in ("auto", "cpu", "cuda")] == [None, "cpu", "cuda"]


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(tmp_path, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    base = tiny_encoder(tmp_path / "base")
    classifier = tiny_cross_encoder(tmp_path / "classifier")
    refused = pytest.raises(InputError, match=f"no device '{device}' here")
    with refused:
        load_encoder(str(base), device=device)
    with refused:
        load_cross_encoder(str(classifier), device=device)
    for encoder in ("bi-encoder", "cross-encoder"):
        configuration = TrainingConfiguration.of(encoder)
        output = tmp_path / encoder
        with refused:
            train_model(EXAMPLES, configuration, base=str(base), lexicons=[], output=output, device=device)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "classifier"]


def test_a_model_of_another_kind_is_refused_wherever_one_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    tiny_cross_encoder(tmp_path / "cross")
    tiny_encoder(tmp_path / "bi")
    tiny_table().encoder().save(tmp_path / "static")
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "d", "text": "sort"}) + "\n")
    index = ("index", tmp_path / "corpus.jsonl", "--output", tmp_path / "index")
    evaluate = ("eval", "debian-sample", "--pair", "en-de")
    train = ("train", "debian-sample", "--arm", "zero-shot", "--output", tmp_path / "out")
    bench = ("bench", "latency", "debian-sample", "--json", tmp_path / "bench.json")
    cases = [
        (*evaluate, "--model", tmp_path / "cross"),
        (*evaluate, "--model", tmp_path / "cross", "--precision", "onnx-float32"),
        (*evaluate, "--model", tmp_path / "bi", "--rerank", tmp_path / "bi"),
        (*evaluate, "--model", tmp_path / "bi", "--rerank", tmp_path / "static"),
        (*index, "--model", tmp_path / "cross"),
        *(
            (*train, "--encoder", one, "--model", tmp_path / "cross")
            for one in ("static", "bi-encoder", "cross-encoder")
        ),
        *(
            (*train, "--encoder", one, "--model", tmp_path / "static")
            for one in ("static", "bi-encoder", "cross-encoder")
        ),
        (*bench, "--model", tmp_path / "cross"),
        (*bench, "--model", tmp_path / "static", "--rerank", tmp_path / "static"),
    ]
    for arguments in cases:
        refused = run(*arguments)
        message = re.sub(r"\s+", " ", refused.err)
        assert refused.status == 2, (arguments, message)
        assert re.search(r"holds a (cross-encoder|bi-encoder|static encoder), a .* is needed", message), (
            message
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bi", "corpus.jsonl", "cross", "static"]


def test_a_pickle_with_other_objects_than_weights_is_never_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "was_run"), "w")

    for folder, load in (
        (tiny_encoder(tmp_path / "bi"), load_encoder),
        (tiny_cross_encoder(tmp_path / "cross"), load_cross_encoder),
    ):
        weights = {
            name: torch.from_numpy(value) for name, value in load_file(folder / "model.safetensors").items()
        }
        (folder / "model.safetensors").unlink()
        for dump in (lambda objects, path: path.write_bytes(pickle.dumps(objects, protocol=2)), torch.save):
            dump({**weights, "more": Payload()}, folder / "pytorch_model.bin")
            with pytest.raises(
                InputError, match=r"pytorch_model\.bin: .*pickle.*; use a copy .* safetensors"
            ):
                load(str(folder))
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    "name", ["config.json", "modules.json", "tokenizer_config.json", "sentence_bert_config.json",
             "config_sentence_transformers.json", "1_Pooling/config.json", "model.safetensors", "tokenizer.json"]
)  # fmt: skip
def test_damaged_files_are_named(tmp_path, name):
    path = tiny_encoder(tmp_path / "model") / name
    raw = path.read_bytes()
    for content in (b"", raw[: len(raw) // 2], b"[" * 100_000, b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            load_encoder(str(tmp_path / "model"))
        # What the tokenizer is read by says no file.
        assert error.value.path == str(path if name != "tokenizer.json" else tmp_path / "model")


def test_a_tokenizer_that_fails_without_its_settings_is_named(tmp_path):
    settings = tiny_encoder(tmp_path / "model") / "tokenizer_config.json"
    settings.unlink()
    for make in (lambda: None, settings.mkdir):
        make()
        with pytest.raises(DamagedFileError, match="without it its tokenizer fails") as error:
            load_encoder(str(tmp_path / "model"))
        assert error.value.path == str(settings)


def test_of_an_endless_text_no_more_is_read_than_the_model_takes(tmp_path, monkeypatch):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    folder = tiny_encoder(tmp_path / "model")
    reference = BiEncoder.open(folder)
    assert repr(reference) == f"<BiEncoder of up to {reference.max_length} tokens a text>"
    with pytest.raises(InputError, match="`texts` is one text"):
        reference.encode_passages("sort file")
    limit = CHARACTERS_PER_TOKEN * reference.max_length
    texts = ["sort file " * (limit // 5), "image" + " " * (limit - 100) + "music play", "a" * (2 * limit)]
    seen = []

    class Tokenizer:
        def __init__(self, real):
            self._real = real

        def __getattr__(self, name):
            return getattr(self._real, name)

        def __call__(self, given, **options):
            seen.extend(map(len, given))
            return self._real(given, **options)

    whole = reference._model.tokenizer(["b " + text for text in texts], truncation=True, max_length=32)[
        "input_ids"
    ]
    monkeypatch.setattr(type(reference._model), "tokenizer", Tokenizer(reference._model.tokenizer))
    assert reference.tokenize(texts, "passage") == whole
    assert max(seen) == limit
    monkeypatch.undo()
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    converted = OnnxEncoder.open(folder, "onnx-float32")
    assert converted.tokenize(texts, "passage") == whole
    expected = reference.encode_passages(texts)
    np.testing.assert_allclose(converted.encode_passages(texts), expected, atol=2e-6)
