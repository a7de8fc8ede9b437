"""Fresh code-switching in every epoch, for a training script of one's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cslir.errors import UnknownNameError
from cslir.switching import Switching

__all__ = ["SwitchingCollator"]

_NO_TEXTS = ("dataset_name", "label", "labels", "score", "scores")


class SwitchingCollator(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Switches the texts of a batch before another collator has it; made by `Switching.collator`.

    It is a callback of the trainer, too, which tells it the epoch. The epoch is in shared memory, so that
    workers of a DataLoader see it, those that live through all epochs as well. It can be pickled if the inner
    collator can.
    """

    def __init__(
        self,
        switching: Switching,
        collate: Callable[[list[dict[str, Any]]], Any],
        columns: Sequence[str] | None,
        id_column: str | None,
    ) -> None:
        self.collate = collate
        self._queries, self._passages = switching.query_switcher, switching.passage_switcher
        self._columns = None if columns is None else tuple(columns)
        self._id_column = id_column
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call, unused-ignore]

    @property
    def epoch(self) -> int:
        """The epoch of the draws, from 0."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Have the next batches switched for an epoch; a loop of your own calls this, a trainer need not."""
        self._epoch.fill_(epoch)

    @property
    def valid_label_columns(self) -> Sequence[str]:
        """The inner collator's, which a trainer asks for."""
        return getattr(self.collate, "valid_label_columns", _NO_TEXTS[1:])

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> Any:  # noqa: ANN401
        """Return what the inner collator makes of the rows, with their texts switched."""
        rows = [dict(feature) for feature in features]
        ids = None if self._id_column is None else [str(self._pop(row, self._id_column)) for row in rows]
        others = {*_NO_TEXTS, *self.valid_label_columns}
        present = [name for name in (rows[0] if rows else ()) if name not in others]
        for name in present if self._columns is None else self._columns:
            texts = [self._of(row, name) for row in rows]
            switcher = self._queries if name == present[0] else self._passages
            # Small batches, and perhaps in a worker beside others.
            switched, _ = switcher.switch_batch(texts, ids or texts, field=name, epoch=self.epoch, threads=1)
            for row, text in zip(rows, switched, strict=True):
                row[name] = text
        return self.collate(rows)

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Take the epoch from the trainer."""
        # A run resumed within an epoch begins it with the fraction already done.
        self.set_epoch(int((state.epoch or 0.0) + 1e-6))

    @staticmethod
    def _of(row: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401
        if name not in row:
            raise UnknownNameError(f"no column {name!r}", remedy=f"the rows have {', '.join(row)}")
        return row[name]

    def _pop(self, row: dict[str, Any], name: str) -> Any:  # noqa: ANN401
        value = self._of(row, name)
        del row[name]
        return value
