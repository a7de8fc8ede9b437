"""How a training went, kept with the model: its losses by step, and what was switched.

The same seed gives the same record: it holds no times. PyTorch is not needed to read one.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cslir.json_values import JsonValue, read_json
from cslir.models.folders import TRAINING_RECORD
from cslir.switching import SwitchingTotals

if TYPE_CHECKING:
    from cslir.training.batches import Step

__all__ = ["MOST_POINTS", "TrainingRecord", "is_kept", "read_training_record"]

FORMAT = "cslir training record"
FORMAT_VERSION = 1
MOST_POINTS = 1000
"""A curve is thinned to about as many steps."""
_LOSSES = ("loss", "ranking", "alignment")


def is_kept(step: int, steps: int) -> bool:
    """Return whether a curve of so many steps keeps this one: the first, the last, and evenly between."""
    return step in (1, steps) or step % math.ceil(steps / MOST_POINTS) == 0


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went.

    Attributes:
        steps: How many there were.
        curve: `step` (from 1), `loss`, `ranking` and `alignment`, lists of one length; a loss that was not
            finite is None.
        switching: What was switched in all epochs together, as `SwitchingTotals.to_json` has it; None
            without switching.
    """

    steps: int
    curve: Mapping[str, Sequence[float | None]]
    switching: Mapping[str, Any] | None

    @classmethod
    def of(cls, steps: "Iterable[Step]", switching: SwitchingTotals | None) -> "TrainingRecord":
        """Return the record of a training's steps, which it thins."""
        rows = list(steps)
        total = rows[-1].steps if rows else 0
        kept = [one for one in rows if is_kept(one.step, total)]
        curve: dict[str, Sequence[float | None]] = {"step": [one.step for one in kept]}
        for name in _LOSSES:
            curve[name] = [_finite(getattr(one, name)) for one in kept]
        return cls(total, curve, None if switching is None else switching.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)

    def to_bytes(self) -> bytes:
        """Return the record as the model folder's file."""
        content = {"format": FORMAT, "format_version": FORMAT_VERSION, **self.to_json()}
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode(errors="replace") + b"\n"


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def read_training_record(folder: Path) -> TrainingRecord:
    """Read the record of a model folder.

    Raises:
        InputError: The folder has none, or it is malformed.
    """
    file = read_json(folder / TRAINING_RECORD, remedy="train the model again: `cslir train` writes it")
    file.require_format(FORMAT, FORMAT_VERSION, "training record")
    curve = file.get("curve", dict)
    columns = {name: _numbers(curve.get(name, list)) for name in ("step", *_LOSSES)}
    if len({len(column) for column in columns.values()}) > 1:
        raise curve.wrong("its lists differ in length")
    return TrainingRecord(
        file.get("steps", int).value, columns, file.get("switching", (dict, type(None))).value
    )


def _numbers(node: JsonValue) -> list[float | None]:
    for one in node.value:
        if one is not None and (isinstance(one, bool) or not isinstance(one, int | float)):
            raise node.wrong("holds what is no number")
    return list(node.value)
