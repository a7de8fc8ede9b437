"""From what dictionaries print to what may stand in a text: a word or a short phrase, or nothing."""

import re
import unicodedata
from functools import lru_cache

from cslir.languages import primary_language
from cslir.lexicons.tokens import without_reading_signs

__all__ = ["TARGET_TOKENS_LIMIT", "clean", "normalise"]

TARGET_TOKENS_LIMIT = 3
"""Longer expressions are explanations more often than translations."""

# Braces and angle brackets hold grammar, brackets domains, parentheses explanations, slashes abbreviations.
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>|(?<=\s)/[^/\s]+/")
_REFUSED = re.compile(r"[()\[\]{}<>/|=:;!?\"„“”«»‘…*+~\\#@]|\.\.|--|^-|-$|\d")
_SPACES = re.compile(r"\s+")
_LIGATURES = {"ĳ": "ij", "Ĳ": "IJ", "’": "'", "ʼ": "'", "\u00ad": "", "\u200b": "", "\ufeff": ""}
_LIGATURE_TABLE = str.maketrans(_LIGATURES)

# What a dictionary puts before a word and a text does not need: infinitive markers, articles, reflexive
# pronouns, placeholders of objects.
_LEADING: dict[str, re.Pattern[str]] = {
    "de": re.compile(r"(?:(?:der|die|das|ein|eine|sich|etw\.|jdn\.|jdm\.|jds\.|jd\.|zu)\s+)+(?=\S)"),
    "en": re.compile(r"(?:(?:to|a|an|the)\s+)+(?=\S)", re.IGNORECASE),
    "es": re.compile(r"(?:(?:el|la|los|las|un|una)\s+)+(?=\S)"),
    "fr": re.compile(r"(?:(?:le|la|les|un|une|se)\s+|[ls]')+(?=\w)"),
    "it": re.compile(r"(?:(?:il|lo|la|i|gli|le|un|uno|una|si)\s+|(?:l|un)')+(?=\w)"),
    "ja": re.compile(r"[〜～~]+(?=\w)"),
}
_TRAILING: dict[str, re.Pattern[str]] = {
    "de": re.compile(r"(?:\s+(?:etw\.|jdn\.|jdm\.|jds\.|jd\.))+$"),
    "en": re.compile(r"(?:\s+(?:sth\.|sb\.|sth|sb|one's|oneself))+$"),
    "ja": re.compile(r"[〜～~]+$"),
    "ru": re.compile(r"(?:\s+\w+-(?:л|н|либо|нибудь)\.?)+$"),
}
# A placeholder that is not at an edge holds the phrase together: without it the phrase is wrong.
_PLACEHOLDER: dict[str, re.Pattern[str]] = {
    "de": re.compile(r"\b(?:etw|jdn|jdm|jds|jd)\b\.?"),
    "en": re.compile(r"\b(?:sth|sb|smb|smth)\b\.?"),
    "ru": re.compile(r"-л\b|-либо\b|\bт\.|\bтж\b|\bособ\b"),
}
# At least one letter of the language's own, since Latin ones mix in freely (`Tシャツ`, `DNA鑑定`).
_HAN, _KANA = r"々〇㐀-䶿一-鿿豈-﫿", r"ぁ-ゖゝ-ゟァ-ヺー-ヿ"
_SCRIPT: dict[str, re.Pattern[str]] = {
    "ru": re.compile(r"[а-яёА-ЯЁ][а-яёА-ЯЁ' -]*"),
    "ja": re.compile(rf"(?=.*[{_HAN}{_KANA}])[{_HAN}{_KANA}A-Za-z・ -]+"),
    "zh": re.compile(rf"(?=.*[{_HAN}])[{_HAN}A-Za-z· -]+"),
    "ko": re.compile(rf"(?=.*[가-힣])[가-힣{_HAN}A-Za-z· -]+"),
    "th": re.compile(r"[ก-ฺเ-๎][ก-ฺเ-๎ .-]*"),
    **{language: re.compile(r"[ء-ۓەۮ-ۼݐ-ݿ][ء-ۓەۮ-ۼݐ-ݿ\u064b-\u0652\u200c '-]*") for language in ("ar", "fa")},
    "he": re.compile(r"[א-ת][א-ת\u05b0-\u05c7' -]*"),
    "el": re.compile(r"[Ͱ-Ͽἀ-῿][Ͱ-Ͽἀ-῿' .-]*"),
    **{language: re.compile(r"[^\W\d_][\w' .-]*") for language in ("de", "en", "es", "fr", "it")},
}
UNSPACED_LETTERS_LIMIT = 14
"""What longer expressions are in scripts without spaces, where tokens can't be counted."""
_UNSPACED = ("ja", "zh")


def normalise(text: str, language: str) -> str:
    """Return text in NFC, without what dictionaries add to letters.

    Ligatures of Dutch (ĳ) are spelled out, typographic apostrophes made plain, soft hyphens and zero-width
    characters dropped; of Arabic and Russian, the signs are removed that a lookup doesn't see either.
    Japanese is in NFKC: old dictionaries print Latin letters in full and katakana in half width.
    """
    text, language = text.translate(_LIGATURE_TABLE), primary_language(language)
    if language == "ja":
        text = unicodedata.normalize("NFKC", text)
    elif language in ("ar", "ru"):
        text = without_reading_signs(text)
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


# Alternatives are paired, so that the same expression comes several times in a row.
@lru_cache(maxsize=4096)
def clean(text: str, language: str) -> str:
    """Return the word or short phrase that a dictionary's expression stands for, or "" if there is none.

    Explanations, grammar marks and labels are dropped, then infinitive markers (English `to`), articles,
    reflexive pronouns and placeholders of objects (`etw.`, `sth.`, `что-л.`) at the edges. What still holds
    brackets, slashes, digits, an ellipsis or a placeholder, is longer than `TARGET_TOKENS_LIMIT` tokens or is
    not in the language's script is refused.

    Args:
        text: The expression as printed.
        language: Its code.
    """
    language = primary_language(language)
    text = normalise(text, language)
    if "…" in text or "..." in text:
        return ""
    while (shorter := _BRACKETED.sub("", text)) != text:
        text = shorter
    text = _SPACES.sub(" ", text).strip(" ,")
    if pattern := _TRAILING.get(language):
        text = pattern.sub("", text)
    if (pattern := _LEADING.get(language)) and (match := pattern.match(text)):
        text = text[match.end() :]
    text = text.strip(" ,.")
    if not text or _REFUSED.search(text) or "," in text or len(text.split(" ")) > TARGET_TOKENS_LIMIT:
        return ""
    if (pattern := _PLACEHOLDER.get(language)) and pattern.search(text):
        return ""
    if (pattern := _SCRIPT.get(language)) and not pattern.fullmatch(text):
        return ""
    if language in _UNSPACED and len(text) > UNSPACED_LETTERS_LIMIT:
        return ""
    return text
