"""`evaluate` and `cslir eval` over every kind of data, with an encoder that counts letters."""

import gzip
import json
import os
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from cslir import InputError, retrieval
from cslir.evaluation import evaluate as evaluating
from cslir.evaluation import results
from cslir.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_dataset
from cslir.evaluation.metrics import trec_order
from cslir.evaluation.results import read_results
from cslir.formats import write_beir_corpus, write_beir_queries, write_qrels_tsv
from cslir.progress import Progress
from cslir.records import Passage, Qrel, Query
from cslir.retrieval import Retriever, Run

TEXTS = {"a": "aaab", "b": "bbbc", "c": "cccd", "d": "ddde"}


class LetterEncoder:
    """Counts the letters a to e of a text; capitals are another language, half of which it does not read."""

    dimension = 6

    def encode_queries(self, texts):
        counts = [[text.lower().count(letter) for letter in "abcde"] + [2 * text.isupper()] for text in texts]
        vectors = np.array(counts, dtype=np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)

    encode_passages = encode_queries


@pytest.fixture(autouse=True)
def _letters(monkeypatch):
    """What a command opens as an encoder counts letters."""
    monkeypatch.setattr(evaluating, "load_encoder", lambda *_, **__: LetterEncoder())


@pytest.fixture
def parallel(tmp_path):
    """English and German (in capitals) have four ids, Japanese three; English and German have a dev split."""
    folder = tmp_path / "parallel"
    for language, ids in (("en", "abcd"), ("de", "abcd"), ("ja", "abc")):
        change = str.upper if language == "de" else str
        at = folder / language
        write_beir_corpus(at / "corpus.jsonl", [Passage(one, change(TEXTS[one])) for one in ids])
        write_beir_queries(at / "queries.jsonl", [Query(one, change(one)) for one in ids])
        write_qrels_tsv(at / "qrels" / "test.tsv", [Qrel(one, one, 1) for one in ids])
        if language != "ja":
            write_qrels_tsv(at / "qrels" / "dev.tsv", [Qrel(one, one, 1) for one in ids])
    return folder


@pytest.fixture
def beir(tmp_path):
    """Two queries in English and one in German, over passages in both languages."""
    folder = tmp_path / "beir"
    passages = [Passage("1", "aaab", "", "en"), Passage("2", "AAAB", "", "de"), Passage("3", "ccd", "", "en")]
    write_beir_corpus(folder / "corpus.jsonl", passages)
    queries = [
        Query("q1", "a", "en"),
        Query("q2", "A", "de"),
        Query("q3", "c", "en"),
        Query("not", "d", "en"),
    ]
    write_beir_queries(folder / "queries.jsonl", queries)
    judged = [Qrel("q1", "1", 1), Qrel("q1", "2", 1), Qrel("q2", "1", 1), Qrel("q3", "3", 1)]
    write_qrels_tsv(folder / "qrels" / "test.tsv", judged)
    return folder


@pytest.fixture
def msmarco(tmp_path):
    folder = tmp_path / "msmarco"
    folder.mkdir()
    (folder / "collection.tsv.gz").write_bytes(gzip.compress(b"0\taab\n1\tccd\n2\tbbc\n"))
    (folder / "queries.dev.tsv").write_text("7\ta\n8\tc\n9\te\n")
    (folder / "qrels.dev.tsv").write_text("7\t0\t0\t1\n8\t0\t1\t1\n")
    return folder


def only(result):
    """The one setting of the one system of a result: its name and scores."""
    (system,) = result.systems
    (setting,) = system.settings.items()
    return setting


class Notices(list):
    """What deserved a look."""

    @property
    def progress(self):
        return Progress(notice=self.append)


def test_msmarco_folder_end_to_end(msmarco, tmp_path):
    result = evaluate(LetterEncoder(), msmarco, split="dev")
    name, scores = only(result)
    assert (name, scores.group) == ("all", "")
    assert scores.judged.means == {"nDCG@10": 1, "RR@10": 1, "AP": 1, "R@100": 1}
    assert scores.top["7"] == ("0", "2", "1")
    result.runs["all"].save(tmp_path / "r.run")
    assert repr(evaluate(tmp_path / "r.run", msmarco, split="dev")) == repr(result)


def test_judged_ids_that_the_data_lacks(msmarco):
    (msmarco / "qrels.dev.tsv").write_text("7\t0\t0\t1\n7\t0\t77\t1\n8\t0\t78\t1\n70\t0\t0\t1\n")
    told, options = Notices(), {"split": "dev", "measures": ["R@100", "RR@10"]}
    result = evaluate(LetterEncoder(), msmarco, progress=told.progress, **options)
    assert "judged queries without text, which are left out: 1;" in told[0]
    assert "relevant passages that the collection lacks, which count as never found: 2" in told[0]
    _, scores = only(result)
    assert scores.judged.query_ids == ("7", "8")
    assert scores.judged.means == {"R@100": 0.25, "RR@10": 0.5}
    told.clear()
    judged = evaluate(result.runs["all"], msmarco, progress=told.progress, **options)
    assert repr(judged) == repr(result)
    assert "left out: 1" in told[0]


def test_a_beir_folder_with_languages(beir):
    result = evaluate(LetterEncoder(), beir, name="mine")
    _, scores = only(result)
    assert result.systems[0].name == "mine"
    assert scores.group == "MLIR X-X"
    assert scores.language_bias is not None
    assert sum(scores.language_shares.values()) == pytest.approx(1)
    assert "rank-biased share of each passage language" in repr(result)
    # q2 asks in German for an English passage, behind the German one.
    assert result.cells["de", "en"] < result.cells["en", "en"]
    assert scores.judged.values["RR@10"].tolist() == [1, 0.5, 1]


def test_a_run_of_a_beir_folder_has_languages_too(beir):
    result = evaluate({"q1": {"1": 2.0, "2": 2.0}, "q9": {"2": 2.0}}, beir)
    unjudged, equal = result.remarks
    assert unjudged == "1 further queries of the run are not judged"
    assert equal.startswith("1 query with passages of equal score")
    assert "2 have no retrieved passage and count as zero" in repr(result)
    _, scores = only(result)
    assert scores.top == {"q1": ("2", "1")}
    assert scores.language_shares == pytest.approx({"de": 1 / 1.9, "en": 0.9 / 1.9})
    assert scores.judged.missing == ("q2", "q3")


def test_qrels_and_run_alone(run, tmp_path):
    qrels, run_file, result = tmp_path / "trec.qrels", tmp_path / "bm25.v2.run", tmp_path / "r.json"
    qrels.write_text("q1 0 d1 1\nq2 0 d1 2\n")
    run_file.write_text("q1 Q0 d2 1 2 t\nq1 Q0 d1 2 1 t\n")
    outcome = run("eval", "--run", run_file, "--qrels", qrels, "--json", result, "--measure", "RR@10")
    assert outcome.status == 0, outcome.err
    assert "0.2500" in outcome.out
    assert read_results(result).systems[0].name == "bm25"


def test_a_mixture_has_the_numbers_of_the_setting_that_it_was_made_as(run, parallel, tmp_path):
    languages = ["--language", "de", "--language", "en"]
    mixed = tmp_path / "mixed"
    arguments = ["--setting", "X-X", *languages, "--seed", "5", "--output", mixed]
    assert run("datasets", "mix", parallel, *arguments).status == 0
    files = {}
    for name, data in (("pair", [parallel, "--pair", "X-X", *languages, "--seed", "5"]), ("folder", [mixed])):
        files[name] = (tmp_path / f"{name}.json", tmp_path / f"{name}.run")
        out = ["--json", files[name][0], "--run-out", files[name][1]]
        outcome = run("eval", *data, "--model", "letters", *out)
        assert outcome.status == 0, outcome.err
    assert files["pair"][1].read_bytes() == files["folder"][1].read_bytes()
    settings = [json.loads(paths[0].read_text())["systems"][0]["settings"] for paths in files.values()]
    assert settings[0] == settings[1]
    assert settings[0]["X-X"]["group"] == "MLIR X-X"


def test_all_settings_and_one_of_them_agree(parallel):
    encoder = LetterEncoder()
    whole = evaluate(encoder, parallel)
    assert "not in the groups, as a language lacks some of 4 queries: en-ja 3" in repr(whole)
    assert (whole.seen, whole.unseen) == (("en", "de"), ("ja",))
    for name in ("en-de", "X-en", "ja-en"):
        _, one = only(evaluate(encoder, parallel, pair=name))
        expected = whole.systems[0].settings[name]
        assert one.judged.means == pytest.approx(expected.judged.means)
        assert one.top == expected.top


def test_languages_that_are_named_are_evaluated_over_the_ids_they_share(parallel):
    settings = evaluate(LetterEncoder(), parallel, languages=["de", "ja"]).systems[0].settings
    assert set(settings) == {"de-de", "de-ja", "ja-de", "ja-ja", "X-X"}
    assert all(len(scores.judged.query_ids) == 3 for scores in settings.values())


def test_language_means_come_from_dev_and_remove_the_bias(parallel):
    bias = {
        remove: only(evaluate(LetterEncoder(), parallel, pair="en-X", remove_language_means=remove))[1]
        for remove in (None, True)
    }
    assert bias[True].judged.means["RR@10"] >= bias[None].judged.means["RR@10"]
    with pytest.raises(InputError, match="no language means"):
        evaluate(LetterEncoder(), parallel, pair="en-de", split="dev", remove_language_means=True)


@pytest.mark.parametrize("layout", ["top1000", "run"])
def test_fixed_candidates(msmarco, tmp_path, layout):
    lines = {
        "top1000": "7\t1\ta\tccd\n7\t2\ta\tbbc\n9\t0\te\taab\n",
        "run": "7 Q0 1 1 2 t\n7 Q0 2 2 1 t\n9 Q0 0 1 1 t\n",
    }
    path = tmp_path / "candidates"
    path.write_text(lines[layout])
    result = evaluate(LetterEncoder(), msmarco, split="dev", candidates=path)
    assert only(result)[1].judged.missing == ("8",)
    assert {doc_id for scores in result.runs["all"].values() for doc_id in scores} == {"1", "2"}


def test_a_top1000_file_with_its_qrels_needs_no_collection(run, msmarco, tmp_path):
    path = tmp_path / "top1000.dev.tsv"
    path.write_text("7\t1\ta\tccd\n7\t0\ta\taab\n8\t1\tc\tccd\n")
    outcome = run(
        "eval", "--candidates", path, "--qrels", msmarco / "qrels.dev.tsv", "--model", "l", "--measure", "RR"
    )
    assert outcome.status == 0, outcome.err
    assert "1.0000" in outcome.out


def test_depth_follows_the_largest_cutoff(msmarco):
    told, options = Notices(), {"split": "dev", "measures": ["R@1000"]}
    evaluate(LetterEncoder(), msmarco, depth=1, progress=told.progress, **options)
    assert "less than a measure's cutoff of 1000" in told[0]
    told.clear()
    evaluate(LetterEncoder(), msmarco, progress=told.progress, **options)
    assert not told


@pytest.fixture
def quora(tmp_path):
    """Queries that are passages themselves, as in Quora; the one of q3 is judged relevant, by its very id."""
    folder = tmp_path / "quora"
    texts = {"q1": "aaab", "q2": "aaac", "q3": "ccd", "d4": "bbb"}
    write_beir_corpus(folder / "corpus.jsonl", [Passage(one, text) for one, text in texts.items()])
    write_beir_queries(folder / "queries.jsonl", [Query(one, texts[one]) for one in ("q1", "q2", "q3")])
    judged = [Qrel("q1", "q2", 1), Qrel("q2", "q1", 1), Qrel("q3", "q3", 1), Qrel("q1", "q1", 0)]
    write_qrels_tsv(folder / "qrels" / "test.tsv", judged)
    return folder


@pytest.mark.parametrize("way", ["model", "candidates", "run", "qrels alone", "one of many settings"])
def test_the_passage_with_the_querys_own_id_is_not_found(quora, tmp_path, way):
    lines = [f"{query} Q0 {doc} {rank} {9 - rank} t\n" for query, docs in
             {"q1": ("q1", "q2", "d4"), "q2": ("q2", "q1", "d4"), "q3": ("q3", "q1")}.items()
             for rank, doc in enumerate(docs, start=1)]  # fmt: skip
    run = tmp_path / "r.run"
    run.write_text("".join(lines))
    if way == "one of many settings":
        for language in ("en", "de"):
            shutil.copytree(quora, tmp_path / "many" / language)
    source, options = {
        "model": (quora, {"model": LetterEncoder()}),
        "candidates": (quora, {"model": LetterEncoder(), "candidates": run}),
        "run": (quora, {"run": run}),
        "qrels alone": (None, {"run": run}),
        "one of many settings": (tmp_path / "many", {"model": LetterEncoder()}),
    }[way]
    for leaves_out, expected in ((True, 1), (False, (0.5 + 0.5 + 1) / 3)):
        result = evaluate_dataset(
            None if source is None else str(source),
            EvaluationOptions(ignore_identical_ids=leaves_out, **options),
            qrels=quora / "qrels" / "test.tsv" if source is None else None,
        )
        for scores in result.systems[0].settings.values():
            assert scores.judged.means["RR@10"] == pytest.approx(expected)
            assert scores.identical_ids == (2 if leaves_out else 0)
            assert (scores.top["q1"][0] == "q1") is not leaves_out
        said = "of 2 queries the passage with the query's own id is left out" in repr(result)
        assert said is leaves_out


def test_what_is_left_out_costs_no_depth_and_is_not_in_the_run(quora):
    run = evaluate(LetterEncoder(), quora, depth=2, measures=["P@2"]).runs["all"]
    assert {query_id: len(scores) for query_id, scores in run.items()} == {"q1": 2, "q2": 2, "q3": 2}
    assert trec_order(run["q1"])[0] == "q2"


def test_runs_are_compared_without_the_passages_of_their_queries(run, quora, tmp_path):
    for name, docs in (("itself", ("q1", "q2")), ("others", ("q2", "d4"))):
        lines = [f"{query} Q0 {doc} 1 {9 - rank} t\n" for query in ("q1", "q2", "q3")
                 for rank, doc in enumerate(docs)]  # fmt: skip
        (tmp_path / name).write_text("".join(lines))
    arguments = ["compare", tmp_path / "itself", tmp_path / "others", "--qrels", quora / "qrels" / "test.tsv"]
    for option, expected in (([], 1), (["--keep-identical-ids"], 0.5)):
        outcome = run(*arguments, "--format", "json", *option)
        assert outcome.status == 0, outcome.err
        assert "runs do not say which queries" in outcome.err
        mean = json.loads(outcome.out)["scores"][0]["mean"]
        assert mean == pytest.approx((expected + 1 + 0) / 3)


def test_queries_judged_irrelevant_are_not_called_unjudged(beir):
    with (beir / "qrels" / "test.tsv").open("a") as file:
        file.write("not\t1\t0\n")
    result = evaluate({"q1": {"1": 2.0}, "not": {"2": 2.0}, "q9": {"2": 2.0}}, beir)
    assert result.remarks == (
        "1 further queries of the run are not judged",
        "1 further queries have no passage that is judged relevant, and are left out",
    )


def test_results_on_queries_in_another_language_are_not_compared(run, beir, tmp_path):
    (tmp_path / "de.jsonl").write_text('{"_id": "q1", "text": "aa"}\n{"_id": "q2", "text": "aa"}\n'
                                       '{"_id": "q3", "text": "cc"}\n')  # fmt: skip
    files = {"en": [beir], "de": ["--collection", beir / "corpus.jsonl", "--queries", tmp_path / "de.jsonl",
                                  "--qrels", beir / "qrels" / "test.tsv"]}  # fmt: skip
    for name, data in files.items():
        out = ["--json", tmp_path / f"{name}.json", "--name", name]
        assert run("eval", *data, "--model", "letters", *out).status == 0
    paths = [tmp_path / "en.json", tmp_path / "de.json"]
    by = ["--by", "setting"]
    refused = run("compare", *paths, *by)
    assert refused.status == 2
    assert (
        "de and en were evaluated with different queries in all; compare systems on one task" in refused.err
    )
    assert run("compare", *paths, *by, "--different-data").status == 0


def test_a_measure_has_one_name_in_results_and_comparisons(run, beir, tmp_path):
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    for path, measure in zip(paths, ("MRR@10", "RR@10"), strict=True):
        out = ["--json", path, "--name", path.stem, "--measure", measure]
        assert run("eval", beir, "--model", "letters", *out).status == 0
        assert list(only(read_results(path))[1].judged.means) == ["RR@10"]
    outcome = run("compare", *paths, "--measure", "MRR@10")
    assert outcome.status == 0, outcome.err


def test_options_of_the_command_are_those_of_the_evaluation(run, beir, tmp_path):
    path = tmp_path / "r.json"
    options = [
        "--name",
        "mine",
        "--depth",
        "7",
        "--keep-identical-ids",
        "--no-language-means",
        "--measure",
        "AP",
    ]
    outcome = run("eval", beir, "--model", "letters", *options, "--seed", "5", "--json", path)
    assert outcome.status == 0, outcome.err
    assert (read_results(path).dataset, read_results(path).systems[0].name) == (str(beir), "mine")
    expected = {
        "model": "letters", "depth": 7, "ignore_identical_ids": False, "remove_language_means": False,
        "measures": ["AP"], "seed": 5,
    }  # fmt: skip
    found = json.loads(path.read_text())["configuration"]
    assert {name: found[name] for name in expected} == expected


def test_an_output_that_fails_costs_no_other(run, beir, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device", "r.run")

    monkeypatch.setattr(retrieval, "write_run", fail)
    out = ["--json", tmp_path / "r.json", "--run-out", tmp_path / "r.run"]
    outcome = run("eval", beir, "--model", "letters", *out)
    assert (outcome.status, "No space left" in outcome.err) == (1, True)
    assert only(read_results(tmp_path / "r.json"))[1].judged.means["AP"] > 0
    assert "AP" in outcome.out
    monkeypatch.undo()
    monkeypatch.setattr(evaluating, "load_encoder", lambda *_, **__: LetterEncoder())
    monkeypatch.setattr(results, "write_results", fail)
    outcome = run("eval", beir, "--model", "letters", *out)
    assert outcome.status == 1
    assert (tmp_path / "r.run").is_file()


@pytest.mark.parametrize("kind", ["query", "passage"])
def test_ids_that_a_run_can_not_hold_are_found_before_the_work(run, beir, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(evaluating, "load_encoder", lambda *_, **__: pytest.fail("too late"))
    name = "queries.jsonl" if kind == "query" else "corpus.jsonl"
    old, new = ("q1", "q 1") if kind == "query" else ("3", "d 3")
    for path in (beir / name, *([beir / "qrels" / "test.tsv"] if kind == "query" else [])):
        text = path.read_text()
        path.write_text(text.replace(f'"{old}"', f'"{new}"').replace(f"{old}\t", f"{new}\t"))
    outcome = run("eval", beir, "--model", "letters", "--run-out", tmp_path / "r.run")
    assert outcome.status == 2
    assert f"{name}: the id {new!r} holds white space" in outcome.err


class FewestLetters:
    """A cross-encoder that likes short passages."""

    def score(self, pairs, *, progress=None):
        return np.array([-len(passage) for _, passage in pairs], dtype=np.float32)


@pytest.mark.parametrize("layout", ["run", "top1000", "run as candidates"])
def test_a_cross_encoder_reranks_without_an_encoder(beir, tmp_path, layout):
    first = {"q1": {"1": 3.0, "3": 2.0}, "q3": {"1": 3.0, "3": 2.0}}
    path = tmp_path / "first"
    if layout == "top1000":
        path.write_text("q1\t1\ta\taaab\nq1\t3\ta\tccd\nq3\t1\tc\taaab\nq3\t3\tc\tccd\n")
    else:
        Run(first).save(path)
    if layout == "run":
        system = Retriever(run=Run(first | {"q9": {"3": 1.0}}), reranker=FewestLetters())
    else:
        system = Retriever(candidates=path, reranker=FewestLetters())
    result = evaluate(system, beir)
    found = {
        query_id: trec_order(scores) for query_id, scores in result.runs["all"].items() if query_id != "q9"
    }
    assert found == {"q1": ["3", "1"], "q3": ["3", "1"]}
    assert only(result)[1].judged.values["RR@10"].tolist() == [0.5, 0, 1]
    assert ("1 further queries of the run are not judged" in result.remarks) is (layout == "run")


def test_the_depth_of_reranking_is_said_and_loses_no_candidate(beir):
    told, first = Notices(), Run({"q1": {"1": 3.0, "2": 2.0, "3": 1.0}})
    system = Retriever(run=first, reranker=FewestLetters(), rerank_depth=2)
    result = evaluate(system, beir, progress=told.progress)
    assert "of up to 3 candidates per query the first 2 are reranked (`rerank_depth`)" in told[0]
    assert result.runs["all"]["q1"] == {"1": -4, "2": -4, "3": -5}
    with pytest.raises(InputError, match="the candidates name '77'"):
        evaluate(replace(system, run=Run({"q1": {"77": 3.0}})), beir)


def test_all_settings_are_reranked_as_each_of_them(parallel):
    system = Retriever(LetterEncoder(), reranker=FewestLetters())
    whole = evaluate(system, parallel)
    for name in ("en-de", "X-X"):
        expected = whole.systems[0].settings[name]
        _, one = only(evaluate(system, parallel, pair=name))
        assert one.top == expected.top
        assert one.checksums == expected.checksums
        assert all(one.checksums)


BAD = {
    "pair on plain data": (["{beir}", "--model", "m", "--pair", "en-de"], "are for parallel datasets"),
    "language on plain data": (["{beir}", "--model", "m", "--language", "de"], "are for parallel datasets"),
    "no such pair": (["{parallel}", "--model", "m", "--pair", "de-X"], "'de-X' is no setting"),
    "language that is not there": (
        ["{parallel}", "--model", "m", "--language", "fr"],
        "no language fr",
    ),
    "split that is not there": (
        ["{parallel}", "--model", "m", "--split", "tst"],
        "it has the splits dev, test",
    ),
    "split of a beir folder": (["{beir}", "--model", "m", "--split", "dev"], "it has the splits test"),
    "split of a marco folder": (["{msmarco}", "--model", "m"], "it has the splits dev"),
    "model and run": (["{beir}", "--model", "m", "--run", "{good}"], "--model and --run exclude each other"),
    "neither": (["{beir}"], "either --model or --run"),
    "candidates alone": (["{beir}", "--candidates", "{good}"], "or --candidates with --rerank"),
    "rerank alone": (["{beir}", "--rerank", "m"], "or --candidates with --rerank"),
    "first of candidates": (
        ["{beir}", "--rerank", "m", "--candidates", "{good}", "--rerank-depth", "9"],
        "--candidates have no order",
    ),
    "rerank without texts": (
        ["--run", "{good}", "--qrels", "{qrels}", "--rerank", "m"],
        "--rerank needs the texts",
    ),
    "rerank a run of all settings": (["{parallel}", "--run", "{good}", "--rerank", "m"], "add --pair"),
    "run and candidates": (
        ["{beir}", "--run", "{good}", "--candidates", "{good}"],
        "--candidates needs --model",
    ),
    "run and depth": (["{beir}", "--run", "{good}", "--depth", "9"], "--depth needs --model"),
    "unknown measure": (["{beir}", "--model", "m", "--measure", "accuracy"], "unknown measure"),
    "run-out without pair": (["{parallel}", "--model", "m", "--run-out", "{tmp}/x"], "add --pair"),
    "data and qrels": (["{beir}", "--model", "m", "--qrels", "{good}"], "exclude each other"),
    "qrels and pair": (["--run", "{good}", "--qrels", "{qrels}", "--pair", "en-de"], "need DATA"),
    "qrels and candidates": (["--model", "m", "--qrels", "{qrels}", "--candidates", "{good}"], "top1000"),
    "empty qrels": (["--run", "{good}", "--qrels", "{empty}"], "empty: no query has a relevant passage"),
    "qrels without relevant": (["--run", "{good}", "--qrels", "{zero}"], "zero: no query has a relevant"),
    "qrels of others": (
        ["--run", "{good}", "--qrels", "{others}"],
        "good: the run and {others} share no query",
    ),
    "empty run": (["{beir}", "--run", "{empty}"], "empty: holds no line"),
    "run of others": (["{msmarco}", "--split", "dev", "--run", "{good}"], "share no query"),
    "run with five columns": (["{beir}", "--run", "{five}"], "five:1: 5 columns"),
    "run with nan": (["{beir}", "--run", "{nan}"], "nan:1: score nan is not finite"),
    "passage twice": (["{beir}", "--run", "{twice}"], "twice:2: passage '1' is retrieved twice"),
    "truncated run": (["{beir}", "--run", "{cut}"], "truncated or corrupt"),
    "unknown query": (["{beir}", "--model", "m", "--candidates", "{strange}"], "strange:2: query 'q77'"),
    "unknown passage": (["{beir}", "--model", "m", "--candidates", "{passage}"], "passage:1: passage '77'"),
    "run of a compression": (["{beir}", "--model", "m", "--run-out", "{tmp}/x.bz2"], ".bz2 is not written"),
    "two outputs, one file": (
        ["{beir}", "--model", "m", "--run-out", "{tmp}/x", "--json", "{tmp}/x"],
        "--json and --run-out name one file",
    ),
    "json to a folder": (["{beir}", "--model", "m", "--json", "{tmp}"], "is a folder"),
    "a file as data": (["{good}", "--model", "m"], "is a file, a folder is needed"),
    "means of no model": (["{beir}", "--model", "m", "--remove-means"], "no language means"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_input_is_a_clear_error(run, tmp_path, beir, msmarco, parallel, case):
    files = {
        "good": "q1 Q0 1 1 2 t\n",
        "qrels": "q1 0 1 1\n",
        "zero": "q1 0 1 0\n",
        "others": "q5 0 1 1\n",
        "empty": "",
        "five": "q1 Q0 1 1 2\n",
        "nan": "q1 Q0 1 1 nan t\n",
        "twice": "q1 Q0 1 1 2 t\nq1 Q0 1 2 1 t\n",
        "strange": "q1 Q0 1 1 2 t\nq77 Q0 1 2 1 t\n",
        "passage": "q1 Q0 77 1 2 t\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "cut").write_bytes(gzip.compress(b"q1 Q0 1 1 2 t\n" + bytes(range(48, 91)) * 9)[:-12])
    places = {name: tmp_path / name for name in (*files, "cut")} | {"tmp": tmp_path}
    places |= {"beir": beir, "msmarco": msmarco, "parallel": parallel}
    arguments, message = BAD[case]
    outcome = run("eval", *(one.format(**places) for one in arguments))
    assert outcome.status == 2, outcome.err
    assert message.format(**places) in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_qrels_without_judgements(run, beir):
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    outcome = run("eval", beir, "--model", "m")
    assert outcome.status == 2
    assert "test.tsv: no judgements" in outcome.err


def test_tables_fit_80_columns_and_are_plain_when_piped(run, parallel):
    outcome = run("eval", parallel, "--model", "m")
    assert "\x1b" not in outcome.out
    tables, notes, _ = outcome.out.partition("not in the groups")
    assert notes
    assert all(len(line) <= 80 for line in tables.splitlines())


def test_a_language_without_a_mean_gets_that_of_the_evaluated_texts(tmp_path):
    draw = np.random.default_rng(3)
    texts = {str(number): "".join(draw.choice(list("abcde"), size=8)) for number in range(40)}
    folder = tmp_path / "mixed"
    passages = [Passage(one, text, "", "en") for one, text in texts.items()]
    passages += [Passage(f"de{one}", text.upper(), "", "de") for one, text in texts.items()]
    write_beir_corpus(folder / "corpus.jsonl", passages)
    write_beir_queries(folder / "queries.jsonl", [Query(one, text, "en") for one, text in texts.items()])
    write_qrels_tsv(folder / "qrels" / "test.tsv", [Qrel(one, f"de{one}", 1) for one in texts])
    encoder = LetterEncoder()
    vectors = {"en": encoder.encode_queries(list(texts.values()))}
    vectors["de"] = encoder.encode_queries([text.upper() for text in texts.values()])

    def value(languages):
        encoder.language_means = {one: vectors[one].mean(axis=0) for one in languages}
        return only(evaluate(encoder, folder, remove_language_means=True))[1].judged.means["RR@10"]

    assert value(["en"]) == value(["en", "de"]) > 0.4
    write_beir_corpus(folder / "corpus.jsonl", [*passages, Passage("x", "a", "", "nl")])
    with pytest.raises(
        InputError, match=r"too few texts for a language's mean, which the model lacks: nl \(1\)"
    ):
        evaluate(encoder, folder, remove_language_means=True)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_names_of_files_that_are_not_utf_8_lose_no_result(run, tmp_path):
    folder = tmp_path / os.fsdecode(b"d\xff")
    folder.mkdir()
    (folder / os.fsdecode(b"r\xff.run")).write_text("q1 Q0 d1 1 0.9 x\n")
    (folder / "qrels").write_text("q1 0 d1 1\n")
    options = ["--run", folder / os.fsdecode(b"r\xff.run"), "--qrels", folder / "qrels"]
    assert run("eval", *options, "--json", folder / "results.json").status == 0
    (system,) = read_results(folder / "results.json").systems
    assert system.name == "r?"
