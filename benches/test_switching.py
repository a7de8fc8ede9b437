"""Code-switching beside its peers and its limits, on one core of one process; then over threads.

Run with `pytest -s benches/test_switching.py` (about two minutes and 5 GB). Inputs are those of
`switching_inputs`, engines those of `switching_peers`. Each engine first has to give the one right answer on
texts made of known entries, alone with p = 1; then it is timed on the input, slow ones on its first part.
`split and hash` finds the words of the same bytes, hashes each and does nothing else, and `memcpy` copies
them. Rates are of the fastest round. CSLIR_BENCH_TITLES sets the number of titles.
"""

import os

import numpy as np
import pytest
from switching_board import COPY, LIMIT, OURS, PAPER, Board
from switching_inputs import INPUTS, answers, size_of, slice_of
from switching_peers import LONGEST_TITLE, TITLE_ENGINES, WORD_ENGINES

from cslir import _core
from cslir.switching import Switcher

ENGINES = {"real": WORD_ENGINES, "zipf": WORD_ENGINES, "titles": TITLE_ENGINES}
LONGEST = {"real": 1, "zipf": 1, "titles": LONGEST_TITLE}
PEER_BYTES = {PAPER: 400_000}
CORES = len(os.sched_getaffinity(0))
THREADS = sorted({1, 2, *(count for count in (4, 8, 16, 32, 64) if count < CORES), CORES})


@pytest.fixture(scope="module", params=INPUTS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def given(name):
    return INPUTS[name]()


@pytest.fixture(scope="module")
def board(name):
    board = Board(name)
    yield board
    print("\n" + "\n".join(board.lines()))


@pytest.fixture(scope="module")
def known(name, given):
    return answers(given.dictionaries[0], longest=LONGEST[name])


def time(benchmark, function, size, *, rounds=3):
    """Runs the function and returns megabytes per second of its fastest round."""
    benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)
    rate = size / benchmark.stats.stats.min / 1e6
    benchmark.extra_info["MB_per_second"] = round(rate, 2)
    return rate


def numbers(texts):
    return [str(number) for number in range(len(texts))]


# pytest runs the engines of one input before it makes the next input.
@pytest.mark.parametrize("engine", list(WORD_ENGINES))
def test_peer(benchmark, board, given, known, name, engine):
    if engine not in ENGINES[name]:
        pytest.skip("finds no phrases")
    make = ENGINES[name][engine]
    switch = make(given.dictionaries[:1], 1.0)
    assert switch([answer.text for answer in known]) == [answer.switched for answer in known]
    if len(given.dictionaries) > 1 or given.translation_prob < 1.0:
        switch = make(given.dictionaries, given.translation_prob)
    texts = slice_of(given.texts, PEER_BYTES.get(engine, 2_000_000))
    board.rates[engine] = time(benchmark, lambda: switch(texts), size_of(texts))


@pytest.mark.parametrize("threads", THREADS)
def test_cslir(benchmark, board, given, known, threads):
    texts = [answer.text for answer in known]
    all_of_one = Switcher(given.lexicons[:1], translation_prob=1.0, seed=1, target_choice="best")
    switched, _ = all_of_one.switch_batch(texts, numbers(texts), threads=threads)
    assert switched == [answer.switched for answer in known]

    texts, ids = given.texts, numbers(given.texts)
    unchanged = Switcher(given.lexicons, translation_prob=0.0, seed=1)
    assert unchanged.switch_batch(texts[:2000], ids[:2000], threads=threads)[0] == texts[:2000]
    switcher = Switcher(given.lexicons, translation_prob=given.translation_prob, seed=1)
    one_by_one = [switcher.switch(text, record) for text, record in zip(texts[:200], ids[:200], strict=True)]
    assert switcher.switch_batch(texts[:200], ids[:200], threads=threads)[0] == one_by_one

    def switch():
        switcher.switch_batch(texts, ids, threads=threads)

    board.by_threads[threads] = time(benchmark, switch, size_of(texts), rounds=5)
    if threads == 1:
        board.rates[OURS] = board.by_threads[1]


def test_split_and_hash(benchmark, board, given):
    text = " ".join(given.texts).encode()
    assert _core.split_and_hash(b"one, two") == sum(map(_core.split_and_hash, (b"one", b"two"))) % 2**64
    board.rates[LIMIT] = time(benchmark, lambda: _core.split_and_hash(text), len(text), rounds=8)


def test_memcpy(benchmark, board, given):
    text = np.frombuffer(" ".join(given.texts).encode(), np.uint8)
    text = np.tile(text, 200_000_000 // len(text))  # more than the caches hold
    copy = np.empty_like(text)
    board.rates[COPY] = time(benchmark, lambda: np.copyto(copy, text), len(text), rounds=8)
    assert np.array_equal(copy, text)
