"""A person's own training script of sentence-transformers, with fresh switches in every epoch."""

import importlib.util
import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from torch.utils.data import DataLoader  # noqa: E402
from transformer_models import tiny_encoder  # noqa: E402

from cslir import InputError, Lexicon, Switching  # noqa: E402
from cslir.errors import UnknownNameError  # noqa: E402

RECIPE = Path(__file__).parents[2] / "recipes" / "sentence_transformers_training.py"
WORDS = ["sort", "file", "list", "print", "image", "view", "mail", "send", "music", "play"]
ROWS = [
    {"query": f"{word} file", "positive": f"the {word} of a file", "id": f"d{i}"}
    for i, word in enumerate(WORDS)
]


def switching(**options):
    german = Lexicon.from_entries("en", "de", [(word, [(word[::-1], 1.0)]) for word in WORDS])
    return Switching([german], translation_prob=0.5, **options)


def keep(rows):
    return rows


def test_a_collator_switches_as_the_switching_does_and_hides_the_ids():
    own = switching(seed=3)
    collator = own.collator(keep, id_column="id")
    for epoch in (0, 1):
        collator.set_epoch(epoch)
        assert collator.epoch == epoch
        ids = [row["id"] for row in ROWS]
        assert collator(ROWS) == [
            {"query": query, "positive": positive}
            for query, positive in zip(
                own([row["query"] for row in ROWS], ids, field="query", epoch=epoch),
                own([row["positive"] for row in ROWS], ids, field="positive", epoch=epoch),
                strict=True,
            )
        ]
    assert ROWS[0] == {"query": "sort file", "positive": "the sort of a file", "id": "d0"}
    assert collator(ROWS[3:5]) == collator(ROWS)[3:5]
    assert collator([]) == []


def test_without_ids_a_text_is_switched_alike_in_every_row():
    rows = [{"query": f"{word} it", "positive": " ".join(WORDS)} for word in WORDS]
    texts = {row["positive"] for row in switching().collator(keep)(rows)}
    assert len(texts) == 1
    assert texts != {" ".join(WORDS)}


def test_columns_are_chosen_and_the_first_is_the_query():
    rows = [{"query": "file", "positive": "file", "label": 1.0}]
    assert switching(query_translation_prob=1.0, passage_translation_prob=0.0).collator(keep)(rows) == [
        {"query": "elif", "positive": "file", "label": 1.0}
    ]
    chosen = switching(query_translation_prob=0.0, passage_translation_prob=1.0).collator(keep, ["positive"])
    assert chosen(rows) == [{"query": "file", "positive": "elif", "label": 1.0}]
    with pytest.raises(UnknownNameError, match="no column 'text'; the rows have query, positive, label"):
        switching().collator(keep, ["text"])(rows)
    with pytest.raises(InputError, match="no column 'id'"):
        switching().collator(keep, id_column="id")(rows)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_switch_alike_and_hear_of_the_epoch(method):
    collator = switching().collator(keep, id_column="id")
    loader = DataLoader(
        ROWS, batch_size=3, collate_fn=collator, num_workers=1, multiprocessing_context=method,
        persistent_workers=True,
    )  # fmt: skip
    epochs = []
    for epoch in (0, 1):
        collator.set_epoch(epoch)
        epochs.append([row for batch in loader for row in batch])
        assert epochs[-1] == collator(ROWS)
    assert epochs[0] != epochs[1]
    copied = pickle.loads(pickle.dumps(collator))
    assert copied(ROWS) == epochs[1]


@pytest.mark.filterwarnings("ignore:'pin_memory'")
def test_the_recipe_trains_and_each_epoch_sees_other_texts(tmp_path, monkeypatch):
    specification = importlib.util.spec_from_file_location("recipe", RECIPE)
    recipe = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(recipe)
    seen = []

    class Listening(recipe.SentenceTransformerDataCollator):
        def __call__(self, features):
            seen.extend(row["query"] for row in features)
            return super().__call__(features)

    monkeypatch.setattr(recipe, "SentenceTransformerDataCollator", Listening)
    base = tiny_encoder(tmp_path / "base")
    before = recipe.SentenceTransformer(str(base), device="cpu").encode(["sort a file"])
    model = recipe.train(str(base), str(tmp_path / "model"), 64)
    assert len(seen) == 128
    assert len(set(seen[:64]) & set(seen[64:])) < 32
    assert abs(model.encode(["sort a file"]) - before).max() > 1e-6
    assert (tmp_path / "model" / "modules.json").is_file()
