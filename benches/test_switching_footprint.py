"""Time and memory of opening lexicons of 200,000 words and of a million titles, beside dictionaries and automata.

Run with `pytest -s benches/test_switching_footprint.py` (about a minute and a half). Each form is opened once
in a process of its own (`switching_footprint.py`), which has to find three entries. A `.cslex` file is checked
as a whole when it is opened, so that all of it counts as held; its pages are shared between processes.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from switching_footprint import FORMS
from switching_inputs import compile_words, make_titles, make_words

from cslir.switching import Lexicon

LINES = []


def dictionary_of(name):
    if name == "titles":
        return make_titles()
    return {word: f"{word[::-1]}de" for word in make_words()}


@pytest.fixture(scope="module", params=["words", "titles"])
def files(request, tmp_path_factory):
    """The name, the compiled file, the word list and three entries."""
    dictionary = dictionary_of(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    compile_words("de", dictionary).save(folder / "en-de.cslex")
    (folder / "en-de.tsv").write_text(
        "".join(f"{source}\t{target}\n" for source, target in dictionary.items())
    )
    some = [list(dictionary.items())[at] for at in (0, len(dictionary) // 2, -1)]
    return f"{len(dictionary):,} {request.param}", folder / "en-de.cslex", folder / "en-de.tsv", some


@pytest.fixture(scope="module", autouse=True)
def summary():
    yield
    print("\n" + "\n".join(LINES))


@pytest.mark.parametrize("form", FORMS)
def test_open(benchmark, files, form):
    name, compiled, word_list, some = files
    path = compiled if form == "cslir" else word_list
    program = [sys.executable, str(Path(__file__).with_name("switching_footprint.py")), form, str(path)]

    def measure():
        done = subprocess.run(
            [*program, *(source for source, _ in some)], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    rounds = 5 if form == "cslir" else 1
    measured = [measure() for _ in range(rounds - 1)]
    # The clock of pytest-benchmark counts the start of the process too; the line below does not.
    measured.append(benchmark.pedantic(measure, rounds=1))
    best = min(measured, key=lambda one: one["seconds"])
    assert best["found"] == [target for _, target in some]
    LINES.append(
        f"{name:20} {form:16} opened in {best['seconds'] * 1e3:9.1f} ms, "
        f"{best['bytes'] / 1e6:7.1f} MB, {best['private'] / 1e6:7.1f} MB of it private; "
        f"file {path.stat().st_size / 1e6:.1f} MB"
    )


def test_open_again(benchmark, files):
    path = files[1]
    assert Lexicon.open(path).lookup("nothing of it") == []
    benchmark(Lexicon.open, path)
