"""Top-k against numpy, and every kernel against every other, bit by bit."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cslir import _core
from cslir.errors import InputError

DIMENSIONS = [1, 3, 7, 383, 384, 385]


def gaussian(rows, dimension, seed):
    return np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)


def sorted_rows(scores, k):
    """Rows by descending score; among equal scores the lower row first."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def assert_like_numpy(vectors, queries, k, scores, rows):
    exact = queries.astype(np.float64) @ vectors.astype(np.float64).T
    # The error of a sum of n products in f32 is at most n * epsilon times the sum of magnitudes.
    magnitude = np.abs(queries.astype(np.float64)) @ np.abs(vectors.astype(np.float64)).T
    tolerance = (vectors.shape[1] + 2) * np.finfo(np.float32).eps * magnitude + 1e-37
    assert scores.shape == rows.shape == (len(queries), k)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    assert (np.diff(scores, axis=1) <= 0).all()
    picked = np.take_along_axis(exact, rows, axis=1)
    assert (np.abs(scores - picked) <= np.take_along_axis(tolerance, rows, axis=1)).all()
    for query in range(len(queries)):
        assert len(set(rows[query].tolist())) == k
        left_out = np.setdiff1d(np.arange(len(vectors)), rows[query])
        highest = exact[query, left_out] - tolerance[query, left_out]
        assert (highest <= scores[query, -1] + tolerance[query, rows[query, -1]]).all()


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("batch", [1, 2, 8, 13, 64])
def test_agrees_with_numpy(dimension, batch):
    vectors, queries = gaussian(1003, dimension, 1), gaussian(batch, dimension, 2)
    scores, rows = _core.top_k(vectors, queries, 10)
    assert_like_numpy(vectors, queries, 10, scores, rows)


def test_rows_equal_numpy_where_arithmetic_is_exact():
    random = np.random.default_rng(3)
    vectors = random.integers(-8, 9, (5000, 24)).astype(np.float32)
    queries = random.integers(-8, 9, (20, 24)).astype(np.float32)
    scores, rows = _core.top_k(vectors, queries, 500)
    exact = queries @ vectors.T
    np.testing.assert_array_equal(rows, sorted_rows(exact, 500))
    np.testing.assert_array_equal(scores, np.take_along_axis(exact, rows, axis=1))


finite = st.floats(-100, 100, width=32)


@settings(deadline=None, max_examples=150)
@given(st.data(), st.integers(1, 40), st.integers(1, 60), st.integers(1, 10))
def test_agrees_with_numpy_on_anything(draw, dimension, count, batch):
    vectors = draw.draw(hnp.arrays(np.float32, (count, dimension), elements=finite))
    queries = draw.draw(hnp.arrays(np.float32, (batch, dimension), elements=finite))
    k = draw.draw(st.integers(1, count))
    assert_like_numpy(vectors, queries, k, *_core.top_k(vectors, queries, k))


def test_duplicate_rows_come_in_the_order_of_rows():
    distinct = gaussian(7, 16, 4)
    vectors = np.tile(distinct, (300, 1))
    scores, rows = _core.top_k(vectors, distinct[:1], 600)
    best = int(np.argmax(distinct @ distinct[0]))
    assert rows[0, :300].tolist() == list(range(best, 2100, 7))
    assert len(set(scores[0, :300].tolist())) == 1


def test_k_may_be_all_rows():
    vectors, queries = gaussian(777, 9, 5), gaussian(3, 9, 6)
    scores, rows = _core.top_k(vectors, queries, 777)
    assert (np.sort(rows, axis=1) == np.arange(777)).all()
    assert_like_numpy(vectors, queries, 777, scores, rows)


def test_the_result_depends_neither_on_threads_nor_on_the_batch():
    vectors, queries = gaussian(20_000, 48, 7), gaussian(70, 48, 8)
    expected = _core.top_k(vectors, queries, 100, threads=1)
    for threads in (2, 3, 8, None):
        found = _core.top_k(vectors, queries, 100, threads=threads)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.tobytes() == theirs.tobytes()
    for batch in (1, 2, 5, 8, 9):
        scores, rows = _core.top_k(vectors, queries[:batch], 100)
        assert scores.tobytes() == expected[0][:batch].tobytes()
        assert rows.tobytes() == expected[1][:batch].tobytes()


KERNEL_SCRIPT = """
import sys
import numpy as np
from cslir import _core
digests = []
for dimension in (1, 3, 7, 383, 384, 385):
    random = np.random.default_rng(dimension)
    vectors = random.standard_normal((2_003, dimension), np.float32)
    queries = random.standard_normal((13, dimension), np.float32)
    for batch in (1, 3, 8, 13):
        scores, rows = _core.top_k(vectors, queries[:batch], 20)
        digests.append(scores.tobytes() + rows.tobytes())
    halves = vectors.astype(np.float16)
    halves[:5] /= 30_000  # denormal
    for batch in (1, 13):
        scores, rows = _core.top_k(halves, queries[:batch], 20)
        digests.append(scores.tobytes() + rows.tobytes())
sys.stdout.buffer.write(_core.kernel().encode() + b"\\n" + b"".join(digests))
"""


def run_python(script, kernel):
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "CSLIR_KERNEL": kernel},
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_every_kernel_gives_the_same_bits():
    results = {}
    for kernel in _core.kernels():
        done = run_python(KERNEL_SCRIPT, kernel)
        assert done.returncode == 0, done.stderr.decode()
        name, _, results[kernel] = done.stdout.partition(b"\n")
        assert name.decode() == kernel
    assert _core.kernels()[0] == "scalar"
    # 6 dimensions; 25 queries in 4 batches and 14 in 2; 20 scores of 4 bytes and 20 rows of 8.
    assert len(results["scalar"]) == 6 * (25 + 14) * 20 * 12
    assert set(results.values()) == {results["scalar"]}


def test_an_unknown_kernel_is_refused():
    done = run_python("from cslir import _core; _core.kernel()", "mmx")
    assert done.returncode == 1
    assert b"InputError: CSLIR_KERNEL=mmx" in done.stderr
    assert b"or use one of scalar" in done.stderr


@pytest.mark.parametrize("dimension", [*DIMENSIONS, 16, 4096])
@pytest.mark.parametrize("batch", [1, 3, 13])
def test_half_precision_is_scored_as_the_same_numbers_in_float32(dimension, batch):
    vectors, queries = gaussian(203, dimension, 17).astype(np.float16), gaussian(batch, dimension, 18)
    vectors[5:9] /= np.float16(30_000)
    assert ((vectors != 0) & (np.abs(vectors) < np.finfo(np.float16).smallest_normal)).any()
    found = _core.top_k(vectors, queries, 20)
    expected = _core.top_k(vectors.astype(np.float32), queries, 20)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_a_memory_mapped_file_is_searched_in_place(tmp_path):
    vectors, queries = gaussian(3000, 20, 9), gaussian(2, 20, 10)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    assert not mapped.flags.writeable
    _core.check_finite(mapped)
    found, expected = _core.top_k(mapped, queries, 5), _core.top_k(vectors, queries, 5)
    np.testing.assert_array_equal(found, expected)


def test_no_queries_give_empty_results():
    scores, rows = _core.top_k(gaussian(5, 4, 1), np.empty((0, 4), np.float32), 3)
    assert scores.shape == rows.shape == (0, 3)


VECTORS = gaussian(8, 4, 11)
MISALIGNED = np.frombuffer(b"\0" * 65, np.uint8)[1:].view(np.float32).reshape(4, 4)


@pytest.mark.parametrize(
    ("vectors", "queries", "k", "message"),
    [
        (VECTORS, VECTORS, 0, "k is 0"),
        (VECTORS, VECTORS, -2, "k is 0"),
        (VECTORS, VECTORS, 9, "k is 9, and there are 8 vectors; give a k from 1"),
        (VECTORS[:0], VECTORS, 1, "no vectors to search"),
        (VECTORS[:, :0].copy(), VECTORS[:, :0].copy(), 1, "dimension 0"),
        (VECTORS, VECTORS[:, :3].copy(), 1, "queries of dimension 3 against vectors of dimension 4"),
        (np.asfortranarray(VECTORS), VECTORS, 1, r"call numpy\.ascontiguousarray\(vectors\)"),
        (VECTORS, VECTORS[:, ::2], 1, r"call numpy\.ascontiguousarray\(queries\)"),
        (VECTORS[::2], VECTORS, 1, "vectors is not C-contiguous"),
        (VECTORS, VECTORS[0], 1, r"queries has shape \[4\].*queries\.reshape\(1, -1\)"),
        (MISALIGNED, VECTORS, 1, r"vectors is not aligned.*vectors\.copy\(\)"),
    ],
)
def test_wrong_use_is_refused_with_a_remedy(vectors, queries, k, message):
    with pytest.raises(InputError, match=message):
        _core.top_k(vectors, queries, k)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (
            VECTORS.astype(np.float64),
            r'must be float32 or float16, not float64; call vectors\.astype\("float32"\)',
        ),
        (VECTORS.astype(">f4"), "must be float32 or float16, not >f4"),
        (VECTORS.astype(">f2"), "must be float32 or float16, not >f2"),
        (VECTORS.tolist(), "must be a numpy array of float32 or float16, not list; call numpy.asarray"),
    ],
)
def test_another_type_is_refused(vectors, message):
    with pytest.raises(TypeError, match=message):
        _core.top_k(vectors, VECTORS, 1)


def test_half_precision_queries_are_refused():
    with pytest.raises(TypeError, match=r"queries must be float32, not float16; call queries\.astype"):
        _core.top_k(VECTORS, VECTORS.astype(np.float16), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_the_row(value):
    bad = gaussian(100, 33, 12)
    _core.check_finite(bad)
    bad[41, 32] = bad[77, 0] = value
    with pytest.raises(InputError, match=f"vectors: row 41 holds {str(value).replace('nan', 'NaN')} in col"):
        _core.check_finite(bad)
    with pytest.raises(InputError, match="queries: row 41 holds"):
        _core.top_k(gaussian(10, 33, 13), bad, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_half_precision_that_is_not_finite_is_refused_with_the_row(value):
    bad = gaussian(100, 33, 12).astype(np.float16)
    bad[0] = np.finfo(np.float16).max
    _core.check_finite(bad)
    bad[41, 32] = value
    with pytest.raises(InputError, match=f"vectors: row 41 holds {str(value).replace('nan', 'NaN')} in col"):
        _core.check_finite(bad)


def test_a_score_that_overflows_is_refused():
    huge = np.full((3, 4), 3e38, np.float32)
    with pytest.raises(InputError, match="the score of vector row 0 and query row 0 is inf"):
        _core.top_k(huge, huge, 2)


@pytest.mark.parametrize("threads", [0, -1, 100_000])
def test_an_impossible_number_of_threads_is_refused(threads):
    with pytest.raises(InputError, match="threads is"):
        _core.top_k(VECTORS, VECTORS, 1, threads=threads)


def test_other_threads_run_meanwhile():
    vectors, queries = gaussian(20_000, 256, 14), gaussian(500, 256, 15)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(len(ticks))
            time.sleep(0)

    ticker = threading.Thread(target=tick)
    ticker.start()
    before = len(ticks)
    _core.top_k(vectors, queries, 10)
    seen = len(ticks) - before
    done.set()
    ticker.join()
    assert seen > 10


# A process started in the background of a shell ignores SIGINT, and so would its children.
INTERRUPT_SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
from cslir import _core
vectors = np.ones((200_000, 64), np.float32)
queries = np.ones((100_000, 64), np.float32)
print("searching", flush=True)
_core.top_k(vectors, queries, 10)
print("finished", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_an_interrupt_stops_a_long_search():
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPT_SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as search:
        try:
            assert search.stdout.readline() == "searching\n"
            time.sleep(0.2)
            search.send_signal(signal.SIGINT)
            output, errors = search.communicate(timeout=60)
        finally:
            search.kill()
    assert "finished" not in output
    assert "KeyboardInterrupt" in errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_can_search():
    vectors = gaussian(1000, 16, 16)
    expected = _core.top_k(vectors, vectors[:2], 3)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        found = _core.top_k(vectors, vectors[:2], 3)
        os._exit(0 if np.array_equal(found, expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the affinity of threads")
def test_a_thread_for_every_core_keeps_to_its_own_and_others_go_anywhere():
    code = """
import os, pathlib, time, numpy as np
from cslir import _core

def cores_of_threads():
    tasks = pathlib.Path("/proc/self/task").iterdir()
    names = {int(task.name): (task / "comm").read_text().strip() for task in tasks}
    return sorted((name, *os.sched_getaffinity(task)) for task, name in names.items() if name.startswith("cslir-"))

def assert_soon(expected):
    deadline = time.monotonic() + 20
    # A thread names itself when it first runs.
    while cores_of_threads() != sorted(expected):
        assert time.monotonic() < deadline, (cores_of_threads(), expected)
        time.sleep(0.01)

vectors = np.ones((200_000, 8), np.float32)  # More than one thread alone would search.
allowed = sorted(os.sched_getaffinity(0))
own = [(f"cslir-{at}", core) for at, core in enumerate(allowed)]
_core.top_k(vectors, vectors[:1], 1, threads=len(allowed))
assert_soon(own)
_core.top_k(vectors, vectors[:1], 1, threads=len(allowed) + 1)
assert_soon(own + [(f"cslir-{at}", *allowed) for at in range(len(allowed) + 1)])
"""
    subprocess.run([sys.executable, "-c", code], check=True)
