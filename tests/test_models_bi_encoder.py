"""Where an encoder computes."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from transformer_models import tiny_cross_encoder, tiny_encoder  # noqa: E402

from cslir import InputError  # noqa: E402
from cslir.models import load_encoder  # noqa: E402
from cslir.models.bi_encoder import require_device  # noqa: E402
from cslir.models.cross_encoder import load_cross_encoder  # noqa: E402
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
        configuration = TrainingConfiguration.of(encoder, arm="zero-shot")
        output = tmp_path / encoder
        with refused:
            train_model(EXAMPLES, configuration, base=str(base), lexicons=[], output=output, device=device)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "classifier"]
