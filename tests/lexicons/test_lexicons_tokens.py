import pytest

from cslir.lexicons.cleaning import normalise
from cslir.lexicons.tokens import (
    caseless_form,
    is_number,
    normal_form,
    source_form,
    tokens_in,
    without_reading_signs,
)


def test_tokens_of_several_scripts() -> None:
    assert tokens_in("Don’t re-use l'eau, ÉTÉ x86 東京 ไทย") == [
        "don't", "re", "use", "l'eau", "été", "x86", "東", "京", "ไ", "ท", "ย",
    ]  # fmt: skip
    assert [source_form(text) for text in ("Ice-Cream", "ice  cream", " U.S. ", "--")] == [
        "ice cream", "ice cream", "u.s", "",
    ]  # fmt: skip


@pytest.mark.parametrize(("token", "number"), [("x86", True), ("½", True), ("٣", True), ("don't", False)])
def test_numbers(token: str, number: bool) -> None:
    assert is_number(token) is number


def test_normal_form_folds_what_looks_alike() -> None:
    assert normal_form("Straße") == normal_form("STRASSE")
    assert normal_form("soft\u00adhyphen") == "softhyphen"
    assert normal_form("İSTANBUL") == normal_form("ISTANBUL") == normal_form("ıstanbul") == "istanbul"


def test_reading_and_lookup_drop_the_same_signs() -> None:
    for text, language in (("كِتَابـ", "ar"), ("за́мок", "ru"), ("ﾊﾞｽ", "ja")):
        cleaned = normalise(text, language)
        assert source_form(text) == source_form(cleaned) == cleaned
    assert without_reading_signs("Ѓорѓи, café, За́мок") == "Ѓорѓи, café, Замок"


def test_caseless_forms_differ_in_more_than_case() -> None:
    assert caseless_form("Merkur (PLANET)", "de") == "merkur (planet)"
    assert caseless_form("MAẞE", "de") == "maße"
    assert caseless_form("KIL", "tr") == "kıl"
    assert caseless_form("KİL", "tr") == caseless_form("KIL", "en") == "kil"
