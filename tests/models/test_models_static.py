import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file
from static_models import WORDS, tiny_table, tiny_tokenizer

from cslir import InputError
from cslir.errors import UnknownNameError
from cslir.models import load_encoder
from cslir.models.static import StaticEncoder
from cslir.models.text_limits import STATIC_CHARACTERS

TEXTS = ["sort file", "", "print image image", "Datei sortieren", "quux Ω", " ".join(WORDS)]


@pytest.fixture
def folder(tmp_path):
    encoder = replace(tiny_table().encoder(), language_means={"en": np.zeros(8, np.float32)})
    encoder.save(tmp_path / "static")
    return tmp_path / "static"


def plain_folder(folder, tensors, modules=("StaticEmbedding",), **configuration):
    """Write what sentence-transformers writes of a static model."""
    folder.mkdir()
    paths = ["", *(f"{number}_{kind}" for number, kind in enumerate(modules[1:], 1))]
    listed = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(zip(paths, modules, strict=True))
    ]
    for path in paths[1:]:
        (folder / path).mkdir()
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "config_sentence_transformers.json").write_text(json.dumps(configuration))
    (folder / "tokenizer.json").write_text(tiny_tokenizer().to_str())
    save_file(tensors, folder / "model.safetensors")
    return folder


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


@pytest.mark.parametrize("dimension", [1, 3, 8, 300])
@pytest.mark.parametrize("modules", [("StaticEmbedding",), ("StaticEmbedding", "Normalize")])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_static_models_of_sentence_transformers_open(tmp_path, dimension, modules, similarity):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    prompts = {"query": "sort ", "document": "print "}
    rows = tiny_table(dimension).vectors
    folder = plain_folder(
        tmp_path / "plain",
        {"embedding.weight": rows},
        modules,
        prompts=prompts,
        similarity_fn_name=similarity,
    )
    encoder = load_encoder(str(folder))
    reference = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    options = {"normalize_embeddings": similarity == "cosine"}
    assert encoder.dimension == dimension
    assert np.allclose(encoder.encode_queries(TEXTS), reference.encode_query(TEXTS, **options), atol=1e-5)
    assert np.allclose(encoder.encode_passages(TEXTS), reference.encode_document(TEXTS, **options), atol=1e-5)
    value = TEXTS
    for _, stage in encoder.query_stages():
        value = stage(value)
    assert np.array_equal(value, encoder.encode_queries(TEXTS))
    encoder.save(tmp_path / "saved")
    saved = load_encoder(str(tmp_path / "saved"))
    assert np.array_equal(saved.encode_queries(TEXTS), encoder.encode_queries(TEXTS))
    assert np.array_equal(saved.encode_passages(TEXTS), encoder.encode_passages(TEXTS))


def test_tables_of_other_floats_and_in_parts_are_read(tmp_path):
    rows = tiny_table().vectors
    whole = {"embedding.weight": rows.astype(np.float16)}
    half = StaticEncoder.open(plain_folder(tmp_path / "half", whole))
    assert np.array_equal(half.table, rows.astype(np.float16).astype(np.float32))
    mapping = np.arange(len(rows))[::-1].copy()
    weights = np.linspace(0, 1, len(rows))
    parts = {"embeddings": rows, "mapping": mapping, "weights": weights}
    folded = StaticEncoder.open(plain_folder(tmp_path / "parts", parts))
    assert np.allclose(folded.table, rows[mapping] * weights[:, None])
    for number, change in enumerate(
        [
            {"mapping": mapping + 1},
            {"mapping": mapping - 1},
            {"weights": weights[1:]},
            {"embeddings": mapping},
        ]
    ):
        with pytest.raises(InputError, match="not a token table"):
            StaticEncoder.open(plain_folder(tmp_path / str(number), parts | change))


def test_a_static_model_makes_an_index(run, tmp_path):
    folder = plain_folder(tmp_path / "plain", {"embedding.weight": tiny_table(5).vectors})
    corpus = [json.dumps({"_id": word, "text": word}) for word in WORDS]
    (tmp_path / "corpus.jsonl").write_text("\n".join(corpus) + "\n")
    built = run("index", tmp_path / "corpus.jsonl", "--model", folder, "--output", tmp_path / "index")
    assert built.status == 0, built.err
    found = run("search", "music", "--index", tmp_path / "index", "--json", "-k", 1)
    assert json.loads(found.out)["doc_id"] == "music"


def test_of_an_endless_text_the_beginning_is_read(folder):
    encoder = StaticEncoder.open(folder)
    begun = "sort file " * (STATIC_CHARACTERS // 10)
    assert len(begun) == STATIC_CHARACTERS
    assert np.array_equal(encoder.encode([begun + "music " * 100_000]), encoder.encode([begun]))


def test_encoding_needs_no_torch(folder):
    program = (
        "import sys; from pathlib import Path; from cslir.models.static import StaticEncoder\n"
        "StaticEncoder.open(Path(sys.argv[1])).encode(['sort file'])\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "name",
    [
        "static_encoder.json",
        "modules.json",
        "config_sentence_transformers.json",
        "0_StaticEmbedding/tokenizer.json",
        "0_StaticEmbedding/model.safetensors",
        "language_means.safetensors",
    ],
)
@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "deep", "a folder"])
def test_damaged_folders_are_refused(folder, name, damage):
    path = folder / name
    raw = path.read_bytes()
    path.unlink()
    deep = b"[" * 100_000
    if name.endswith(".safetensors"):
        deep = len(deep).to_bytes(8, "little") + deep
    if damage == "a folder":
        path.mkdir()
    else:
        cut = raw[: len(raw) // 2]
        path.write_bytes({"empty": b"", "cut": cut, "noise": b"\xff" * 64, "deep": deep}[damage])
    with pytest.raises(InputError, match=re.escape(name)):
        StaticEncoder.open(folder)


@pytest.mark.parametrize(
    "name", ["modules.json", "0_StaticEmbedding/tokenizer.json", "0_StaticEmbedding/model.safetensors"]
)
def test_missing_files_are_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=re.escape(name)):
        StaticEncoder.open(folder)


@pytest.mark.parametrize(
    "mean", [np.ones(9, np.float32), np.ones((1, 8), np.float32), np.ones(8), np.full(8, np.nan, np.float32)]
)
def test_language_means_must_fit_the_table(folder, mean):
    save_file({"de": mean}, folder / "language_means.safetensors")
    with pytest.raises(InputError, match=r"language_means\.safetensors: the mean of 'de' is not 8"):
        StaticEncoder.open(folder)


@pytest.mark.parametrize(
    "change", [{"shape": [2**40, 8]}, {"shape": [8]}, {"data_offsets": [0, 10**12]}, {"dtype": 3}]
)
def test_a_header_that_does_not_fit_the_file_is_refused(folder, change):
    path = folder / "0_StaticEmbedding" / "model.safetensors"
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header["embedding.weight"] |= change
    new = json.dumps(header).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + raw[8 + length :])
    with pytest.raises(InputError, match=r"model\.safetensors: "):
        StaticEncoder.open(folder)


def test_other_folders_and_formats_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="no such model folder"):
        StaticEncoder.open(tmp_path / "absent")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="holds a transformer"):
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


def test_one_text_in_the_place_of_several_is_refused(folder):
    encoder = load_encoder(folder)
    for encode in (encoder.encode_queries, encoder.encode_passages):
        with pytest.raises(InputError, match="`texts` is one text"):
            encode("sort file")


def test_an_encoder_shows_its_size(folder):
    encoder = load_encoder(folder)
    assert repr(encoder) == f"<StaticEncoder of {len(encoder.table)} tokens, 8 dimensions>"


def test_a_device_that_no_machine_has_is_refused(folder):
    with pytest.raises(UnknownNameError, match="no `device` 'gpu'.*cuda"):
        load_encoder(folder, device="gpu")
