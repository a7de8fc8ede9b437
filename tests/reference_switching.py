"""Tokens, protection, lookup and switching in plain Python: what the Rust core must give.

Written from the documentation of the Rust modules, for clarity, with regular expressions and a dict.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import accumulate

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
MAX_SOURCE_TOKENS = 24

APOSTROPHES = "’‘ʼ"
ARABIC_SIGN = re.compile("[\u0640\u064b-\u0652\u0670]")
CYRILLIC_VOWELS = "аеиоуыэюяєіѣәөүұАЕИОУЫЭЮЯЄІѢӘӨҮҰ"
JOINERS = "'’‘·\u05f3\u05f4\u00ad\u200c\u200d"
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30fa\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
PUNCTUATION = "«»\u2000-\u200b\u200e-\u200f\u2012-\u2018\u201a-\u206f\u3000-\u303f\uff00-\uff65"
HARD = re.compile(f'["<>`\\s{PUNCTUATION}{UNSPACED}]')
SOFT = re.compile(r"[()\[\]{}|,;]")
WORD = r"[A-Za-z0-9\x80-\U0010ffff]"
URL = re.compile(
    rf"[A-Za-z0-9+.-]+://|(?<!{WORD})(?:[wW]{{3}}\.(?={WORD})|[mM][aA][iI][lL][tT][oO]:(?=.))", re.DOTALL
)
CODE = re.compile(rf"[@\\=]|::|(?<={WORD})_(?={WORD})|^~|^(?:--|[./$#%&]){WORD}|^-[A-Za-z]\Z|/.*/", re.DOTALL)
DOT = re.compile(rf"({WORD}+)\.(?=({WORD}+))")


@dataclass
class Token:
    start: int
    end: int
    normal: str
    digit: bool


def is_unspaced(character):
    return re.match(f"[{UNSPACED}]", character) is not None


def starts(character):
    return unicodedata.category(character)[0] in "LN"


def continues(character):
    return unicodedata.category(character)[0] in "LNM" and not is_unspaced(character)


def normalise(token):
    token = "".join("'" if c in APOSTROPHES else c for c in token if c != "\u00ad")
    for form in ("NFKC", "NFC"):
        normal = unicodedata.normalize(form, unicodedata.normalize("NFD", token).casefold())
        normal = unicodedata.normalize(form, normal.casefold())
        for found in (without_signs(normal), normal):
            if token_ranges(found) == [(0, len(found))]:
                return found
    return normal


def without_signs(text):
    kept, base = "", ""
    for c in unicodedata.normalize("NFD", text):
        if unicodedata.category(c)[0] != "M":
            base = c
        stress = c in "\u0300\u0301" and base in CYRILLIC_VOWELS
        if not (ARABIC_SIGN.match(c) or stress or (c == "\u0307" and base == "i")):
            kept += "i" if c == "ı" else c
    return unicodedata.normalize("NFC", kept)


def caseless(text, dotless):
    def small(c):
        if c in "Iİ":
            return "ı" if dotless and c == "I" else "i"
        return "'" if c in APOSTROPHES else "σ" if c == "ς" else " " if c.isspace() else c.lower()

    return "".join(small(c) for c in unicodedata.normalize("NFC", text) if c != "\u00ad")


def token_ranges(text):
    ranges, at = [], 0
    while at < len(text):
        if not starts(text[at]):
            at += 1
            continue
        end = at + 1
        if is_unspaced(text[at]):
            while end < len(text) and (unicodedata.category(text[end])[0] == "M" or text[end] in "ﾞﾟ"):
                end += 1
        else:
            while end < len(text):
                if continues(text[end]):
                    end += 1
                elif text[end] in JOINERS and end + 1 < len(text) and continues(text[end + 1]):
                    end += 2
                else:
                    break
        ranges.append((at, end))
        at = end
    return ranges


def tokenize(text):
    tokens = []
    for start, end in token_ranges(text):
        digit = any(unicodedata.category(c)[0] == "N" for c in text[start:end])
        tokens.append(Token(start, end, normalise(text[start:end]), digit))
    return tokens


def normal_gap(gap):
    if gap.count("\n") > 1 or "\0" in gap:
        return None
    normal = re.sub(r"[\s\-\u2010\u2011]+", " ", gap).replace("’", "'").replace("‘", "'")
    return normal if len(normal.encode()) <= 8 else None


def around(pattern, text, at, low, high):
    start = max((m.end() for m in pattern.finditer(text, low, at)), default=low)
    end = next((m.start() for m in pattern.finditer(text, at, high)), high)
    return start, end


def is_protected(text, token):
    if HARD.match(text, token.start):
        return False
    low, high = around(HARD, text, token.start, 0, len(text))
    if low > 0 and text[low - 1] == "<":
        return True
    if url := URL.search(text[low:high]):
        if token.start >= low + url.start():
            return True
        high = low + url.start()
    low, high = around(SOFT, text, token.start, low, high)
    chunk = text[low:high]
    return CODE.search(chunk) is not None or any(len(m[1]) > 1 or len(m[2]) > 1 for m in DOT.finditer(chunk))


def mix(word):
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & MASK
    return word ^ (word >> 31)


def words_of(text):
    raw = text.encode()
    return [int.from_bytes(raw[i : i + 8], "little") for i in range(0, len(raw), 8)]


class Draws:
    def __init__(self, seed, epoch, record_id, name):
        self.key = 0
        lengths = [seed, epoch, len(name.encode()), len(record_id.encode())]
        for word in lengths + words_of(name) + words_of(record_id):
            self.key = mix(((self.key ^ word) + GOLDEN) & MASK)

    def number(self, unit, purpose):
        number = 4 * unit + ["choose", "language", "redraw", "target"].index(purpose) + 1
        return mix((self.key + number * GOLDEN) & MASK) >> 11

    def uniform(self, unit, purpose):
        return self.number(unit, purpose) * 2.0**-53


def pick(weights, uniform):
    sums = list(accumulate(weights))
    last = max(i for i, weight in enumerate(weights) if weight > 0)
    return next((i for i, cumulative in enumerate(sums) if cumulative > uniform * sums[-1]), last)


class Dictionary:
    """Entries by their tokens and gaps in normal form, and those of each spelling; targets by falling weight."""

    def __init__(self, language, entries, forms=(), source_language="en"):
        self.language = language
        self.dotless = source_language in ("tr", "az")
        by_key = {}
        for source, targets in entries:
            tokens = tokenize(source)
            key = self.key(source, tokens, 0, len(tokens))
            if not tokens or key is None or len(tokens) > MAX_SOURCE_TOKENS:
                continue
            spellings = by_key.setdefault(key, {})
            merge(spellings.setdefault(" ".join(source.split()), {}), targets)
        self.entries, self.spellings = {}, {}
        for key, spellings in by_key.items():
            of_all = {}
            for known in spellings.values():
                merge(of_all, known.items())
            self.entries[key] = by_weight(of_all)
            self.spellings[key] = {spelling: by_weight(known) for spelling, known in spellings.items()}
        self.forms = {}
        for form, base in forms:
            key, base_key = (self.key(text, tokenize(text), 0, len(tokenize(text))) for text in (form, base))
            if key and len(key) == 1 and key not in self.entries and base_key in self.entries:
                self.forms.setdefault(key, base_key)
        self.longest = max((len(key) // 2 + 1 for key in self.entries), default=0)

    @staticmethod
    def key(text, tokens, at, length):
        key = [tokens[at].normal] if length else []
        for left, right in zip(tokens[at : at + length], tokens[at + 1 : at + length], strict=False):
            gap = normal_gap(text[left.end : right.start])
            if gap is None:
                return None
            key += [gap, right.normal]
        return tuple(key)

    def find(self, text, tokens, at, protected, quiet, lemma_fallback):
        for length in range(min(self.longest, len(tokens) - at), 0, -1):
            if length == 1 and quiet:
                return None
            key = self.key(text, tokens, at, length)
            if lemma_fallback and key in self.forms:
                base = self.forms[key]
                return length, self.entries[base], "".join(base), (0, 0)
            if key in self.entries and not any(protected[at : at + length]):
                start, end = tokens[at].start, tokens[at + length - 1].end
                targets, around = self.spelled_so(key, text[:start], text[start:end], text[end:])
                return length, targets, "".join(key), around
        return None

    def spelled_so(self, key, before, found, after):
        """Return the targets of the entry that is spelled as the text, and how much of it is around the tokens."""
        best, targets, around = (-1, False), self.entries[key], (0, 0)
        for spelling, own in self.spellings[key].items():
            tokens = tokenize(spelling)
            head, tail = spelling[: tokens[0].start], spelling[tokens[-1].end :]
            inner = spelling[tokens[0].start : tokens[-1].end]
            if not (before.endswith(head) and after.startswith(tail)):
                continue
            if caseless(inner, self.dotless) == caseless(found, self.dotless):
                rank = (len((head + tail).encode()), inner == found)
                if rank > best:
                    best, targets, around = rank, own, (len(head), len(tail))
        return targets, around


def merge(known, targets):
    for target, weight in targets:
        known[target] = max(weight, known.get(target, weight))


def by_weight(known):
    return sorted(known.items(), key=lambda item: -item[1])


def raise_case(target, source, dotted):
    def upper(c):
        return "İ" if dotted and c == "i" else c if "\u10d0" <= c <= "\u10ff" else c.upper()

    cased = [c for c in source if c.isupper() or c.islower()]
    if not cased or not cased[0].isupper():
        return target
    if len(cased) > 1 and all(c.isupper() for c in cased):
        return "".join(map(upper, target))
    first = upper(target[0])
    return first[0] + first[1:].lower() + target[1:]


def joins(left, right):
    return continues(left[-1]) and continues(right[0])


def with_kept(output, spans, kept):
    """Return the output with text that stays; the last target ends in a space where the two would be joined."""
    if spans and kept and joins(output, kept):
        output += " "
        *most, end, language, entry = spans[-1]
        spans[-1] = (*most, end + 1, language, entry)
    return output + kept


def switch(
    text, dictionaries, *, translation_prob, seed, record_id, name="text", epoch=0, language_choice="token",
    miss_policy="keep", target_choice="weighted", language_weights=None, stop_words=(), switch_stop_words=False,
    lemma_fallback=False, protect=True,
):  # fmt: skip
    """Return (switched text, spans as (source start, end, target start, end, language, entry), counts)."""
    weights = language_weights or [1.0] * len(dictionaries)
    draws = Draws(seed, epoch, record_id, name)
    tokens = tokenize(text)
    protected = [protect and is_protected(text, token) for token in tokens]
    stops = {normalise(word) for word in stop_words}
    output, spans, copied, at = "", [], 0, 0
    numbers = [protect and token.digit for token in tokens]
    content = [
        not is_code and not number and token.normal not in stops
        for is_code, number, token in zip(protected, numbers, tokens, strict=True)
    ]
    counts = {
        "tokens": len(tokens),
        "content": sum(content),
        "switched": 0,
        "content_switched": 0,
        "lemmas": 0,
        "missed": 0,
    }
    counts["switched_by_language"] = {dictionary.language: 0 for dictionary in dictionaries}
    counts["missed_by_language"] = dict(counts["switched_by_language"])
    while at < len(tokens):
        if protected[at]:
            at += 1
            continue
        quiet = numbers[at] or (tokens[at].normal in stops and not switch_stop_words)
        unit = 0 if language_choice == "text" else at + 1
        if language_weights is None:
            language = draws.number(unit, "language") * len(dictionaries) >> 53
        else:
            language = pick(weights, draws.uniform(unit, "language"))
        drawn = dictionaries[language].language
        found = dictionaries[language].find(text, tokens, at, protected, quiet, lemma_fallback)
        if found is None and miss_policy == "redraw":
            having = [
                weight if dictionary.find(text, tokens, at, protected, quiet, lemma_fallback) else 0.0
                for dictionary, weight in zip(dictionaries, weights, strict=True)
            ]
            if any(having):
                language = pick(having, draws.uniform(at + 1, "redraw"))
                found = dictionaries[language].find(text, tokens, at, protected, quiet, lemma_fallback)
        chosen = draws.uniform(at + 1, "choose") < translation_prob
        if found is None:
            counts["missed"] += chosen and not quiet
            counts["missed_by_language"][drawn] += chosen and not quiet
            at += 1
            continue
        length, targets, entry, (before, after) = found
        if chosen:
            index = 0
            if target_choice == "weighted":
                index = pick([weight for _, weight in targets], draws.uniform(at + 1, "target"))
            start = max(tokens[at].start - before, copied)
            end = tokens[at + length - 1].end + after
            dictionary = dictionaries[language]
            target = raise_case(targets[index][0], text[start:end], dictionary.language in ("tr", "az"))
            output = with_kept(output, spans, text[copied:start])
            if at > 0 and tokens[at - 1].end == start and joins(output, target):
                target = " " + target
            spans.append((start, end, len(output), len(output) + len(target), dictionary.language, entry))
            output += target
            copied = end
            counts["switched"] += length
            counts["content_switched"] += sum(content[at : at + length])
            counts["switched_by_language"][dictionary.language] += length
            own = dictionary.key(text, tokens, at, length)
            counts["lemmas"] += own not in dictionary.entries
        at += length
    return with_kept(output, spans, text[copied:]), spans, counts
