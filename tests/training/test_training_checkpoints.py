"""Checkpoints that are whole, unfinished or damaged, made of small files by hand."""

import json
import os
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from cslir.errors import DamagedFileError, InputError
from cslir.training.checkpoints import (
    CHECKSUMS,
    prepare_checkpoints,
    remove_checkpoints,
    write_checksums,
)

SETTINGS = {"seed": 1}
NAMES = ("trainer_state.json", "model.safetensors", "1_Pooling/config.json")


def prepare(folder, *, resume=True, **options):
    return prepare_checkpoints(folder, SETTINGS, resume=resume, **options)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the checkpoints of steps 9 and 10."""
    folder = tmp_path / ".model.checkpoints"
    assert prepare(folder) is None
    for step in (9, 10):
        save(folder / f"checkpoint-{step}")
    return folder


def save(checkpoint):
    (checkpoint / "1_Pooling").mkdir(parents=True)
    for name in NAMES:
        (checkpoint / name).write_text(f'{{"name": "{name} of {checkpoint.name}"}}')
    write_checksums(checkpoint)


def test_the_last_whole_checkpoint_is_taken(folder):
    assert prepare(folder) == folder / "checkpoint-10"
    (folder / "checkpoint-10" / CHECKSUMS).unlink()
    assert prepare(folder) == folder / "checkpoint-9"
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-9", "training.json"]
    (folder / "checkpoint-9" / "model.safetensors").unlink()
    save(folder / "checkpoint-11")
    assert prepare(folder) == folder / "checkpoint-11"


def test_without_a_whole_checkpoint_training_begins_anew_with_a_notice(folder):
    for step in (9, 10):
        (folder / f"checkpoint-{step}" / CHECKSUMS).unlink()
    notices = []
    assert prepare(folder, notice=notices.append) is None
    assert notices == [f"no checkpoint in {folder} was saved to its end; training begins anew"]
    assert [path.name for path in folder.iterdir()] == ["training.json"]
    assert prepare(folder, notice=notices.append) is None
    assert len(notices) == 1


def folder_instead(path):
    path.unlink()
    path.mkdir()


def pipe_instead(path):
    path.unlink()
    os.mkfifo(path)


def link_instead(path):
    path.unlink()
    path.symlink_to(path.name)


@pytest.mark.parametrize("name", [*NAMES, CHECKSUMS])
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b"{}"),
        lambda path: path.write_bytes(b"[" * 100_000),
        folder_instead,
        pipe_instead,
        link_instead,
    ],
    ids=["emptied", "cut", "other JSON", "deep JSON", "a folder", "a pipe", "a link to itself"],
)
def test_a_damaged_checkpoint_is_named_with_the_one_before(folder, name, change):
    last = folder / "checkpoint-10"
    change(last / name)
    with pytest.raises(DamagedFileError) as raised:
        prepare(folder)
    assert raised.value.path == str(last / name)
    assert raised.value.remedy == (
        f"remove {last} to go on from checkpoint-9, or leave `resume` out to start again"
    )
    shutil.rmtree(last)
    assert prepare(folder) == folder / "checkpoint-9"


def test_a_missing_file_is_named_and_training_without_resume_begins_anew(folder):
    shutil.rmtree(folder / "checkpoint-9")
    missing = folder / "checkpoint-10/model.safetensors"
    missing.unlink()
    with pytest.raises(DamagedFileError, match="is missing") as raised:
        prepare(folder)
    assert raised.value.path == str(missing)
    assert raised.value.remedy == (f"remove {folder / 'checkpoint-10'}, or leave `resume` out to start again")
    assert prepare(folder, resume=False) is None
    assert [path.name for path in folder.iterdir()] == ["training.json"]


def test_other_settings_are_refused(folder):
    (folder / "training.json").write_text(json.dumps({"seed": 2}))
    with pytest.raises(InputError, match="other settings"):
        prepare(folder)


def test_nothing_is_left_of_removed_checkpoints(folder):
    remove_checkpoints(folder)
    remove_checkpoints(folder)
    assert not folder.exists()
