"""What a model's folder says of the texts it takes and of the vectors it gives: prompts and similarity."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cslir.models.folders import sentence_transformers_configuration

__all__ = ["EncoderSettings", "TextKind"]

TextKind = Literal["query", "passage"]
Similarity = Literal["cosine", "dot"]

_QUERY_PROMPTS = ("query",)
_PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""Names of prompts in the order in which sentence-transformers' `encode_document` looks for them."""


class EncoderSettings(NamedTuple):
    """How texts are encoded; the defaults are those of a model that says nothing."""

    query_prompt: str = ""
    """Put before each query."""
    passage_prompt: str = ""
    """Put before each passage."""
    similarity: Similarity = "cosine"
    """Of two vectors: with `cosine` they have length 1, with `dot` the length that the model gives them."""
    dimension: int | None = None
    """Values of a vector that count, from the first; all if None."""

    @classmethod
    def read(cls, folder: Path) -> "EncoderSettings":
        """Read the settings of a model folder, those of sentence-transformers where it has such.

        A passage has the first prompt that is not empty of `document`, `passage` and `corpus`:
        sentence-transformers adds an empty `document` to models that it saves. Where the prompts name neither
        queries nor passages, both have the default prompt, as in `SentenceTransformer.encode`.

        Raises:
            InputError: A file is damaged, or the model's similarity is no inner product.
        """
        configuration = sentence_transformers_configuration(folder)
        prompts = configuration.get("prompts", dict, {})
        texts = {name: prompts.get(name, str, "").value for name in prompts.value}
        default = configuration.get("default_prompt_name", (str, type(None))).value
        if default is not None and texts.keys().isdisjoint(_QUERY_PROMPTS + _PASSAGE_PROMPTS):
            if default not in texts:
                raise configuration.wrong(f"the default prompt {default!r} is not among the prompts")
            texts |= {"query": texts[default], "document": texts[default]}
        similarity = configuration.get("similarity_fn_name", str, "cosine")
        if similarity.value not in ("cosine", "dot"):
            raise similarity._replace(
                remedy="exact search ranks by inner product: use a model whose similarity is cosine or dot"
            ).wrong(f"is {similarity.value!r}, which is no inner product")
        dimension = configuration.get("truncate_dim", (int, type(None)))
        if dimension.value is not None and dimension.value < 1:
            raise dimension.wrong(f"is {dimension.value}")
        return cls(
            _first(texts, _QUERY_PROMPTS), _first(texts, _PASSAGE_PROMPTS), similarity.value, dimension.value
        )

    @property
    def prompts(self) -> dict[str, str]:
        """The prompts as sentence-transformers takes them, by name; `passage` for its earlier releases."""
        return {"query": self.query_prompt, "document": self.passage_prompt, "passage": self.passage_prompt}

    def prompt(self, kind: TextKind) -> str:
        """Return what is put before a text of a kind."""
        return self.query_prompt if kind == "query" else self.passage_prompt

    def to_json(self) -> dict[str, Any]:
        """Return the content of `config_sentence_transformers.json`."""
        content = {
            "prompts": self.prompts,
            "default_prompt_name": None,
            "similarity_fn_name": self.similarity,
        }
        return content if self.dimension is None else {**content, "truncate_dim": self.dimension}


def _first(texts: Mapping[str, str], names: Sequence[str]) -> str:
    return next((texts[name] for name in names if texts.get(name)), "")
