import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cslir import InputError, _core
from cslir.datasets import load_embedded
from cslir.files import read_lines
from cslir.lexicons import EMBEDDED_PAIRS
from cslir.streaming import summary_record, summary_text, switch_file
from cslir.switching import Lexicon, Switcher

WORDS = {"library": "Bibliothek", "file": "Datei", "free": "frei"}


def lexicon(language="de"):
    return Lexicon.from_entries("en", language, [(word, [(target, 1.0)]) for word, target in WORDS.items()])


@pytest.fixture
def switcher():
    return Switcher([lexicon(), lexicon("nl")], translation_prob=0.5, seed=1)


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.jsonl"
    with path.open("w") as file:
        file.writelines(
            f'{{"_id": "{row}", "title": "free {row}", "text": "the free library reads every file"}}\n'
            for row in range(60_000)
        )
    return path


def test_the_bytes_are_those_of_the_switcher_alone(tmp_path, switcher):
    source = tmp_path / "in.jsonl"
    records = [
        {"_id": str(row), "title": "A free file", "text": "The FREE “library”\n" * row, "n": row}
        for row in range(50)
    ]
    source.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    summary = switch_file(source, tmp_path / "out.jsonl", switcher, epoch=3)
    for record in records:
        for field in ("title", "text"):
            record[field] = switcher.switch(record[field], record["_id"], field=field, epoch=3)
    expected = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    assert (tmp_path / "out.jsonl").read_text() == expected
    assert (summary.records, summary.input_bytes) == (50, source.stat().st_size)
    assert summary.output_bytes == len(expected.encode())
    assert summary.counts.switched == sum(summary.counts.switched_by_language.values()) > 0


def test_a_summary_tells_the_rates(tmp_path, switcher):
    source = tmp_path / "in.tsv"
    source.write_text("1\tfree file\n2\t\n")
    summary = switch_file(source, tmp_path / "out.tsv.zst", switcher, translation_probs={"2": 1.0})
    record = summary_record(summary)
    assert (record["records"], record["tokens"], record["switched"], record["switch_rate"]) == (2, 2, 2, 1.0)
    assert json.loads(json.dumps(record)) == record
    assert "2 records, 2 tokens" in summary_text(summary)


def test_triples_whose_query_would_be_taken_for_the_id(tmp_path, switcher):
    source, destination = tmp_path / "triples.train.small.tsv", tmp_path / "out.tsv"
    triples = "a free file\tthe library\tfree\nfile\tfree\tx\nfree library\tfile\ty\n"
    source.write_text(triples)
    with pytest.raises(InputError, match="which is the id, holds words; give --no-id") as caught:
        switch_file(source, destination, switcher)
    assert (caught.value.path, caught.value.line) == (str(source), 1)
    assert not destination.exists()
    assert switch_file(source, destination, switcher, line_ids=True).records == 3
    # Who names the columns says that the first one is the id; and few such ids are no lack of them.
    assert switch_file(source, destination, switcher, fields=["2", "3"]).records == 3
    source.write_text(triples + "1\tfree\tx\n2\tfree\tx\n")
    assert switch_file(source, destination, switcher).records == 5


@pytest.mark.parametrize(
    ("source_language", "language"), [("en", "en-US"), ("iw", "he"), ("nb", "no"), ("zh", "zh-Hant")]
)
def test_records_of_the_lexicons_language_under_another_code(tmp_path, source_language, language):
    switcher = Switcher(
        [Lexicon.from_entries(source_language, "de", [("free", [("frei", 1.0)])])],
        translation_prob=1.0,
        seed=1,
    )
    record = f'{{"_id": "1", "text": "free", "language": "{language}"}}\n'
    (tmp_path / "in.jsonl").write_text(record)
    switch_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", switcher)
    assert "frei" in (tmp_path / "out.jsonl").read_text()
    (tmp_path / "in.jsonl").write_text(record.replace(language, "fil"))
    with pytest.raises(InputError, match='is in "fil", the lexicons start from'):
        switch_file(tmp_path / "in.jsonl", tmp_path / "out2.jsonl", switcher)


def test_triples_without_ids_have_the_line_as_id(tmp_path, switcher):
    source, destination = tmp_path / "triples.tsv", tmp_path / "out.tsv"
    rows = [["free library", "a free file", "no file " * 9] for _ in range(20)]
    source.write_text("".join("\t".join(row) + "\n" for row in rows))
    switch_file(source, destination, switcher, line_ids=True)
    found = [line.split("\t") for line in destination.read_text().splitlines()]
    assert found == [
        [switcher.switch(text, str(line), field=str(column)) for column, text in enumerate(row, 1)]
        for line, row in enumerate(rows, 1)
    ]
    assert len({tuple(row) for row in found}) > 1


def test_progress_is_told_and_its_errors_are_raised(large, tmp_path, switcher):
    calls = []
    switch_file(large, tmp_path / "out.jsonl", switcher, progress=lambda *call: calls.append(call))
    size = large.stat().st_size
    assert calls
    assert all(0 < done <= total == size and 0 < records <= 60_000 for done, total, records in calls)

    def fail(*_):
        raise RuntimeError("the screen is gone")

    with pytest.raises(RuntimeError, match="the screen is gone"):
        switch_file(large, tmp_path / "other.jsonl", switcher, progress=fail)
    assert not (tmp_path / "other.jsonl").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the affinity of threads")
def test_threads_of_a_file_go_to_any_core(large, tmp_path, switcher):
    allowed, seen = os.sched_getaffinity(0), {}

    def look(*_):
        seen["the caller of progress"] = os.sched_getaffinity(0)
        for task in Path("/proc/self/task").iterdir():
            name = (task / "comm").read_text().strip()
            if name.startswith(("cslir-read", "cslir-work")):
                seen[name] = os.sched_getaffinity(int(task.name))

    # A search keeps its threads, as many by default, to their cores.
    vectors = np.ones((200_000, 8), np.float32)
    _core.top_k(vectors, vectors[:1], 1)
    switch_file(large, tmp_path / "out.jsonl", switcher, progress=look)
    assert any(name.startswith("cslir-work") for name in seen)
    assert all(cores == allowed for cores in seen.values()), seen


def test_a_pipe_is_read_but_not_continued(tmp_path, switcher):
    pipe = tmp_path / "in.tsv"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["sh", "-c", f"printf '1\\tfree file\\n' > {pipe}"])
    seen = []
    switch_file(pipe, tmp_path / "out.tsv", switcher, progress=lambda _, total, __: seen.append(total))
    assert writer.wait() == 0
    assert (tmp_path / "out.tsv").read_text().startswith("1\t")
    assert seen == [None]


CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from cslir.switching import Lexicon, Switcher
from cslir.streaming import switch_file
entries = [(w, [(t, 1.0)]) for w, t in {words!r}.items()]
lexicons = [Lexicon.from_entries("en", language, entries) for language in ("de", "nl")]
switcher = Switcher(lexicons, translation_prob=0.5, seed=1)
print("ready", flush=True)
switch_file(sys.argv[1], sys.argv[2], switcher, checkpoint_bytes=1, threads=int(sys.argv[3]))
"""


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_killed_runs_end_in_the_same_bytes(large, tmp_path, switcher, suffix):
    whole, output = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    expected = switch_file(large, whole, switcher, threads=1)
    part, journal = tmp_path / f"out.{suffix}.part", tmp_path / f"out.{suffix}.part.json"
    chance = random.Random(5)
    for kill in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        command = [sys.executable, "-c", CHILD.format(words=WORDS), large, output, "2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            child.stdout.readline()
            while child.poll() is None and not journal.exists():
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
            child.send_signal(kill)
        if output.exists():
            break
        assert part.exists()
    else:
        notices = []
        summary = switch_file(large, output, switcher, notice=notices.append)
        assert notices[0].startswith("going on after line")
        assert summary.resumed_after_line > 0
        assert summary_record(summary)["switched"] == summary_record(expected)["switched"]
    assert output.read_bytes() == whole.read_bytes()
    assert not part.exists()
    assert not journal.exists()


def test_one_output_has_one_writer(large, tmp_path, switcher):
    output = tmp_path / "out.jsonl"
    refused = []

    def write_too(*_):
        with pytest.raises(InputError, match="another run is writing it") as caught:
            switch_file(large, output, switcher)
        refused.append(caught.value.path)

    switch_file(large, output, switcher, progress=write_too)
    assert set(refused) == {f"{output}.part"}


def test_places_that_cannot_be_written_are_named(tmp_path, switcher):
    source = tmp_path / "in.tsv"
    source.write_text("1\tfree\n")
    (tmp_path / "file").write_text("")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for destination, problem in (
        (tmp_path, "is a folder"),
        (pipe, "is a device or a pipe"),
        (tmp_path / "file" / "out.tsv", "can't be written"),
        (source, "the same file"),
        (tmp_path / "out.bz2", "is not written; use"),
        (tmp_path / "out.jsonl.gz", "says another layout"),
    ):
        with pytest.raises(InputError, match=problem):
            switch_file(source, destination, switcher)
    link = tmp_path / "link.tsv"
    link.symlink_to(source)
    with pytest.raises(InputError, match="the same file"):
        switch_file(source, link, switcher)
    switch_file(source, tmp_path / "new" / "out.tsv", switcher)
    assert (tmp_path / "new" / "out.tsv").exists()


def test_a_redirected_stdout_is_no_output(tmp_path):
    (tmp_path / "in.tsv").write_text("1\tfree\n")
    main = "from cslir.cli import main; main()"
    for name in ("/dev/stdout", "/dev/fd/1"):
        with (tmp_path / "out.tsv").open("wb") as stdout:
            command = [sys.executable, "-c", main, "switch", tmp_path / "in.tsv", name]
            child = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
        assert child.returncode == 2
        assert f"{name}: is a standard stream, a file is needed; name a file" in child.stderr
        assert (tmp_path / "out.tsv").read_bytes() == b""


@pytest.mark.parametrize("suffix", [".part", ".part.json"])
def test_an_input_is_not_overwritten_by_the_work_on_its_output(tmp_path, switcher, suffix):
    destination = tmp_path / "out.tsv"
    source = destination.with_name(destination.name + suffix)
    source.write_text("1\tfree\n")
    with pytest.raises(InputError, match="unfinished run of this output"):
        switch_file(source, destination, switcher)
    assert source.read_text() == "1\tfree\n"


@pytest.fixture
def command(run, tmp_path):
    """Run `cslir switch` from one word list to each of two languages on a file of given contents."""
    words = tmp_path / "words.tsv"
    words.write_text("".join(f"{word}\t{target}\n" for word, target in WORDS.items()))

    def call(name, contents, *arguments):
        source = tmp_path / name
        source.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return run(
            "switch", source, tmp_path / "out", "--lexicon", f"en-de={words}", "--lexicon", f"en-nl={words}",
            *arguments,
        )  # fmt: skip

    return call


def test_the_command_prints_its_summary_as_json(command, tmp_path):
    outcome = command("in.tsv", "1\tfree file\n", "--arm", "wiki-cs", "--json")
    assert outcome.status == 0, outcome.err
    record = json.loads(outcome.out)
    assert (record["records"], record["switched"], record["switch_rate"]) == (1, 2, 1.0)
    assert (tmp_path / "out").read_text() == "1\tfrei Datei\n"


def test_the_command_switches_fields_differently(command, tmp_path):
    record = '{"id": 1, "query": "free file", "text": "free file"}\n'
    outcome = command(
        "in.jsonl", record, "--field", "query", "--field", "text", "--translation-prob", "1",
        "--translation-prob", "query=0", "--threads", "1",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert (tmp_path / "out").read_text() == '{"id": 1, "query": "free file", "text": "frei Datei"}\n'


def test_the_command_tells_the_spans(command, tmp_path):
    spans = tmp_path / "spans.jsonl.zst"
    text = "The FREE “library” file 北free"
    outcome = command("in.tsv", f"7\t{text}\n8\t\n", "--translation-prob", "1", "--spans", spans)
    assert outcome.status == 0, outcome.err
    first, second = (json.loads(line) for _, line in read_lines(spans))
    assert (first["record_id"], second) == ("7", {"record_id": "8", "spans": []})
    output = (tmp_path / "out").read_text().splitlines()[0].removeprefix("7\t").encode()
    pieces = [
        (
            text.encode()[slice(*span["source"])].decode(),
            output[slice(*span["target"])].decode(),
            span["entry"],
        )
        for span in first["spans"]
    ]
    assert pieces == [
        ("FREE", "FREI", "free"),
        ("library", "Bibliothek", "library"),
        ("file", "Datei", "file"),
        ("free", "frei", "free"),
    ]
    assert {(span["field"], span["language"]) for span in first["spans"]} <= {("2", "de"), ("2", "nl")}
    outcome = command("in.tsv", "1\tfree\n", "--spans", tmp_path / "out")
    assert outcome.status == 2
    assert "is a file of the output, too" in outcome.err


def test_the_command_weighs_languages_and_leaves_stop_words(command, tmp_path):
    stop_words = tmp_path / "stop"
    stop_words.write_text("free\n\n")
    text = "1\t" + "free file " * 50 + "\n"
    outcome = command(
        "in.tsv", text, "--language-weight", "nl=0", "--stop-words", stop_words, "--translation-prob", "1",
        "--json",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out)["switched_by_language"] == {"de": 50, "nl": 0}
    assert (tmp_path / "out").read_text() == text.replace("file", "Datei")


@pytest.fixture
def malformed(tmp_path):
    """A word list of one good line and twelve bad ones."""
    path = tmp_path / "list.tsv"
    path.write_text("free\tfrei\n" + "no tab at all\n" * 12, encoding="utf-8")
    return path


def test_malformed_lines_of_a_lexicon_are_skipped_and_told(run, tmp_path, malformed):
    (tmp_path / "in.tsv").write_text("1\tfree\n")
    arguments = ("switch", tmp_path / "in.tsv", tmp_path / "out.tsv", "--lexicon", f"en-de={malformed}")
    outcome = run(*arguments, "--translation-prob", "1")
    assert outcome.status == 0, outcome.err
    assert (tmp_path / "out.tsv").read_text() == "1\tfrei\n"
    assert f"skipped {malformed}:2: " in outcome.err
    assert f"skipped {malformed}:11: " in outcome.err
    assert f"skipped {malformed}:12: " not in outcome.err
    assert f"{malformed}: 12 malformed lines skipped in all" in outcome.err
    outcome = run(*arguments, "--strict")
    assert outcome.status == 2
    assert f"{malformed}:2: no source and target" in outcome.err


def test_training_skips_malformed_lines_too(run, tmp_path, malformed):
    arguments = ("train", "debian-sample", "--output", tmp_path / "model", "--lexicon", f"en-de={malformed}")
    outcome = run(*arguments, "--arm", "bl-cs", "--model", tmp_path / "absent")
    assert outcome.status == 2
    assert f"{malformed}: 12 malformed lines skipped in all" in outcome.err
    assert "absent" in outcome.err.splitlines()[-1]
    outcome = run(*arguments, "--arm", "bl-cs", "--strict")
    assert outcome.status == 2
    assert f"{malformed}:2: no source and target" in outcome.err


@pytest.fixture
def english(tmp_path):
    """Queries of the embedded collection as a tsv file."""
    path = tmp_path / "english.tsv"
    queries = [pair.query for pair in load_embedded().train()[:1000]]
    path.write_text("".join(f"{query.query_id}\t{query.text}\n" for query in queries), encoding="utf-8")
    return path


def test_the_lemma_fallback_switches_more_with_the_embedded_lexicons(run, tmp_path, english):
    records, texts = [], []
    for arguments in ([], ["--lemma-fallback"]):
        outcome = run(
            "switch", english, tmp_path / "out.tsv", "--translation-prob", "1", "--json", *arguments
        )
        assert outcome.status == 0, outcome.err
        records.append(json.loads(outcome.out))
        texts.append(outcome.err)
    exact, by_lemma = records
    assert exact["lemmas"] == 0
    assert "base form" not in texts[0]
    assert by_lemma["lemmas"] > 0
    assert by_lemma["switched"] > exact["switched"]
    assert by_lemma["switched"] - exact["switched"] <= by_lemma["lemmas"]
    assert by_lemma["switch_rate"] > exact["switch_rate"]
    assert f"{by_lemma['lemmas']:,} of them by their base form" in texts[1]


def test_the_lemma_fallback_needs_forms(run, tmp_path):
    Lexicon.from_entries("en", "de", [("file", [("Datei", 1.0)])]).save(tmp_path / "bare.cslex")
    (tmp_path / "de-en.tsv").write_text("Datei\tfile\n", encoding="utf-8")
    (tmp_path / "in.tsv").write_text("1\tfiles\n")
    for pair, name, problem in (
        ("en-de", "bare.cslex", f"{tmp_path}/bare.cslex: holds no inflected forms"),
        (
            "de-en",
            "de-en.tsv",
            f"{tmp_path}/de-en.tsv: there are no rules for base forms of the language 'de'",
        ),
    ):
        arguments = (
            "switch",
            tmp_path / "in.tsv",
            tmp_path / "out.tsv",
            "--lexicon",
            f"{pair}={tmp_path / name}",
        )
        assert run(*arguments).status == 0
        outcome = run(*arguments, "--lemma-fallback")
        assert outcome.status == 2
        assert problem in outcome.err
        assert "cslir lexicons build" in outcome.err
        assert "--lemma-forms" in outcome.err
    outcome = run(
        "lexicons",
        "build",
        f"en-de={tmp_path}/bare.cslex",
        "--lemma-forms",
        "--output",
        tmp_path / "full.cslex",
    )
    assert outcome.status == 0, outcome.err
    outcome = run(
        "switch", tmp_path / "in.tsv", tmp_path / "out.tsv", "--lexicon", f"en-de={tmp_path}/full.cslex",
        "--translation-prob", "1", "--lemma-fallback",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert (tmp_path / "out.tsv").read_text() == "1\tDatei\n"


@pytest.mark.parametrize("lexicons", [("--lexicon", "en-de"), ()])
def test_wiki_cs_has_embedded_titles(run, tmp_path, lexicons):
    (tmp_path / "in.tsv").write_text("1\tthe United Arab Emirates file\n")
    arguments = ("switch", tmp_path / "in.tsv", tmp_path / "out.tsv", "--arm", "wiki-cs", "--json")
    outcome = run(*arguments, *lexicons)
    assert outcome.status == 0, outcome.err
    languages = set(json.loads(outcome.out)["switched_by_language"])
    if lexicons:
        assert (tmp_path / "out.tsv").read_text() == "1\tthe Vereinigte Arabische Emirate file\n"
        assert languages == {"de"}
    else:
        assert languages == {target for _, target in EMBEDDED_PAIRS}
    outcome = run(*arguments, "--lexicon", "en-tl")
    assert outcome.status == 2
    assert "no names en-tl are embedded" in outcome.err


def test_a_stop_word_of_two_tokens_is_shown_with_its_line(command, tmp_path):
    stop_words = tmp_path / "stop"
    stop_words.write_text("free\nof the\n")
    outcome = command("in.tsv", "1\tfree\n", "--stop-words", stop_words)
    assert outcome.status == 2
    assert "stop:2: 'of the' is not a single word" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--translation-prob", "1.5"], "'1.5' is neither P nor FIELD=P"),
        (["--translation-prob", "text="], "'text=' is neither P nor FIELD=P"),
        (["--translation-prob", "nan"], "'nan' is neither P nor FIELD=P"),
        (["--translation-prob", "1", "--translation-prob", "0"], "'0' is given twice"),
        (["--translation-prob", "2=1", "--translation-prob", "2=0"], "'2=0' is given twice"),
        (["--translation-prob", "title=1"], "the field \"title\" of a tsv file; give the number"),
        (["--translation-prob", "02=1"], "the field \"02\" of a tsv file; give the number"),
        (["--language-weight", "fr=1"], "no lexicon for 'fr'; there are de, nl"),
        (["--language-weight", "de"], "'de' is not LANGUAGE=WEIGHT"),
        (["--language-weight", "de=inf"], "'de=inf' is not LANGUAGE=WEIGHT"),
        (["--language-weight", "de=1", "--language-weight", "de=2"], "'de' is given twice"),
        (["--language-weight", "de=0", "--language-weight", "nl=0"], "not all 0"),
        (["--field", "text"], "give the number of a column, from 2"),
        (["--arm", "bl-cs"], "bl-cs needs one lexicon, not"),
        (["--threads", "0"], "Invalid value for '--threads'"),
        (["--seed", str(2**64)], "Invalid value for '--seed'"),
        (["--epoch", str(2**64)], "Invalid value for '--epoch'"),
        (["--threads", "5000"], "threads is 5000"),
    ],
)  # fmt: skip
def test_wrong_options_are_explained(command, tmp_path, arguments, problem):
    outcome = command("in.tsv", "1\tfree\n", *arguments)
    assert outcome.status == 2, outcome.err
    assert problem in " ".join(outcome.err.replace("│", " ").split())
    assert "Traceback" not in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tsv", "words.tsv"]


def test_truncated_files_are_refused(command, tmp_path):
    packed = gzip.compress(b"1\tfree\n" * 9)
    outcome = command("in.tsv.gz", packed[:-9])
    assert outcome.status == 2
    assert "in.tsv.gz: truncated or corrupt after line" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_null_id_is_read_like_a_missing_one_and_no_language_twice(tmp_path, switcher):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"_id": null, "id": "7", "text": "a free file", "language": null}\n')
    switch_file(source, output, switcher)
    assert json.loads(output.read_text())["text"] == switcher.switch("a free file", "7", field="text")
    source.write_text('{"_id": null, "text": "a free file"}\n')
    with pytest.raises(InputError, match='in.jsonl:1: no "_id"'):
        switch_file(source, output, switcher)
    source.write_text('{"_id": "7", "text": "a", "language": "en", "language": "en"}\n')
    with pytest.raises(InputError, match='in.jsonl:1: the key "language" comes twice'):
        switch_file(source, output, switcher)


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
@pytest.mark.parametrize("suffix", ["", ".json"])
def test_what_is_no_file_in_the_place_of_an_unfinished_output(tmp_path, run, kind, suffix):
    (tmp_path / "in.tsv").write_text("q1\ta library\n")
    place = tmp_path / f"out.tsv.part{suffix}"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(place)
    outcome = run("switch", tmp_path / "in.tsv", tmp_path / "out.tsv", "--lexicon", "en-de")
    if suffix:
        # A journal that can't be read tells of nothing: the output is made afresh.
        assert outcome.status == 0, outcome.err
    else:
        assert outcome.status == 2
        assert f"{place}: is a" in outcome.err
        assert "remove it" in outcome.err
