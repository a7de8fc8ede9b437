"""Training of a cross-encoder through sentence-transformers' trainer, against hard negatives."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed

import cslir
from cslir._core import top_k
from cslir.errors import InputError
from cslir.models import Device
from cslir.models.bi_encoder import load_quietly
from cslir.models.folders import (
    BASES,
    TRAINING_RECORD,
    TRAINING_SETTINGS,
    require_kind,
    require_readable,
)
from cslir.models.text_limits import cut
from cslir.outputs import replace_folder
from cslir.records import Example, Passage
from cslir.retrieval import encode_texts
from cslir.search import Encoder
from cslir.training.arguments import trainer_arguments
from cslir.training.batches import Augment, Step, check_inputs, plain_texts
from cslir.training.configuration import TrainingConfiguration
from cslir.training.record import TrainingRecord, is_kept

__all__ = ["hard_negatives", "train_cross_encoder"]


def hard_negatives(
    examples: Sequence[Example],
    encoder: Encoder,
    count: int,
    *,
    depth: int = 50,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Example]:
    """Return the examples, each with the passages that an encoder takes for its query by mistake.

    They are the best of the examples' passages that are not relevant to the query; those an example has
    already come first. A query that occurs several times has all its passages for relevant, and the passage
    with a query's own id is never its negative: in some collections it is the query itself.

    Args:
        examples: Pairs.
        encoder: Ranks the passages.
        count: Negatives of each example; fewer where there are not so many passages.
        depth: Passages that are looked at for each query.
        progress: Called with (texts encoded, texts in all).
    """
    passages = list({example.positive.doc_id: example.positive for example in examples}.values())
    relevant: dict[str, set[str]] = {}
    for example in examples:
        relevant.setdefault(example.query.text, set()).add(example.positive.doc_id)
    total = len(passages) + len(examples)
    vectors = encode_texts(
        encoder.encode_passages,
        [passage.full_text for passage in passages],
        lambda done: progress(done, total),
    )
    queries = encode_texts(
        encoder.encode_queries,
        [example.query.text for example in examples],
        lambda done: progress(len(passages) + done, total),
    )
    _, found = top_k(vectors, queries, min(depth, len(passages)))
    mined: list[Example] = []
    for example, rows in zip(examples, found.tolist(), strict=True):
        own = {*relevant[example.query.text], example.query.query_id}
        others = [passages[row] for row in rows if passages[row].doc_id not in own]
        mined.append(example._replace(negatives=(*example.negatives, *others)[:count]))
    return mined


def train_cross_encoder(
    model: Path,
    examples: Sequence[Example],
    configuration: TrainingConfiguration,
    *,
    output: Path,
    augment: Augment | None = None,
    inputs: Mapping[str, Any] | None = None,
    device: Device = "auto",
    progress: Callable[[Step], None] | None = None,
) -> Path:
    """Train a cross-encoder and save it as a folder that `CrossEncoder(path)` loads.

    Every query is scored with its relevant passage and its negatives, and the cross-entropy of each pair is
    lowered, relevant ones weighted by the number of negatives. The classification head starts at random, the
    word embeddings stay frozen.

    Args:
        model: Folder of the encoder to start from.
        examples: At least two, with their hard negatives (see `hard_negatives`).
        configuration: Settings.
        output: Folder to write; it appears when training is complete.
        augment: Called with examples and the epoch; without it the texts are taken as they are.
        inputs: What the model is made from (base, lexicons, data), for the record.
        device: Where it is trained; the same seed gives the same bytes on a CPU.
        progress: Called after every step.

    Returns:
        `output`.

    Raises:
        InputError: Fewer than two examples, one without negatives, no such device, or no model in the folder.
    """
    check_inputs(examples, configuration, ())
    if not all(example.negatives for example in examples):
        raise InputError("an example has no negative", remedy="give more passages to draw them from")
    with replace_folder(output, "model") as work:
        set_seed(configuration.seed % 2**32)
        require_kind(model, BASES)
        require_readable(model)
        encoder = load_quietly(CrossEncoder, model, device, num_labels=1, max_length=configuration.max_length)
        network: Any = encoder[0].auto_model
        for parameter in network.get_input_embeddings().parameters():
            parameter.requires_grad_(False)
        weight = torch.tensor(float(max(len(example.negatives) for example in examples)))
        rows = datasets.Dataset.from_list(list(_rows(examples, configuration, augment)))
        loss = _RecordedLoss(encoder, pos_weight=weight)
        reporter = _Reporter(loss, progress)
        scratch = work / "trainer"
        trainer = CrossEncoderTrainer(
            model=encoder,
            args=trainer_arguments(
                CrossEncoderTrainingArguments,
                configuration,
                scratch,
                device,
                num_train_epochs=1,  # the rows are those of all epochs
                save_strategy="no",
            ),
            train_dataset=rows,
            loss=loss,
            callbacks=[reporter],
        )
        for callback in list(trainer.callback_handler.callbacks):
            if type(callback).__name__ in {"PrinterCallback", "CrossEncoderModelCardCallback"}:
                trainer.remove_callback(callback)
        trainer.train()
        shutil.rmtree(scratch, ignore_errors=True)
        encoder.save_pretrained(str(work), create_model_card=False)
        noted = {
            "cslir_version": cslir.__version__,
            "base": model.name,
            "examples": len(examples),
            **(inputs or {}),
            "training": configuration.to_json(),
            "device": str(encoder.device),
        }
        record = TrainingRecord.of(reporter.curve, augment.totals if augment else None)
        (work / TRAINING_RECORD).write_bytes(record.to_bytes())
        (work / TRAINING_SETTINGS).write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
    return output


def _rows(
    examples: Sequence[Example], configuration: TrainingConfiguration, augment: Augment | None
) -> Iterator[dict[str, str | float]]:
    """Yield the pairs of all epochs with their labels, switched anew in each epoch."""
    for epoch in range(configuration.epochs):
        for label in (1.0, 0.0):
            pairs = [
                Example(example.query, passage)
                for example in examples
                for passage in _passages(example, relevant=label > 0)
            ]
            queries, passages = augment(pairs, epoch) if augment else plain_texts(pairs)
            for pair in zip(queries, passages, strict=True):
                query, passage = cut(pair, configuration.max_length)
                yield {"query": query, "passage": passage, "label": label}


def _passages(example: Example, *, relevant: bool) -> tuple[Passage, ...]:
    return (example.positive,) if relevant else example.negatives


class _RecordedLoss(BinaryCrossEntropyLoss):  # type: ignore[misc, unused-ignore]
    """The loss, with that of the last step kept."""

    last = 0.0

    def forward(self, *arguments: Any, **named: Any) -> Tensor:  # noqa: ANN401
        value: Tensor = super().forward(*arguments, **named)
        self.last = value.item()
        return value


class _Reporter(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Calls the progress callback after every step, and keeps the curve."""

    def __init__(self, loss: _RecordedLoss, progress: Callable[[Step], None] | None) -> None:
        self.curve: list[Step] = []
        self._loss = loss
        self._progress = progress

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        step = Step(state.global_step, state.max_steps, 0, self._loss.last, self._loss.last, 0.0)
        if is_kept(step.step, step.steps):
            self.curve.append(step)
        if self._progress is not None:
            self._progress(step)
