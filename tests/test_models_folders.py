import pytest

from cslir import InputError
from cslir.models.folders import ModelKind, is_static, model_kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("static_encoder.json", ModelKind.STATIC),
        ("modules.json", ModelKind.SENTENCE_TRANSFORMERS),
        ("config.json", ModelKind.TRANSFORMERS),
    ],
)
def test_kind_is_told_by_the_files(tmp_path, name, kind):
    (tmp_path / name).write_text("{}")
    assert model_kind(tmp_path) is kind
    assert is_static(tmp_path) == (kind is ModelKind.STATIC)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a model folder"):
        model_kind(tmp_path)
    with pytest.raises(InputError, match="no such model folder"):
        model_kind(tmp_path / "absent")
