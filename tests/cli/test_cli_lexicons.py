import json

import pytest

from cslir._core import Lexicon


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.tsv").write_text(
        "file\tDatei\t3\nfile\tAkte\t1\nhard disk\tFestplatte\n", encoding="utf-8"
    )
    (tmp_path / "b.txt").write_text("file Feile\nfree frei\n", encoding="utf-8")
    (tmp_path / "de-fr.tsv").write_text("datei\tfichier\nakte\tdossier\n", encoding="utf-8")
    return tmp_path


def test_build_from_files(run, files):
    output = files / "new" / "en-de.cslex"
    given = ["--licence", "CC0-1.0", "--provenance", "by hand"]
    outcome = run(
        "lexicons", "build", f"en-de={files / 'a.tsv'}", f"en-de={files / 'b.txt'}", "-o", output, *given
    )
    assert outcome.status == 0, outcome.err
    assert outcome.out == f"{output}\t3 sources, 5 entries\n"
    lexicon = Lexicon.open(output)
    assert lexicon.lookup("file") == [("Datei", 3.0), ("Akte", 1.0), ("Feile", 1.0)]
    assert (lexicon.licence, lexicon.provenance) == ("CC0-1.0", "by hand")


def test_merge_invert_pivot_filter(run, files):
    a, b, c = f"en-de={files / 'a.tsv'}", f"en-de={files / 'b.txt'}", f"de-fr={files / 'de-fr.tsv'}"
    for command, text in (
        (
            ["merge", a, b],
            "file\tDatei\t0.75\nfile\tAkte\t0.25\nfree\tfrei\t1.0\nhard disk\tFestplatte\t1.0\n",
        ),
        (
            ["merge", b, a, "--mode", "union"],
            "file\tFeile\t0.5\nfile\tDatei\t0.375\nfile\tAkte\t0.125\nfree\tfrei\t1.0\n"
            "hard disk\tFestplatte\t1.0\n",
        ),
        (["invert", b], "Feile\tfile\t1.0\nfrei\tfree\t1.0\n"),
        (["pivot", a, c, "--min-weight", "0.5"], "file\tfichier\t1.0\n"),
        (["filter", a, "--max-source-tokens", "1", "--max-targets", "1"], "file\tDatei\t1.0\n"),
    ):
        outcome = run("lexicons", *command, "-o", files / "out.tsv")
        assert outcome.status == 0, outcome.err
        assert (files / "out.tsv").read_text(encoding="utf-8") == text, command


def test_the_format_is_that_of_the_files_given(run, files):
    outcome = run(
        "lexicons", "merge", f"en-de={files / 'b.txt'}", "en-de", "--format", "muse", "-o", files / "o.tsv"
    )
    assert outcome.status == 0, outcome.err
    assert "file\tFeile\t1.0\n" in (files / "o.tsv").read_text(encoding="utf-8")


def test_filter_by_texts_and_frequency(run, files):
    (files / "texts.jsonl").write_text('{"_id": "1", "text": "Hard, disk"}\n')
    output = files / "out.tsv"
    outcome = run(
        "lexicons", "filter", f"en-de={files / 'a.tsv'}", "--texts", files / "texts.jsonl", "-o", output
    )
    assert outcome.status == 0, outcome.err
    assert "1 of 2 sources dropped, 2 of 3 entries" in outcome.err
    assert output.read_text() == "hard disk\tFestplatte\t1.0\n"
    outcome = run("lexicons", "filter", f"en-de={files / 'b.txt'}", "--max-sources", 1, "-o", output)
    assert output.read_text() == "free\tfrei\t1.0\n"


def test_inspect(run, files):
    outcome = run("lexicons", "inspect", f"en-de={files / 'a.tsv'}")
    assert outcome.status == 0, outcome.err
    assert "en-de: 2 sources, 3 entries" in outcome.out
    assert "sources of several tokens: 1 (50.0%)" in outcome.out
    found = json.loads(run("lexicons", "inspect", "en-ru", "--json", "--examples", 2).out)
    assert (found["pair"], found["licence"], found["script"]) == ("en-ru", "GPL-3.0-only", "CYRILLIC")
    assert len(found["longest"]) == 2
    assert set(found["suspicions"]["digits"]) == {"count", "examples"}


def test_coverage_of_several_lexicons(run, files):
    (files / "texts").write_text("the files\nhard disk xqzzy\n")
    a, b = f"en-de={files / 'a.tsv'}", f"en-de={files / 'b.txt'}"
    outcome = run("lexicons", "coverage", a, b, "--texts", files / "texts")
    assert outcome.status == 0, outcome.err
    assert "40.0%   60.0%" in outcome.out
    assert "5 tokens, 5 types, 4 content words" in outcome.out
    rows = json.loads(
        run("lexicons", "coverage", a, b, "--texts", files / "texts", "--json", "--no-lemma").out
    )
    assert [row["exact"]["content"]["covered"] for row in rows] == [2, 0]
    assert rows[0]["exact"]["content"]["share"] == 0.5
    assert "by_lemma" not in rows[0]


def test_coverage_is_exact_where_no_base_forms_are_known(run, tmp_path):
    (tmp_path / "th-en.tsv").write_text("บ้าน\thouse\n")
    (tmp_path / "texts").write_text("บ้าน\n")
    (tmp_path / "stop").write_text("ที่\n")
    outcome = run(
        "lexicons", "coverage", f"th-en={tmp_path}/th-en.tsv", "--texts", tmp_path / "texts",
        "--stop-words", tmp_path / "stop", "--json",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    [row] = json.loads(outcome.out)
    assert row["exact"]["tokens"]["share"] == 1.0
    assert "by_lemma" not in row
    assert "exact coverage only: no base forms of the language 'th'" in outcome.err


def test_coverage_takes_the_forms_that_a_compiled_lexicon_holds(run, tmp_path):
    for name, language, entry, own in (
        ("th", "th", "ก", [("ข", "ก")]),
        ("en", "en", "file", [("fyle", "file")]),
        ("bare", "en", "file", []),
    ):
        entries = [(entry, [("x", 1.0)])]
        Lexicon.from_entries(language, "de", entries, forms=own).save(tmp_path / f"{name}.cslex")
    (tmp_path / "stop").write_text("ที่\n")
    (tmp_path / "texts").write_text("ก ข file files fyle fyle\n")
    covered = {}
    for name, language in (("th", "th"), ("en", "en"), ("bare", "en")):
        outcome = run(
            "lexicons", "coverage", f"{language}-de={tmp_path}/{name}.cslex", "--texts", tmp_path / "texts",
            "--stop-words", tmp_path / "stop", "--json",
        )  # fmt: skip
        assert outcome.status == 0, outcome.err
        [row] = json.loads(outcome.out)
        covered[name] = (row["exact"]["tokens"]["covered"], row["by_lemma"]["tokens"]["covered"])
    assert covered == {"th": (1, 2), "en": (1, 3), "bare": (1, 2)}


BAD_CALLS = {
    "no pair": (["build", "{a}", "-o", "{tmp}/o.tsv"], "not a language pair"),
    "no output suffix": (["build", "en-de={a}", "-o", "{tmp}/o.txt"], "o.txt: a lexicon is written as .tsv"),
    "two kinds of build": (
        ["build", "en-de={a}", "--pair", "en-de", "-o", "{tmp}/o.tsv"],
        "--pair is for Debian",
    ),
    "files' option": (
        ["build", "--licence", "x", "-o", "{tmp}/o"],
        "--licence is for files, and none is given",
    ),
    "two pairs": (["merge", "en-de={a}", "en-fr={a}", "-o", "{tmp}/o.tsv"], "two language pairs"),
    "no such file": (["invert", "en-de={tmp}/absent", "-o", "{tmp}/o.tsv"], "absent: no such file"),
    "unknown format": (
        ["invert", "en-de={a}", "--format", "xls", "-o", "{tmp}/o.tsv"],
        "no format 'xls' is known",
    ),
    "no third language": (["pivot", "en-de={a}", "en-de={a}", "-o", "{tmp}/o.tsv"], "third language"),
    "nothing to pivot": (["pivot", "en-de={a}", "de-it={a}", "-o", "{tmp}/o.tsv"], "o.tsv: no entry is left"),
    "no condition": (["filter", "en-de={a}", "-o", "{tmp}/o.tsv"], "nothing to filter by"),
    "lemma forms as text": (
        ["build", "en-de={a}", "--lemma-forms", "-o", "{tmp}/o.tsv"],
        "kept in a .cslex only",
    ),
    "text of another language": (["coverage", "de-fr={tmp}/de-fr.tsv"], "no text of the language 'de'"),
    "two source languages": (["coverage", "en-de={a}", "de-fr={a}"], "different source languages"),
    "no text": (["coverage", "en-de={a}", "--texts", "/dev/null"], "no word to cover"),
    "no base forms": (["coverage", "th-en={a}", "--texts", "{a}", "--lemma"], "no base forms"),
    "no stop words": (["coverage", "en-de={a}", "--stop-words", "{tmp}/absent"], "absent: no such file"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_bad_calls_are_explained(run, files, arguments, message):
    places = {"tmp": files, "a": files / "a.tsv"}
    outcome = run("lexicons", *(argument.format(**places) for argument in arguments))
    assert outcome.status == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert not list(files.glob("o.*"))
