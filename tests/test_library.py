import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import cslir
from cslir import InputError, Lexicon, Switching
from cslir.formats import read_run, write_run
from cslir.lexicons.readers import read_lexicon
from cslir.records import ScoredPassage


def test_every_public_name_is_there_and_documented():
    assert set(cslir.__all__) == set(cslir._MODULES)
    for name in cslir.__all__:
        value = getattr(cslir, name)
        assert name in dir(cslir)
        assert isinstance(value, str) or inspect.getdoc(value), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cslir.nothing  # noqa: B018


def test_no_module_takes_the_place_of_a_function():
    # Importing a module sets its name on the package: `import cslir.report` would hide `cslir.report`.
    modules = {one.name for one in pkgutil.iter_modules(cslir.__path__)}
    assert not modules & set(cslir.__all__)


def test_importing_it_loads_nothing_large():
    code = "import sys, cslir; print(json.dumps([*sys.modules]))"
    loaded = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True
    ).stdout
    assert not {"torch", "numpy", "rich", "typer", "cslir._core"} & set(json.loads(loaded))


PACKAGES = (
    "cslir", "cslir.datasets", "cslir.evaluation.results", "cslir.formats", "cslir.lexicons",
    "cslir.lexicons.readers", "cslir.models", "cslir.reporting", "cslir.streaming",
)  # fmt: skip


def functions(module):
    """Yield the public functions of a module, and methods of its classes."""
    for name in module.__all__:
        value = getattr(module, name)
        members = vars(value).items() if inspect.isclass(value) else [(name, value)]
        for key, member in members:
            member = getattr(member, "__func__", member)
            if inspect.isfunction(member) and not key.startswith("_"):
                yield f"{module.__name__}.{name}", member


@pytest.mark.parametrize("name", PACKAGES)
def test_a_path_is_a_string_or_what_stands_for_one(name):
    for where, function in functions(importlib.import_module(name)):
        for parameter in inspect.signature(function).parameters.values():
            annotation = str(parameter.annotation)
            assert "Path" not in annotation or ("str" in annotation and "PathLike" in annotation), (
                where,
                parameter.name,
            )


@pytest.mark.parametrize("kind", [str, Path])
def test_lexicons_stop_words_and_files_of_the_field_are_named_by_either(kind, tmp_path):
    Lexicon.from_entries("en", "de", [("a house", [("ein Haus", 1.0)])]).save(kind(tmp_path / "a.cslex"))
    assert Lexicon.open(kind(tmp_path / "a.cslex")).lookup("a house") == [("ein Haus", 1.0)]
    assert list(read_lexicon(kind(tmp_path / "a.cslex"), "en", "de")) == [("a house", "ein Haus", 1.0)]
    write_run(kind(tmp_path / "a.run"), [ScoredPassage("q", "d", 1.0)], tag="a")
    assert [*read_run(kind(tmp_path / "a.run"))] == [ScoredPassage("q", "d", 1.0)]
    (tmp_path / "words").write_text("house\n")
    assert Switching(["en-de"], stop_words=kind(tmp_path / "words")).stop_words == ("house",)


def test_a_switching_switches_texts_and_says_what_it_replaced():
    german = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)]), ("red", [("rot", 1.0)])])
    switching = Switching([german], arm="bl-cs", translation_prob=1.0)
    assert switching("A red house.") == "A rot Haus."
    assert [
        (span.source_start, span.source_end, span.language) for span in switching.spans("A red house.")
    ] == [
        (2, 5, "de"),
        (6, 11, "de"),
    ]
    half = Switching([german], translation_prob=0.5, seed=3)
    texts = ["red house " * 20] * 3
    assert half(texts, ["a", "b", "a"])[0] == half(texts, ["a", "b", "a"])[2] == half(texts[0], "a")
    assert half(texts[0], "a") != half(texts[0], "b")
    assert half(texts[0], "a") != half(texts[0], "a", epoch=1)
    assert half(texts[0], "a") != half(texts[0], "a", field="title")
    assert half == Switching([german], translation_prob=0.5, seed=3)


def test_lexicons_of_a_switching_are_named_embedded_files_or_in_memory(tmp_path):
    (tmp_path / "en-de.tsv").write_text("library\tBücherei\t1\n", encoding="utf-8")
    named = Switching(
        [f"en-de={tmp_path}/en-de.tsv", "en-it"], translation_prob=1.0, language_weights={"it": 0}
    )
    assert named.languages == ("de", "it")
    assert named("library") == "Bücherei"
    assert Switching().languages == ("de", "fr", "it", "ru")
    assert len(Switching(arm="wiki-cs").languages) == 4
    for wrong, message in (
        ({"lexicons": ["en-de", "en-de"]}, "given twice"),
        ({"lexicons": ["en-de", f"fr-de={tmp_path}/en-de.tsv"]}, "different source languages"),
        ({"lexicons": ["en-de", "en-it"], "arm": "bl-cs"}, "bl-cs needs one lexicon, not 2"),
        ({"lexicons": ["en-xx"]}, "no lexicon en-xx is embedded"),
    ):
        with pytest.raises(InputError, match=message):
            Switching(**wrong)


def test_a_data_set_of_hugging_face_is_switched_by_columns():
    # tests/datasets can be imported by that name, too, but has no version.
    datasets = pytest.importorskip("datasets", minversion="3")
    german = Lexicon.from_entries("en", "de", [("house", [("Haus", 1.0)])])
    switching = Switching([german], translation_prob=1.0)
    rows = datasets.Dataset.from_dict({"query": ["a house"], "positive": ["the house"], "label": ["house"]})
    assert switching.map(rows, ["query", "positive"])[0] == {
        "query": "a Haus", "positive": "the Haus", "label": "house",
    }  # fmt: skip
    assert switching.map(rows, "query")[0] == switching.map(rows, ["query"])[0]
    mapped = [switching.map(rows, ["query"], epoch=epoch)._fingerprint for epoch in (0, 0, 1)]
    assert mapped[0] == mapped[1] != mapped[2]  # so that `datasets` takes a repeated call from its cache


@pytest.fixture(scope="module")
def run_and_qrels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beir")
    (folder / "qrels").mkdir()
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "text": "a"}\n{"_id": "d2", "text": "b"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "a"}\n{"_id": "q2", "text": "b"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
    return {"q1": {"d1": 2.0, "d2": 1.0}, "q2": {"d1": 2.0, "d2": 1.0}}, folder


def test_a_run_in_memory_is_evaluated_and_saved(run_and_qrels, tmp_path):
    run, folder = run_and_qrels
    result = cslir.evaluate(run, folder, measures=["RR@10"], name="mine")
    assert result.systems[0].settings["all"].judged.means == {"RR@10": 0.75}
    assert "RR@10" in repr(result)
    assert "0.7500" in repr(result)
    assert "<pre>" in result._repr_html_()
    assert result.runs["all"] == run
    result.runs["all"].save(tmp_path / "mine.run")
    for same in (
        cslir.Run(run),
        tmp_path / "mine.run",
        str(tmp_path / "mine.run"),
        cslir.Retriever(run=cslir.Run(run)),
    ):
        judged = cslir.evaluate(same, folder, measures=["RR@10"]).systems[0].settings["all"].judged
        assert judged.means == {"RR@10": 0.75}
    result.save(tmp_path / "mine.json")
    read = cslir.Result.read(str(tmp_path / "mine.json"))
    assert (read.systems[0].name, read.split) == ("mine", "test")
    assert read.systems[0].settings["all"].judged.means == {"RR@10": 0.75}
    pandas = pytest.importorskip("pandas")
    frame = read.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.value.tolist() == [1.0, 0.5]
    assert frame.columns.tolist() == ["system", "seed", "setting", "query_id", "measure", "value"]
    with pytest.raises(TypeError, match="no option .measurs., did you mean .measures."):
        cslir.evaluate(run, folder, measurs=["RR@10"])
    for data in (folder, f"{folder}/", cslir.load_dataset(folder)):
        assert cslir.evaluate(run, data, measures=["RR@10"]).dataset == str(folder)
    opened = cslir.load_dataset("debian-sample")
    scores = cslir.Run({opened.queries("test", "de")[0].query_id: {"none": 1.0}})
    named, loaded = (cslir.evaluate(scores, data) for data in ("debian-sample", opened))
    assert named.dataset == loaded.dataset == "debian-sample"


def test_wrong_arguments_of_a_training_are_named_before_any_work():
    pytest.importorskip("torch")
    pair = cslir.Example(cslir.Query("1", "a"), cslir.Passage("1", "a"))
    for arguments, message in (
        ({"data": [("a", "b")]}, "`data` holds .*no `Example`.*write Example"),
        ({"data": 3}, "`data` is of the type int"),
        ({"epochs": "3"}, "`epochs` must be a whole number, not '3'"),
        ({"alignment": 0.5}, "write word:WEIGHT"),
        ({"device": "gpu"}, "no `device` 'gpu'"),
        ({"lexicons": [3]}, "`lexicons` can't hold 3"),
        ({"switching": ["en-xx"]}, "en-xx"),
        ({"max_examples": -1}, "`max_examples` must be"),
    ):
        with pytest.raises(InputError, match=message):
            cslir.train(**({"data": [pair]} | arguments))
    for name, meant in (("epoch", "epochs"), ("align", "alignment"), ("lexicon", "lexicons")):
        with pytest.raises(TypeError, match=f"no setting '{name}'; did you mean '{meant}'.*batch_size"):
            cslir.train([pair], **{name: 3})


def test_a_model_is_trained_in_memory_and_evaluated(tmp_path):
    pytest.importorskip("torch")
    data = cslir.load_dataset("debian-sample")
    switching = Switching(["en-de", "en-ru"], translation_prob=0.5)
    # Of the whole dataset the texts of all languages would join the vocabulary, which takes a minute.
    train = partial(cslir.train, data.train()[:64], switching=switching, batch_size=32, epochs=1)
    model = train(alignment="word:0.5")
    saved = train(alignment="word:0.5", output=tmp_path / "model")
    texts = ["A free library to read files"]
    assert model.encode_queries(texts).tobytes() == saved.encode_queries(texts).tobytes()
    result = cslir.evaluate(model, data, pair="en-de", measures=["RR@10"], split="dev")
    scores = result.systems[0].settings["en-de"]
    assert len(scores.judged.query_ids) == 400
    assert 0 < scores.judged.means["RR@10"] < 1
