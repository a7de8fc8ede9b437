import pytest

from cslir.lexicons.tokens import is_number, normal_form, source_form, tokens_in


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
