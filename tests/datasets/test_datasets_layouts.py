"""The published file names of MS MARCO and mMARCO, and folders of them."""

import gzip

import pytest

from cslir.datasets.collections import examples_of, load_dataset, passages_of
from cslir.datasets.mixing import languages_of
from cslir.datasets.parallel import ParallelDataset
from cslir.datasets.plain import Dataset, DatasetFiles
from cslir.errors import InputError
from cslir.records import Passage, Query


def write(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if "collection" in name:
            text = "0\tnull\n1\teins\n2\tzwei\n"
        elif "queries" in name:
            text = "7\tseven\n8\teight\n" if ".train." in name else "9\tnine\n10\tten\n"
            text = text if ".small." in name or ".train." in name else text + "11\televen\n"
        else:
            text = "7\t0\t0\t1\n8\t0\t1\t1\n" if ".train." in name else "9\t0\t2\t1\n"
            text = text if ".small." in name or ".train." in name else text + "11\t0\t1\t1\n"
        content = text.encode()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return str(folder)


MSMARCO = ("collection.tsv", "queries.train.tsv", "queries.dev.small.tsv", "queries.eval.small.tsv",
           "qrels.train.tsv", "qrels.dev.small.tsv")  # fmt: skip
MMARCO = ("german_collection.tsv.gz", "german_queries.train.tsv", "german_queries.dev.small.tsv",
          "qrels.train.tsv", "qrels.dev.small.tsv")  # fmt: skip


@pytest.mark.parametrize(("names", "language"), [(MSMARCO, ""), (MMARCO, "de")])
@pytest.mark.parametrize("split", ["dev", "dev.small"])
def test_the_published_names(tmp_path, names, language, split):
    dataset = load_dataset(write(tmp_path / "marco", names))
    assert isinstance(dataset, Dataset)
    assert dataset.queries(split) == [Query("9", "nine", language)]
    assert dataset.passages()[2] == Passage("2", "zwei", "", language)
    assert [(one.query.text, one.positive.text) for one in examples_of(dataset)] == [
        ("seven", "null"),
        ("eight", "eins"),
    ]
    assert [passage.doc_id for passage in passages_of(str(tmp_path / "marco"), "dev")] == ["0", "1", "2"]


def test_a_small_split_beside_the_whole_one_is_chosen_by_its_own_name(tmp_path):
    dataset = load_dataset(write(tmp_path, (*MSMARCO, "queries.dev.tsv", "qrels.dev.tsv")))
    assert [query.query_id for query in dataset.queries("dev")] == ["9", "11"]
    assert [query.query_id for query in dataset.queries("dev.small")] == ["9"]


def test_queries_of_a_small_split_are_among_those_of_the_whole_one(tmp_path):
    names = ("german_collection.tsv", "german_queries.dev.tsv", "qrels.dev.small.tsv")
    dataset = load_dataset(write(tmp_path, names))
    assert [query.query_id for query in dataset.queries("dev")] == ["9"]
    with pytest.raises(InputError, match=r"no german_qrels.test.tsv or qrels.test.tsv.*splits dev.small$"):
        dataset.qrels("test")
    (tmp_path / "german_queries.dev.tsv").rename(tmp_path / "english_queries.dev.tsv")
    with pytest.raises(InputError, match=r"no german_queries.dev.small.tsv or .* or queries.dev.tsv"):
        load_dataset(str(tmp_path)).queries("dev")


def test_one_folder_with_several_languages_is_parallel(tmp_path):
    names = (*MSMARCO, *MMARCO, "portuguese_collection.tsv", "portuguese_queries.dev.small.tsv")
    dataset = load_dataset(write(tmp_path, names))
    assert isinstance(dataset, ParallelDataset)
    assert dataset.languages == ("en", "de", "pt")
    assert languages_of(dataset, "dev") == list(dataset.languages)
    texts = dataset.setting("pt-de", "dev")
    assert (texts.queries("dev"), texts.passages("dev")) == (
        [Query("9", "nine", "pt")],
        [Passage("2", "zwei", "", "de")],
    )
    assert [one.query.text for one in examples_of(dataset)] == ["seven", "eight"]
    write(tmp_path, ["english_collection.tsv"])
    with pytest.raises(InputError, match="are the same language, en"):
        load_dataset(str(tmp_path))


def test_a_folder_per_language(tmp_path):
    write(tmp_path / "en", MSMARCO)
    write(tmp_path / "de", MMARCO)
    write(tmp_path / "pt-BR", MSMARCO)
    dataset = load_dataset(str(tmp_path))
    assert isinstance(dataset, ParallelDataset)
    assert dataset.languages == ("en", "de", "pt-BR")
    assert dataset.queries("dev", "pt-BR") == [Query("9", "nine", "pt-BR")]
    assert examples_of(dataset)[0].positive == Passage("0", "null", "", "en")
    texts = dataset.setting("en-de", "dev")
    assert (texts.queries("dev"), texts.passages("dev")) == (
        [Query("9", "nine", "en")],
        [Passage("2", "zwei", "", "de")],
    )


def test_files_of_two_languages_tell_them(tmp_path):
    write(tmp_path, ("german_collection.tsv", "english_queries.dev.small.tsv", "qrels.dev.small.tsv"))
    names = ("german_collection.tsv", "english_queries.dev.small.tsv", "qrels.dev.small.tsv")
    dataset = load_dataset(DatasetFiles(*(tmp_path / name for name in names)))
    assert dataset.queries("any")[0].language == "en"
    assert dataset.passages()[0].language == "de"
    assert next(passages_of(str(tmp_path / names[0]), "any")).language == "de"
