"""Vectors of other programs: an index from a .npy, .fvecs, faiss or usearch file and back, in chunks."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from cslir._core import VectorIndex, check_finite
from cslir.errors import DamagedFileError, InputError, MissingExtraError, MissingFileError
from cslir.files import read_lines, require_readable_again
from cslir.outputs import replace_file
from cslir.shell import pip_command

__all__ = ["VectorFile", "build_index", "export_ids", "export_vectors", "open_vector_file"]

_CHUNK_BYTES = 16 << 20
_VECTOR_FAULT = re.compile(
    r"vectors: row (?P<row>\d+) (?P<fault>.*?)(?: \(after \d+ rows that came before\))?"
)

Chunk = NDArray[np.float32] | NDArray[np.float16]


class VectorFile(NamedTuple):
    """An opened file of vectors."""

    rows: int
    dimension: int
    ids: Sequence[str] | None
    """What the file calls its rows, if it does."""
    read: Callable[[int, int], Chunk]
    """Reads the rows from a start to an end, C-contiguous."""


def open_vector_file(path: Path) -> VectorFile:
    """Open a file of vectors, known by its suffix: .npy, .fvecs, .faiss, .usearch.

    A .npy file holds rows of float32, float16 or float64 (rounded to float32), and is mapped, as are .fvecs
    files. Of faiss and usearch files, which need their packages, come the vectors that they give back: of a
    compressed index its approximations.

    Raises:
        InputError: The file is missing, damaged, of another kind, or gives no vectors back; a package is not
            installed.
    """
    require_readable_again(path)
    if not path.is_file():
        raise MissingFileError("no such file", path=path, remedy="check the path")
    readers = {".npy": _open_npy, ".fvecs": _open_fvecs, ".faiss": _open_faiss, ".usearch": _open_usearch}
    if (reader := readers.get(path.suffix)) is None:
        raise InputError("not a known kind of vectors", path=path, remedy=f"give one of {', '.join(readers)}")
    opened = reader(path)
    if opened.dimension < 1:
        raise InputError("holds vectors of dimension 0", path=path)
    return opened


def _package(module: str, distribution: str) -> Any:  # noqa: ANN401
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"this needs {distribution}, which is not installed",
            name=module,
            remedy=pip_command(distribution),
        ) from None


def _open_npy(path: Path) -> VectorFile:
    try:
        # An overflow is an error too: numpy multiplies a shape without looking.
        with np.errstate(all="raise"):
            array: np.memmap[Any, Any] = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # numpy lets through whatever parsing a header and mapping a shape raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DamagedFileError(
            f"no readable .npy file ({reason[:120]})",
            path=path,
            remedy="write one array of float32 or float16 with numpy.save",
        ) from None
    if array.ndim != 2 or array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise InputError(
            f"an array of {array.dtype} with shape {array.shape}",
            path=path,
            remedy="rows of float32 or float16 are needed",
        )
    if excess := path.stat().st_size - array.offset - array.nbytes:
        raise InputError(
            f"{excess:,} bytes more than its header tells", path=path, remedy="write one array to a file"
        )
    dtype = np.float16 if array.dtype.itemsize == 2 else np.float32
    rows, dimension = array.shape

    def read(start: int, end: int) -> Chunk:
        return cast(Chunk, np.ascontiguousarray(array[start:end], dtype=dtype))

    return VectorFile(rows, dimension, None, read)


def _open_fvecs(path: Path) -> VectorFile:
    size = path.stat().st_size
    if size == 0:
        raise InputError("is empty", path=path)
    words = np.memmap(path, dtype="<i4", mode="r", shape=(size // 4,))
    dimension = int(words[0]) if size >= 4 else 0
    if dimension < 1 or size % (4 * (dimension + 1)):
        raise InputError(f"{size} bytes are no whole rows of dimension {dimension}", path=path)
    table = words.reshape(-1, dimension + 1)

    def read(start: int, end: int) -> Chunk:
        rows = table[start:end]
        if len(other := np.flatnonzero(rows[:, 0] != dimension)):
            raise InputError(f"row {start + int(other[0])} has another dimension than row 0", path=path)
        return np.ascontiguousarray(rows[:, 1:]).view(np.float32)

    return VectorFile(len(table), dimension, None, read)


def _open_faiss(path: Path) -> VectorFile:
    faiss = _package("faiss", "faiss-cpu")
    try:
        whole = faiss.read_index(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise DamagedFileError(f"no readable faiss index ({reason})", path=path) from None
    ids, index = None, whole
    if isinstance(whole, faiss.IndexIDMap):
        ids = [str(number) for number in faiss.vector_to_array(whole.id_map).tolist()]
        index = faiss.downcast_index(whole.index)

    def unreadable() -> InputError:
        kind = type(index).__name__
        return InputError(
            f"an {kind} that gives no vectors back", path=path, remedy="give the vectors instead"
        )

    if isinstance(index, faiss.IndexIVF):
        try:
            index.make_direct_map()
        except RuntimeError:
            raise unreadable() from None

    # The whole is kept, since the index inside is freed with it.
    def read(start: int, end: int, _whole: object = whole) -> Chunk:
        try:
            vectors: Chunk = index.reconstruct_n(start, end - start)
        except RuntimeError:
            raise unreadable() from None
        return vectors

    return VectorFile(index.ntotal, index.d, ids, read)


def _open_usearch(path: Path) -> VectorFile:
    usearch = _package("usearch.index", "usearch")
    try:
        index = usearch.Index.restore(str(path), view=True)
    except (RuntimeError, ValueError) as error:
        raise DamagedFileError(f"no readable usearch index ({error})", path=path) from None
    if index is None:
        raise DamagedFileError("no readable usearch index", path=path)
    keys = np.asarray(index.keys[:])

    def read(start: int, end: int) -> Chunk:
        return np.ascontiguousarray(index.get(keys[start:end]), dtype=np.float32)

    return VectorFile(len(keys), index.ndim, [str(key) for key in keys.tolist()], read)


def build_index(
    source: Path,
    output: Path,
    *,
    ids: Path | None = None,
    metadata: Mapping[str, Path] | None = None,
    dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    normalise: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> VectorIndex:
    """Make an index of the vectors of a file, at constant memory for .npy and .fvecs files.

    Args:
        source: As for `open_vector_file`.
        output: Folder of the index; one that is there is replaced.
        ids: A file with the id of each row on its line; those of the source, or row numbers, if left out.
        metadata: By column, a file with the value of each row on its line.
        dtype: What the vectors are stored as.
        normalise: Scale rows to length 1, so that inner products are cosines; rows of zeros stay.
        progress: Called with (rows done, rows).

    Raises:
        InputError: A file can't be read or does not fit the others, or as for `VectorIndex.build`.
    """
    vectors = open_vector_file(source)
    columns = {name: _Lines(path, vectors.rows) for name, path in (metadata or {}).items()}
    own_ids = None if ids is None else _Lines(ids, vectors.rows)
    step = max(1, _CHUNK_BYTES // (vectors.dimension * 4))
    with _ids_named(ids or source), VectorIndex.writer(output, vectors.dimension, dtype=dtype) as writer:
        for start in range(0, vectors.rows, step):
            end = min(start + step, vectors.rows)
            chunk = vectors.read(start, end)
            if own_ids is not None:
                chunk_ids: Sequence[str] | None = own_ids.take(end - start)
            else:
                chunk_ids = None if vectors.ids is None else vectors.ids[start:end]
            values = {name: lines.take(end - start) for name, lines in columns.items()}
            with _rows_named(source, start):
                if normalise:
                    check_finite(chunk)
                    chunk = _unit_rows(chunk)
                writer.add(chunk, chunk_ids, values)
            if progress:
                progress(end, vectors.rows)
        for lines in (*columns.values(), *([own_ids] if own_ids is not None else [])):
            lines.require_end()
    return VectorIndex.open(output)


@contextmanager
def _ids_named(path: Path) -> Iterator[None]:
    """Let an error about two rows of one id name the file with the ids."""
    try:
        yield
    except InputError as error:
        if error.path is not None or " have the same id " not in error.message:
            raise
        raise InputError(error.message, path=path, remedy=error.remedy) from None


@contextmanager
def _rows_named(path: Path, start: int) -> Iterator[None]:
    """Let an error about a vector name the file, and the vector's row in it.

    Args:
        path: The file.
        start: Its row that is the first of a chunk, which the core counts from 0.
    """
    try:
        yield
    except InputError as error:
        match = _VECTOR_FAULT.fullmatch(error.message)
        if match is None:
            raise
        row = start + int(match["row"])
        raise InputError(f"row {row:,} {match['fault']}", path=path, remedy=error.remedy) from None


class _Lines:
    """Lines of a text file, of which there is to be one per row."""

    def __init__(self, path: Path, rows: int) -> None:
        self.path = path
        self.rows = rows
        self.lines = read_lines(path)

    def take(self, count: int) -> list[str]:
        taken = [line for _, line in islice(self.lines, count)]
        if len(taken) < count:
            raise InputError(f"has fewer lines than there are rows ({self.rows:,})", path=self.path)
        return taken

    def require_end(self) -> None:
        for number, _ in self.lines:
            raise InputError(f"more lines than there are rows ({self.rows:,})", path=self.path, line=number)


def _unit_rows(chunk: Chunk) -> Chunk:
    wide = chunk.astype(np.float32)
    # In float64, which the squares of long and short rows neither overflow nor underflow.
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide, dtype=np.float64))[:, None]
    np.divide(wide, lengths, out=wide, where=lengths > 0)
    return wide


def export_vectors(
    index: VectorIndex, path: Path, *, progress: Callable[[int, int | None], None] | None = None
) -> None:
    """Write the vectors of an index, in the order of its rows, deleted ones left out.

    Args:
        index: The index.
        path: `.npy` (float32), `.fvecs`, or `.faiss`: an IndexFlatIP, inside an IndexIDMap if the ids are
            whole numbers and not just those of the rows. Other ids are left out; see `export_ids`.
        progress: Called with (rows done, rows).

    Raises:
        InputError: The suffix is another, faiss is not installed, or the file can't be written.
    """
    writers = {".npy": _write_npy, ".fvecs": _write_fvecs, ".faiss": _write_faiss}
    if (write := writers.get(path.suffix)) is None:
        raise InputError("not a known kind of vectors", path=path, remedy=f"name one of {', '.join(writers)}")
    with replace_file(path) as file:
        write(index, file, progress or (lambda _done, _rows: None))


def export_ids(index: VectorIndex, path: Path) -> None:
    """Write the ids of an index, one per line, in the order of `export_vectors`.

    Raises:
        InputError: An id holds a line break, or the file can't be written.
    """
    rows = index.live_rows()
    with replace_file(path) as file:
        for start in range(0, len(rows), 1 << 16):
            for name in index.ids(rows[start : start + (1 << 16)]):
                if "\n" in name or "\r" in name:
                    raise InputError(f"the id {name!r} holds a line break", path=path)
                file.write(f"{name}\n".encode())


def _chunks(index: VectorIndex, progress: Callable[[int, int | None], None]) -> Iterator[NDArray[np.float32]]:
    rows = index.live_rows()
    step = max(1, _CHUNK_BYTES // (index.dimension * 4))
    for start in range(0, len(rows), step):
        yield index.vectors(rows[start : start + step])
        progress(min(start + step, len(rows)), len(rows))


def _write_npy(index: VectorIndex, file: IO[bytes], progress: Callable[[int, int | None], None]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(index), index.dimension)}
    np.lib.format.write_array_header_1_0(file, header)
    for chunk in _chunks(index, progress):
        file.write(chunk.data)


def _write_fvecs(index: VectorIndex, file: IO[bytes], progress: Callable[[int, int | None], None]) -> None:
    for chunk in _chunks(index, progress):
        rows = np.empty((len(chunk), index.dimension + 1), dtype="<i4")
        rows[:, 0] = index.dimension
        rows[:, 1:] = chunk.view(np.int32)
        file.write(rows.data)


def _write_faiss(index: VectorIndex, file: IO[bytes], progress: Callable[[int, int | None], None]) -> None:
    faiss = _package("faiss", "faiss-cpu")
    flat = faiss.IndexFlatIP(index.dimension)
    numbers = _whole_numbers(index)
    if numbers is None or np.array_equal(numbers, np.arange(len(numbers))):
        whole = flat
        for chunk in _chunks(index, progress):
            whole.add(chunk)
    else:
        whole = faiss.IndexIDMap(flat)
        for chunk in _chunks(index, progress):
            start = whole.ntotal
            whole.add_with_ids(chunk, numbers[start : start + len(chunk)])
    faiss.write_index(whole, faiss.PyCallbackIOWriter(file.write))


def _whole_numbers(index: VectorIndex) -> NDArray[np.int64] | None:
    """Return the ids as numbers, if all of them are the decimal form of one."""
    names = index.ids(index.live_rows())
    if not all(name.isascii() and name.isdigit() and str(int(name)) == name for name in names):
        return None
    numbers = [int(name) for name in names]
    return np.array(numbers, dtype=np.int64) if max(numbers, default=0) < 2**63 else None
