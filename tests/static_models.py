"""A tiny Unigram tokenizer and token tables over it."""

import json

import numpy as np
from tokenizers import Tokenizer

from cslir.models.build_static import StaticTable

ENGLISH = ["sort", "file", "list", "print", "image", "view", "mail", "send", "music", "play"]
WORDS = [*ENGLISH, "Datei", "sortieren", "Bild", "Musik"]


def tiny_tokenizer():
    pieces = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["▁", -6.0]]
    pieces += [[character, -9.0] for character in "abcdefghijklmnopqrstuvwxyzBDM"]
    pieces += [[f"▁{word}", -4.0 - index / 100] for index, word in enumerate(WORDS)]
    pieces += [["▁so", -5.0], ["rt", -5.0], ["fi", -5.5], ["▁zz", -12.0]]
    mark = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return Tokenizer.from_str(
        json.dumps(
            {
                "version": "1.0",
                "truncation": None,
                "padding": None,
                "added_tokens": [{"id": i, "content": pieces[i][0], **mark} for i in range(4)],
                "normalizer": {"type": "NFKC"},
                "pre_tokenizer": {
                    "type": "Metaspace",
                    "replacement": "▁",
                    "prepend_scheme": "always",
                    "split": True,
                },
                "post_processor": {
                    "type": "TemplateProcessing",
                    "single": [
                        {"SpecialToken": {"id": "<s>", "type_id": 0}},
                        {"Sequence": {"id": "A", "type_id": 0}},
                        {"SpecialToken": {"id": "</s>", "type_id": 0}},
                    ],
                    "pair": [
                        {"Sequence": {"id": "A", "type_id": 0}},
                        {"Sequence": {"id": "B", "type_id": 0}},
                    ],
                    "special_tokens": {
                        "<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
                        "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]},
                    },
                },
                "decoder": None,
                "model": {"type": "Unigram", "unk_id": 3, "vocab": pieces, "byte_fallback": False},
            }
        )
    )


def tiny_table(dimension=8, seed=0):
    tokenizer = tiny_tokenizer()
    draw = np.random.default_rng(seed)
    rows = tokenizer.get_vocab_size()
    return StaticTable(
        tokenizer=tokenizer,
        vectors=draw.normal(size=(rows, dimension)).astype(np.float32),
        weights=draw.uniform(0.1, 1, size=rows).astype(np.float32),
        languages=("en", "de"),
    )
