"""Switching throughput beside a plain Python loop; the answers are checked before the clock starts.

Run with `pytest benches/test_switching.py`. The text is drawn from a Zipf distribution over made-up words of
English length, since word frequencies decide how well the lexicons stay in cache. `extra_info` gives
megabytes of UTF-8 and tokens per second of the fastest round.
"""

import random
import string
from itertools import accumulate

import pytest

from cslir.switching import Lexicon, Switcher

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


def report(benchmark, texts):
    seconds = benchmark.stats.stats.min
    benchmark.extra_info["MB_per_second"] = round(
        sum(len(text.encode()) for text in texts) / seconds / 1e6, 1
    )
    benchmark.extra_info["tokens_per_second"] = round(sum(len(text.split()) for text in texts) / seconds)


def test_plain_python_dict_loop(benchmark, texts, dictionaries):
    sample = texts[: len(texts) // 8]
    benchmark.pedantic(lambda: plain_loop(sample, dictionaries["de"], 1.0, random.Random(1)), rounds=3)
    report(benchmark, sample)


@pytest.mark.parametrize("threads", [1, None], ids=["one-thread", "all-threads"])
@pytest.mark.parametrize("translation_prob", [0.5, 1.0])
@pytest.mark.parametrize("count", [1, 6], ids=["bl-cs", "ml-cs-six"])
def test_switch_batch(benchmark, texts, dictionaries, lexicons, count, translation_prob, threads):
    lower = [text.lower().replace(",", "").rstrip(".") for text in texts[:200]]
    ids = [str(number) for number in range(len(texts))]
    bilingual = Switcher(lexicons[:1], translation_prob=1.0, seed=1)
    expected = plain_loop(lower, dictionaries["de"], 1.0, random.Random(1))
    assert bilingual.switch_batch(lower, ids[:200], threads=threads)[0] == expected

    switcher = Switcher(lexicons[:count], translation_prob=translation_prob, seed=1)
    benchmark.pedantic(lambda: switcher.switch_batch(texts, ids, threads=threads), rounds=3, warmup_rounds=1)
    report(benchmark, texts)


def test_open_a_compiled_lexicon(benchmark, lexicons, tmp_path):
    path = tmp_path / "en-de.cslex"
    lexicons[0].save(path)
    assert Lexicon.open(path).lookup("nothing of it") == []
    benchmark(Lexicon.open, path)
    benchmark.extra_info["megabytes"] = round(path.stat().st_size / 1e6, 1)
