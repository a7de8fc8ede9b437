"""What the trainers of bi-encoders and cross-encoders are told alike."""

from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import TrainingArguments

from cslir.models import Device
from cslir.training.configuration import TrainingConfiguration

__all__ = ["trainer_arguments"]

Arguments = TypeVar("Arguments", bound=TrainingArguments)


def trainer_arguments(
    kind: type[Arguments],
    configuration: TrainingConfiguration,
    folder: Path,
    device: Device,
    **further: Any,  # noqa: ANN401
) -> Arguments:
    """Return a trainer's arguments: those that follow from the configuration, and `further` ones."""
    arguments = kind(
        output_dir=str(folder),
        use_cpu=device == "cpu",
        per_device_train_batch_size=configuration.batch_size,
        learning_rate=configuration.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=configuration.warmup,
        seed=configuration.seed % 2**32,
        data_seed=configuration.seed % 2**32,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=device != "cpu" and torch.cuda.is_available(),
        **further,
    )
    # Several GPUs would each take a batch: other negatives, and fewer steps, than are configured.
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments
