"""Train any sentence-transformers model on English pairs that are code-switched afresh in every epoch.

The script is that of sentence-transformers' documentation (version 6) but for the lines with `switching` and
`collator`, and for the collator among the callbacks, which tells it the epoch.

Usage: python recipes/sentence_transformers_training.py MODEL OUTPUT [PAIRS]
"""

import sys

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator

import cslir


def train(base: str, output: str, pairs: int | None = None) -> SentenceTransformer:
    """Train a model, save it, and return it."""
    examples = cslir.load_dataset("debian-sample").train("train")[:pairs]
    rows = Dataset.from_dict(
        {
            "query": [one.query.text for one in examples],
            "positive": [one.positive.full_text for one in examples],
        }
    )
    model = SentenceTransformer(base)
    switching = cslir.Switching(["en-de", "en-ru"], translation_prob=0.5, seed=1)
    collator = switching.collator(SentenceTransformerDataCollator(model.preprocess))
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=output, num_train_epochs=2, per_device_train_batch_size=32, report_to="none"
        ),
        train_dataset=rows,
        loss=MultipleNegativesRankingLoss(model),
        data_collator=collator,
        callbacks=[collator],
    )
    trainer.train()
    model.save_pretrained(output)
    return model


if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
