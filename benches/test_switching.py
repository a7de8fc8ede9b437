"""Switching throughput beside a plain Python loop; the answers are checked before the clock starts.

Run with `pytest -s benches/test_switching.py`. Two inputs: the English training passages of the embedded
collection with its four lexicons of 6,000 sources; and text drawn from a Zipf distribution over made-up words
of English length with six lexicons of 200,000 sources, which do not fit in the caches. The last lines give
megabytes of UTF-8 and tokens (by white space) per second of the fastest round, and the ratio to the loop.
"""

import random
import string
from itertools import accumulate

import pytest

from cslir.datasets import load_embedded
from cslir.lexicons import EMBEDDED_PAIRS, embedded_lexicon_path
from cslir.switching import Lexicon, Switcher, load_lexicon

RATES: dict[str, tuple[float, float]] = {}
LANGUAGES = ("de", "it", "ru", "fi", "ar", "tr")
ENTRIES = 200_000
TEXT_BYTES = 8_000_000


def make_words():
    draw = random.Random(1)
    lengths = list(range(2, 13))
    words = {}
    while len(words) < ENTRIES:
        for length in sorted(draw.choices(lengths, [3, 6, 9, 10, 9, 8, 6, 5, 3, 2, 1], k=5000)):
            words["".join(draw.choices(string.ascii_lowercase, k=length))] = None
    return list(words)[:ENTRIES]


@pytest.fixture(scope="module")
def words():
    return make_words()


@pytest.fixture(scope="module")
def texts(words):
    draw = random.Random(2)
    vocabulary = words + [f"{word}x" for word in words[: ENTRIES // 2]]
    cumulative = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    passages, size = [], 0
    while size < TEXT_BYTES:
        chosen = draw.choices(vocabulary, cum_weights=cumulative, k=60)
        chosen[0] = chosen[0].title()
        chosen[20] += ","
        passages.append(" ".join(chosen) + ".")
        size += len(passages[-1])
    return passages


@pytest.fixture(scope="module")
def dictionaries(words):
    return {language: {word: f"{word[::-1]}{language}" for word in words} for language in LANGUAGES}


@pytest.fixture(scope="module")
def lexicons(dictionaries):
    return [
        Lexicon.from_entries(
            "en", language, [(source, [(target, 1.0)]) for source, target in entries.items()]
        )
        for language, entries in dictionaries.items()
    ]


def plain_loop(texts, dictionary, translation_prob, draw):
    """The usual loop: split at spaces, look each word up, join; punctuation stays on the words."""
    switched = []
    for text in texts:
        words = text.split()
        for at, word in enumerate(words):
            if draw.random() < translation_prob and (target := dictionary.get(word.lower())):
                words[at] = target
        switched.append(" ".join(words))
    return switched


def report(benchmark, name, texts):
    seconds = benchmark.stats.stats.min
    megabytes = sum(len(text.encode()) for text in texts) / seconds / 1e6
    tokens = sum(len(text.split()) for text in texts) / seconds
    RATES[name] = (megabytes, tokens)
    benchmark.extra_info.update(MB_per_second=round(megabytes, 1), tokens_per_second=round(tokens))


@pytest.fixture(scope="module", autouse=True)
def summary():
    yield
    print()
    for name, (megabytes, tokens) in RATES.items():
        loop = RATES[f"{name.partition(',')[0]}, Python loop"][0]
        print(f"{name:45} {megabytes:7.1f} MB/s {tokens / 1e6:6.2f} M tokens/s {megabytes / loop:6.1f}x")


@pytest.fixture(scope="module")
def passages():
    return [example.positive.full_text for example in load_embedded().train()]


@pytest.fixture(scope="module")
def embedded():
    return [load_lexicon(embedded_lexicon_path(*pair), *pair) for pair in EMBEDDED_PAIRS]


def test_real_text_python_loop(benchmark, passages, embedded):
    best = {source: targets[0][0] for source, targets in embedded[0].entries()}
    benchmark.pedantic(lambda: plain_loop(passages, best, 0.5, random.Random(1)), rounds=3)
    report(benchmark, "real text, Python loop", passages)


@pytest.mark.parametrize("threads", [1, None], ids=["one-thread", "all-threads"])
@pytest.mark.parametrize("count", [1, 4], ids=["bl-cs", "ml-cs-four"])
def test_real_text(benchmark, passages, embedded, count, threads):
    ids = [str(number) for number in range(len(passages))]
    unchanged = Switcher(embedded[:count], translation_prob=0.0, seed=1)
    assert unchanged.switch_batch(passages, ids, threads=threads)[0] == passages
    switcher = Switcher(embedded[:count], translation_prob=0.5, seed=1)
    one_by_one = [
        switcher.switch(text, record) for text, record in zip(passages[:200], ids[:200], strict=True)
    ]
    assert switcher.switch_batch(passages[:200], ids[:200], threads=threads)[0] == one_by_one
    benchmark.pedantic(
        lambda: switcher.switch_batch(passages, ids, threads=threads), rounds=5, warmup_rounds=1
    )
    arm = "BL-CS" if count == 1 else "ML-CS, four lexicons"
    report(benchmark, f"real text, {arm}, {'1 thread' if threads else 'all threads'}", passages)


def test_large_lexicons_python_loop(benchmark, texts, dictionaries):
    sample = texts[: len(texts) // 8]
    benchmark.pedantic(lambda: plain_loop(sample, dictionaries["de"], 0.5, random.Random(1)), rounds=3)
    report(benchmark, "large lexicons, Python loop", sample)


@pytest.mark.parametrize("threads", [1, None], ids=["one-thread", "all-threads"])
@pytest.mark.parametrize("count", [1, 6], ids=["bl-cs", "ml-cs-six"])
def test_large_lexicons(benchmark, texts, dictionaries, lexicons, count, threads):
    lower = [text.lower().replace(",", "").rstrip(".") for text in texts[:200]]
    ids = [str(number) for number in range(len(texts))]
    bilingual = Switcher(lexicons[:1], translation_prob=1.0, seed=1)
    expected = plain_loop(lower, dictionaries["de"], 1.0, random.Random(1))
    assert bilingual.switch_batch(lower, ids[:200], threads=threads)[0] == expected

    switcher = Switcher(lexicons[:count], translation_prob=0.5, seed=1)
    benchmark.pedantic(lambda: switcher.switch_batch(texts, ids, threads=threads), rounds=5, warmup_rounds=1)
    arm = "BL-CS" if count == 1 else "ML-CS, six lexicons"
    report(benchmark, f"large lexicons, {arm}, {'1 thread' if threads else 'all threads'}", texts)


def test_open_a_compiled_lexicon(benchmark, lexicons, tmp_path):
    path = tmp_path / "en-de.cslex"
    lexicons[0].save(path)
    assert Lexicon.open(path).lookup("nothing of it") == []
    benchmark(Lexicon.open, path)
    benchmark.extra_info["megabytes"] = round(path.stat().st_size / 1e6, 1)
