import json

import pytest

from cslir import InputError
from cslir.training.configuration import TrainingConfiguration


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
    configuration = TrainingConfiguration.of("static", align="word:1")
    assert TrainingConfiguration(**json.loads(json.dumps(configuration.to_json()))) == configuration


@pytest.mark.parametrize(
    "settings",
    [
        {"arm": "all"},
        {"encoder": "cross"},
        {"epochs": 0},
        {"batch_size": 1},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"learning_rate": -1.0},
        {"learning_rate": float("inf")},
        {"translation_prob": 1.5},
        {"seed": -1},
        {"warmup": 2.0},
        {"max_length": 0},
        {"checkpoint_steps": -1},
        {"align": "word"},
        {"align": "layer:0.5"},
        {"align": "word:-1"},
        {"align": "word:nan"},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        TrainingConfiguration(**settings)


def test_an_unknown_encoder_is_refused():
    with pytest.raises(InputError, match="choose among"):
        TrainingConfiguration.of("cross")
