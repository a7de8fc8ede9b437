"""Every command that writes is killed at random moments: nothing is lost, nothing stays behind."""

import hashlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from material import DEBIAN_OPTIONS, bytes_of, copy

from cslir import Index, VectorIndex

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
ENDED_BY = {
    signal.SIGKILL: {-signal.SIGKILL},
    signal.SIGTERM: {-signal.SIGTERM, 128 + signal.SIGTERM},
    signal.SIGINT: {130},
}


def vectors_of(path):
    """Return what an index of vectors holds: its files have other names after other changes."""
    # Without its manifest a folder is no index: a writer was killed before there was one.
    if not (path / "manifest.jsonl").exists():
        return None
    index = VectorIndex.open(path)
    index.verify()
    rows = index.live_rows()
    languages = index.metadata("language", rows) if index.columns else []
    return index.ids(rows), languages, hashlib.sha256(index.vectors(rows).tobytes()).hexdigest()


def passages_of(path):
    """Return what an index of texts holds."""
    index = Index.open(path)
    index.verify()
    rows = index.vectors.live_rows()
    return list(index.passages(rows)), hashlib.sha256(index.vectors.vectors(rows).tobytes()).hexdigest()


def difference(now, wanted):
    """Return which files of a folder are others, for a message."""
    if isinstance(now, dict) and isinstance(wanted, dict):
        return sorted(name for name in now.keys() | wanted.keys() if now.get(name) != wanted.get(name))
    return "all of it"


def without_ignored(err):
    """Leave out what Python says of an interrupt that came where none can be raised: in a destructor, say."""
    return re.sub(r"Exception ignored in: .*\nTraceback.*\n(?: .*\n|\n)*KeyboardInterrupt:? *\n?", "", err)


@dataclass(frozen=True)
class Scenario:
    """A command that writes.

    Attributes:
        name: For the table.
        outputs: What it writes, by name.
        command: Its arguments, or Python code, from the material and the variant; run in the folder of its outputs.
            Variant 0 makes the old outputs, 1 the new ones.
        before: Makes the old outputs instead, by several commands.
        content: What of an output must be the old or the new.
        kept: Names of what a killed run may leave, from which the same command goes on.
        resume: Arguments for going on from there.
        trains: Whether PyTorch is needed.
        in_short: Whether it is part of the short form.
        share: Of the thousand kills.
    """

    name: str
    outputs: tuple[str, ...]
    command: Callable
    before: Callable | None = None
    content: Callable = bytes_of
    kept: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    trains: bool = False
    in_short: bool = True
    share: int = 50


# Both do what was not done yet, so that the same code may be run again.
APPEND = """
import numpy as np
from cslir import VectorIndex
index = VectorIndex.open("vectors")
new = [f"new{number}" for number in range(500)]
if new[0] not in set(index.ids(index.live_rows())):
    rows = np.random.default_rng(5).normal(size=(500, 16)).astype(np.float32)
    index.append(rows, new, {"language": ["de"] * 500})
"""
DELETE = """
from cslir import VectorIndex
index = VectorIndex.open("vectors")
have = set(index.ids(index.live_rows()))
old = [f"v0-{number}" for number in range(300, 1700)]
if old[0] in have:
    index.delete(old)
"""


ADD_PASSAGES = """
from cslir import Index, Passage
index = Index.open("index")
new = [Passage(f"new{number}", "a text of some words " * (number % 7), "", "de") for number in range(500)]
# Adding nothing, too, removes what was left.
index.add([] if new[0].doc_id in index.vectors.ids(index.vectors.live_rows()) else new)
"""
DELETE_PASSAGES = """
from cslir import Index
index = Index.open("index")
index.delete(index.vectors.ids(index.vectors.live_rows())[:-300])
"""


def build_vectors(material, variant):
    folder = material.folder
    return ["vectors", "build", folder / f"vectors-{variant}.npy", "--output", "vectors",
            "--ids", folder / f"ids-{variant}.txt", "--metadata", f"language={folder / 'languages.txt'}"]  # fmt: skip


def build_index(material):
    return ["index", material.folder / "corpus-0.jsonl", "--model", material.model, "--output", "index"]


def train(material, variant, *more):
    return ["train", material.beir, "--output", "model", "--seed", variant, "--lexicon", f"en-de={material.lexicon}",
            "--arm", "bl-cs", *more]  # fmt: skip


SCENARIOS = [
    Scenario("index", ("index",), lambda m, v: [
        "index", m.folder / f"corpus-{v}.jsonl", "--model", m.model, "--output", "index"], share=90),
    Scenario("Index.add", ("index",), lambda m, v: ADD_PASSAGES, lambda m: [build_index(m)],
        content=passages_of, share=50),
    Scenario("Index.delete", ("index",), lambda m, v: DELETE_PASSAGES, lambda m: [build_index(m), ADD_PASSAGES],
        content=passages_of, share=40),
    Scenario("Index.compact", ("index",), lambda m, v: 'from cslir import Index\nIndex.open("index").compact()',
        lambda m: [build_index(m), ADD_PASSAGES, DELETE_PASSAGES], content=passages_of, share=40),
    Scenario("vectors build", ("vectors",), build_vectors, content=vectors_of, share=70),
    Scenario("vectors append", ("vectors",), lambda m, v: APPEND, lambda m: [build_vectors(m, 0)],
        content=vectors_of, share=50),
    Scenario("vectors delete", ("vectors",), lambda m, v: DELETE, lambda m: [build_vectors(m, 0)],
        content=vectors_of, share=50),
    Scenario("vectors compact", ("vectors",), lambda m, v: ["vectors", "compact", "vectors"],
        lambda m: [build_vectors(m, 0), APPEND, DELETE], content=vectors_of, share=50),
    Scenario("vectors export", ("out.npy", "ids.txt"), lambda m, v: [
        "vectors", "export", m.vector_index(v), "out.npy", "--ids-out", "ids.txt"], share=40),
    Scenario("lexicons build .cslex", ("out.cslex",), lambda m, v: [
        "lexicons", "build", f"en-de={m.folder / f'lexicon-{v}.tsv'}", "--output", "out.cslex"], share=60),
    Scenario("lexicons build .tsv", ("out.tsv",), lambda m, v: [
        "lexicons", "build", f"en-de={m.folder / f'lexicon-{v}.tsv'}", "--output", "out.tsv"], share=60),
    Scenario("lexicons invert", ("out.tsv",), lambda m, v: [
        "lexicons", "invert", f"en-de={m.folder / f'lexicon-{v}.tsv'}", "--output", "out.tsv"], share=40),
    Scenario("switch", ("out.jsonl.gz", "spans.jsonl"), lambda m, v: [
        "switch", m.folder / f"english-{v}.jsonl", "out.jsonl.gz", "--lexicon", f"en-de={m.lexicon}",
        "--spans", "spans.jsonl"],
        kept=("out.jsonl.gz.part", "out.jsonl.gz.part.json", "spans.jsonl.part"), share=90),
    Scenario("datasets mix", ("mixture",), lambda m, v: [
        "datasets", "mix", "debian-sample", "--setting", "X-X", "--seed", v, "--output", "mixture"], share=50),
    Scenario("datasets build debian", ("debian",), lambda m, v: [
        "datasets", "build", "debian", *DEBIAN_OPTIONS, "--seed", v, "--output", "debian"], share=60),
    Scenario("report", ("report",), lambda m, v: [
        "report", m.folder / "result-0.json", m.folder / "result-1.json", "--title", f"report {v}", "-o", "report"],
        share=50),
    Scenario("eval of a run", ("result.json",), lambda m, v: [
        "eval", "--run", m.folder / f"system-{v}.run", "--qrels", m.qrels, "--json", "result.json"], share=60),
    Scenario("eval of a model", ("result.json", "out.run"), lambda m, v: [
        "eval", m.beir, "--model", m.model, "--depth", 20 + v, "--json", "result.json", "--run-out", "out.run"],
        share=60),
    Scenario("compare", ("table.csv",), lambda m, v: [
        "compare", m.folder / "result-0.json", m.folder / "result-1.json", "--format", "csv", "--seed", v,
        *(["--test", "bootstrap"] if v else []), "--output", "table.csv"], share=50),
    Scenario("search --run-out", ("out.run",), lambda m, v: [
        "search", "--queries", m.folder / "queries.jsonl", "--index", m.text_index(v), "--run-out", "out.run"],
        share=40),
    Scenario("train static", ("model",), lambda m, v: train(
        m, v, "--model", m.transformer(), "--epochs", 1, "--batch-size", 8), trains=True, in_short=False, share=40),
    Scenario("train bi-encoder", ("model",), lambda m, v: train(
        m, v, "--encoder", "bi-encoder", "--model", m.transformer(), "--epochs", 2, "--batch-size", 8,
        "--max-length", 16, "--checkpoint-steps", 2),
        trains=True, in_short=False, kept=(".model.checkpoints",), resume=("--resume",), share=40),
    Scenario("train cross-encoder", ("model",), lambda m, v: train(
        m, v, "--encoder", "cross-encoder", "--model", m.transformer(), "--epochs", 1, "--batch-size", 8,
        "--max-length", 32), trains=True, in_short=False, share=20),
]  # fmt: skip
assert sum(scenario.share for scenario in SCENARIOS) >= 1000


class Trial:
    """The outputs of a scenario, on the way from an old state to a new one."""

    def __init__(self, scenario, material, server, folder):
        self.scenario, self.material, self.server = scenario, material, server
        self.folder, self.saved = folder / "out", folder / "saved"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.folder.mkdir()
        before = scenario.before(material) if scenario.before else [scenario.command(material, 0)]
        for step in before:
            self.must(step)
        copy(self.folder, self.saved)
        self.old = self.state()
        self.seconds = [self.finish().seconds]
        self.new, self.names = self.state(), self.remains()
        # Where there was nothing before the same comes out.
        self.reset(with_old=False)
        self.seconds.append(self.finish().seconds)
        assert self.state() == self.new

    def start(self, step, kill=None):
        options = {
            "cwd": self.folder,
            "kill": kill,
            "environment": {"TMPDIR": str(self.temporary)},
            "limit": 240,
        }
        if isinstance(step, str):
            return self.server.run(code=step, **options)
        return self.server.run(*step, **options)

    def must(self, step):
        outcome = self.start(step)
        assert outcome.status == 0, f"{self.scenario.name}: status {outcome.status}\n{outcome.err}"
        return outcome

    def step(self, *, is_resumed=False):
        """Return the command that makes the new outputs, going on from a checkpoint if there is one."""
        step = self.scenario.command(self.material, 1)
        there = any((self.folder / name).is_dir() for name in self.scenario.kept)
        return [*step, *self.scenario.resume] if is_resumed and there and self.scenario.resume else step

    def finish(self, *, is_resumed=False):
        return self.must(self.step(is_resumed=is_resumed))

    def state(self):
        return [self.scenario.content(self.folder / name) for name in self.scenario.outputs]

    def remains(self):
        """Return the names of all that is in the folder of the outputs, and of temporary files."""
        names = {path.name for path in self.folder.iterdir()}
        return names | {f"temporary {path.name}" for path in self.temporary.iterdir()}

    def reset(self, *, with_old):
        shutil.rmtree(self.folder)
        shutil.rmtree(self.temporary)
        self.temporary.mkdir()
        if with_old or self.scenario.before is not None:
            copy(self.saved, self.folder)
        else:
            self.folder.mkdir()

    def moment(self, draw):
        """Return when to kill: at any time, or, as often, near the end, where outputs are replaced."""
        usual = sorted(self.seconds)[len(self.seconds) // 2]
        return usual * (draw.uniform(0, 1.02) if draw.random() < 0.5 else draw.uniform(0.8, 1.05))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_kill_loses_nothing_and_leaves_nothing(scenario, plan, material, request, tmp_path):
    if not (scenario.in_short or plan.is_full):
        pytest.skip("in the full form")
    server = request.getfixturevalue("training_server" if scenario.trains else "server")
    if scenario.trains:
        material.make_transformer(server)
    draw = random.Random(f"{plan.seed} {scenario.name}")
    trial = Trial(scenario, material, server, tmp_path)
    wanted = scenario.share if plan.is_full else 2
    kills = attempts = 0
    while kills < wanted:
        trial.reset(with_old=draw.random() < 0.7)
        before = trial.state()
        allowed, left = trial.remains() | trial.names | set(scenario.kept), set()
        for _ in range(draw.randint(1, 3)):
            attempts += 1
            assert attempts < 20 * wanted + 100, "hardly a kill came before the end"
            sent = draw.choice(SIGNALS)
            outcome = trial.start(trial.step(is_resumed=draw.random() < 0.7), kill=(sent, trial.moment(draw)))
            told = f"{sent.name} after {outcome.seconds:.3f} s, status {outcome.status}\n{outcome.err}"
            assert outcome.status in {0, *ENDED_BY[sent]}, told
            if outcome.status != 0:
                kills += 1
                plan.count("kills", scenario.name, "kills")
                plan.count("kills", scenario.name, sent.name)
            state = trial.state()
            for now, old, new in zip(state, before, trial.new, strict=True):
                assert now in (old, new), f"neither old nor new: {difference(now, new)}; {told}"
            plan.count(
                "kills", scenario.name, "new output is whole" if state == trial.new else "old output stays"
            )
            # A program that calls the library hears SIGTERM only if it says how; the command does.
            if sent is not signal.SIGKILL and outcome.status != -signal.SIGTERM:
                assert "Traceback" not in without_ignored(outcome.err), told
                # What such a signal left is removed by the next run, at its start or its end.
                assert trial.remains() <= allowed | left, (
                    f"left behind: {trial.remains() - allowed - left}; {told}"
                )
            left = trial.remains() - allowed
            if outcome.status == 0:
                break
        trial.seconds.append(trial.finish(is_resumed=draw.random() < 0.7).seconds)
        for now, new in zip(trial.state(), trial.new, strict=True):
            assert now == new, f"another output after kills: {difference(now, new)}; the last kill: {told}"
        assert trial.remains() == trial.names, (
            f"left over: {trial.remains() ^ trial.names}; the last kill: {told}"
        )
        plan.count("kills", scenario.name, "same bytes by the same command")


START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from cslir.__main__ import main
print("ready", flush=True)
main()
"""


def test_an_interrupt_while_modules_are_imported_is_told_in_a_line(plan, tmp_path):
    draw = random.Random(f"{plan.seed} start")
    for _ in range(60 if plan.is_full else 4):
        sent = draw.choice([signal.SIGINT, signal.SIGTERM])
        process = subprocess.Popen(
            [sys.executable, "-c", START, "datasets", "describe"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        process.stdout.readline()
        time.sleep(draw.uniform(0, 0.8))
        process.send_signal(sent)
        _, err = process.communicate(timeout=60)
        assert process.returncode in {0, *ENDED_BY[sent]}, err
        assert "Traceback" not in err
        plan.count("kills", "any command, at its start", "kills")
        plan.count("kills", "any command, at its start", sent.name)
        plan.count("kills", "any command, at its start", "old output stays")
