from collections.abc import Callable, Sequence
from os import PathLike
from typing import Literal, Protocol, final

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
    "ZstandardReader",
    "__version__",
    "check_finite",
    "kernel",
    "kernels",
    "multiply_add_peak",
    "normal_form",
    "pool_tokens",
    "read_bandwidth",
    "source_form",
    "split_and_hash",
    "switch_file",
    "token_ranges",
    "top_k",
]

__version__: str

def top_k(
    vectors: NDArray[np.float32],
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
        vectors: (rows, dimension) float32, C-contiguous, finite (see `check_finite`).
        queries: (batch, dimension) float32, C-contiguous.
        k: From 1 to the number of rows.
        threads: Threads to use; None for one per core.

    Returns:
        scores: (batch, k) float32, descending.
        rows: (batch, k) int64; among equal scores the lower row comes first.

    Raises:
        InputError: A wrong shape, layout, k or number of threads; no vectors; a query that is not
            finite; a score that overflows; CSLIR_KERNEL names no kernel of this CPU.
        TypeError: An array is not float32.
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
    """Returns a token as it is compared: NFKC, case-folded, plain apostrophes, no soft hyphens."""

def source_form(source: str) -> str:
    """Returns the normal form of a lexicon's source; empty where it can match no text.

    The tokens are in normal form, white space and hyphens between them are one space: `Ice-Cream` and
    `ice cream` are the same source.
    """

def check_finite(vectors: NDArray[np.float32]) -> None:
    """Raises InputError with the first row of (rows, dimension) float32 that holds NaN or infinity."""

def kernel() -> str:
    """Returns the name of the kernel that `top_k` uses: the fastest, or the one in CSLIR_KERNEL."""

def kernels() -> list[str]:
    """Returns the names of the kernels that this CPU can run, the slowest first."""

@final
class Lexicon:
    """A compiled bilingual lexicon, in memory or mapped from a `.cslex` file."""

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
        """

    @staticmethod
    def open(path: str | PathLike[str]) -> Lexicon: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    def lookup(self, source: str, *, lemma_fallback: bool = False) -> list[tuple[str, float]]: ...
    def entries(self) -> list[tuple[str, list[tuple[str, float]]]]: ...
    def forms(self) -> list[tuple[str, str]]: ...
    def __len__(self) -> int: ...
    @property
    def source_language(self) -> str: ...
    @property
    def target_language(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def provenance(self) -> str: ...
    @property
    def form_count(self) -> int: ...
    @property
    def left_out(self) -> int: ...

@final
class Span:
    """What was replaced by what; positions count characters, `*_bytes` bytes of UTF-8.

    The target may start or end with a space that parts it from the word beside it, where the text has none.
    """

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
    def __len__(self) -> int: ...

@final
class SwitchCounts:
    """How many tokens were switched or missed, and into which language.

    `content` tokens are those that are not protected, no numbers (under protection) and no stop words;
    `lemmas` counts the switched tokens whose base form's entry was taken.
    """

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

    @property
    def text(self) -> str: ...
    @property
    def spans(self) -> list[Span]: ...
    @property
    def counts(self) -> SwitchCounts: ...

@final
class Switcher:
    """Switches texts by one lexicon (BL-CS) or several (ML-CS)."""

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
    def switch(self, text: str, record_id: str, *, field: str = "text", epoch: int = 0) -> str: ...
    def switch_with_spans(
        self, text: str, record_id: str, *, field: str = "text", epoch: int = 0
    ) -> Switched: ...
    def switch_batch(
        self,
        texts: Sequence[str],
        record_ids: Sequence[str],
        *,
        field: str = "text",
        epoch: int = 0,
        threads: int | None = None,
    ) -> tuple[list[str], SwitchCounts]: ...
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

    def __new__(cls, path: str | PathLike[str]) -> ZstandardReader: ...
    def read(self, size: int) -> bytes:
        """Returns up to so many bytes, none at the end alone."""

def read_bandwidth(*, threads: int | None = None) -> float:
    """Measures the bytes per second that the threads read from memory together (takes a second)."""

def multiply_add_peak(*, threads: int | None = None) -> float:
    """Measures the float operations per second of the active kernel's instructions, memory left aside."""

def split_and_hash(text: bytes) -> int:
    """Splits a text into words and hashes each, nothing else: the limit of switching; returns their sum."""
