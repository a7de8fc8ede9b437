import json

import pytest

from cslir import InputError
from cslir.switching import Lexicon, Switching
from cslir.training.configuration import TrainingConfiguration

LEXICON = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)])])


def test_defaults_belong_to_the_encoder():
    static, bi = TrainingConfiguration.of("static"), TrainingConfiguration.of("bi-encoder")
    assert static == TrainingConfiguration()
    assert (static.batch_size, static.learning_rate, static.epochs) == (256, 2e-2, 2)
    assert bi.batch_size == 32
    assert TrainingConfiguration.of("bi-encoder", batch_size=8, seed=None) == TrainingConfiguration.of(
        "bi-encoder", batch_size=8
    )


def test_alignment_weight_is_read():
    assert TrainingConfiguration(align="word:0.5").alignment_weight == 0.5
    assert TrainingConfiguration().alignment_weight == 0


def test_settings_go_to_json():
    switching = Switching([LEXICON], stop_words=["of", "the"], language_weights={"de": 2.0})
    written = TrainingConfiguration.of("static", align="word:1", switching=switching).to_json()
    assert json.loads(json.dumps(written)) == written
    assert written.items() >= {
        "arm": "ml-cs", "align": "word:1", "lexicons": ["en-de"], "translation_prob": 0.5,
        "stop_words": ["of", "the"], "language_weights": {"de": 2.0},
    }.items()  # fmt: skip
    assert TrainingConfiguration.of("static").to_json()["arm"] == "zero-shot"


def test_titles_are_always_switched_unless_asked_otherwise():
    assert Switching([LEXICON], arm="wiki-cs").translation_prob == 1
    assert Switching([LEXICON], arm="wiki-cs", translation_prob=0.3).translation_prob == 0.3
    assert Switching([LEXICON], translation_prob=None).translation_prob == 0.5


@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": "cross"},
        {"epochs": 0},
        {"batch_size": 1},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"learning_rate": -1.0},
        {"learning_rate": float("inf")},
        {"seed": -1},
        {"warmup": 2.0},
        {"max_length": 0},
        {"checkpoint_steps": -1},
        {"align": "word"},
        {"align": 0.5},
        {"epochs": "3"},
        {"epochs": 1.5},
        {"warmup": None},
        {"learning_rate": "high"},
        {"align": "layer:0.5"},
        {"align": "word:-1"},
        {"align": "word:nan"},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        TrainingConfiguration(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"arm": "all"},
        {"translation_prob": 1.5},
        {"query_translation_prob": -0.1},
        {"passage_translation_prob": 2.0},
        {"language_choice": "word"},
        {"miss_policy": "drop"},
        {"target_choice": "first"},
        {"language_weights": {"de": -1.0}},
        {"seed": -1},
    ],
)
def test_switching_out_of_range_is_refused(settings):
    with pytest.raises(InputError):
        Switching([LEXICON], **settings)


def test_an_unknown_encoder_is_refused():
    with pytest.raises(InputError, match="choose among"):
        TrainingConfiguration.of("cross")
