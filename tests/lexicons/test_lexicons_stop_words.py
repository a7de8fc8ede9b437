import sys
from pathlib import Path

import pytest

from cslir._core import Lexicon, Switcher
from cslir.errors import InputError
from cslir.lexicons.stop_words import stop_words


def test_english_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stopwordsiso", None)
    words = stop_words("en")
    assert {"the", "of", "and", "is", "don't", "they"} <= set(words)
    assert not {"file", "use", "new", "system"} & set(words)
    assert words == sorted(set(words))
    with pytest.raises(
        InputError, match=r"'de' come with the package stopwordsiso; install .*cslir\[lexicons\]"
    ):
        stop_words("de")


@pytest.mark.parametrize("language", ["en", "de", "fr", "it", "ru", "zh"])
def test_the_switcher_takes_them(language: str) -> None:
    words = stop_words(language)
    lexicon = Lexicon.from_entries(language, "es", [(words[0], [("x", 1.0)])])
    switcher = Switcher([lexicon], translation_prob=1.0, seed=0, stop_words=words)
    assert switcher.switch(words[0], "") == words[0]


def test_unknown_languages_are_named() -> None:
    with pytest.raises(InputError, match="no stop words are known for the language 'qq'; give a file"):
        stop_words("qq")
    with pytest.raises(InputError, match="no stop words are known for the language 'tlh'"):
        stop_words("tlh")
    with pytest.raises(InputError, match="words: no such file"):
        stop_words("words")


def test_other_codes_of_a_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stop_words("en-GB") == stop_words("en")
    assert stop_words("pt-BR") == stop_words("pt")
    assert stop_words("nb") == stop_words("no")
    assert stop_words("iw") == stop_words("he")
    monkeypatch.chdir(tmp_path)
    Path("tlh").write_text("ghaH\n")
    assert stop_words("tlh") == ["ghah"]


def test_words_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("Der\n\n die \nder\nd’une\n", encoding="utf-8")
    assert stop_words(str(path)) == ["d'une", "der", "die"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("der\nin der\n", r":2: 'in der' is not a single word"),
        ("der\n!\n", ":2: '!'"),
        ("\n", "no stop word"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=f"words.txt.*{message}"):
        stop_words(str(path))
    with pytest.raises(InputError, match="no such file"):
        stop_words(str(tmp_path / "absent"))
