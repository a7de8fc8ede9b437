import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir.errors import InputError
from cslir.lexicons.inflection import lemma_forms, lemma_sources, rule_forms


@pytest.fixture
def base_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("simplemma", "simplemma.strategies", "wordfreq"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("library", {"libraries"}),
        ("stop", {"stops", "stopped", "stopping"}),
        ("use", {"uses", "used", "using"}),
        ("play", {"plays", "played", "playing"}),
        ("box", {"boxes"}),
        ("hero", {"heroes"}),
        ("occur", {"occurred", "occurring"}),
        ("visit", {"visited", "visiting"}),
        ("read", {"reads", "reading"}),
        ("agree", {"agreed", "agreeing"}),
        ("copy", {"copies", "copied", "copying"}),
        ("be", {"is", "are", "was", "were"}),
        ("child", {"children"}),
    ],
)
@pytest.mark.usefixtures("base_install")
def test_english_without_packages(base: str, forms: set[str]) -> None:
    found = dict(lemma_forms([base], "en"))
    assert forms <= set(found)
    assert set(found.values()) == {base}
    assert lemma_sources("en") == "suffix rules and irregular forms of English"


@pytest.mark.usefixtures("base_install")
def test_forms_that_are_made_wrongly_are_few() -> None:
    found = set(dict(lemma_forms(["stop", "use", "library", "box", "years", "year", "a", "ice cream"], "en")))
    assert not {"stoped", "useed", "useing", "librarys", "boxs", "yearses", "as", "ice creams"} & found


@given(words=st.lists(st.text("abeinsty", min_size=1, max_size=7), max_size=8))
def test_each_form_has_one_base_and_no_entry(words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "simplemma.strategies", None)
        pairs = list(lemma_forms(words, "en"))
        assert pairs == list(lemma_forms(words, "en"))
    forms = [form for form, _ in pairs]
    assert len(forms) == len(set(forms))
    assert not set(forms) & set(words)
    assert {base for _, base in pairs} <= set(words)


def test_packages_know_more() -> None:
    found = dict(lemma_forms(["good", "plugin", "dure", "be", "Library"], "en"))
    assert found["better"] == "good"
    assert found["plugins"] == "plugin"
    assert found["libraries"] == "library"
    assert not {"during", "isn't", "m"} & set(found)
    assert "simplemma" in lemma_sources("en")


def test_rules_alone_are_the_same_whatever_is_installed() -> None:
    sources = ["good", "plugin", "dure", "Library", "stop"]
    rules = list(rule_forms(sources, "en"))
    assert rules != list(lemma_forms(sources, "en"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "simplemma.strategies", None)
        assert rules == list(rule_forms(sources, "en")) == list(lemma_forms(sources, "en"))
    with pytest.raises(InputError, match="no rules for base forms of the language 'de'.*--lemma-forms"):
        list(rule_forms(["Haus"], "de"))


def test_a_source_has_its_own_entry() -> None:
    found = dict(lemma_forms(["find", "found", "good", "well"], "en"))
    assert "found" not in found
    assert found["best"] == "good"


@pytest.mark.parametrize(
    ("language", "base", "form"),
    [("de", "Haus", "häuser"), ("fr", "cheval", "chevaux")],
)
def test_other_languages(language: str, base: str, form: str) -> None:
    assert dict(lemma_forms([base], language))[form] == base.casefold()


def test_unknown_languages_are_refused() -> None:
    with pytest.raises(InputError, match="no base forms of the language 'ja'.*go without lemma forms"):
        list(lemma_forms(["犬"], "ja"))
    with pytest.raises(InputError, match="no base forms of the language 'ja'"):
        lemma_sources("ja")


@pytest.mark.usefixtures("base_install")
def test_a_base_install_says_what_is_missing() -> None:
    with pytest.raises(InputError, match=r"pip install 'cslir\[lexicons\]'"):
        list(lemma_forms(["Haus"], "de"))
