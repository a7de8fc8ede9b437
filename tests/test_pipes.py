"""Inputs that are pipes: read once from their beginning, or refused before anything is read."""

import os

import numpy as np
import pytest

from cslir import VectorIndex, compare
from cslir.datasets.candidates import is_top1000
from cslir.datasets.collections import DatasetFiles, load_dataset, mixture_description, passages_of
from cslir.errors import InputError
from cslir.evaluation.evaluate import EvaluationOptions, evaluate_dataset
from cslir.evaluation.results import read_results
from cslir.lexicons.coverage import read_texts
from cslir.lexicons.readers import detect_format, read_lexicon
from cslir.lexicons.readers.detection import is_compiled
from cslir.reporting.material import read_material
from cslir.switching import Lexicon
from cslir.vector_files import open_vector_file

ROWS = 20_000
RUN = "".join(f"q{row} Q0 d{row} 1 9 x\n" for row in range(ROWS)).encode()
QRELS = "".join(f"q{row} 0 d{row} 1\n" for row in range(ROWS)).encode()


def test_judgements_and_runs_lose_no_line(pipe, tmp_path):
    run, qrels = tmp_path / "big.run", tmp_path / "big.qrels"
    run.write_bytes(RUN)
    qrels.write_bytes(QRELS)
    for a_run, judgements in ((run, pipe(QRELS)), (pipe(RUN[:9], RUN[9:]), qrels)):
        options = EvaluationOptions(run=a_run, measures=["RR@10"])
        result = evaluate_dataset(None, options, qrels=judgements)
        assert len(result.systems[0].settings["all"].judged.query_ids) == 20_000


def test_judgements_serve_several_runs(pipe, tmp_path):
    run = tmp_path / "a.run"
    run.write_bytes(RUN[:1000].rpartition(b"\n")[0])
    compared = compare(run, run, names=["", "b"], qrels=pipe(QRELS[:1000].rpartition(b"\n")[0]))
    assert [one.system for one in compared.scores] == ["a", "b"]


@pytest.mark.parametrize("layout", ['{"_id": "%d", "text": "a"}\n', "%d\ta\n"])
def test_a_collection_is_read_from_a_pipe(pipe, layout):
    content = "".join(layout % row for row in range(ROWS)).encode()
    path = pipe(content[:3], content[3:])
    assert [one.doc_id for one in passages_of(str(path), "test")] == [str(row) for row in range(ROWS)]


def test_texts_are_read_from_a_pipe(pipe):
    assert list(read_texts(pipe(b"one\n", b"two"))) == ["one", "two"]


def test_a_lexicon_of_a_named_format_is_read_from_a_pipe(pipe):
    content = "".join(f"word{row}\twort{row}\n" for row in range(ROWS)).encode()
    assert len(list(read_lexicon(pipe(content), "en", "de", format="tsv"))) == ROWS


READ_TWICE = {
    "result file": read_results,
    "result files to compare": compare,
    "material of a report": lambda path: read_material([path]),
    "lexicon of unknown format": detect_format,
    "top1000": is_top1000,
    "collection of a dataset": lambda path: load_dataset(DatasetFiles(path, path, path)),
    "vectors": open_vector_file,
}


@pytest.mark.parametrize("name", READ_TWICE)
def test_what_is_read_twice_is_refused_as_a_pipe(tmp_path, name):
    path = tmp_path / "pipe.npy"
    os.mkfifo(path)
    with pytest.raises(
        InputError, match="is a pipe or a device, which can't be read twice; write what"
    ) as caught:
        READ_TWICE[name](path)
    assert caught.value.path == str(path)


def test_a_pipe_is_no_compiled_lexicon(tmp_path):
    os.mkfifo(tmp_path / "x.cslex")
    assert not is_compiled(tmp_path / "x.cslex")
    with pytest.raises(InputError, match="is a pipe or a device, a file is needed"):
        Lexicon.open(tmp_path / "x.cslex")


def test_a_pipe_among_the_files_of_an_index_is_refused(tmp_path):
    index = VectorIndex.build(np.eye(4, dtype=np.float32), path=tmp_path / "index")
    index.delete(["1"])
    del index
    files = [path for path in (tmp_path / "index").iterdir() if path.stat().st_size]
    assert len(files) >= 3
    for path in files:
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(InputError, match="is a pipe or a device, a file is needed"):
            VectorIndex.open(tmp_path / "index")
        path.unlink()
        path.write_bytes(content)
    assert len(VectorIndex.open(tmp_path / "index")) == 3


def test_pipes_in_a_folder_do_not_stop_a_look_at_it(tmp_path):
    for name in ("corpus.jsonl", "collection.tsv", "dataset.json"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="is a pipe or a device"):
        mixture_description(tmp_path)
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(InputError, match="not a dataset"):
        load_dataset(str(tmp_path))


def test_the_command_line_takes_pipes(pipe, run):
    outcome = run("eval", "--run", pipe(RUN), "--qrels", pipe(QRELS))
    assert (outcome.status, "20,000 queries" in outcome.out) == (0, True)
