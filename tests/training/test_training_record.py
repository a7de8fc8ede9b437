"""Records of training, without PyTorch."""

import json
import math
from collections import namedtuple

import pytest

from cslir.errors import InputError
from cslir.records import Query
from cslir.switching import Lexicon, Switching, SwitchingTotals
from cslir.training.record import MOST_POINTS, TrainingRecord, is_kept, read_training_record

Step = namedtuple("Step", "step steps loss ranking alignment")


def steps(count):
    return [Step(one, count, 1 / one, 0.5 / one, 0.0) for one in range(1, count + 1)]


def test_a_record_is_read_as_it_was_written(tmp_path):
    german = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)])])
    augmenter = Switching([german], query_translation_prob=1.0, passage_translation_prob=0.0).augmenter()
    augmenter.queries([Query("a", "red house"), Query("b", "a house")], epoch=0)
    augmenter.queries([Query("a", "red house")], epoch=1)
    record = TrainingRecord.of(steps(3), augmenter.totals)
    (tmp_path / "training_record.json").write_bytes(record.to_bytes())
    assert read_training_record(tmp_path) == record
    assert record.curve["step"] == [1, 2, 3]
    assert record.curve["loss"] == [1.0, 0.5, 0.333333]
    assert record.switching["tokens"] == 6
    assert record.switching["switched_by_language"] == {"de": 3}
    assert record.switching["missed_by_language"] == {"de": 3}
    assert record.switching["switch_rate"] == 0.5
    assert SwitchingTotals.of_json(record.switching) == augmenter.totals


@pytest.mark.parametrize("count", [1, 2, 999, 1000, 1001, 12_345])
def test_a_long_curve_is_thinned_evenly(count):
    record = TrainingRecord.of(steps(count), None)
    kept = record.curve["step"]
    assert (kept[0], kept[-1]) == (1, count)
    assert min(count, MOST_POINTS // 2) <= len(kept) <= MOST_POINTS + 2
    assert all(is_kept(one, count) for one in kept)
    assert record.switching is None


def test_a_loss_that_is_not_finite_is_left_out(tmp_path):
    record = TrainingRecord.of([Step(1, 1, math.nan, math.inf, 0.0)], None)
    (tmp_path / "training_record.json").write_bytes(record.to_bytes())
    assert read_training_record(tmp_path).curve["loss"] == [None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not a training record"),
        ({"format_version": 9}, "of format version 9, 1 is read here"),
        ({"steps": "3"}, "steps: is of the wrong type"),
        ({"curve": {"step": [1], "loss": [1], "ranking": [1]}}, "curve.alignment: is missing"),
        ({"curve": {"step": [1], "loss": [1, 2], "ranking": [1], "alignment": [1]}}, "differ in length"),
        (
            {"curve": {"step": [1], "loss": ["1"], "ranking": [1], "alignment": [1]}},
            "holds what is no number",
        ),
        ({"switching": [1]}, "switching: is of the wrong type"),
    ],
)
def test_malformed_records_are_refused(tmp_path, change, message):
    content = json.loads(TrainingRecord.of(steps(2), None).to_bytes()) | change
    path = tmp_path / "training_record.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_training_record(tmp_path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="not JSON"):
        read_training_record(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        read_training_record(tmp_path)
