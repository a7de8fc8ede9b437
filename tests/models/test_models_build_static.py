import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from static_models import WORDS, tiny_tokenizer
from tokenizers import Tokenizer, models

from cslir import InputError
from cslir.models import build_static as building
from cslir.models.build_static import ROW_LENGTH, build_static, prune_vocabulary, token_counts


@pytest.fixture
def base(tmp_path):
    tokenizer = tiny_tokenizer()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    matrix = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size() + 3, 8)).astype(np.float32)
    save_file({"embeddings.word_embeddings.weight": matrix}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path, matrix


@given(
    st.lists(st.sampled_from([*WORDS, "sofi", "rt", "Ω", "ab"]), max_size=8), st.sets(st.sampled_from(WORDS))
)
def test_texts_of_kept_pieces_are_segmented_as_before(words, kept):
    full = tiny_tokenizer()
    used = token_counts(full, [" ".join(words), *kept]) > 0
    pruned, old_ids = prune_vocabulary(full, np.flatnonzero(used))
    ids = pruned.encode(" ".join(words), add_special_tokens=False).ids
    assert old_ids[ids].tolist() == full.encode(" ".join(words), add_special_tokens=False).ids


def test_specials_and_single_characters_stay():
    full = tiny_tokenizer()
    pruned, old_ids = prune_vocabulary(full, np.array([], dtype=np.int64))
    assert old_ids[:4].tolist() == [0, 1, 2, 3]
    kept = set(pruned.get_vocab())
    assert {piece for piece in full.get_vocab() if len(piece) == 1} <= kept
    assert "▁zz" in kept  # the lowest score: the cost of an unknown character rests on it
    assert not kept & {f"▁{word}" for word in WORDS}
    assert pruned.encode("abc").tokens == ["▁", "a", "b", "c"]


def test_other_tokenizers_are_refused():
    with pytest.raises(InputError, match="Unigram"):
        prune_vocabulary(Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]")), np.array([0]))


def test_rows_are_centred_embeddings_and_weights_fall_with_frequency(base):
    folder, matrix = base
    texts = ["sort file", "sort list", "sort sort image"]
    table = build_static(folder, texts, ["Datei"], languages=["en", "de"])
    names = table.tokenizer.get_vocab()
    assert {"▁sort", "▁file", "▁Datei"} <= set(names)
    assert "▁mail" not in names
    full = tiny_tokenizer().get_vocab()
    seen = matrix[[full[f"▁{word}"] for word in ("sort", "file", "list", "image")]]
    row = matrix[full["▁Datei"]] - seen.mean(axis=0)
    ours = table.vectors[names["▁Datei"]]
    assert np.allclose(ours / np.linalg.norm(ours), row / np.linalg.norm(row), atol=1e-5)
    assert np.isclose(np.sqrt((table.vectors**2).sum(axis=1).mean()), ROW_LENGTH)
    assert np.isclose(table.weights[names["▁sort"]], 1e-3 / (1e-3 + 4 / 7))
    assert table.weights[names["▁Datei"]] == 1
    assert np.allclose(table.encoder().table, table.vectors * table.weights[:, None])


def test_states_in_context_replace_embeddings_where_tokens_occur(base, tmp_path, monkeypatch):
    folder, _ = base
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    calls = []

    def states(_model, ids, texts, **_options):  # stands in for the encoder
        calls.append(texts)
        occurrences = (np.arange(len(ids)) % 2).astype(np.int64)
        return np.random.default_rng(5).normal(size=(len(ids), 8)).astype(np.float32), occurrences

    monkeypatch.setattr(building, "contextual_states", states)
    plain = build_static(folder, WORDS)
    first = build_static(folder, WORDS, context_texts=["sort file"])
    again = build_static(folder, WORDS, context_texts=["sort file"])
    assert np.array_equal(first.vectors, again.vectors)
    assert len(calls) == 1
    assert np.array_equal(first.vectors[::2], plain.vectors[::2])
    assert not np.allclose(first.vectors[1::2], plain.vectors[1::2])
    build_static(folder, WORDS, context_texts=["sort list"])
    build_static(folder, WORDS, context_texts=["sort list"], context_length=7)
    assert len(calls) == 3


def test_states_are_kept_up_to_a_size(base, tmp_path, monkeypatch):
    folder, _ = base
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    cache = tmp_path / "cache" / "token_states"

    def states(_model, ids, _texts, **_options):
        return np.ones((len(ids), 8), dtype=np.float32), np.ones(len(ids), dtype=np.int64)

    monkeypatch.setattr(building, "contextual_states", states)

    def build(text):
        before = set(cache.glob("*")) if cache.is_dir() else set()
        build_static(folder, WORDS, context_texts=[text])
        return (set(cache.glob("*")) - before).pop()

    first, second = build("sort"), build("file")
    size = first.stat().st_size
    os.utime(second, (1, 1))
    monkeypatch.setattr(building, "STATES_BYTES", 2 * size + size // 2)
    third = build("list")
    assert set(cache.glob("*.safetensors")) == {first, third}
    # One that is damaged is made again.
    first.write_bytes(first.read_bytes()[:-1])
    build_static(folder, WORDS, context_texts=["sort"])
    assert first.stat().st_size == size


def test_bad_bases_are_refused(base):
    folder, matrix = base
    with pytest.raises(InputError, match="no texts"):
        build_static(folder, [])
    save_file({"embeddings.word_embeddings.weight": matrix[:3]}, folder / "model.safetensors")
    with pytest.raises(InputError, match="word-embedding matrix"):
        build_static(folder, ["sort"])
    (folder / "model.safetensors").write_bytes(b"noise")
    with pytest.raises(InputError, match="can't be read"):
        build_static(folder, ["sort"])
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        build_static(folder, ["sort"])
    assert json.loads((folder / "config.json").read_text()) == {}
