import json
import subprocess
import sys

import numpy as np
import pytest
from static_models import WORDS, tiny_table

from cslir import InputError
from cslir.models.static import StaticEncoder

TEXTS = ["sort file", "", "print image image", "Datei sortieren", "quux Ω", " ".join(WORDS)]


@pytest.fixture
def folder(tmp_path):
    tiny_table().encoder().save(tmp_path / "static")
    return tmp_path / "static"


def summed(encoder, texts):
    """The definition, token by token."""
    embeddings = []
    for text in texts:
        total = np.zeros(encoder.dimension)
        for token in encoder.tokenizer.encode(text, add_special_tokens=False).ids:
            total += encoder.table[token]
        embeddings.append(total / (np.linalg.norm(total) or 1.0))
    return np.array(embeddings)


def test_embeddings_are_normalised_sums(folder):
    encoder = StaticEncoder.open(folder)
    assert np.allclose(encoder.encode(TEXTS), summed(encoder, TEXTS), atol=1e-6)
    assert encoder.encode(TEXTS).dtype == np.float32
    assert not encoder.encode([""]).any()
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_tokenize_gives_flat_ids_and_offsets(folder):
    encoder = StaticEncoder.open(folder)
    ids, offsets = encoder.tokenize(TEXTS)
    assert (ids.dtype, offsets.dtype) == (np.uint32, np.int64)
    for row, text in enumerate(TEXTS):
        expected = encoder.tokenizer.encode(text, add_special_tokens=False).ids
        assert ids[offsets[row] : offsets[row + 1]].tolist() == expected


def test_a_saved_encoder_opens_as_it_was(tmp_path):
    encoder = tiny_table().encoder()
    means = {"en": np.arange(8, dtype=np.float32), "de": np.ones(8, dtype=np.float32)}
    saved = StaticEncoder(encoder.table, encoder.tokenizer, ("en", "de"), means, {"seed": 3})
    saved.save(tmp_path / "a")
    opened = StaticEncoder.open(tmp_path / "a")
    assert np.array_equal(opened.table, encoder.table)
    assert isinstance(opened.table.base, np.memmap)
    assert opened.languages == ("en", "de")
    assert opened.configuration == {"seed": 3}
    assert {code: mean.tolist() for code, mean in opened.language_means.items()} == {
        code: mean.tolist() for code, mean in means.items()
    }
    opened.save(tmp_path / "b")
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_sentence_transformers_loads_the_same_encoder(folder):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    texts = [text for text in TEXTS if text]
    theirs = sentence_transformers.SentenceTransformer(str(folder), device="cpu").encode(texts)
    assert np.allclose(theirs, StaticEncoder.open(folder).encode(texts), atol=1e-6)


def test_encoding_needs_no_torch(folder):
    program = (
        "import sys; from pathlib import Path; from cslir.models.static import StaticEncoder\n"
        "StaticEncoder.open(Path(sys.argv[1])).encode(['sort file'])\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "name", ["static_encoder.json", "0_StaticEmbedding/tokenizer.json", "0_StaticEmbedding/model.safetensors"]
)
@pytest.mark.parametrize("damage", ["remove", "empty", "cut", "noise"])
def test_damaged_folders_are_refused(folder, name, damage):
    path = folder / name
    raw = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": raw[: len(raw) // 2], "noise": b"\xff" * 64}[damage])
    with pytest.raises(InputError):
        StaticEncoder.open(folder)


def test_other_folders_and_formats_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="no such model folder"):
        StaticEncoder.open(tmp_path / "absent")
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(InputError, match="not a static encoder"):
        StaticEncoder.open(tmp_path)
    path = folder / "static_encoder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(InputError, match="format 99"):
        StaticEncoder.open(folder)


def test_saving_refuses_a_folder_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not part of an output of cslir"):
        tiny_table().encoder().save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
