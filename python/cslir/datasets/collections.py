"""Finding a dataset by name, folder or id: embedded, parallel, BEIR, MS MARCO, or one of ir_datasets."""

import re
from collections.abc import Callable, Iterator, Sequence
from os import PathLike, fspath
from pathlib import Path

from cslir.datasets.debian import default_output
from cslir.datasets.embedded import EMBEDDED_FOLDER, load_embedded
from cslir.datasets.ir_collections import PREFIX, open_ir_dataset
from cslir.datasets.layouts import find_layouts, read_passages
from cslir.datasets.mixing import SettingDataset, mixture_description
from cslir.datasets.parallel import TRAINING_LANGUAGE, ParallelDataset, has_languages, load_parallel
from cslir.datasets.plain import Dataset, DatasetFiles, FileDataset
from cslir.errors import InputError, MissingFileError
from cslir.files import require_readable_again
from cslir.languages import language_codes
from cslir.records import Example, Passage
from cslir.shell import own_command

__all__ = [
    "EMBEDDED_NAME",
    "Dataset",
    "DatasetFiles",
    "examples_of",
    "load_dataset",
    "passages_of",
    "source_of",
]

EMBEDDED_NAME = "debian-sample"
FULL_NAME = "debian"
_IR_DATASETS_ID = re.compile(r"\w[\w.-]*(/[\w.:-]+)+")


def load_dataset(source: str | PathLike[str] | DatasetFiles, language: str = "") -> ParallelDataset | Dataset:
    """Return the dataset of that name, folder or files.

    Args:
        source: `debian-sample` (embedded), `debian` (built before, in the cache), a folder with one BEIR
            or MS MARCO folder per language, a BEIR folder (`corpus.jsonl`, `queries.jsonl`,
            `qrels/<split>.tsv`), an MS MARCO one (`collection.tsv`, `queries.<split>.tsv`,
            `qrels.<split>.tsv`) or one with mMARCO's files (`german_collection.tsv`), in one language or
            several, each file plain or compressed; single files; or an id of ir_datasets, which `irds:` may
            precede.
        language: Code for the records of a BEIR or MS MARCO folder that do not say theirs.

    Returns:
        Queries, passages and qrels by split, read when they are first asked for. A parallel dataset has them
        in each of its `languages`, with the same ids, and each setting (`en-de`, `X-X`) is a dataset too.

    Raises:
        MissingFileError: The folder, or a file in it, is not there.
        UnknownNameError: ir_datasets has no such id.
        MissingExtraError: An id needs the library ir_datasets, which is not installed.
        DamagedFileError: A file differs from its checksum.
        InputError: The folder is no dataset, or of another layout. Files are read later: what is wrong within
            them is raised then, with file and line.

    Example:
        >>> data = load_dataset("debian-sample")
        >>> data.languages
        ('en', 'de', 'it', 'fr', 'ru', 'es', 'ja', 'pl')
        >>> data.queries("test", "de")[0]
        Query(query_id='4g8', text='Pakete in geswitchten Netzwerken aufzeichnen und abfangen', language='de')
    """
    if isinstance(source, DatasetFiles):
        queries, qrels = source.queries, source.qrels
        for path in (source.collection, queries):
            require_readable_again(path)
        return FileDataset(
            source.collection.name, source.collection, lambda _: queries, lambda _: qrels, language
        )
    source = fspath(source)
    if source == EMBEDDED_NAME:
        return load_embedded()
    if source == FULL_NAME and not Path(source).is_dir():
        if not default_output().is_dir():
            raise MissingFileError(
                "the Debian collection is not built yet",
                path=default_output(),
                remedy=f"build it: {own_command('datasets', 'build', 'debian')}",
            )
        return load_parallel(default_output())
    folder = Path(source)
    if source.startswith(PREFIX) or (not folder.exists() and _IR_DATASETS_ID.fullmatch(source)):
        return open_ir_dataset(source.removeprefix(PREFIX))
    if not folder.is_dir():
        raise MissingFileError(
            "is a file, a folder is needed" if folder.exists() else "no such folder",
            path=folder,
            remedy=f"name a dataset's folder, the embedded {EMBEDDED_NAME}, or an id of ir_datasets",
        )
    layouts = find_layouts(folder)
    if len(layouts) == 1:
        (layout,) = layouts
        return FileDataset(
            name=folder.resolve().name,
            collection_file=layout.collection,
            queries_file=layout.queries,
            qrels_file=layout.qrels,
            language=language,
            notes=mixture_description(folder),
        )
    if layouts or has_languages(folder):
        return load_parallel(folder)
    raise InputError(
        "not a dataset",
        path=folder,
        remedy="a BEIR folder holds corpus.jsonl, an MS MARCO folder collection.tsv, an mMARCO folder"
        " german_collection.tsv or the like, a parallel one such a folder per language, named by its code",
    )


def source_of(dataset: ParallelDataset | Dataset) -> str:
    """Return what `load_dataset` takes for a dataset: its name, folder or id, or the file of its collection.

    A setting gives what its parallel dataset does; what `load_dataset` can't open again, its name.

    >>> source_of(load_dataset("debian-sample"))
    'debian-sample'
    """
    if isinstance(dataset, SettingDataset):
        dataset = dataset.parallel
    if isinstance(dataset, ParallelDataset):
        named = {EMBEDDED_FOLDER: EMBEDDED_NAME, default_output(): FULL_NAME}
        return named.get(dataset.folder, str(dataset.folder))
    if isinstance(dataset, FileDataset):
        file = dataset.collection_file
        return str(file if dataset.name == file.name else file.parent)
    return dataset.name


def examples_of(
    dataset: ParallelDataset | Dataset,
    split: str = "train",
    *,
    notice: Callable[[str], None] = lambda _: None,
) -> list[Example]:
    """Return a split's relevant pairs as training examples.

    Only the passages that are relevant to a query are kept in memory.

    Args:
        dataset: Has the split.
        split: Its name.
        notice: Told how many judged queries and relevant passages have no text, and so no pair.

    Raises:
        InputError: The split has no relevant pair, or its qrels are of another collection.
    """
    if isinstance(dataset, ParallelDataset):
        missing = dataset.missing(split, (TRAINING_LANGUAGE,))
        if missing.any():
            notice(missing.training_note(f"{dataset.name} {split}"))
        return dataset.train(split)
    relevant = [qrel for qrel in dataset.qrels(split) if qrel.relevance > 0]
    if not relevant:
        raise InputError("no relevant pair", path=dataset.qrels_place(split), remedy="training needs some")
    queries = {query.query_id: query for query in dataset.queries(split)}
    wanted = {qrel.doc_id for qrel in relevant}
    passages = {p.doc_id: p for p in dataset.iterate_passages() if p.doc_id in wanted}
    if (missing := dataset.missing(split, passages)).any():
        notice(missing.training_note(dataset.qrels_place(split)))
    return [
        Example(queries[qrel.query_id], passages[qrel.doc_id]) for qrel in relevant if qrel.doc_id in passages
    ]


def passages_of(source: str, split: str, languages: Sequence[str] | None = None) -> Iterator[Passage]:
    """Yield a collection for indexing.

    Args:
        source: A dataset as for `load_dataset`, or one `corpus.jsonl` or `collection.tsv`, a pipe too.
        split: Of a parallel dataset, whose passages get ids of the form `language/doc_id`.
        languages: Of a parallel dataset; all of them if None.

    Raises:
        InputError: There is no such dataset, split or language, or no passage.
    """
    empty = True
    for passage in _passages_of(source, split, languages):
        empty = False
        yield passage
    if empty:
        raise InputError("the collection is empty", path=source, remedy="give it one passage at least")


def _passages_of(source: str, split: str, languages: Sequence[str] | None) -> Iterator[Passage]:
    path = Path(source)
    if path.exists() and not path.is_dir():
        yield from read_passages(path)
        return
    dataset = load_dataset(source)
    if isinstance(dataset, Dataset):
        yield from dataset.iterate_passages()
        return
    yield from dataset.passages_in(split, language_codes(languages) or dataset.languages)
