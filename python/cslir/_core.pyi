from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ArrowStrings",
    "FileSummary",
    "Lexicon",
    "Span",
    "SwitchCounts",
    "Switched",
    "Switcher",
    "VectorIndex",
    "VectorIndexWriter",
    "ZstandardReader",
    "__version__",
    "caseless_form",
    "check_finite",
    "exchange_paths",
    "instruction_sets",
    "int8_peak",
    "is_index_file",
    "kernel",
    "kernels",
    "multiply_add_peak",
    "normal_form",
    "pool_tokens",
    "read_bandwidth",
    "source_form",
    "split_and_hash",
    "switch_file",
    "threads",
    "token_ranges",
    "top_k",
    "without_reading_signs",
]

__version__: str

def exchange_paths(first: str | PathLike[str], second: str | PathLike[str]) -> bool:
    """Exchanges two paths in one step, so that each name is there at every moment.

    Returns:
        False where the system or the file system can't; nothing is changed then.

    Raises:
        OSError: A path is missing, or may not be changed.
    """

def top_k(
    vectors: NDArray[np.float32] | NDArray[np.float16],
    queries: NDArray[np.float32],
    k: int,
    *,
    threads: int | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Finds, for each query, the k rows of highest inner product, exactly.

    The result depends on nothing but the arguments: any kernel, batch and number of threads give
    the same bits. Arrays are read in place (memory-mapped ones too) and must not be written to
    meanwhile. The GIL is released, and Ctrl-C is heard.

    Args:
        vectors: (rows, dimension) float32, C-contiguous, finite (see `check_finite`); or float16 (or
            bfloat16 of ml_dtypes), which are scored as the float32 numbers that they are.
        queries: (batch, dimension) float32, C-contiguous.
        k: From 1 to the number of rows.
        threads: Threads to use; None for one per core.

    Returns:
        scores: (batch, k) float32, descending.
        rows: (batch, k) int64; among equal scores the lower row comes first.

    Raises:
        InputError: A wrong shape, layout, k or number of threads; no vectors; a query that is not
            finite; a score that overflows; CSLIR_KERNEL names no kernel of this CPU.
        TypeError: An array has another dtype.
    """

def pool_tokens(
    table: NDArray[np.float32],
    token_ids: NDArray[np.uint32],
    offsets: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Embeds texts as the sum of their tokens' rows, scaled to length 1.

    Args:
        table: (vocabulary, dimension) float32, C-contiguous.
        token_ids: (tokens,) uint32, the tokens of all texts, one text after the other.
        offsets: (texts + 1,) int64; text i has the tokens offsets[i] to offsets[i + 1].

    Returns:
        (texts, dimension) float32; a text without tokens gives zeros.

    Raises:
        InputError: A wrong shape or layout, bad offsets, a token id without a row, or an embedding
            that is not finite; names the text.
        TypeError: An array has another dtype.
    """

def token_ranges(text: str) -> list[tuple[int, int]]:
    """Returns where the tokens of a text start and end, in characters.

    A token is a run of letters, digits and combining marks, held together by single apostrophes and soft
    hyphens, or one character of a script without spaces; a hyphen separates.
    """

def normal_form(token: str) -> str:
    """Returns a token as it is looked up: NFKC, case-folded, plain apostrophes, no soft hyphens.

    Arabic short vowels and tatweel and the stress marks of Cyrillic vowels are dropped, `İ` and `ı` are `i`.
    """

def source_form(source: str) -> str:
    """Returns the normal form of a lexicon's source; empty where it can match no text.

    The tokens are in normal form, white space and hyphens between them are one space: a text that has one of
    `Ice-Cream` and `ice cream` finds the other.
    """

def caseless_form(source: str, language: str) -> str:
    """Returns a source as it is spelled but for case: NFC, small letters, plain apostrophes, no soft hyphen.

    Args:
        source: A lexicon's source or target.
        language: Its code; in Turkish and Azerbaijani the small letter of `I` is `ı`.
    """

def without_reading_signs(text: str) -> str:
    """Returns text in NFC without Arabic short vowels, tatweel and the stress marks of Cyrillic vowels."""

def check_finite(vectors: NDArray[np.float32] | NDArray[np.float16]) -> None:
    """Raises InputError with the first of the rows that holds NaN or infinity; types as for `top_k`."""

def kernel() -> str:
    """Returns the name of the kernel that `top_k` uses: the fastest, or the one in CSLIR_KERNEL."""

def kernels() -> list[str]:
    """Returns the names of the kernels that this CPU can run, the slowest first."""

def instruction_sets() -> list[str]:
    """Returns those of the CPU's instruction sets that kernels are chosen by; none on arm64."""

def threads() -> int:
    """Returns how many threads do the work by default: RAYON_NUM_THREADS, or one per usable core."""

def is_index_file(name: str) -> bool:
    """Returns whether a file of that name belongs to an index of vectors, or was left by a killed writer."""

@final
class VectorIndex:
    """Vectors with ids and metadata, in a folder or in memory: exact search, by inner product.

    Rows are numbered in the order in which they were added. A row that is deleted is found no more, but keeps
    its number until the index is compacted. An opened index answers from the state that it opened, or wrote,
    last, whatever other processes write meanwhile; see `refresh`. It can be pickled and copied: by its
    folder, which is opened again, or by its bytes where it is in memory.
    """

    @staticmethod
    def build(
        vectors: NDArray[np.float32] | NDArray[np.float16],
        ids: Sequence[str] | None = None,
        metadata: Mapping[str, Sequence[str]] | None = None,
        *,
        path: str | PathLike[str] | None = None,
        dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    ) -> VectorIndex:
        """Makes an index; use `writer` for vectors that don't fit into memory.

        Args:
            vectors: (rows, dimension) float32 or float16, C-contiguous, finite. For cosine similarity give
                them (and the queries) unit length.
            ids: One per row, each another; the row's number in decimal if left out, see `append`.
            metadata: By column, one value per row; meant for columns of few different values.
            path: A folder, in which an index that is there is replaced at the end; None for memory.
            dtype: What the vectors are stored as. They are rounded to nearest; scores are those of the
                stored values, computed in float32.

        Raises:
            InputError: A wrong shape, layout or length; a value that is not finite, or not in the range of
                `dtype`; an id given twice; a folder that holds something else, or has another writer.
            TypeError: The vectors have another dtype, or ids or values are no strings.
            OSError: The folder can't be written to.
        """

    @staticmethod
    def open(path: str | PathLike[str]) -> VectorIndex:
        """Opens the index of a folder; its files are mapped, which takes milliseconds.

        Raises:
            InputError: There is none, it is of another version, or damaged, as far as a look at headers and
                lengths tells (see `verify`).
        """

    @staticmethod
    def writer(
        path: str | PathLike[str],
        dimension: int,
        *,
        dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    ) -> VectorIndexWriter:
        """Returns what makes an index batch by batch, in a `with` block; arguments as for `build`."""

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the rows that are not deleted to a folder, compacted; an index that is there is replaced.

        Raises:
            InputError: The folder holds something else, or has another writer.
            OSError: It can't be written to.
        """

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        where: Mapping[str, str | Sequence[str]] | NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Finds, for each query, the `k` rows of highest inner product, exactly.

        Args:
            queries: (batch, dimension) float32, C-contiguous.
            k: At least 1; all rows that take part if they are fewer.
            where: Which rows take part: those that have in each column one of its values, or those with True
                (one for each of `rows`). None for all.
            threads: Threads to use; None for one per core.

        Returns:
            scores: (batch, k) float32, descending.
            rows: (batch, k) int64; among equal scores the lower row comes first.

        Raises:
            InputError: A wrong shape, layout, k, length or number of threads; a query that is not finite; a
                column that is not there; a score that overflows.
            TypeError: An array has another dtype.
        """

    def ids(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """Returns the ids of rows; raises InputError if there is no such row."""

    def metadata(self, column: str, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """Returns the values of rows in a column; raises InputError if there is no such row or column."""

    def counts(self, column: str) -> dict[str, int]:
        """Returns how many rows have each value of a column, deleted ones left out.

        Raises:
            InputError: There is no such column.
        """

    def vectors(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns a copy of the vectors of rows; raises InputError if there is no such row."""

    def append(
        self,
        vectors: NDArray[np.float32] | NDArray[np.float16],
        ids: Sequence[str] | None = None,
        metadata: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Adds rows behind those that are there; arguments as for `build`.

        Each call adds a segment, and many small ones are slow to search: append in large batches, and
        `compact` now and then. Ids that are left out go on from the number of rows that were ever added, and
        pass over numbers that are ids of other rows.

        Raises:
            InputError: As for `build`; an id that a row has already; other columns than the index has;
                another writer is at work.
            TypeError: As for `build`.
        """

    def delete(self, ids: Sequence[str]) -> int:
        """Deletes rows by their ids, and returns their number.

        Raises:
            InputError: An id that no row has, or that is given twice: then nothing is deleted. Another writer
                is at work.
        """

    def compact(self) -> None:
        """Makes one segment of all rows that are not deleted, which are numbered anew in the same order.

        Raises:
            InputError: A file is damaged, or another writer is at work.
            OSError: The folder can't be written to.
        """

    def verify(self) -> None:
        """Compares all checksums of an index in a folder; raises InputError if a file is damaged."""

    def refresh(self) -> bool:
        """Takes up what was written to the folder since, and returns whether there was something."""

    def live_rows(self) -> NDArray[np.int64]:
        """Returns the numbers of all rows that are not deleted, in order."""

    def __len__(self) -> int:
        """The number of rows that are not deleted."""

    def __bool__(self) -> bool:
        """True: an index without rows is still one."""

    @property
    def rows(self) -> int:
        """The number of rows, deleted ones included."""

    @property
    def dimension(self) -> int:
        """The width of the vectors."""
    @property
    def dtype(self) -> Literal["float32", "float16", "bfloat16"]:
        """What the vectors are stored as."""

    @property
    def path(self) -> Path | None:
        """The folder; None for an index in memory."""

    @property
    def columns(self) -> list[str]:
        """The names of the metadata columns."""

    @property
    def generation(self) -> int:
        """A number that grows with each change."""

    @property
    def segments(self) -> int:
        """The number of segments that a search goes through."""

    @property
    def filtered_rows(self) -> int:
        """The number of rows that have a filter, which makes their search faster."""

    @property
    def size(self) -> int:
        """Bytes of all segments."""

@final
class VectorIndexWriter:
    """Makes an index in a folder at constant memory; see `VectorIndex.writer`.

    The index is there when the `with` block ends. If the block raises, nothing is left behind, and an index
    that was there stays.
    """

    def __enter__(self) -> VectorIndexWriter:
        """Starts; raises InputError if the folder holds something else, or has another writer."""

    def add(
        self,
        vectors: NDArray[np.float32] | NDArray[np.float16],
        ids: Sequence[str] | None = None,
        metadata: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Adds rows; arguments and errors as for `VectorIndex.build`. After an error the writer is closed."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Completes the index; raises InputError if an id was given twice."""

@final
class Lexicon:
    """A compiled bilingual lexicon, in memory or mapped from a `.cslex` file.

    Words and phrases of a source language with their targets, each with a weight: a positive number, in
    any sum. A source is looked up without regard to case, width of letters, Arabic vowel signs and
    Russian stress marks; of several that are alike then the one spelled as the text comes first.

    It can be pickled and copied: by its file, which must hold the same lexicon still, or by its bytes.

    Example:
        >>> german = Lexicon.from_entries("en", "de", [("house", [("Haus", 3.0), ("Heim", 1.0)])])
        >>> german.lookup("House")
        [('Haus', 3.0), ('Heim', 1.0)]
    """

    @staticmethod
    def from_entries(
        source_language: str,
        target_language: str,
        entries: Sequence[tuple[str, Sequence[tuple[str, float]]]],
        *,
        licence: str = "",
        provenance: str = "",
        forms: Sequence[tuple[str, str]] = ...,
    ) -> Lexicon:
        """Compiles entries, and (form, base) pairs for the lemma fallback.

        Forms that are sources themselves, that are no single token or whose base is no source are left out.

        Args:
            source_language: A BCP 47 code.
            target_language: A BCP 47 code.
            entries: Each source with its targets and their weights, above 0.
            licence: Of the entries.
            provenance: Where they come from.
            forms: Inflected forms with their base forms.

        Raises:
            InputError: A source has no target, or a weight is not positive and finite.
        """

    @staticmethod
    def open(path: str | PathLike[str]) -> Lexicon:
        """Opens a compiled lexicon; its file is mapped, which takes milliseconds.

        Raises:
            InputError: The file is missing, damaged or of another version.
        """
    def save(self, path: str | PathLike[str]) -> None:
        """Writes the compiled lexicon, whole or not at all.

        Raises:
            InputError: The path is no place for a file, or another process is writing it.
            OSError: Writing failed.
        """
    def lookup(self, source: str, *, lemma_fallback: bool = False) -> list[tuple[str, float]]:
        """Returns the targets of a source with their weights, none where the lexicon lacks it.

        Args:
            source: A word or a phrase, as it stands in a text.
            lemma_fallback: Look a word out of lexicon up by its base form.
        """
    def entries(self) -> list[tuple[str, list[tuple[str, float]]]]:
        """Returns every source with its targets and their weights."""
    def forms(self) -> list[tuple[str, str]]:
        """Returns the inflected forms with their base forms."""
    def __len__(self) -> int:
        """The number of sources."""
    @property
    def source_language(self) -> str:
        """The code of the source language."""
    @property
    def target_language(self) -> str:
        """The code of the target language."""
    @property
    def licence(self) -> str:
        """The licence of the entries."""
    @property
    def provenance(self) -> str:
        """Where the entries come from."""
    @property
    def form_count(self) -> int:
        """The number of inflected forms."""
    @property
    def left_out(self) -> int:
        """How many sources were left out in compiling, since they can match no text."""

@final
class Span:
    """What was replaced by what; positions count characters, `*_bytes` bytes of UTF-8.

    The target may start or end with a space that parts it from the word beside it, where the text has none.
    """

    def __new__(
        cls,
        source_start: int,
        source_end: int,
        target_start: int,
        target_end: int,
        language: str,
        entry: str,
        source_bytes: tuple[int, int],
        target_bytes: tuple[int, int],
    ) -> Span: ...
    @property
    def source_start(self) -> int: ...
    @property
    def source_end(self) -> int: ...
    @property
    def target_start(self) -> int: ...
    @property
    def target_end(self) -> int: ...
    @property
    def language(self) -> str: ...
    @property
    def entry(self) -> str: ...
    @property
    def source_bytes(self) -> tuple[int, int]: ...
    @property
    def target_bytes(self) -> tuple[int, int]: ...

class _ArrowArray(Protocol):
    """A column in one piece, after the Arrow PyCapsule interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class _ArrowStream(Protocol):
    """A column in chunks, after the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class ArrowStrings:
    """A column of strings for any library that reads Arrow."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __len__(self) -> int:
        """The number of strings."""

@final
class SwitchCounts:
    """How many tokens were switched or missed, and into which language.

    `content` tokens are those that are not protected, no numbers (under protection) and no stop words;
    `lemmas` counts the switched tokens whose base form's entry was taken.
    """

    def __new__(
        cls,
        tokens: int,
        content: int,
        switched: int,
        content_switched: int,
        lemmas: int,
        missed: int,
        switched_by_language: Sequence[tuple[str, int]],
        missed_by_language: Sequence[tuple[str, int]],
    ) -> SwitchCounts: ...
    @property
    def tokens(self) -> int: ...
    @property
    def content(self) -> int: ...
    @property
    def switched(self) -> int: ...
    @property
    def content_switched(self) -> int: ...
    @property
    def lemmas(self) -> int: ...
    @property
    def missed(self) -> int: ...
    @property
    def switched_by_language(self) -> dict[str, int]: ...
    @property
    def missed_by_language(self) -> dict[str, int]: ...
    @property
    def switch_rate(self) -> float: ...

@final
class Switched:
    """A code-switched text with its aligned spans and counts."""

    def __new__(cls, text: str, spans: Sequence[Span], counts: SwitchCounts) -> Switched: ...
    @property
    def text(self) -> str:
        """The text after switching."""
    @property
    def spans(self) -> list[Span]:
        """What was replaced by what, in the order of the text."""
    @property
    def counts(self) -> SwitchCounts:
        """How many tokens were switched or missed."""

@final
class Switcher:
    """Switches texts by one lexicon (BL-CS) or several (ML-CS); can be pickled and copied with them."""

    def __new__(
        cls,
        lexicons: Sequence[Lexicon],
        *,
        translation_prob: float,
        seed: int,
        language_choice: Literal["token", "text"] = "token",
        miss_policy: Literal["keep", "redraw"] = "keep",
        target_choice: Literal["weighted", "best"] = "weighted",
        language_weights: Sequence[float] | None = None,
        stop_words: Sequence[str] | None = None,
        switch_stop_words: bool = False,
        lemma_fallback: bool = False,
        protect: bool = True,
    ) -> Switcher: ...
    def __getnewargs_ex__(self) -> tuple[tuple[list[Lexicon]], dict[str, object]]: ...
    def switch(self, text: str, record_id: str, *, field: str = "text", epoch: int = 0) -> str:
        """Returns a text with its chosen tokens switched; the same arguments give the same text."""
    def switch_with_spans(
        self, text: str, record_id: str, *, field: str = "text", epoch: int = 0
    ) -> Switched:
        """Returns a switched text with its spans and counts."""
    def switch_batch(
        self,
        texts: Sequence[str],
        record_ids: Sequence[str],
        *,
        field: str = "text",
        epoch: int = 0,
        threads: int | None = None,
    ) -> tuple[list[str], SwitchCounts]:
        """Returns texts switched on all cores, and the counts of all; ids tell records apart."""
    def switch_batch_with_spans(
        self,
        texts: Sequence[str],
        record_ids: Sequence[str],
        *,
        field: str = "text",
        epoch: int = 0,
        threads: int | None = None,
    ) -> tuple[list[Switched], SwitchCounts]:
        """Switches texts in parallel, as `switch_with_spans` does each.

        Args:
            texts: The texts.
            record_ids: The record of each; its draws depend on it.
            field: Which of the records' texts they are; part of the draws, too.
            epoch: Another one gives other draws.
            threads: Threads to switch with; None for one per core.

        Returns:
            switched: Each text with its spans and counts, in order.
            counts: Of all texts together.

        Raises:
            InputError: The lengths differ, or the number of threads is wrong.
        """

    def switch_arrow(
        self,
        texts: _ArrowArray | _ArrowStream,
        record_ids: _ArrowArray | _ArrowStream,
        *,
        field: str = "text",
        epoch: int = 0,
        threads: int | None = None,
    ) -> tuple[ArrowStrings, SwitchCounts]:
        """Switches a column of strings that lies in Arrow memory, without copying it.

        Gives the strings of `switch_batch`; a null text stays null. Columns may be `string`,
        `large_string` or `string_view`, in one piece or in chunks (pyarrow, polars, pandas, DuckDB).

        Returns:
            column: For `pyarrow.array(column)` or `polars.Series(column)`; of the type `string` if
                `texts` are, else `large_string`.
            counts: As for `switch_batch`.

        Raises:
            InputError: The lengths differ, the record id of a text is null, or the column grows beyond
                what `string` can hold.
            TypeError: A column is no Arrow data or not of strings.
            ValueError: A column is damaged.
        """

@final
class FileSummary:
    """What `switch_file` did; `own_bytes` of the input, and `seconds`, are those of this run alone."""

    def __new__(
        cls,
        records: int,
        counts: SwitchCounts,
        input_bytes: int,
        output_bytes: int,
        resumed_after_line: int,
        own_bytes: int,
        seconds: float,
    ) -> FileSummary: ...
    @property
    def records(self) -> int: ...
    @property
    def counts(self) -> SwitchCounts: ...
    @property
    def input_bytes(self) -> int: ...
    @property
    def output_bytes(self) -> int: ...
    @property
    def resumed_after_line(self) -> int: ...
    @property
    def own_bytes(self) -> int: ...
    @property
    def seconds(self) -> float: ...

def switch_file(
    source: str | PathLike[str],
    destination: str | PathLike[str],
    switcher: Switcher,
    *,
    fields: Sequence[str] = ...,
    translation_probs: dict[str, float] = ...,
    line_ids: bool = False,
    epoch: int = 0,
    threads: int | None = None,
    spans: str | PathLike[str] | None = None,
    restart: bool = False,
    checkpoint_bytes: int = ...,
    progress: Callable[[int, int | None, int], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> FileSummary:
    """Code-switches a tsv or jsonl file; every byte that is not switched stays.

    The output is written to `destination` with `.part` after it and renamed at the end. A run that is
    interrupted or killed leaves it with a journal, and the same call goes on from there; the output is the
    same as of one run, and for any number of threads. The GIL is released, and Ctrl-C is heard.

    Args:
        source: `.tsv` or `.jsonl`, plain, gz, bz2, xz or zst (known by its first bytes). The record id, on
            which the draws depend, is the first column, or the first of `_id`, `id`, `doc_id`, `query_id`.
        destination: Written in the same layout; compressed by suffix (`.gz`, `.zst`, `.xz`).
        switcher: Lexicons, probability and seed.
        fields: jsonl keys, or numbers of tsv columns; if empty `title` and `text`, or all but the id.
        translation_probs: By field, instead of the switcher's.
        line_ids: The record's id is the number of its line, from 1; a tsv's first column is a text.
        epoch: Part of the seed, as the record's id and the field are.
        threads: Threads that switch; None for one per core.
        spans: Receives what was replaced by what, as jsonl, compressed by suffix: for each record, in order,
            its `record_id` and its `spans`, each with `field`, `source` and `target` (bytes of the text's
            UTF-8 before and after), `language` and `entry`. Continued and renamed with the output.
        restart: Ignore what an earlier run left.
        checkpoint_bytes: A journal is written after so many bytes of output (256 MiB), and every 5 seconds.
        progress: Called some times a second with (bytes of the input file done, its size or None for a
            pipe, records done).
        notice: Called with a message when an earlier run is continued, or can't be.

    Raises:
        InputError: The layout is unknown, input, output and spans are not different files, another run writes
            the output, a field or probability is wrong, or a line is bad or longer than 64 MiB; names file
            and line.
        OSError: The output can't be written.
    """

@final
class ZstandardReader:
    """Reads a zstandard file of one frame or several; a truncated or corrupt one raises OSError."""

    def __new__(cls, file: BinaryIO) -> ZstandardReader: ...
    def read(self, size: int) -> bytes:
        """Returns up to so many bytes, none at the end alone."""

def read_bandwidth(
    vectors: NDArray[np.float32] | NDArray[np.float16] | None = None, *, threads: int | None = None
) -> float:
    """Measures the bytes per second that the threads read from memory together (takes a second).

    Of these vectors, where they are given: it depends on where in memory they lie. They should be far larger
    than the caches.
    """

def multiply_add_peak(*, threads: int | None = None) -> float:
    """Measures the float operations per second of the active kernel's instructions, memory left aside."""

def int8_peak(*, threads: int | None = None) -> float | None:
    """Measures the operations per second on bytes; None where the kernel has no dot product of bytes."""

def split_and_hash(text: bytes) -> int:
    """Splits a text into words and hashes each, nothing else: the limit of switching; returns their sum."""
