"""From examples and lexicons to a trained model: switching, alignment pairs and trainer put together."""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cslir.errors import InputError
from cslir.files import sha256_of
from cslir.languages import language_label, primary_language
from cslir.lexicons.misfits import FEWEST_CHOSEN, find_misfits
from cslir.models import Device, load_encoder
from cslir.models.build_static import StaticTable, build_static
from cslir.models.folders import BASES
from cslir.models.resolve import resolve_model
from cslir.outputs import require_output_folder
from cslir.progress import Stage, uncounted
from cslir.records import Example
from cslir.switching import Augmenter, Lexicon, SwitchingTotals, load_lexicons, weights_by_language
from cslir.training.batches import Step, plain_texts
from cslir.training.configuration import TrainingConfiguration
from cslir.training.static import TrainedStatic, train_static

__all__ = [
    "SwitchingAugment",
    "refuse_other_languages",
    "require_switching",
    "static_base",
    "switching_augment",
    "train_model",
    "train_static_arm",
    "word_pairs",
]

Progress = Callable[[int, int | None], None]

CONTEXT_LENGTH = 32
"""Tokens read of each context text: 64 gained 0.4 points of MRR@10 on dev for twice the time."""
SWITCHED_EXAMPLES = 1000
"""Training pairs that are switched before the training, to see whether the lexicons fit them."""
CONTEXT_EXAMPLES = 1000
"""Training pairs whose texts serve as contexts where no others are given."""


def word_pairs(lexicons: Sequence[Lexicon]) -> list[tuple[str, str]]:
    """Return (source, best target) of every entry of the lexicons, for the alignment loss."""
    return [
        (source, max(targets, key=lambda target: target[1])[0])
        for lexicon in lexicons
        for source, targets in lexicon.entries()
    ]


class SwitchingAugment:
    """The code-switching of an arm, as trainers call it; `totals` says what was switched so far."""

    def __init__(self, augmenter: Augmenter) -> None:
        self._augmenter = augmenter

    @property
    def totals(self) -> SwitchingTotals:
        """Sums over all batches so far."""
        return self._augmenter.totals

    def __call__(self, examples: Sequence[Example], epoch: int) -> tuple[list[str], list[str]]:
        """Return the queries and the passages of a batch, switched for an epoch."""
        return plain_texts(self._augmenter.examples(examples, epoch=epoch))


def switching_augment(
    lexicons: Sequence[Lexicon], configuration: TrainingConfiguration
) -> SwitchingAugment | None:
    """Return the code-switching of an arm, fresh in every epoch; None for zero-shot.

    Raises:
        InputError: The arm needs lexicons, bl-cs was given several, or a language that has a weight has none.
    """
    if configuration.arm == "zero-shot":
        return None
    if not lexicons or (configuration.arm == "bl-cs" and len(lexicons) != 1):
        count = "one lexicon" if configuration.arm == "bl-cs" else "at least one lexicon"
        raise InputError(f"{configuration.arm} needs {count}, not {len(lexicons)}", remedy="see --lexicon")
    general, of_queries = configuration.translation_prob, configuration.query_translation_prob
    of_passages = configuration.passage_translation_prob
    augmenter = Augmenter(
        lexicons,
        query_translation_prob=general if of_queries is None else of_queries,
        passage_translation_prob=general if of_passages is None else of_passages,
        seed=configuration.seed,
        language_choice=configuration.language_choice,
        miss_policy=configuration.miss_policy,
        target_choice=configuration.target_choice,
        language_weights=weights_by_language(lexicons, configuration.language_weights),
        stop_words=configuration.stop_words,
        switch_stop_words=configuration.switch_stop_words,
        lemma_fallback=configuration.lemma_fallback,
        protect=configuration.protect,
    )
    return SwitchingAugment(augmenter)


def require_switching(
    lexicons: Sequence[Lexicon],
    configuration: TrainingConfiguration,
    examples: Sequence[Example],
    *,
    notice: Callable[[str], None] = lambda _: None,
) -> None:
    """Refuse to train an arm whose lexicons don't fit the examples, by switching the first of them.

    Args:
        lexicons: Those of the arm.
        configuration: Arm and settings.
        examples: Training pairs.
        notice: Told of a language into which nothing is switched, where there are others.

    Raises:
        InputError: Nothing is switched, as in zero-shot training, or a lexicon is the wrong way round; or as
            `switching_augment`.
    """
    if (augment := switching_augment(lexicons, configuration)) is None:
        return
    first = examples[:SWITCHED_EXAMPLES]
    augment(first, 0)
    totals = augment.totals
    misfits = find_misfits(lexicons, totals, itertools.chain(*plain_texts(first)))
    for misfit in misfits:
        if misfit.is_reversed or (not totals.switched and totals.missed >= FEWEST_CHOSEN):
            raise InputError(misfit.message, remedy=misfit.remedy)
        notice(f"{misfit.message}; {misfit.remedy}")


def static_base(
    model: Path,
    examples: Sequence[Example],
    lexicons: Sequence[Lexicon],
    further_texts: Sequence[str] = (),
    context_texts: Sequence[str] = (),
    languages: Sequence[str] = (),
    *,
    progress: Progress | None = None,
) -> StaticTable:
    """Make the untrained token table that the arms of an experiment share.

    Args:
        model: Folder of the encoder that gives the token states.
        examples: Training pairs; their tokens make the weights.
        lexicons: Their words join the vocabulary.
        further_texts: Their tokens join the vocabulary too.
        context_texts: Texts in which the encoder reads the tokens whose states start the table.
        languages: Of all these texts, for the record.
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
        [*words, *further_texts],
        context_texts=context_texts,
        context_length=CONTEXT_LENGTH,
        languages=languages,
        progress=progress,
    )


def train_static_arm(
    base: StaticTable,
    examples: Sequence[Example],
    configuration: TrainingConfiguration,
    lexicons: Sequence[Lexicon],
    *,
    progress: Progress | None = None,
) -> TrainedStatic:
    """Train one arm of the static encoder from a shared base.

    Raises:
        InputError: As `require_switching`.
    """
    require_switching(lexicons, configuration, examples)
    augment = switching_augment(lexicons, configuration)
    trained = train_static(
        base,
        examples,
        configuration,
        augment=augment,
        word_pairs=word_pairs(lexicons) if configuration.alignment_weight else (),
        progress=_per_step(progress),
    )
    return trained if augment is None else replace(trained, switching=augment.totals)


def train_model(
    examples: Sequence[Example],
    configuration: TrainingConfiguration,
    *,
    base: str,
    lexicons: Sequence[tuple[str, str, Path]],
    output: Path,
    resume: bool = False,
    strict: bool = True,
    device: Device = "auto",
    notice: Callable[[str], None] = lambda _: None,
    stage: Stage = uncounted,
) -> Path:
    """Train a model and save its folder, which `SentenceTransformer(path)` loads.

    Args:
        examples: English pairs.
        configuration: Encoder, arm and settings.
        base: The encoder to start from, as for `resolve_model`.
        lexicons: Source language, target language and file of each.
        output: The folder; replaced at the end if it holds a model.
        resume: Go on from the last checkpoint of an interrupted bi-encoder training.
        strict: A malformed line of a lexicon is an error; otherwise it is skipped.
        device: Where a transformer is trained; a static encoder is trained on the CPU.
        notice: Told which lines were skipped, as `load_lexicons` tells them.
        stage: Shows the stages of the work, each with what it counts: texts, then steps.

    Raises:
        InputError: An input is bad, or the settings do not go together.
    """
    require_output_folder(output, "model")
    lemma_forms = configuration.lemma_fallback and configuration.arm != "zero-shot"
    loaded = load_lexicons(lexicons, strict=strict, lemma_forms=lemma_forms, notice=notice)
    refuse_other_languages(examples, loaded)
    augment = switching_augment(loaded, configuration)
    require_switching(loaded, configuration, examples, notice=notice)
    model = resolve_model(base, BASES)
    training = f"training {configuration.arm}"
    if configuration.encoder == "static":
        if resume:
            raise InputError("a static encoder trains in seconds", remedy="leave --resume out")
        contexts = list(itertools.chain(*zip(*plain_texts(examples[:CONTEXT_EXAMPLES]), strict=True)))
        with stage("token table", "text") as update:
            table = static_base(model, examples, loaded, context_texts=contexts, progress=update)
        with stage(training, "step") as update:
            trained = train_static_arm(table, examples, configuration, loaded, progress=update)
        trained.encoder.save(output, training_record=trained.record.to_bytes())
        return output
    if configuration.encoder == "cross-encoder":
        if resume or configuration.checkpoint_steps:
            raise InputError("a cross-encoder's training keeps no checkpoints", remedy="leave them out")
        from cslir.training.cross_encoder import hard_negatives, train_cross_encoder

        with stage("mining negatives", "text") as update:
            mined = hard_negatives(
                examples, load_encoder(base, device=device), configuration.negatives, progress=update
            )
        with stage(training, "step") as update:
            return train_cross_encoder(
                model,
                mined,
                configuration,
                augment=augment,
                switching=None if augment is None else augment.totals,
                output=output,
                inputs=_inputs(base, lexicons, examples),
                device=device,
                progress=_per_step(update),
            )
    from cslir.training.bi_encoder import train_bi_encoder

    with stage(training, "step") as update:
        return train_bi_encoder(
            model,
            examples,
            configuration,
            augment=augment,
            switching=None if augment is None else augment.totals,
            word_pairs=word_pairs(loaded) if configuration.alignment_weight else (),
            output=output,
            inputs=_inputs(base, lexicons, examples),
            resume=resume,
            device=device,
            progress=_per_step(update),
        )


def _inputs(
    base: str, lexicons: Sequence[tuple[str, str, Path]], examples: Sequence[Example]
) -> dict[str, Any]:
    """Return what a model is made from: the base's name, and checksums of lexicons and training pairs."""
    digest = hashlib.sha256()
    for text in itertools.chain(*plain_texts(examples)):
        digest.update(text.encode() + b"\0")
    return {
        "base": base,
        "lexicons": {f"{source}-{target}": sha256_of(path) for source, target, path in lexicons},
        "examples_sha256": digest.hexdigest(),
    }


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
                        remedy=f"give lexicons from {language!r}, or --arm zero-shot",
                    )


def _per_step(progress: Progress | None) -> Callable[[Step], None] | None:
    return None if progress is None else lambda step: progress(step.step, step.steps)
