"""The settings of a training run, checked when they are made."""

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, Literal, Self

from cslir.errors import InputError, UnknownNameError
from cslir.switching import Switching

__all__ = ["ENCODERS", "Arm", "EncoderName", "TrainingConfiguration"]

EncoderName = Literal["static", "bi-encoder", "cross-encoder"]
Arm = Literal["zero-shot", "bl-cs", "ml-cs", "wiki-cs"]
ENCODERS: tuple[EncoderName, ...] = ("static", "bi-encoder", "cross-encoder")
_DEFAULTS: dict[str, dict[str, Any]] = {
    "static": {"epochs": 2, "batch_size": 256, "temperature": 0.05, "learning_rate": 2e-2, "max_length": 512},
    "bi-encoder": {
        "epochs": 1,
        "batch_size": 32,
        "temperature": 0.05,
        "learning_rate": 5e-5,
        # As many words as texts in a batch: a step costs a third more, not ten times as much.
        "alignment_pairs": 32,
        "max_length": 128,
    },
    "cross-encoder": {"epochs": 1, "batch_size": 16, "learning_rate": 5e-5, "max_length": 128},
}


@dataclass(frozen=True, kw_only=True)
class TrainingConfiguration:
    """How a model is trained.

    `TrainingConfiguration.of(encoder, **settings)` fills what is left out with the encoder's own defaults;
    the plain constructor has those of the static encoder.

    Raises:
        InputError: A setting is out of range.
    """

    encoder: EncoderName = "static"
    switching: Switching | None = None
    """How queries and passages are switched, freshly in each epoch; None trains on the pairs as they are
    (zero-shot)."""
    epochs: int = 2
    batch_size: int = 256
    temperature: float = 0.05
    learning_rate: float = 2e-2
    seed: int = 1
    align: str | None = None
    """Alignment loss as LEVEL:WEIGHT, for example `word:0.5`; None for none."""
    alignment_pairs: int = 256
    """Lexicon pairs drawn per step for the alignment loss."""
    max_length: int = 512
    """Longest input of a bi-encoder in tokens; a static encoder reads all of a text."""
    negatives: int = 3
    """Hard negatives of each query, for a cross-encoder."""
    warmup: float = 0.1
    """Share of a bi-encoder's steps over which the learning rate rises from 0, to fall linearly after."""
    checkpoint_steps: int = 0
    """Steps between a bi-encoder's checkpoints, from which a stopped run resumes; 0 for none."""

    @classmethod
    def of(cls, encoder: EncoderName, **settings: object) -> Self:
        """Return a configuration with the encoder's defaults, save for `settings` that are not None."""
        if encoder not in ENCODERS:
            raise UnknownNameError(
                f"no encoder named {encoder}", remedy=f"choose among {', '.join(ENCODERS)}"
            )
        chosen: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
        return cls(encoder=encoder, **(_DEFAULTS[encoder] | chosen))

    def __post_init__(self) -> None:
        _require(
            self.encoder in ENCODERS,
            f"no encoder named {self.encoder}",
            f"choose among {', '.join(ENCODERS)}",
        )
        for name in ("epochs", "batch_size", "alignment_pairs", "max_length", "negatives"):
            least = 2 if name in {"batch_size", "alignment_pairs"} else 1
            self._require_number(name, Integral)
            value = getattr(self, name)
            _require(value >= least, f"{_words(name)} must be at least {least}, not {value}")
        for name in ("temperature", "learning_rate"):
            self._require_number(name, Real)
            value = getattr(self, name)
            _require(math.isfinite(value) and value > 0, f"{_words(name)} must be above 0, not {value}")
        for name, kind in (("warmup", Real), ("seed", Integral), ("checkpoint_steps", Integral)):
            self._require_number(name, kind)
        _require(0 <= self.warmup <= 1, f"warmup must be between 0 and 1, not {self.warmup}")
        _require(0 <= self.seed < 2**63, f"seed must be between 0 and 2^63 - 1, not {self.seed}")
        _require(
            self.checkpoint_steps >= 0, f"checkpoint steps must be 0 or more, not {self.checkpoint_steps}"
        )
        _require(
            self.encoder != "cross-encoder" or self.align is None,
            "a cross-encoder has no embeddings of words to align",
            "leave the alignment out",
        )
        _alignment_weight(self.align)

    def _require_number(self, name: str, kind: type) -> None:
        value = getattr(self, name)
        _require(
            isinstance(value, kind) and not isinstance(value, bool),
            f"`{name}` must be a {'whole ' if kind is Integral else ''}number, not {value!r}",
        )

    @property
    def arm(self) -> Arm:
        """The training arm of the paper."""
        return "zero-shot" if self.switching is None else self.switching.arm

    @property
    def alignment_weight(self) -> float:
        """Weight of the alignment loss in the total; 0 without one."""
        return _alignment_weight(self.align)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a JSON object, those of switching beside the others."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "switching"}
        options = {} if self.switching is None else self.switching.to_json()
        return {**options, **values, "arm": self.arm}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _require(condition: bool, message: str, remedy: str = "") -> None:
    if not condition:
        raise InputError(message, remedy=remedy)


def _alignment_weight(align: str | None) -> float:
    if align is None:
        return 0.0
    level, _, weight = str(align).partition(":")
    try:
        value = float(weight)
    except ValueError:
        value = math.nan
    if level != "word" or not math.isfinite(value) or value < 0:
        raise UnknownNameError(
            f"no alignment loss {align!r}", remedy="write word:WEIGHT, for example word:0.5"
        )
    return value
