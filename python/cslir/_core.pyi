import numpy as np
from numpy.typing import NDArray

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

def check_finite(vectors: NDArray[np.float32]) -> None:
    """Raises InputError with the first row of (rows, dimension) float32 that holds NaN or infinity."""

def kernel() -> str:
    """Returns the name of the kernel that `top_k` uses: the fastest, or the one in CSLIR_KERNEL."""

def kernels() -> list[str]:
    """Returns the names of the kernels that this CPU can run, the slowest first."""
