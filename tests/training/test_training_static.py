import numpy as np
import pytest

torch = pytest.importorskip("torch")

from static_models import WORDS, tiny_table  # noqa: E402

from cslir import InputError  # noqa: E402
from cslir.records import Example, Passage, Query  # noqa: E402
from cslir.switching import SwitchingTotals  # noqa: E402
from cslir.training.configuration import TrainingConfiguration  # noqa: E402
from cslir.training.static import train_static  # noqa: E402

ENGLISH = WORDS[:9]
EXAMPLES = [
    Example(Query(f"q{i}", word, "en"), Passage(f"d{i}", f"{other} {ENGLISH[(i + 4) % 9]}", "", "en"))
    for i, (word, other) in enumerate(zip(ENGLISH, ENGLISH[1:] + ENGLISH[:1], strict=True))
]
PAIRS = [("sort", "sortieren"), ("file", "Datei"), ("image", "Bild"), ("music", "Musik")]


def settings(**changes):
    return TrainingConfiguration(**{"batch_size": 4, "epochs": 3, "learning_rate": 0.1} | changes)


def test_training_lowers_the_loss_and_leaves_its_base_alone():
    base = tiny_table()
    vectors, weights = base.vectors.copy(), base.weights.copy()
    trained = train_static(base, EXAMPLES, settings(epochs=10))
    assert np.mean([step.loss for step in trained.curve[-2:]]) < 0.5 * trained.curve[0].loss
    assert [step.step for step in trained.curve] == list(range(1, len(trained.curve) + 1))
    assert len(trained.curve) == trained.curve[0].steps == 10 * (len(EXAMPLES) // 4)
    assert np.array_equal(base.vectors, vectors)
    assert np.array_equal(base.weights, weights)
    assert trained.encoder.configuration["training"]["epochs"] == 10


def test_only_rows_of_seen_tokens_move():
    base = tiny_table()
    names = base.tokenizer.get_vocab()
    change = train_static(base, EXAMPLES, settings()).encoder.table - base.encoder().table
    moved = np.abs(change).max(axis=1) > 1e-4
    assert moved[names["▁sort"]]
    assert not moved[names["▁Datei"]]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    tables = [
        train_static(
            tiny_table(), EXAMPLES, settings(seed=seed, align="word:0.5"), word_pairs=PAIRS
        ).encoder.table
        for seed in (1, 1, 2)
    ]
    assert tables[0].tobytes() == tables[1].tobytes()
    assert tables[0].tobytes() != tables[2].tobytes()


def test_each_epoch_is_augmented_anew():
    calls = []

    def augment(examples, epoch):
        calls.append((epoch, [example.query.query_id for example in examples]))
        return [f"{example.query.text} Datei" for example in examples], [
            e.positive.full_text for e in examples
        ]

    augment.totals = SwitchingTotals()
    base = tiny_table()
    trained = train_static(base, EXAMPLES, settings(epochs=2), augment=augment)
    for epoch in (0, 1):
        ids = [query_id for number, batch in calls for query_id in batch if number == epoch]
        assert sorted(ids) == sorted(example.query.query_id for example in EXAMPLES)
    row = base.tokenizer.get_vocab()["▁Datei"]
    assert not np.allclose(trained.encoder.table[row], base.encoder().table[row], atol=1e-4)


def test_alignment_draws_translations_to_each_other():
    base = tiny_table()

    def similarity(table):
        names = base.tokenizer.get_vocab()
        rows = [(table[names[f"▁{source}"]], table[names[f"▁{target}"]]) for source, target in PAIRS]
        return np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in rows])

    without = train_static(base, EXAMPLES, settings(epochs=8)).encoder.table
    reported = []
    aligned = train_static(
        base, EXAMPLES, settings(epochs=8, align="word:0.5"), word_pairs=PAIRS, progress=reported.append
    )
    assert similarity(aligned.encoder.table) > similarity(without) + 0.2
    assert all(step.loss == pytest.approx(step.ranking + 0.5 * step.alignment, rel=1e-4) for step in reported)
    assert tuple(reported) == aligned.curve


def test_passages_relevant_twice_are_no_negatives():
    twins = [Example(Query(f"q{i}", "sort", "en"), Passage("d", "file", "", "en")) for i in range(4)]
    trained = train_static(tiny_table(), twins, settings(epochs=1))
    assert trained.curve[0].loss == pytest.approx(0, abs=1e-5)


def test_inputs_that_teach_nothing_are_refused():
    with pytest.raises(InputError, match="at least 2"):
        train_static(tiny_table(), EXAMPLES[:1], settings())
    with pytest.raises(InputError, match="lexicon pairs"):
        train_static(tiny_table(), EXAMPLES, settings(align="word:0.5"))
