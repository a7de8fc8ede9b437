"""Datasets of ir_datasets: one that is registered here, and files that lie where the library keeps its own."""

import os
import subprocess
import sys
from typing import NamedTuple

import pytest

from cslir.datasets.collections import load_dataset, passages_of
from cslir.datasets.ir_collections import IrDataset
from cslir.errors import CslirError, InputError
from cslir.records import Passage, Qrel, Query

ir_datasets = pytest.importorskip("ir_datasets")


class TitledDocument(NamedTuple):
    doc_id: str
    title: str
    text: str

    def default_text(self):
        return f"{self.title} {self.text}"


class Documents(ir_datasets.formats.BaseDocs):
    def docs_iter(self):
        yield TitledDocument("d1", "Post", "lesen")
        yield TitledDocument("d2", "", "Karten spielen")

    def docs_cls(self):
        return TitledDocument

    def docs_lang(self):
        return "de"

    def docs_count(self):
        return 2


class Broken(Documents):
    def docs_iter(self):
        yield TitledDocument("d1", "", "Post")
        raise ConnectionError("no route to host")


class Queries(ir_datasets.formats.BaseQueries):
    def queries_iter(self):
        query = ir_datasets.formats.GenericQuery
        yield from (query("q1", "read mail"), query("q2", "play cards"), query("q3", "not judged"))

    def queries_lang(self):
        return "en"


class Judgements(ir_datasets.formats.BaseQrels):
    def qrels_iter(self):
        qrel = ir_datasets.formats.TrecQrel
        yield from (qrel("q1", "d1", 1, "0"), qrel("q2", "d2", 2, "0"))


@pytest.fixture(scope="module")
def registered():
    """`cslir-tests` is a collection, `cslir-tests/test` has judgements, `cslir-broken/test` fails midway."""
    for name, documents in (("cslir-tests", Documents), ("cslir-broken", Broken)):
        judged = ir_datasets.Dataset(documents(), Queries(), Judgements())
        ir_datasets.registry.register(name, ir_datasets.Dataset(documents()))
        ir_datasets.registry.register(f"{name}/test", judged)
    yield
    for name in ("cslir-tests", "cslir-broken"):
        del ir_datasets.registry._registered[name], ir_datasets.registry._registered[f"{name}/test"]


def test_records_of_a_dataset(registered):
    dataset = load_dataset("cslir-tests/test")
    assert isinstance(dataset, IrDataset)
    assert dataset.passages() == [
        Passage("d1", "lesen", "Post", "de"),
        Passage("d2", "Karten spielen", "", "de"),
    ]
    assert dataset.queries("") == [Query("q1", "read mail", "en"), Query("q2", "play cards", "en")]
    assert dataset.qrels("") == [Qrel("q1", "d1", 1), Qrel("q2", "d2", 2)]
    assert dataset.count_passages() == 2
    assert [passage.doc_id for passage in passages_of("irds:cslir-tests", "test")] == ["d1", "d2"]


def test_a_split_is_the_last_part_of_an_id(registered):
    collection = load_dataset("irds:cslir-tests")
    assert len(collection.qrels("test")) == len(collection.qrels("")) == 2
    assert len(load_dataset("cslir-tests/test").qrels("test")) == 2
    with pytest.raises(
        InputError, match="no judgements of a split 'dev'; ir_datasets has them for cslir-tests/test"
    ):
        collection.qrels("dev")
    with pytest.raises(InputError, match="no judgements of a split 'dev'"):
        load_dataset("cslir-tests/test").qrels("dev")


def test_unknown_ids_and_folders_that_are_not_there(registered, tmp_path):
    with pytest.raises(InputError, match="there is .*cslir-tests"):
        load_dataset("cslir-tests/tets")
    with pytest.raises(InputError, match="neither a folder nor an id"):
        load_dataset("irds:cslir")
    with pytest.raises(InputError, match="no such folder"):
        load_dataset(str(tmp_path / "absent"))


def test_what_fails_in_the_library_is_one_error(registered, run):
    with pytest.raises(CslirError, match="could not give the passages .ConnectionError: no route to host"):
        load_dataset("cslir-broken/test").passages()
    outcome = run("datasets", "describe", "cslir-broken/test")
    assert outcome.status == 1
    assert "Traceback" not in outcome.err


def test_ctrl_c_during_a_download(registered, run, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Broken, "docs_iter", interrupted)
    outcome = run("datasets", "describe", "cslir-broken/test")
    assert outcome.status == 130
    assert outcome.err.strip() == "cslir: interrupted"


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(InputError, match=r"pip install 'cslir\[ir-datasets\]'"):
        load_dataset("mmarco/v2/de/dev/small")


def test_files_that_lie_where_the_library_keeps_them(tmp_path):
    """A collection of the real id, tiny: what is there is not fetched."""
    folder = tmp_path / "mmarco"
    (folder / "v2").mkdir(parents=True)
    (folder / "v2" / "german_collection.tsv").write_text(
        "0\tPost lesen\n1\tKarten spielen\n", encoding="utf-8"
    )
    (folder / "v2" / "german.queries.dev.tsv").write_text("7\tBriefe\n8\tSpiel\n9\tohne\n", encoding="utf-8")
    (folder / "qrels.dev.small.tsv").write_text("7\t0\t0\t1\n8\t0\t1\t1\n")
    program = (
        "from cslir.datasets.collections import load_dataset\n"
        "dataset = load_dataset('mmarco/v2/de/dev/small')\n"
        "print(dataset.passages(), dataset.queries(''), dataset.qrels(''))\n"
    )
    environment = os.environ | {"IR_DATASETS_HOME": str(tmp_path), "IR_DATASETS_DL_TRIES": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 0, ended.stderr
    expected = (
        [Passage("0", "Post lesen", "", "de"), Passage("1", "Karten spielen", "", "de")],
        [Query("7", "Briefe", "de"), Query("8", "Spiel", "de")],
        [Qrel("7", "0", 1), Qrel("8", "1", 1)],
    )
    assert ended.stdout.strip() == " ".join(map(str, expected))
