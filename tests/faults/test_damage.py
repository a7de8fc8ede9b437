"""Folders and files that commands read are damaged: the right answer, or exit 2 with the file named."""

import itertools
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from material import DEBIAN_OPTIONS, bytes_of, copy

DEEP = b"[" * 100_000
LARGE = b'{"format": ' + b"9" * 5000 + b"}"
MEMORY = 2 << 30
"""What a command may take beyond what it takes for an undamaged file."""


def cut(share):
    return lambda content, draw: content[: int(len(content) * share)]


def flip(content, draw):
    changed = bytearray(content)
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(changed))
        changed[place] ^= 1 << draw.randrange(8)
    return bytes(changed)


def zeros(content, draw):
    length = max(1, len(content) // 8)
    start = draw.randrange(max(1, len(content) - length))
    return content[:start] + bytes(length) + content[start + length :]


# What a file holds after.
CONTENTS = {
    "emptied": cut(0),
    "cut to a half": cut(0.5),
    "last byte lost": lambda content, draw: content[:-1],
    "bits flipped": flip,
    "a stretch of zeros": zeros,
    "all zeros": lambda content, draw: bytes(len(content)),
    "bytes added": lambda content, draw: content + draw.randbytes(100),
    "random bytes": lambda content, draw: draw.randbytes(len(content)),
    "deep JSON": lambda content, draw: DEEP,
    "a number of 5,000 digits": lambda content, draw: LARGE,
}
# What is in its place.
PLACES = ("missing", "a folder", "a named pipe", "a link to itself", "swapped with another")
MAY_CHANGE_VALUES = {"bits flipped", "a stretch of zeros"}
"""Damage after which a file without checksums may be a well-formed one of other values."""


@dataclass(frozen=True)
class Artefact:
    """Something that commands read.

    Attributes:
        name: For the table.
        make: Makes it from the material, at a path.
        commands: Argument lists that read it, from the material and its path.
        values: Damage that may be a well-formed file of other values, beside `MAY_CHANGE_VALUES`.
        trains: Whether PyTorch is needed.
        may_be_pipe: Whether a pipe is as good as a file: it waits for its writer.
        optional: Names of files without which it is a valid one of other values.
        checked: Whether checksums cover every byte: no damage goes unnoticed by the commands of `CHECKING`.
    """

    name: str
    make: Callable
    commands: Callable
    values: frozenset = frozenset()
    trains: bool = False
    may_be_pipe: bool = False
    optional: frozenset = frozenset()
    checked: bool = False


CHECKING = (["vectors", "verify"], ["lexicons", "inspect"], ["lexicons", "coverage"])
"""Commands that compare the checksum of every byte."""
LINES = frozenset(
    {"emptied", "cut to a half", "last byte lost", "bytes added", "missing", "swapped with another"}
)
"""Damage after which a file of lines may be one of fewer or other lines."""


def made_by(*command):
    """Return a maker that runs a command; `{}` is the artefact's place."""

    def make(material, path):
        arguments = [getattr(material, one[1:]) if str(one).startswith("@") else str(one).replace("{}", str(path))
                     for one in command]  # fmt: skip
        material.must(*arguments, cwd=path.parent)

    return make


def text_index(material, path):
    material.must("index", material.corpus, "--model", material.model, "--output", path)
    code = f"""
from cslir import Index, Passage
index = Index.open({str(path)!r})
index.add([Passage(f"new{{number}}", "play music file " * (number + 1)) for number in range(40)])
index.delete(["new3", "new7"])
"""
    assert material.server.run(code=code).status == 0


def vector_index(material, path):
    folder = material.folder
    material.must("vectors", "build", folder / "vectors-0.npy", "--ids", folder / "ids-0.txt",
                  "--metadata", f"language={folder / 'languages.txt'}", "--output", path)  # fmt: skip
    code = f"""
import numpy as np
from cslir import VectorIndex
index = VectorIndex.open({str(path)!r})
index.append(np.ones((40, 16), dtype=np.float32), [f"n{{number}}" for number in range(40)], {{"language": ["de"] * 40}})
index.delete(["v0-3", "n7"])
"""
    assert material.server.run(code=code).status == 0


def unfinished_switch(material, path):
    """Leave what a switch that was killed leaves: a part of its output, and the journal."""
    path.mkdir()
    source = path.parent / "source.jsonl"
    source.write_bytes((material.folder / "english-0.jsonl").read_bytes() * 25)
    code = f"""
import os, signal
from pathlib import Path
from cslir.streaming import switch_file
from cslir.switching import Switcher, load_lexicon

part = Path({str(path / "out.jsonl.part.json")!r})

def progress(*_):
    if part.exists():
        os.kill(os.getpid(), signal.SIGKILL)

switcher = Switcher([load_lexicon(Path({str(material.lexicon)!r}), "en", "de")], translation_prob=0.5, seed=1)
switch_file({str(source)!r}, {str(path / "out.jsonl")!r}, switcher, checkpoint_bytes=100_000, progress=progress)
"""
    material.server.run(code=code)
    # Now and then the kill comes while the journal is being replaced.
    (path / "out.jsonl.part.json.new").unlink(missing_ok=True)
    assert part_names(path) == {"out.jsonl.part", "out.jsonl.part.json"}


def part_names(folder):
    return {path.name for path in folder.iterdir()}


QUERY = "music file"
ARTEFACTS = [
    Artefact("index of texts", text_index, lambda m, p: [
        ["search", QUERY, "--index", p, "--json", "-k", 400], ["search", "--queries", m.folder / "queries.tsv", "--index", p]]),
    Artefact("index of vectors", vector_index, lambda m, p: [
        ["vectors", "verify", p], ["vectors", "info", p, "--json"], ["vectors", "export", p, "out.npy"],
        ["vectors", "compact", p]], checked=True),
    Artefact("static model", lambda m, p: copy(m.model, p), lambda m, p: [
        ["eval", m.beir, "--model", p], ["index", m.corpus, "--model", p, "--output", "index"]]),
    Artefact("transformer", lambda m, p: copy(m.transformer(), p), lambda m, p: [
        ["eval", m.beir, "--model", p]], trains=True, optional=frozenset({"config_sentence_transformers.json"})),
    Artefact("compiled lexicon", made_by("lexicons", "build", "@named_lexicon", "--output", "{}.cslex"), lambda m, p: [
        ["lexicons", "inspect", f"en-de={p}.cslex"], ["lexicons", "coverage", f"en-de={p}.cslex"],
        ["switch", m.folder / "english-0.jsonl", "out.jsonl", "--lexicon", f"en-de={p}.cslex"]], values=frozenset({"swapped with another"}), checked=True),
    Artefact("text lexicon", lambda m, p: copy(m.lexicon, p), lambda m, p: [
        ["lexicons", "inspect", f"en-de={p}"], ["switch", m.folder / "english-0.jsonl", "out.jsonl", "--lexicon", f"en-de={p}"]],
        may_be_pipe=True, values=LINES),
    Artefact("result file", lambda m, p: copy(m.folder / "result-0.json", p), lambda m, p: [
        ["compare", p, m.folder / "result-1.json"], ["report", p, m.folder / "result-1.json", "-o", "report"]],
        may_be_pipe=True, values=frozenset({"bytes added"})),
    Artefact("BEIR folder", lambda m, p: copy(m.beir, p), lambda m, p: [
        ["eval", p, "--model", m.model], ["index", p, "--model", m.model, "--output", "index"], ["datasets", "describe", p]],
        values=LINES),
    Artefact("parallel folder", made_by("datasets", "build", "debian", *DEBIAN_OPTIONS, "--output", "{}"), lambda m, p: [
        ["eval", p, "--model", m.model], ["datasets", "mix", p, "--setting", "X-X", "--output", "mixture"],
        ["datasets", "describe", p]], values=LINES),
    Artefact("run", lambda m, p: copy(m.folder / "system-0.run", p), lambda m, p: [
        ["eval", "--run", p, "--qrels", m.qrels],
        ["compare", p, m.folder / "system-1.run", "--qrels", m.qrels]], may_be_pipe=True, values=LINES),
    Artefact("judgements", lambda m, p: copy(m.qrels, p), lambda m, p: [
        ["eval", "--run", m.folder / "system-0.run", "--qrels", p]], may_be_pipe=True, values=LINES),
    Artefact("matrix", lambda m, p: copy(m.folder / "vectors-0.npy", Path(f"{p}.npy")), lambda m, p: [
        ["vectors", "build", f"{p}.npy", "--output", "vectors"]]),
    Artefact("unfinished switch", unfinished_switch, lambda m, p: [
        ["switch", p.parent / "source.jsonl", p / "out.jsonl", "--lexicon", f"en-de={m.lexicon}"]]),
    Artefact("trained model", lambda m, p: trained(m, p), lambda m, p: [
        ["report", p, "-o", "report"], ["eval", m.beir, "--model", p]], trains=True),
    Artefact("checkpoint", lambda m, p: checkpoint(m, p), lambda m, p: [[*training(m, p / "model"), "--resume"]], trains=True),
]  # fmt: skip


def trained(material, path):
    material.must(*training(material, path.parent / "bi-encoder"), server=material.training_server)
    command = ["train", material.beir, "--output", path, "--lexicon", f"en-de={material.lexicon}", "--arm", "bl-cs",
               "--model", material.transformer(), "--epochs", 1, "--batch-size", 8]  # fmt: skip
    material.must(*command, server=material.training_server)


def training(material, output):
    return ["train", material.beir, "--output", output, "--lexicon", f"en-de={material.lexicon}", "--arm", "bl-cs",
            "--encoder", "bi-encoder", "--model", material.transformer(), "--epochs", 2, "--batch-size", 8,
            "--max-length", 16, "--checkpoint-steps", 2]  # fmt: skip


def checkpoint(material, path):
    """Leave what a training that was killed leaves: its checkpoints, beside where the model goes."""
    for part in range(1, 40):
        output = path / "model"
        material.training_server.run(*training(material, output), kill=(9, 0.25 * part), limit=120)
        if any(path.rglob("trainer_state.json")):
            return
    pytest.fail("no training kept a checkpoint")


def normal(text):
    """Leave times and checksums of inputs out of what a command printed."""
    return re.sub(r"\b[0-9a-f]{12,}\b", "CHECKSUM", re.sub(r"\d+([.,]\d+)? ?(ms|s|MB/s)\b", "TIME", text))


class Damaged:
    """A copy of an artefact in which one file is damaged, in a folder where commands run."""

    def __init__(self, folder, pristine):
        self.folder, self.pristine = folder, pristine

    def files(self):
        """Return the names of all files, but that of what an unfinished command reads."""
        files = sorted(path.relative_to(self.pristine) for path in self.pristine.rglob("*") if path.is_file())
        return [path for path in files if path.name != "source.jsonl"]

    def restore(self):
        if self.folder.exists():
            shutil.rmtree(self.folder)
        copy(self.pristine, self.folder)

    def damage(self, name, kind, draw):
        path = self.folder / name
        content = path.read_bytes()
        if kind in CONTENTS:
            path.write_bytes(CONTENTS[kind](content, draw) if content else b"\0")
        elif kind == "swapped with another":
            others = [other for other in self.files() if other != name]
            if not others:
                path.write_bytes(b"something else\n" * 50)
                return
            other = self.folder / draw.choice(others)
            path.write_bytes(other.read_bytes())
            other.write_bytes(content)
        else:
            path.unlink()
            if kind == "a folder":
                path.mkdir()
            elif kind == "a named pipe":
                os.mkfifo(path)
            elif kind == "a link to itself":
                path.symlink_to(path.name)


OUTPUTS = ("out.jsonl", "out.npy", "mixture", "it/out.jsonl", "it/model")


def answer(outcome, work):
    """Return what a command printed and what it wrote."""
    return normal(outcome.out), [bytes_of(work / name) for name in OUTPUTS]


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda artefact: artefact.name)
def test_damage_is_named_or_harmless(artefact, plan, material, request, tmp_path):
    if artefact.trains and not plan.is_full:
        pytest.skip("in the full form")
    server = request.getfixturevalue("training_server" if artefact.trains else "server")
    if artefact.trains:
        material.training_server = server
        material.make_transformer(server)
    pristine = tmp_path / "pristine"
    pristine.mkdir()
    work = tmp_path / "work"
    artefact.make(material, pristine / "it")
    damaged = Damaged(work, pristine)
    commands = artefact.commands(material, work / "it")
    expected = []
    for command in commands:
        damaged.restore()
        outcome = server.run(*command, cwd=work, limit=300)
        assert outcome.status == 0, (command, outcome.err)
        expected.append((outcome, answer(outcome, work)))
    trials = list(itertools.product(damaged.files(), [*CONTENTS, *PLACES], range(len(commands))))
    if artefact.may_be_pipe:
        trials = [trial for trial in trials if trial[1] != "a named pipe"]
    draw = random.Random(f"{plan.seed} {artefact.name}")
    if plan.is_full:
        trials += [(name, "bits flipped", place) for name, _, place in trials if _ == "bits flipped"] * 4
    else:
        trials = draw.sample(trials, min(len(trials), 6))
    failures = []
    for name, kind, place in trials:
        damaged.restore()
        damaged.damage(name, kind, draw)
        command = commands[place]
        outcome = server.run(*command, cwd=work, limit=60)
        verdict = judge(artefact, command, outcome, expected[place], name, kind, work)
        plan.count("damage", artefact.name, "tried")
        plan.count("damage", artefact.name, verdict)
        if verdict not in ("refused, named", "right answer", "other values"):
            failures.append(f"{verdict}: {name} {kind}: {' '.join(map(str, command[:2]))}: {outcome.status}\n"
                            f"    {outcome.err[-600:]!r}")  # fmt: skip
    assert not failures, f"{len(failures)} of {len(trials)}:\n" + "\n".join(failures[:40])


def judge(artefact, command, outcome, expected, name, kind, work):
    may_be_others = kind in MAY_CHANGE_VALUES and not (artefact.checked and command[:2] in CHECKING)
    may_be_others |= kind == "missing" and name.name in artefact.optional
    if outcome.status is None:
        return "hung"
    if outcome.status < 0 or outcome.status > 130:
        return "crashed"
    if not outcome.is_clean:
        return "traceback"
    if outcome.memory > expected[0].memory + MEMORY:
        return "took memory"
    if outcome.status == 2:
        if str(work) in outcome.err.replace("\n", ""):
            return "refused, named"
        # Other ids, say, that can't be written where they go.
        return "other values" if may_be_others else "not named"
    if outcome.status != 0:
        return f"status {outcome.status}"
    if answer(outcome, work) == expected[1]:
        return "right answer"
    return "other values" if kind in artefact.values or may_be_others else "wrong answer"
