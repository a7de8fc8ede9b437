import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir._core import Lexicon, Switcher
from cslir.lexicons.tokens import is_number, normal_form, source_form, token_ranges, tokens_in

CHARACTERS = st.sampled_from(
    list("aBzéßŒİſﬁ09½²٣_ \n-'’‘·.,\u00ad\u200d\u0301\u0e33кЁяΣςदि्ไทยกิ東々カーｶ\u3099한עװ״ا٠\u2011\u00a0")
)
TEXTS = st.text(CHARACTERS, max_size=12)


def compiled(*sources: str) -> Lexicon:
    return Lexicon.from_entries("en", "de", [(source, [("x", 1.0)]) for source in sources])


@given(text=TEXTS)
def test_tokens_are_those_of_the_core(text: str) -> None:
    switcher = Switcher([compiled("a")], translation_prob=0.0, seed=0)
    assert len(list(token_ranges(text))) == switcher.switch_with_spans(text, "").counts.tokens


@given(source=TEXTS)
def test_source_forms_are_those_of_the_core(source: str) -> None:
    assert [source_form(source)] == ([entry for entry, _ in compiled(source).entries()] or [""])


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
