"""Readers and writers in different processes, and writers that are killed."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest

from cslir import InputError, VectorIndex

WRITER = """
import sys
import numpy as np
from cslir import VectorIndex

index = VectorIndex.open(sys.argv[1])
batch = int(sys.argv[2])
while True:
    index.append(np.full((5, 4), batch, dtype=np.float32), [f"{batch}-{row}" for row in range(5)])
    print("append", batch, flush=True)
    index.delete([f"{batch}-0"])
    print("delete", batch, flush=True)
    if batch % 3 == 0:
        index.compact()
        print("compact", batch, flush=True)
    batch += 1
"""


def start_writer(path, batch):
    command = [sys.executable, "-c", WRITER, str(path), str(batch)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def apply(ids, operation, batch):
    if operation == "append":
        return ids | {f"{batch}-{row}" for row in range(5)}
    return ids - {f"{batch}-0"} if operation == "delete" else ids


def next_step(operation, batch):
    if operation == "append":
        return "delete", batch
    return ("compact", batch) if operation == "delete" and batch % 3 == 0 else ("append", batch + 1)


def check_rows(index):
    rows = index.live_rows()
    numbers = [int(name.split("-")[0]) for name in index.ids(rows)]
    np.testing.assert_array_equal(index.vectors(rows)[:, 0], numbers)


@pytest.fixture
def index(tmp_path):
    return VectorIndex.build(
        np.zeros((5, 4), dtype=np.float32), [f"0-{row}" for row in range(5)], path=tmp_path / "index"
    )


def test_a_killed_writer_loses_nothing_that_it_had_finished(index):
    generator = random.Random(7)
    ids, batch = set(index.ids(range(5))), 1
    for _ in range(8):
        with start_writer(index.path, batch) as writer:
            lines = [writer.stdout.readline() for _ in range(generator.randrange(1, 12))]
            time.sleep(generator.random() / 200)
            writer.kill()
            lines += writer.stdout.readlines()
        operation = "append"
        for line in lines:
            operation, number = line.split()
            batch = int(number)
            ids = apply(ids, operation, batch)
        survived = VectorIndex.open(index.path)
        survived.verify()
        check_rows(survived)
        found = set(survived.ids(survived.live_rows()))
        operation, batch = next_step(operation, batch)
        if found != ids:
            # What was under way was finished, though not said.
            ids = apply(ids, operation, batch)
        assert found == ids
        batch += 1
    index.append(np.ones((1, 4), dtype=np.float32), ["last"])
    left = {path.name.split(".")[-1] for path in index.path.iterdir()}
    assert left <= {"segment", "deleted", "jsonl", "lock"}
    assert len(list(index.path.glob("*.segment"))) == index.segments


def test_reading_while_another_process_writes(index):
    query = np.ones((1, 4), dtype=np.float32)
    newest = -1.0
    with start_writer(index.path, 1) as writer:
        try:
            for _ in range(150):
                reader = VectorIndex.open(index.path)
                check_rows(reader)
                score = float(reader.search(query, 1)[0][0, 0])
                assert score >= newest
                index.refresh()
                newest = float(index.search(query, 1)[0][0, 0])
                assert newest >= score
            for _ in range(20):
                writer.stdout.readline()
        finally:
            writer.kill()
    index.refresh()
    check_rows(index)
    assert len(index) > 5


def test_a_second_writing_process_is_refused(tmp_path):
    with VectorIndex.writer(tmp_path / "index", 4):
        script = (
            f"from cslir import VectorIndex\nwith VectorIndex.writer({str(tmp_path / 'index')!r}, 4): pass"
        )
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert "another writer is changing this index; wait for its end" in other.stderr
        with pytest.raises(InputError, match="another writer"), VectorIndex.writer(tmp_path / "index", 4):
            pass
    assert len(VectorIndex.open(tmp_path / "index")) == 0
