"""Copies of what is opened or built, in this process and for workers that start afresh."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

from cslir import InputError, VectorIndex
from cslir.records import Query
from cslir.switching import Lexicon, Switcher, Switching, load_lexicon

ENTRIES = [
    ("house", [("Haus", 2.0), ("Heim", 1.0)]),
    ("red wine", [("Rotwein", 1.0)]),
    ("file", [("Datei", 1.0)]),
]
TEXTS = ["a red wine in the house", "files in a file", "see http://house/ and house"]
COPIES = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]


def in_another_process(function, *arguments):
    """Return what a process that imports everything anew makes of the arguments."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def lexicon(language="de"):
    return Lexicon.from_entries(
        "en", language, ENTRIES, licence="CC0", provenance="here", forms=[("files", "file")]
    )


def rows(count, first=0):
    return np.arange(first, first + count * 4, dtype=np.float32).reshape(count, 4)


@pytest.fixture(params=["memory", "folder"])
def index(request, tmp_path):
    """Two segments, the first with a deleted row whose id the second has again."""
    path = None if request.param == "memory" else tmp_path / "index"
    index = VectorIndex.build(
        rows(3), ["a", "b", "7"], {"language": ["de", "fr", "de"]}, path=path, dtype="float16"
    )
    index.delete(["b"])
    index.append(rows(2, 20), ["b", "x"], {"language": ["vi", "vi"]})
    return index


def all_of(index):
    everything = range(index.rows)
    scores, found = index.search(np.ones((2, 4), dtype=np.float32), 3)
    return {
        "facts": (
            len(index),
            index.dimension,
            index.dtype,
            index.path,
            index.columns,
            index.segments,
            index.size,
        ),
        "live": index.live_rows().tolist(),
        "ids": index.ids(everything),
        "language": index.metadata("language", everything),
        "vectors": index.vectors(everything).tolist(),
        "found": (scores.tolist(), found.tolist()),
        "of a language": index.search(np.ones((1, 4), dtype=np.float32), 3, where={"language": "vi"})[
            1
        ].tolist(),
    }


@pytest.mark.parametrize("copied", COPIES)
def test_a_copied_index_is_that_index(index, copied):
    other = copied(index)
    assert all_of(other) == all_of(index)
    other.append(rows(1), metadata={"language": ["de"]})
    assert other.ids([5]) == ["5"]
    assert index.refresh() is (index.path is not None)
    assert len(index) == (4 if index.path is None else 5)


def test_an_index_in_memory_without_rows_is_copied():
    other = copy.deepcopy(VectorIndex.build(rows(0)))
    other.append(rows(1))
    assert (len(other), other.dimension, other.ids([0])) == (1, 4, ["0"])


def test_an_index_reaches_another_process(index):
    assert in_another_process(all_of, index) == all_of(index)


def test_a_folder_is_found_from_another_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    VectorIndex.build(rows(2), path="index")
    sent = pickle.dumps(VectorIndex.open("index"))
    monkeypatch.chdir("/")
    assert len(pickle.loads(sent)) == 2


def test_damaged_images_are_refused():
    rebuild, (manifest, segments) = VectorIndex.build(rows(3), ["a", "b", "c"]).__reduce__()
    (segment, deleted), *_ = segments
    assert len(rebuild(manifest, [(segment, deleted)])) == 3
    for other in [
        [],
        [(segment[:-64], deleted)],
        [(b"", deleted)],
        [(segment[:40] + b"\xff" + segment[41:], deleted)],
    ]:
        with pytest.raises(InputError):
            rebuild(manifest, other)
    with pytest.raises(InputError):
        rebuild(manifest.replace(b'"rows":3', b'"rows":4'), segments)


@pytest.fixture(params=["memory", "file"])
def german(request, tmp_path):
    made = lexicon()
    if request.param == "memory":
        return made
    made.save(tmp_path / "en-de.cslex")
    return Lexicon.open(tmp_path / "en-de.cslex")


def all_of_lexicon(lexicon):
    languages = lexicon.source_language, lexicon.target_language
    return (
        languages,
        lexicon.licence,
        lexicon.provenance,
        lexicon.entries(),
        lexicon.forms(),
        lexicon.left_out,
    )


@pytest.mark.parametrize("copied", [*COPIES, lambda value: in_another_process(copy.copy, value)])
def test_a_copied_lexicon_is_that_lexicon(german, copied):
    assert all_of_lexicon(copied(german)) == all_of_lexicon(german)


def test_a_lexicon_file_is_sent_by_its_name_and_must_be_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many = [(f"word{number}", [("Wort", 1.0)]) for number in range(5000)]
    Lexicon.from_entries("en", "de", many).save("en-de.cslex")
    sent = pickle.dumps(load_lexicon("en-de.cslex", "en", "de"))
    assert len(sent) < 1000
    monkeypatch.chdir("/")
    assert len(pickle.loads(sent)) == 5000
    lexicon().save(tmp_path / "en-de.cslex")
    with pytest.raises(InputError, match="was replaced by another lexicon"):
        pickle.loads(sent)


SWITCHERS = [
    {"translation_prob": 0.5, "seed": 3},
    {
        "translation_prob": 1.0,
        "seed": 2**63,
        "language_choice": "text",
        "miss_policy": "redraw",
        "target_choice": "best",
        "language_weights": [1.0, 3.0],
        "stop_words": ["file"],
        "switch_stop_words": True,
        "lemma_fallback": True,
        "protect": False,
    },
]


def switched(switcher):
    return switcher.switch_batch(TEXTS * 20, [str(number) for number in range(60)], epoch=2)


@pytest.mark.parametrize("options", SWITCHERS)
@pytest.mark.parametrize("copied", COPIES)
def test_a_copied_switcher_draws_the_same(german, options, copied):
    switcher = Switcher([german, lexicon("fr")], **options)
    assert switched(copied(switcher)) == switched(switcher)


def test_results_come_back_from_another_process(german):
    switcher = Switcher([german, lexicon("fr")], **SWITCHERS[1])
    assert in_another_process(switched, switcher) == switched(switcher)
    there = in_another_process(switcher.switch_with_spans, TEXTS[0], "d1")
    here = switcher.switch_with_spans(TEXTS[0], "d1")
    assert (there.text, there.spans, there.counts) == (here.text, here.spans, here.counts)
    assert here.spans


class Switched:
    """A dataset as a training has it: each item is switched in the worker that loads it."""

    def __init__(self, augmenter, index):
        self.augmenter, self.index = augmenter, index

    def __len__(self):
        return 8

    def __getitem__(self, number):
        query = Query(str(number), TEXTS[number % 3])
        return self.augmenter.queries([query], epoch=1)[0].text, self.index.vectors([number % 3])[0]


def test_workers_of_a_data_loader_that_start_afresh_switch_alike(german, tmp_path):
    data = pytest.importorskip("torch.utils.data")
    augmenter = Switching([german], query_translation_prob=0.7, passage_translation_prob=0.5).augmenter()
    dataset = Switched(augmenter, VectorIndex.build(rows(3), path=tmp_path / "index"))
    loader = data.DataLoader(dataset, batch_size=4, num_workers=2, multiprocessing_context="spawn")
    texts, vectors = [], []
    for some_texts, some_vectors in loader:
        texts += some_texts
        vectors += some_vectors.tolist()
    expected = [dataset[number] for number in range(8)]
    assert texts == [text for text, _ in expected]
    assert vectors == [vector.tolist() for _, vector in expected]
