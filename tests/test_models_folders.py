import pytest

from cslir import InputError
from cslir.models.folders import ModelKind, is_static, model_kind, replace_folder


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


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "model"
    with replace_folder(folder) as work:
        (work / "old").write_text("1")
        assert not folder.exists()
    with replace_folder(folder) as work:
        (work / "new").write_text("2")
        assert (folder / "old").exists()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_failure_leaves_the_folder_as_it_was(tmp_path):
    folder = tmp_path / "model"
    with replace_folder(folder) as work:
        (work / "old").write_text("1")

    def interrupted():
        with replace_folder(folder) as work:
            (work / "new").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
