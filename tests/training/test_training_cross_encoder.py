"""A randomly initialised BERT of two layers, trained for a few steps."""

import json

import pytest

torch = pytest.importorskip("torch")
sentence_transformers = pytest.importorskip("sentence_transformers")

from static_models import WORDS  # noqa: E402
from transformer_models import tiny_encoder  # noqa: E402

from cslir import InputError  # noqa: E402
from cslir.models.bi_encoder import BiEncoder  # noqa: E402
from cslir.models.cross_encoder import load_cross_encoder  # noqa: E402
from cslir.records import Example, Passage, Query  # noqa: E402
from cslir.switching import SwitchingTotals  # noqa: E402
from cslir.training.configuration import TrainingConfiguration  # noqa: E402
from cslir.training.cross_encoder import hard_negatives, train_cross_encoder  # noqa: E402
from cslir.training.train import train_model  # noqa: E402

ENGLISH = WORDS[:9]
EXAMPLES = [
    Example(Query(f"q{i}", word, "en"), Passage(f"d{i}", f"{word} {ENGLISH[(i + 4) % 9]}", "", "en"))
    for i, word in enumerate(ENGLISH)
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_encoder(tmp_path_factory.mktemp("base"))


def settings(**changes):
    chosen = {"batch_size": 4, "epochs": 3, "learning_rate": 5e-3, "max_length": 32}
    return TrainingConfiguration.of("cross-encoder", **chosen | changes)


def test_negatives_are_passages_that_are_not_relevant(base):
    again = Example(Query("q9", "sort", "en"), Passage("d9", "sort image", "", "en"))
    mined = hard_negatives([*EXAMPLES, again], BiEncoder.open(base), 3)
    for example in mined:
        assert len({passage.doc_id for passage in example.negatives}) == 3
        assert example.positive not in example.negatives
    assert not {"d0", "d9"} & {passage.doc_id for passage in (*mined[0].negatives, *mined[-1].negatives)}
    # The query of a collection of questions may be a passage itself.
    itself = [one._replace(query=one.query._replace(query_id="d9")) for one in EXAMPLES]
    for example in hard_negatives([*itself, again], BiEncoder.open(base), 3):
        assert "d9" not in {passage.doc_id for passage in example.negatives}
    kept = hard_negatives([EXAMPLES[0]._replace(negatives=(Passage("own", "mail"),)), *EXAMPLES[1:]],
                          BiEncoder.open(base), 2)  # fmt: skip
    assert kept[0].negatives[0].doc_id == "own"
    assert len(kept[0].negatives) == 2


def test_training_lowers_the_loss_and_saves_a_cross_encoder(base, tmp_path):
    # Relevant is what has a word that no negative has: two layers learn no more within a second.
    mined = [
        Example(one.query, Passage(one.positive.doc_id, f"music {one.query.text}"),
                tuple(Passage(f"{one.positive.doc_id}{n}", f"mail {ENGLISH[n]}") for n in range(3)))
        for one in EXAMPLES
    ]  # fmt: skip
    folders = [tmp_path / "one", tmp_path / "two"]
    curves, epochs = [], []
    longer = settings(epochs=12, learning_rate=1e-3)

    def augment(examples, epoch):
        epochs.append(epoch)
        return [one.query.text for one in examples], [one.positive.full_text for one in examples]

    augment.totals = SwitchingTotals()
    for folder in folders:
        steps = []
        train_cross_encoder(base, mined, longer, output=folder, augment=augment, progress=steps.append)
        assert [step.step for step in steps] == list(range(1, 109))  # 12 epochs of 36 pairs
        curves.append([step.loss for step in steps])
    assert curves[0] == curves[1]
    assert sum(curves[0][-27:]) < sum(curves[0][:27])
    assert sorted(set(epochs)) == list(range(12))
    pairs = [("list", "music list"), ("list", "mail list")]
    scores = load_cross_encoder(str(folders[0])).score(pairs)
    assert scores[0] > scores[1]
    assert scores.tolist() == load_cross_encoder(str(folders[1])).score(pairs).tolist()
    assert json.loads((folders[0] / "training.json").read_text())["training"]["negatives"] == 3
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    trained = sentence_transformers.CrossEncoder(str(folders[0]), device="cpu")
    before = sentence_transformers.SentenceTransformer(str(base), device="cpu")
    frozen = trained[0].auto_model.get_input_embeddings().weight
    assert torch.equal(frozen, before[0].auto_model.get_input_embeddings().weight)


def test_train_model_mines_and_trains(base, tmp_path):
    folder = train_model(EXAMPLES, settings(epochs=1), base=str(base), lexicons=[], output=tmp_path / "out")
    assert load_cross_encoder(str(folder)).score([("sort", "sort file")]).shape == (1,)


def test_what_a_cross_encoder_can_not_do_is_refused(base, tmp_path):
    with pytest.raises(InputError, match="no embeddings of words to align"):
        settings(align="word:0.5")
    with pytest.raises(InputError, match="no negative"):
        train_cross_encoder(base, EXAMPLES, settings(), output=tmp_path / "out")
    with pytest.raises(InputError, match="no checkpoints"):
        train_model(
            EXAMPLES, settings(checkpoint_steps=2), base=str(base), lexicons=[], output=tmp_path / "out"
        )
