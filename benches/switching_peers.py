"""Other ways to code-switch, each as fast as its parts allow.

Every engine is made from dictionaries (one per language, best target of each source) and a probability, and
switches a list of texts. None keeps case, and the two loops that split texts keep no spacing either.
"""

import random
import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import ahocorasick
import ahocorasick_rs
from flashtext import KeywordProcessor
from nltk.tokenize import NLTKWordTokenizer, TreebankWordDetokenizer

Dictionaries = Sequence[dict[str, str]]
LONGEST_TITLE = 5


class Engine(Protocol):
    """Something that switches texts."""

    def __call__(self, texts: Sequence[str]) -> list[str]: ...


def drawer(dictionaries: Dictionaries, translation_prob: float) -> Callable[[str], str | None]:
    """A function from a source to its target, or to None where it stays."""
    draw = random.Random(1).random
    first, count = dictionaries[0], len(dictionaries)
    if translation_prob == 1.0 and count == 1:
        return first.get

    def target_in_one(source: str) -> str | None:
        return first.get(source) if draw() < translation_prob else None

    def target_in_several(source: str) -> str | None:
        return dictionaries[int(draw() * count)].get(source) if draw() < translation_prob else None

    return target_in_one if count == 1 else target_in_several


class PaperCode:
    """The algorithm of Litschko et al. 2023: NLTK's tokens, looked up one by one, and put together again."""

    def __init__(self, dictionaries: Dictionaries, translation_prob: float) -> None:
        self.target = drawer(dictionaries, translation_prob)
        self.tokenize = NLTKWordTokenizer().tokenize
        self.detokenize = TreebankWordDetokenizer().detokenize

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [self.detokenize([self.target(t.lower()) or t for t in self.tokenize(text)]) for text in texts]


class PaperTitleLoop(PaperCode):
    """Its search for titles: n-grams of NLTK's tokens, the longest first."""

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [self.detokenize(self.switch_tokens(self.tokenize(text))) for text in texts]

    def switch_tokens(self, tokens: list[str]) -> list[str]:
        lower: list[str | None] = [token.lower() for token in tokens]
        for length in range(LONGEST_TITLE, 0, -1):
            for start in range(len(tokens) - length + 1):
                words = lower[start : start + length]
                if None in words:
                    continue
                if target := self.target(" ".join(words)):
                    lower[start : start + length] = [None] * length
                    tokens[start : start + length] = [target] + [""] * (length - 1)
        return [token for token in tokens if token]


class SplitLoop:
    """The usual loop (CoSDA's): split at white space, look each word up, join; no punctuation is cut off."""

    def __init__(self, dictionaries: Dictionaries, translation_prob: float) -> None:
        self.target = drawer(dictionaries, translation_prob)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        target = self.target
        return [" ".join([target(word.lower()) or word for word in text.split()]) for text in texts]


class SplitPhraseLoop(SplitLoop):
    """The same for phrases: at each word the longest one that is in the dictionary."""

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [" ".join(self.switch_words(text.split(), text.lower().split())) for text in texts]

    def switch_words(self, words: list[str], lower: list[str]) -> Iterator[str]:
        at = 0
        while at < len(words):
            for length in range(min(LONGEST_TITLE, len(words) - at), 0, -1):
                if target := self.target(" ".join(lower[at : at + length])):
                    yield target
                    at += length
                    break
            else:
                yield words[at]
                at += 1


class RegularExpression:
    """One regular expression for words, and a dictionary."""

    def __init__(self, dictionaries: Dictionaries, translation_prob: float) -> None:
        target = drawer(dictionaries, translation_prob)

        def replace(word: re.Match[str]) -> str:
            return target(word[0].lower()) or word[0]

        self.replace = replace
        self.words = re.compile(r"[^\W\d_]+")

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [self.words.sub(self.replace, text) for text in texts]


class FlashText:
    """flashtext's trie of characters, searched for spans."""

    def __init__(self, dictionaries: Dictionaries, translation_prob: float) -> None:
        self.target = drawer(dictionaries, translation_prob)
        self.processor = KeywordProcessor()
        for source in sources_of(dictionaries):
            self.processor.add_keyword(source, source)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [
            splice(text, self.processor.extract_keywords(text, span_info=True), self.target) for text in texts
        ]


class PyAhoCorasick:
    """pyahocorasick's longest matches, of which those of whole words count."""

    def __init__(self, dictionaries: Dictionaries, translation_prob: float) -> None:
        self.target = drawer(dictionaries, translation_prob)
        self.automaton = ahocorasick.Automaton()
        for source in sources_of(dictionaries):
            self.automaton.add_word(f" {source}", source)
        self.automaton.make_automaton()

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [splice(text, self.matches(haystack(text)), self.target) for text in texts]

    def matches(self, spaced: str) -> Iterator[tuple[str, int, int]]:
        for last, source in self.automaton.iter_long(spaced):
            if spaced[last + 1] == " ":
                yield source, last - len(source), last


class AhoCorasickRs:
    """ahocorasick_rs' leftmost-longest matches, of which those of whole words count."""

    def __init__(self, dictionaries: Dictionaries, translation_prob: float) -> None:
        self.target = drawer(dictionaries, translation_prob)
        self.sources = sources_of(dictionaries)
        self.automaton = ahocorasick_rs.AhoCorasick(
            [f" {source}" for source in self.sources],
            matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
            store_patterns=False,
        )

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [splice(text, self.matches(haystack(text)), self.target) for text in texts]

    def matches(self, spaced: str) -> Iterator[tuple[str, int, int]]:
        for number, start, end in self.automaton.find_matches_as_indexes(spaced):
            if spaced[end] == " ":
                yield self.sources[number], start, end - 1


WORD_ENGINES: dict[str, type[Engine]] = {
    "paper": PaperCode,
    "str.split loop": SplitLoop,
    "regular expression": RegularExpression,
    "flashtext": FlashText,
    "pyahocorasick": PyAhoCorasick,
    "ahocorasick_rs": AhoCorasickRs,
}
TITLE_ENGINES: dict[str, type[Engine]] = {
    "paper": PaperTitleLoop,
    "str.split loop": SplitPhraseLoop,
    "flashtext": FlashText,
    "pyahocorasick": PyAhoCorasick,
    "ahocorasick_rs": AhoCorasickRs,
}

SPACES = str.maketrans(dict.fromkeys(string.punctuation + string.whitespace, " "))


def sources_of(dictionaries: Dictionaries) -> list[str]:
    """Every source once."""
    return list(dict.fromkeys(source for dictionary in dictionaries for source in dictionary))


def haystack(text: str) -> str:
    """The text in which sources with a space before them are searched, one character longer at each end."""
    return f" {text.lower().translate(SPACES)} "


def splice(text: str, matches: Iterable[tuple[str, int, int]], target_of: Callable[[str], str | None]) -> str:
    """The text with the targets of (source, start, end) in their places."""
    pieces, copied = [], 0
    for source, start, end in matches:
        if target := target_of(source):
            pieces += (text[copied:start], target)
            copied = end
    pieces.append(text[copied:])
    return "".join(pieces)
