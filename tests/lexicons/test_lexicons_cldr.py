import shutil
from pathlib import Path

import pytest

from cslir.errors import InputError
from cslir.files import sha256_of
from cslir.lexicons import (
    EMBEDDED_TITLE_PAIRS,
    build_titles,
    embedded_lexicons,
    embedded_titles_path,
    read_entries,
)
from cslir.lexicons.readers import read_lexicon
from cslir.switching import Switcher, load_lexicon

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lexicons"


def test_names_are_joined_filtered_and_weighted(tmp_path: Path) -> None:
    (report,) = build_titles([("en", "de")], packages=FIXTURES, output=tmp_path)
    entries = {(source, target): weight for source, target, weight in read_entries(report.path)}
    assert report.path == tmp_path / "en-de.tsv.xz"
    assert (report.sources, report.entries) == (len({source for source, _ in entries}), len(entries))
    assert entries["United Arab Emirates", "Vereinigte Arabische Emirate"] == 1.0
    assert entries["smiling face with sunglasses", "lächelndes Gesicht mit Sonnenbrille"] == 1.0
    # The country has a German name, the state of the United States keeps its own.
    assert entries["Georgia", "Georgien"] == 1.0
    assert not any("/" in target or source == target for source, target in entries)


def test_the_same_package_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build_titles([("en", "de"), ("en", "ja")], packages=FIXTURES, output=tmp_path / name)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / n).iterdir()} for n in ("one", "two"))
    assert one == two
    assert set(one) == {"en-de.tsv.xz", "en-ja.tsv.xz", "PROVENANCE.md", "SHA256SUMS"}
    assert f"{sha256_of(tmp_path / 'one/en-de.tsv.xz')}  en-de.tsv.xz\n".encode() in one["SHA256SUMS"]


def test_folders_without_the_package_or_a_language_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not hold unicode-cldr-core.*apt-get download"):
        build_titles([("en", "de")], packages=tmp_path, output=tmp_path / "out")
    with pytest.raises(InputError, match="no such folder"):
        build_titles([("en", "de")], packages=tmp_path / "absent", output=tmp_path / "out")
    with pytest.raises(InputError, match=r"xx\.xml: no such file"):
        build_titles([("en", "xx")], packages=FIXTURES, output=tmp_path / "out")
    with pytest.raises(InputError, match="no name that differs"):
        build_titles([("en", "en")], packages=FIXTURES, output=tmp_path / "out")
    (tmp_path / "unicode-cldr-core_41-0.1_all.deb").write_bytes(b"no package")
    with pytest.raises(InputError, match="not a Debian package"):
        build_titles([("en", "de")], packages=tmp_path, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pair", EMBEDDED_TITLE_PAIRS, ids="-".join)
def test_embedded_names_are_whole_and_switch_phrases(pair: tuple[str, str]) -> None:
    entries = list(read_entries(embedded_titles_path(*pair)))
    assert len(entries) > 4000
    assert sum(" " in entry.source for entry in entries) > 1500
    (emirates,) = [entry.target for entry in entries if entry.source == "United Arab Emirates"]
    lexicon = load_lexicon(embedded_titles_path(*pair), *pair)
    assert lexicon.left_out == 0
    switched = Switcher([lexicon], translation_prob=1.0, seed=1).switch("the United Arab Emirates!", "1")
    assert switched == f"the {emirates}!"


def test_changed_and_unknown_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no names en-xx are embedded; use one of en-ar, en-de"):
        embedded_titles_path("en", "xx")
    shutil.copytree(embedded_titles_path("en", "de").parent, tmp_path / "cldr")
    (tmp_path / "cldr/en-de.tsv.xz").write_bytes(b"")
    monkeypatch.setattr(embedded_lexicons, "_FOLDER", tmp_path)
    embedded_titles_path.cache_clear()
    with pytest.raises(InputError, match="was changed; install cslir again"):
        embedded_titles_path("en", "de")
    embedded_titles_path.cache_clear()


def test_files_of_a_region_add_to_those_of_the_language(tmp_path: Path) -> None:
    names = '<ldml><territories><territory type="{}">{}</territory>{}</territories></ldml>'
    for name, text in {
        "en": names.format("XA", "Aland", '<territory type="XB">Bland</territory>'),
        "no": names.format("XA", "Norsk", ""),
        "nb": "<ldml></ldml>",
        "pt": names.format("XA", "Alanda", '<territory type="XB">Blanda</territory>'),
        "pt_PT": names.format("XB", "Blanta", ""),
        "zh": names.format("XA", "简", ""),
        "zh_Hant": names.format("XB", "繁", ""),
    }.items():
        (tmp_path / "main").mkdir(exist_ok=True)
        (tmp_path / "main" / f"{name}.xml").write_text(text, encoding="utf-8")

    def targets(language: str) -> list[str]:
        return [entry.target for entry in read_lexicon(tmp_path, "en", language, format="cldr")]

    assert targets("nb") == targets("no") == ["Norsk"]
    assert targets("pt-PT") == ["Alanda", "Blanta"]
    assert targets("pt-BR") == ["Alanda", "Blanda"]
    assert targets("zh-Hant") == ["繁"]
