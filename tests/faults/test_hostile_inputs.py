"""Every reader gets what it does not expect: the right answer, or exit 2 with the file named, within bounds."""

import contextlib
import errno
import os
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hostile import INPUTS
from material import GERMAN, remove

MEMORY = 1 << 30
"""What a command may take beyond what it takes for an ordinary file."""
LONGEST_MESSAGE = 4000
"""Characters; a message that repeats its input is no message."""
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Reader:
    """An argument that names a file.

    Attributes:
        name: For the table.
        suffix: Of the file's name.
        ordinary: What it holds usually, from the material: bytes.
        command: Arguments, from the material and the file.
        machine: Whether stdout is for programs, which get every character as it is.
        is_binary: Whether it is no text: a mark or a compression makes it another file.
        unread: Compressions that the reader does not read.
        named: What a message names: the output where the input is refused as that is made.
    """

    name: str
    suffix: str
    ordinary: Callable
    command: Callable
    machine: bool = False
    is_binary: bool = False
    unread: tuple[str, ...] = ()
    named: str = "input"


def read(name, lines=None):
    def ordinary(material):
        content = (material.folder / name).read_bytes()
        return content if lines is None else b"".join(content.splitlines(keepends=True)[:lines])

    return ordinary


def text(content):
    return lambda material: content.encode()


TOP_1000 = "".join(f"q{number % 3}\td{number}\tmusic file\timage mail {number}\n" for number in range(30))
TRIPLES = "".join(f"music {number}\timage mail\tsort list\n" for number in range(30))
DATASET = """{"name": "made", "languages": ["en"]}
"""
FILES = ["--collection", "--queries", "--qrels"]


def collection(material, place, path):
    """Return the arguments of a dataset by its files, one of which is another."""
    files = [
        material.beir / "corpus.jsonl",
        material.beir / "queries.jsonl",
        material.beir / "qrels" / "test.tsv",
    ]
    files[place] = path
    return [one for pair in zip(FILES, files, strict=True) for one in pair]


READERS = [
    Reader("eval --run", ".run", read("system-0.run"), lambda m, p: ["eval", "--run", p, "--qrels", m.qrels]),
    Reader("eval --qrels", ".qrels", read("test.qrels"), lambda m, p: ["eval", "--run", m.folder / "system-0.run", "--qrels", p]),
    Reader("eval --qrels of BEIR", ".tsv", read("beir/qrels/test.tsv"), lambda m, p: [
        "eval", *collection(m, 2, p), "--model", m.model]),
    Reader("eval --queries", ".jsonl", read("beir/queries.jsonl"), lambda m, p: [
        "eval", *collection(m, 1, p), "--model", m.model]),
    Reader("eval --collection", ".jsonl", read("beir/corpus.jsonl"), lambda m, p: [
        "eval", *collection(m, 0, p), "--model", m.model]),
    Reader("eval --candidates", ".tsv", text(TOP_1000), lambda m, p: [
        "eval", "--candidates", p, "--model", m.model, "--qrels", m.write("top.qrels", "q0 0 d3 1\nq1 0 d4 1\nq2 0 d5 1\n")]),
    Reader("index of .jsonl", ".jsonl", read("corpus-0.jsonl"), lambda m, p: ["index", p, "--model", m.model, "--output", "index"]),
    Reader("index of .tsv", ".tsv", text("".join(f"d{number}\tmusic file {number}\n" for number in range(50))), lambda m, p: [
        "index", p, "--model", m.model, "--output", "index"]),
    Reader("search --queries .jsonl", ".jsonl", read("queries.jsonl"), lambda m, p: [
        "search", "--queries", p, "--index", m.text_index(0)], machine=True),
    Reader("search --queries .tsv", ".tsv", read("queries.tsv"), lambda m, p: [
        "search", "--queries", p, "--index", m.text_index(0)], machine=True),
    Reader("switch .jsonl", ".jsonl", read("english-0.jsonl", 40), lambda m, p: [
        "switch", p, "out.jsonl", "--lexicon", f"en-de={m.lexicon}"], unread=("lz4",)),
    Reader("switch .tsv", ".tsv", text("".join(f"{number}\tmusic file\n" for number in range(40))), lambda m, p: [
        "switch", p, "out.tsv", "--lexicon", f"en-de={m.lexicon}"], unread=("lz4",)),
    Reader("switch --no-id", ".tsv", text(TRIPLES), lambda m, p: [
        "switch", p, "out.tsv", "--no-id", "--lexicon", f"en-de={m.lexicon}"], unread=("lz4",)),
    Reader("switch --stop-words", ".txt", text("the\nof\n"), lambda m, p: [
        "switch", m.folder / "beir" / "queries.jsonl", "out.jsonl", "--stop-words", p, "--lexicon", f"en-de={m.lexicon}"]),
    Reader("a lexicon, inspected", ".tsv", read("en-de.tsv"), lambda m, p: ["lexicons", "inspect", f"en-de={p}"]),
    Reader("a lexicon of two columns", ".txt", text("".join(f"{one} {other}\n" for one, other in GERMAN.items())), lambda m, p: [
        "lexicons", "inspect", f"en-de={p}"]),
    Reader("a lexicon, strict", ".tsv", read("en-de.tsv"), lambda m, p: ["lexicons", "inspect", f"en-de={p}", "--strict"]),
    Reader("a lexicon, compiled", ".tsv", read("en-de.tsv"), lambda m, p: ["lexicons", "build", f"en-de={p}", "--output", "o.cslex"], named="input|o.cslex"),
    Reader("a lexicon of PSQ", ".json", lambda m: (m.lexicon_fixtures / "psq" / "en-de.json").read_bytes(), lambda m, p: [
        "lexicons", "inspect", f"en-de={p}"]),
    Reader("lexicons coverage --texts", ".txt", text("music file\nimage mail\n" * 20), lambda m, p: [
        "lexicons", "coverage", f"en-de={m.lexicon}", "--texts", p]),
    Reader("lexicons coverage --texts .jsonl", ".jsonl", read("corpus-0.jsonl", 40), lambda m, p: [
        "lexicons", "coverage", f"en-de={m.lexicon}", "--texts", p]),
    Reader("vectors build", ".npy", lambda m: (m.folder / "vectors-0.npy").read_bytes()[: 128 + 64 * 3000], lambda m, p: [
        "vectors", "build", p, "--output", "v"], is_binary=True),
    Reader("vectors build .fvecs", ".fvecs", text("\x02\0\0\0\0\0\0\0\0\0\0?" * 10), lambda m, p: [
        "vectors", "build", p, "--output", "v"], is_binary=True),
    Reader("vectors build --ids", ".txt", read("ids-0.txt"), lambda m, p: [
        "vectors", "build", m.folder / "vectors-0.npy", "--ids", p, "--output", "v"]),
    Reader("vectors build --metadata", ".txt", read("languages.txt"), lambda m, p: [
        "vectors", "build", m.folder / "vectors-0.npy", "--metadata", f"language={p}", "--output", "v"]),
    Reader("compare", ".json", read("result-0.json"), lambda m, p: ["compare", p, m.folder / "result-1.json"]),
    Reader("compare of runs", ".run", read("system-0.run"), lambda m, p: [
        "compare", p, m.folder / "system-1.run", "--qrels", m.qrels]),
    Reader("report", ".json", read("result-0.json"), lambda m, p: ["report", p, m.folder / "result-1.json", "-o", "report"]),
    Reader("Debian's descriptions", "", lambda m: (m.debian_lists / "Translation-de").read_bytes(), lambda m, p: [
        "datasets", "build", "debian", "--lists", m.lists_with(p, "Translation-de"), "--dev", 3, "--test", 5, "--output", "debian"], named="input|lists"),
]  # fmt: skip


class Pipe:
    """Writes content to a named pipe, in several pieces, for whoever opens it."""

    def __init__(self, path, content):
        os.mkfifo(path)
        self._path, self._content = path, content
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def _write(self):
        while not self._is_over.is_set():
            try:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    return
                time.sleep(0.002)
                continue
            os.set_blocking(descriptor, True)
            with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb", buffering=0) as file:
                half = len(self._content) // 2
                file.write(self._content[:half])
                time.sleep(0.05)
                file.write(self._content[half:])
            return

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join(timeout=20)


class Trial:
    """A reader with the place where its inputs are put."""

    def __init__(self, reader, material, server, folder):
        self.reader, self.material, self.server, self.folder = reader, material, server, folder
        self.ordinary = reader.ordinary(material)
        self.expected = self.run(self.ordinary)
        assert self.expected.status == 0, self.expected.err

    def run(self, content, *, is_pipe=False):
        for one in self.folder.iterdir():
            # Outputs of the command before.
            remove(one)
        path = self.folder / f"input{self.reader.suffix}"
        with contextlib.ExitStack() as stack:
            if is_pipe:
                stack.enter_context(Pipe(path, content))
            else:
                path.write_bytes(content)
            command = self.reader.command(self.material, path)
            return self.server.run(*command, cwd=self.folder, limit=60)

    def judge(self, outcome, hostile, content):
        if outcome.status is None:
            return "hung"
        if outcome.status < 0 or outcome.status > 130:
            return "crashed"
        if not outcome.is_clean:
            return "traceback"
        if outcome.memory > self.expected.memory + MEMORY:
            return f"took {outcome.memory >> 20:,} MiB"
        shown = outcome.err + ("" if self.reader.machine else outcome.out)
        if STEERS.search(shown):
            return "steers the terminal"
        if outcome.status == 2:
            if len(outcome.err) > LONGEST_MESSAGE + 200 * outcome.err.count("\n"):
                return "long message"
            if not re.search(self.reader.named, outcome.err):
                return "not named"
            may_refuse = hostile.is_pipe or self.reader.is_binary or hostile.name in self.reader.unread
            return "refused, named" if hostile.expect != "same" or may_refuse else "refused though right"
        if outcome.status != 0:
            return f"status {outcome.status}"
        is_same = normal(outcome.out) == normal(self.expected.out)
        if hostile.expect == "same" or content == self.ordinary:
            return "right answer" if is_same else "wrong answer"
        return (
            "right answer"
            if is_same
            else "other values"
            if hostile.expect == "either"
            else "taken though damaged"
        )


def normal(text):
    return re.sub(r"\b[0-9a-f]{12,}\b", "CHECKSUM", re.sub(r"\d+([.,]\d+)? ?(ms|s|MB/s)\b", "TIME", text))


FAILURES = (
    "hung",
    "crashed",
    "traceback",
    "took",
    "steers",
    "long message",
    "not named",
    "refused though",
    "status",
    "wrong",
    "taken",
)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_hostile_inputs_are_named_or_harmless(reader, plan, material, server, tmp_path):
    trial = Trial(reader, material, server, tmp_path)
    inputs = INPUTS
    if not plan.is_full:
        few = [one for one in INPUTS if one.in_short]
        inputs = random.Random(f"{plan.seed} {reader.name}").sample(few, 2)
    failures = []
    for hostile in inputs:
        try:
            content = hostile.bytes_for(trial.ordinary)
        except UnicodeDecodeError:
            continue  # Another encoding of what is no text.
        outcome = trial.run(content, is_pipe=hostile.is_pipe)
        verdict = trial.judge(outcome, hostile, content)
        plan.count("hostile inputs", reader.name, "tried")
        plan.count("hostile inputs", reader.name, verdict)
        if verdict.startswith(FAILURES):
            failures.append(f"{verdict}: {hostile.name}: status {outcome.status}, {outcome.memory >> 20} MiB\n"
                            f"    {outcome.err[-500:]!r}")  # fmt: skip
    assert not failures, f"{len(failures)} of {len(inputs)}:\n" + "\n".join(failures)
