import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from static_models import tiny_table
from transformer_models import tiny_encoder

from cslir.errors import InputError
from cslir.evaluation.evaluate import evaluate
from cslir.formats import write_beir_corpus, write_beir_queries, write_qrels_tsv
from cslir.models import load_encoder
from cslir.models.language_means import (
    FEWEST_TEXTS,
    SAMPLE_TEXTS,
    LanguageSample,
    complete_means,
    estimate_language_means,
    language_means,
    language_weights,
    nearest_language,
    remove_language_means,
    save_language_means,
)
from cslir.outputs import require_output_folder
from cslir.records import Passage, Qrel, Query


def normalised(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 2**32 - 1))
def test_removal_is_subtraction_and_normalisation(seed):
    draw = np.random.default_rng(seed)
    embeddings = normalised(draw.normal(size=(20, 6)))
    languages = ["en", "de"] * 10
    means = language_means(embeddings, languages)
    removed = remove_language_means(embeddings, languages, means)
    for row, language in enumerate(languages):
        own = embeddings[[other == language for other in languages]].mean(axis=0)
        expected = embeddings[row] - own
        assert np.allclose(removed[row], expected / np.linalg.norm(expected), atol=1e-4)


def test_a_language_offset_disappears():
    draw = np.random.default_rng(1)
    meanings = draw.normal(size=(40, 16))
    offsets = {"en": draw.normal(size=16) * 5, "de": draw.normal(size=16) * 5}
    embeddings = {code: (meanings + offset).astype(np.float32) for code, offset in offsets.items()}
    means = {code: rows.mean(axis=0) for code, rows in embeddings.items()}
    english = remove_language_means(embeddings["en"], ["en"] * 40, means)
    german = remove_language_means(embeddings["de"], ["de"] * 40, means)
    assert np.allclose(english, german, atol=1e-5)


def test_a_language_without_a_mean_is_refused_and_no_means_change_nothing():
    embeddings = normalised(np.random.default_rng(2).normal(size=(3, 4)))
    means = {"en": np.ones(4, dtype=np.float32), "de": np.zeros(4, dtype=np.float32)}
    with pytest.raises(InputError, match="no mean of language 'xh'; there are de, en"):
        remove_language_means(embeddings, ["en", "xh", "de"], means)
    assert remove_language_means(embeddings, ["xh"] * 3, {}) is embeddings


def test_texts_of_unknown_language_lose_means_as_far_as_they_seem_to_be_in_them():
    axes = np.eye(50, dtype=np.float32)
    means = {"en": axes[0] * 0.9, "de": axes[1] * 0.9}
    between = normalised(axes[:1] + axes[1:2])
    weights = language_weights(np.concatenate([axes[:2], between]), means)
    assert np.allclose(weights, [[0, 1], [1, 0], [0.5, 0.5]], atol=1e-6)
    assert nearest_language(axes[:2], means) == ["en", "de"]
    texts = np.concatenate([axes[1:2], between, axes[1:2]])
    removed = remove_language_means(texts, ["", "", "en"], means)
    assert np.allclose(removed[0], axes[1], atol=1e-6)
    assert np.allclose(removed[1], between, atol=1e-6)
    assert np.allclose(removed[2], normalised(axes[1:2] - 0.9 * axes[:1]), atol=1e-6)


def test_a_further_language_gets_a_mean_less_what_the_collection_has_in_common():
    draw = np.random.default_rng(3)
    subject, known = draw.normal(size=6), {"en": np.zeros(6), "de": np.ones(6)}
    own = {"en": 0.0, "de": 1.0, "nl": 2.0}
    meanings = draw.normal(size=(FEWEST_TEXTS, 6))
    meanings -= meanings.mean(axis=0)
    sampled = {code: (meanings + level + subject).astype(np.float32) for code, level in own.items()}
    means = complete_means(known, sampled)
    assert np.allclose(means["nl"], 2, atol=1e-5)
    assert means["en"] is known["en"]
    assert complete_means(known, {}) == known
    with pytest.raises(InputError, match=r"too few texts .* nl \(31\); it takes 32"):
        complete_means(known, {"nl": sampled["nl"][1:]})


def test_a_sample_draws_every_text_of_a_language_alike():
    sample = LanguageSample()
    for number in range(20_000):
        sample.add("en", str(number))
        sample.add("", "unknown")
    sample.add("nl", "een")
    assert sample.counts == {"en": 20_000, "nl": 1}
    assert sample.texts["nl"] == ["een"]
    drawn = [int(text) for text in sample.texts["en"]]
    assert len(set(drawn)) == len(drawn) == SAMPLE_TEXTS
    assert 9_000 < np.mean(drawn) < 11_000


def test_a_text_without_embedding_stays_without():
    means = {"en": np.ones(4, dtype=np.float32)}
    embeddings = np.zeros((2, 4), dtype=np.float32)
    embeddings[1, 2] = 1
    removed = remove_language_means(embeddings, ["en", "en"], means)
    assert not removed[0].any()
    assert removed[1].any()


PASSAGES = [
    Passage(f"{language}{number}", f"{word} file {number % 7}", "", language)
    for language, word in (("en", "sort"), ("de", "Datei"))
    for number in range(FEWEST_TEXTS)
]


@pytest.mark.parametrize("kind", ["static", "bi-encoder"])
def test_estimated_means_are_kept_in_the_models_folder(tmp_path, kind):
    folder = tmp_path / "model"
    if kind == "static":
        tiny_table().encoder().save(folder)
    else:
        tiny_encoder(folder)
    encoder = load_encoder(str(folder))
    assert not encoder.language_means
    means = estimate_language_means(encoder, PASSAGES)
    german = encoder.encode_passages([one.full_text for one in PASSAGES if one.language == "de"])
    np.testing.assert_allclose(means["de"], german.mean(axis=0), atol=1e-6)
    save_language_means(folder, {})
    save_language_means(folder, means)
    opened = load_encoder(str(folder))
    assert list(opened.language_means) == ["de", "en"]
    np.testing.assert_array_equal(opened.language_means["en"], means["en"])
    if kind == "static":
        # The folder is still one that a later training replaces.
        require_output_folder(folder, "model")


def test_means_of_too_few_texts_of_no_language_and_of_no_model(tmp_path):
    encoder = tiny_table().encoder()
    with pytest.raises(InputError, match="no passage has a language"):
        estimate_language_means(encoder, [Passage("1", "sort")])
    with pytest.raises(InputError, match=r"too few texts.*de \(31\)"):
        estimate_language_means(encoder, PASSAGES[:-1])
    with pytest.raises(InputError, match="no such model folder"):
        save_language_means(tmp_path / "absent", {})


def test_the_means_command_and_what_eval_does_with_them(run, tmp_path):
    tiny_table().encoder().save(tmp_path / "model")
    corpus = tmp_path / "corpus.jsonl"
    write_beir_corpus(corpus, PASSAGES)
    outcome = run("means", corpus, "--model", tmp_path / "model")
    assert outcome.status == 0, outcome.err
    assert "means of 2 languages: de, en" in outcome.err
    assert outcome.out.strip().endswith("language_means.safetensors")
    write_beir_queries(tmp_path / "queries.jsonl", [Query("q", "sort file", "en")])
    write_qrels_tsv(tmp_path / "qrels" / "test.tsv", [Qrel("q", "en3", 1)])
    runs = {
        removal: evaluate(tmp_path / "model", tmp_path, remove_language_means=removal).runs["all"]
        for removal in (None, True, False)
    }
    assert runs[None] == runs[True] != runs[False]
