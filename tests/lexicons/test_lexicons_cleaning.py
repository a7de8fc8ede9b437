import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir.lexicons.cleaning import TARGET_TOKENS_LIMIT, clean, normalise
from cslir.lexicons.inflection import base_forms


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Datei {f} [comp.]", "de", "Datei"),
        ("etw. anzeigen {vt}", "de", "anzeigen"),
        ("sich befinden", "de", "befinden"),
        ("die Bibliothek", "de", "Bibliothek"),
        ("der", "de", "der"),
        ("auf etw. zugreifen", "de", ""),
        ("Heimats…", "de", ""),
        ("of sth.", "en", "of"),
        ("to display sth.", "en", "display"),
        ("to", "en", "to"),
        ("the same", "en", "same"),
        ("esthetic [Am.] of sth. else", "en", ""),
        ("free of/from", "en", ""),
        ("free (not subject to restrictions)", "en", "free"),
        ("next of kin /NOK/", "en", "next of kin"),
        ("Aal <Aale>", "de", "Aal"),
        ("s'évanouir", "fr", "évanouir"),
        ("se servir de", "fr", "servir de"),
        ("l’ordinateur", "fr", "ordinateur"),
        ("la bibliothèque", "fr", "bibliothèque"),
        ("la", "fr", "la"),
        ("un'idea", "it", "idea"),
        ("lo schermo", "it", "schermo"),
        ("передвигать(ся)", "ru", "передвигать"),
        ("показывать что-л.", "ru", "показывать"),
        ("фа\u0301йл", "ru", "файл"),
        ("ещё", "ru", "ещё"),
        ("file", "ru", ""),
        ("a rather long explanation", "en", "rather long explanation"),
        ("one two three four", "en", ""),
        ("il y a ...", "fr", ""),
        ("1500-Meter-Lauf", "de", ""),
        ("ＤＮＡ鑑定", "ja", "DNA鑑定"),
        ("ｶﾀｶﾅ", "ja", "カタカナ"),
        ("～的", "ja", "的"),
        ("データ・ベース", "ja", "データ・ベース"),
        ("DVD", "ja", ""),
        ("新潟県の民謡の一種で盆踊りに用いられる", "ja", ""),
        ("北京", "zh", "北京"),
        ("كِتَاب", "ar", "كتاب"),
        ("book", "ar", ""),
        ("บ้าน", "th", "บ้าน"),
        ("βιβλίο", "el", "βιβλίο"),
        ("", "de", ""),
        ("(nur Klammern)", "de", ""),
    ],
)
def test_clean(text: str, language: str, expected: str) -> None:
    assert clean(text, language) == expected


def test_normalise_spells_ligatures_and_drops_vowel_points() -> None:
    assert normalise("vrĳ", "nl") == "vrij"
    assert normalise("كِتَابـ", "ar") == "كتاب"
    assert normalise("й ё а́", "ru") == "й ё а"
    assert normalise("e\u0301", "fr") == "é"


@given(st.text(max_size=60), st.sampled_from(["de", "en", "es", "fr", "it", "ru", "nl"]))
def test_what_is_cleaned_is_clean(text: str, language: str) -> None:
    cleaned = clean(text, language)
    assert cleaned == unicodedata.normalize("NFC", cleaned)
    assert len(cleaned.split()) <= TARGET_TOKENS_LIMIT
    assert cleaned == cleaned.strip()
    assert not set(cleaned) & set("()[]{}<>/|;\t\n0123456789")


@pytest.mark.parametrize(
    ("word", "base"),
    [("files", "file"), ("libraries", "library"), ("classes", "class"), ("stopped", "stop"), ("using", "use"),
     ("controlled", "control"), ("tried", "try"), ("supports", "support")],
)  # fmt: skip
def test_base_forms_undo_regular_inflection(word: str, base: str) -> None:
    assert base in set(base_forms(word, "en"))


@pytest.mark.parametrize(
    ("word", "language"), [("class", "en"), ("string", "en"), ("files", "de"), ("is", "en")]
)
def test_base_forms_leave_other_words_alone(word: str, language: str) -> None:
    assert list(base_forms(word, language)) == []
