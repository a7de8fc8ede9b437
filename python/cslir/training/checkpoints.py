"""Checkpoints of a training: whole or passed over, and compared with their checksums before they are loaded.

When the trainer has saved a checkpoint, the list of its files and their SHA-256 is written into it. So one
without a list is one whose saving was stopped, and in one with a list every file must be as it was.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cslir.errors import DamagedFileError, InputError
from cslir.files import sha256_of
from cslir.json_values import read_json
from cslir.models.folders import TRAINING_SETTINGS
from cslir.outputs import replace_file, synchronise

__all__ = [
    "CHECKSUMS",
    "ChecksumsCallback",
    "checkpoint_folder",
    "prepare_checkpoints",
    "remove_checkpoints",
    "write_checksums",
]

CHECKSUMS = "checksums.json"
"""Name of the list of files in each checkpoint: an object of names and SHA-256 sums."""

_STATE = "trainer_state.json"
_START_AGAIN = "leave `resume` out to start again"


def checkpoint_folder(output: Path) -> Path:
    """Return where a run that writes `output` keeps its checkpoints until it is complete."""
    return output.with_name(f".{output.name}.checkpoints")


def prepare_checkpoints(
    folder: Path,
    settings: Mapping[str, Any],
    *,
    resume: bool,
    notice: Callable[[str], None] = lambda _: None,
) -> Path | None:
    """Return the checkpoint to go on from; without one, clear the folder and note the settings in it.

    Args:
        folder: The run's `checkpoint_folder`.
        settings: What the run must have in common with the one that left the checkpoints.
        resume: Whether to go on from the last whole checkpoint, if there is one.
        notice: Told when training begins anew though checkpoints are there.

    Raises:
        InputError: The checkpoints are those of other settings.
        DamagedFileError: A file of the last one was changed, is gone or is no file any more.
    """
    noted = folder / TRAINING_SETTINGS
    if resume and noted.is_file():
        if read_json(noted, remedy=_START_AGAIN).value != settings:
            raise InputError(
                "holds checkpoints of a run with other settings",
                path=folder,
                remedy=f"repeat that run's settings, or {_START_AGAIN}",
            )
        found = [path for path in folder.iterdir() if re.fullmatch(r"checkpoint-\d+", path.name)]
        if whole := sorted(filter(_has_checksums, found), key=_step):
            _verify(whole[-1], earlier=whole[-2] if len(whole) > 1 else None)
            # The trainer would write its checkpoint of the same step among what is left of that one.
            for unfinished in set(found).difference(whole):
                shutil.rmtree(unfinished, ignore_errors=True)
            return whole[-1]
        if found:
            notice(f"no checkpoint in {folder} was saved to its end; training begins anew")
    remove_checkpoints(folder)
    with replace_file(noted) as file:
        file.write(json.dumps(settings).encode())
    return None


def remove_checkpoints(folder: Path) -> None:
    """Remove a run's checkpoints, so that what a kill leaves of them is not taken for checkpoints."""
    with suppress(OSError):
        (folder / TRAINING_SETTINGS).unlink()
    shutil.rmtree(folder, ignore_errors=True)


def write_checksums(checkpoint: Path) -> None:
    """Flush a checkpoint's files to disk, and write their list, which makes it a whole one."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != CHECKSUMS)
    for path in files:
        synchronise(path)
    sums = {path.relative_to(checkpoint).as_posix(): sha256_of(path) for path in files}
    with replace_file(checkpoint / CHECKSUMS) as file:
        file.write(json.dumps(sums, indent=1).encode())


class ChecksumsCallback(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Writes the list of a checkpoint's files when the trainer has saved it."""

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        """Write the list; the trainer calls this last, when it has removed older checkpoints too."""
        write_checksums(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _has_checksums(checkpoint: Path) -> bool:
    # One that is a folder, or a link to nowhere, was one.
    path = checkpoint / CHECKSUMS
    return path.exists() or path.is_symlink()


def _verify(checkpoint: Path, earlier: Path | None) -> None:
    """Refuse a checkpoint of which a file is not what it was when it was saved."""
    goes_on = "" if earlier is None else f" to go on from {earlier.name}"
    remedy = f"remove {checkpoint}{goes_on}, or {_START_AGAIN}"
    listed = checkpoint / CHECKSUMS
    try:
        sums = read_json(listed, remedy=remedy).value
    except InputError as error:
        raise DamagedFileError(error.message, path=listed, remedy=remedy) from None
    # Every checkpoint has a state: without it this is another file, or an empty one.
    if not isinstance(sums, dict) or _STATE not in sums:
        raise DamagedFileError("is not the list of a checkpoint's files", path=listed, remedy=remedy)
    for name, expected in sums.items():
        path = checkpoint / name
        try:
            problem = (
                "is missing or no file any more, though the checkpoint has it in its list"
                if not path.is_file()
                else f"SHA-256 differs from the one in {CHECKSUMS}"
                if sha256_of(path) != expected
                else ""
            )
        except (OSError, ValueError) as error:
            problem = f"can't be read ({error})"
        if problem:
            raise DamagedFileError(problem, path=path, remedy=remedy)
