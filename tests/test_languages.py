"""Codes of languages: one spelling each, pairs without doubt, and what others call them."""

import pytest

from cslir.errors import InputError
from cslir.languages import (
    known_as,
    language_code,
    language_codes,
    language_label,
    parse_pair,
    spellings,
    split_pair,
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("de", "de"),
        ("EN", "en"),
        ("fil", "fil"),
        ("zh-Hant", "zh-Hant"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("pt-BR", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("es-419", "es-419"),
        ("iw", "he"),
        ("in", "id"),
        ("ji", "yi"),
        ("no", "nb"),
        ("nor", "nb"),
        ("deu", "de"),
        ("ger", "de"),
        ("no-NO", "nb-NO"),
    ],
)
def test_every_language_has_one_spelling(text: str, code: str) -> None:
    assert language_code(text) == code
    assert language_code(code) == code


@pytest.mark.parametrize("text", ["", "e", "english", "zh-", "en-de-fr", "x y", "\u0435n", "en\n", "X"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a language code; write a BCP 47 code"):
        language_code(text)
    assert language_label(text) == text


def test_codes_of_one_language_count_once() -> None:
    assert language_codes(["iw", "en", "he", "heb"]) == ["he", "en"]
    assert language_codes(None) == []


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("en-de", ("en", "de")),
        ("zh-Hant-en", ("zh-Hant", "en")),
        ("en-zh-Hant", ("en", "zh-Hant")),
        ("pt-BR-en", ("pt-BR", "en")),
        ("en-pt-BR", ("en", "pt-BR")),
        ("zh-Hant-TW-es-419", ("zh-Hant-TW", "es-419")),
        ("fil-iw", ("fil", "he")),
    ],
)
def test_a_pair_has_one_reading(text: str, pair: tuple[str, str]) -> None:
    assert parse_pair(text) == pair
    assert split_pair("-".join(pair)) == pair


@pytest.mark.parametrize("text", ["en", "en-", "-de", "en-DE", "en-X", "X-en", "en-de-fr", "deutsch", "all"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    assert split_pair(text) is None
    with pytest.raises(InputError, match="not a language pair"):
        parse_pair(text)


def test_resources_are_asked_under_other_spellings() -> None:
    assert spellings("nb") == ["nb", "no"]
    assert known_as("nb", {"no"}.__contains__) == "no"
    assert known_as("pt-BR", {"pt", "pt_BR"}.__contains__) == "pt_BR"
    assert known_as("pt-BR", {"pt"}.__contains__) == "pt"
    assert known_as("fil", {"tl"}.__contains__) is None
