"""What switching is timed on: three pairs of lexicons and texts, and texts with one right answer.

`real`: the English training passages of the embedded collection, repeated, with its English-German lexicon.
`zipf`: text drawn from a Zipf distribution over made-up words of English length, with six lexicons of 200,000
of these words, which do not fit in the caches. `titles`: a million titles of two to five such words, and text
in which one position in five is a title.
"""

import os
import random
import string
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from nltk.tokenize import NLTKWordTokenizer

from cslir.datasets import load_embedded
from cslir.lexicons import embedded_lexicon_path
from cslir.switching import Lexicon, load_lexicon

LANGUAGES = ("de", "it", "ru", "fi", "ar", "tr")
WORDS = 200_000
TITLES = int(os.environ.get("CSLIR_BENCH_TITLES", "1000000"))
TITLE_SHARE = 0.2
WORDS_PER_TEXT = 60
NO_WORD = "0"
"""Stands between the entries of a text with one right answer; no entry starts with it."""


class Input(NamedTuple):
    """Texts, and lexicons in the form of each side: compiled, and source to target for the peers."""

    texts: list[str]
    lexicons: list[Lexicon]
    dictionaries: list[dict[str, str]]
    translation_prob: float


class Answer(NamedTuple):
    """A text of which every entry is to be switched, and what comes out."""

    text: str
    switched: str


def real(size: int = 20_000_000) -> Input:
    """Real text and one lexicon of real entries."""
    passages = [example.positive.full_text for example in load_embedded().train()]
    times = size // sum(len(passage.encode()) for passage in passages) + 1
    lexicon = load_lexicon(embedded_lexicon_path("en", "de"), "en", "de")
    best = {source: targets[0][0] for source, targets in lexicon.entries()}
    return Input(passages * times, [lexicon], [best], 0.5)


def zipf(size: int = 8_000_000) -> Input:
    """Made-up text and six large lexicons."""
    words = make_words()
    draw = random.Random(2)
    vocabulary = words + [f"{word}x" for word in words[: WORDS // 2]]
    cumulative = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    texts, bytes_made = [], 0
    while bytes_made < size:
        chosen = draw.choices(vocabulary, cum_weights=cumulative, k=WORDS_PER_TEXT)
        texts.append(punctuated(chosen))
        bytes_made += len(texts[-1])
    dictionaries = [{word: f"{word[::-1]}{language}" for word in words} for language in LANGUAGES]
    compiled = [compile_words(language, d) for language, d in zip(LANGUAGES, dictionaries, strict=True)]
    return Input(texts, compiled, dictionaries, 0.5)


def titles(size: int = 8_000_000) -> Input:
    """Made-up text with titles of several words, all to be switched."""
    dictionary = make_titles()
    draw = random.Random(4)
    words, cumulative = zipf_words()
    known = list(dictionary)
    texts, bytes_made = [], 0
    while bytes_made < size:
        chosen = draw.choices(words, cum_weights=cumulative, k=WORDS_PER_TEXT // 2)
        chosen = [draw.choice(known) if draw.random() < TITLE_SHARE else word for word in chosen]
        texts.append(punctuated(chosen))
        bytes_made += len(texts[-1])
    return Input(texts, [compile_words("de", dictionary)], [dictionary], 1.0)


INPUTS = {"real": real, "zipf": zipf, "titles": titles}


def answers(dictionary: dict[str, str], *, longest: int, count: int = 1000) -> list[Answer]:
    """Texts of known entries of up to `longest` words, which every engine has to switch alike.

    Only entries of lower-case letters that NLTK's tokenizer leaves whole are taken, and no two stand side by
    side, so that leftmost-longest, longest-first and word by word come to the same.
    """
    tokenizer = NLTKWordTokenizer()
    letters = set(string.ascii_lowercase + " ")
    draw = random.Random(5)
    made: list[Answer] = []
    for source in draw.sample(list(dictionary), min(4 * count, len(dictionary))):
        words = source.split()
        target = dictionary[source]
        plain = set(source) <= letters and tokenizer.tokenize(target) == [target]
        if plain and len(words) <= longest and tokenizer.tokenize(source) == words:
            made.append(Answer(f"{NO_WORD} {source} {NO_WORD}", f"{NO_WORD} {target} {NO_WORD}"))
    assert len(made) > 100
    return made[:count]


@cache
def make_words() -> list[str]:
    """Words in falling frequency; the frequent ones are not shorter than the others."""
    draw = random.Random(1)
    lengths = list(range(2, 13))
    words: dict[str, None] = {}
    while len(words) < WORDS:
        for length in sorted(draw.choices(lengths, [3, 6, 9, 10, 9, 8, 6, 5, 3, 2, 1], k=5000)):
            words["".join(draw.choices(string.ascii_lowercase, k=length))] = None
    return list(words)[:WORDS]


@cache
def zipf_words() -> tuple[list[str], list[float]]:
    """The words and their cumulative frequencies."""
    words = make_words()
    return words, list(accumulate(1 / (rank + 3) for rank in range(len(words))))


def make_titles(count: int = TITLES) -> dict[str, str]:
    """Titles of two to five words, each with a target."""
    draw = random.Random(3)
    words, cumulative = zipf_words()
    made: dict[str, str] = {}
    while len(made) < count:
        lengths = draw.choices((2, 3, 4, 5), (4, 3, 2, 1), k=100_000)
        drawn = iter(draw.choices(words, cum_weights=cumulative, k=sum(lengths)))
        for length in lengths:
            title = " ".join(next(drawn) for _ in range(length))
            made[title] = title.replace(" ", "")[::-1]
            if len(made) == count:
                break
    return made


def punctuated(words: list[str]) -> str:
    """A text with a capital, a comma and a full stop."""
    words[0] = words[0].title()
    words[len(words) // 3] += ","
    return " ".join(words) + "."


def compile_words(language: str, dictionary: dict[str, str]) -> Lexicon:
    """A compiled lexicon of one target for each source."""
    return Lexicon.from_entries(
        "en", language, [(source, [(target, 1.0)]) for source, target in dictionary.items()]
    )


def size_of(texts: Sequence[str]) -> int:
    """Bytes of UTF-8."""
    return sum(len(text.encode()) for text in texts)


def slice_of(texts: Sequence[str], size: int) -> Sequence[str]:
    """The first texts, of so many bytes together or a little more."""
    ends = accumulate(len(text.encode()) for text in texts)
    return texts[: next((number for number, end in enumerate(ends, 1) if end >= size), len(texts))]
