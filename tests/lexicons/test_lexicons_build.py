import math
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cslir.errors import CslirError, InputError
from cslir.lexicons import LexiconReport, build_lexicons, read_entries
from cslir.lexicons.ranking import Route, TranslationTable, rank
from cslir.lexicons.sources import DICTIONARIES, fetch_packages, locate
from cslir.lexicons.translations import Translation

PACKAGES = Path(__file__).parents[1] / "fixtures" / "lexicons"

# Zipf frequencies of wordfreq 3.1.1, for the words of the fixtures whose ranks the tests look at.
ZIPF = {
    "file": 4.75, "display": 4.67, "free": 5.5, "library": 4.87, "show": 5.6, "Datei": 4.1,
    "Feile": 2.9, "Akte": 3.9, "Schlange": 4.0, "frei": 5.2, "Bibliothek": 4.5, "fichier": 4.1,
    "dossier": 4.8, "lime": 3.2, "pompe": 4.1, "afficher": 4.1, "affichage": 4.0, "libre": 5.1,
    "файл": 4.0, "напильник": 2.3, "отделывать": 1.9, "пилочка": 1.5, "ряд": 5.2, "дело": 5.7,
    "шеренга": 2.3, "пилить": 3.0, "полировка": 2.5, "отделка": 3.5, "свободный": 4.1, "бесплатный": 4.0,
    "библиотека": 4.5,
}  # fmt: skip


def frequencies(_: str):
    return lambda text: ZIPF.get(text, 3.0)


def build(output: Path, *pairs: str, packages: Path = PACKAGES, **options) -> list[LexiconReport]:
    return build_lexicons(
        [tuple(pair.split("-")) for pair in pairs],  # type: ignore[misc]
        packages=packages,
        output=output,
        frequencies=frequencies,
        **options,
    )


def targets(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source, target, _ in read_entries(path):
        found.setdefault(source, []).append(target)
    return found


def test_the_agreed_target_comes_first(tmp_path: Path) -> None:
    build(tmp_path, "en-de", "en-fr", "en-ru", targets_limit=2)
    german, french, russian = (targets(tmp_path / f"en-{code}.tsv") for code in ("de", "fr", "ru"))
    assert german["file"][0] == "Datei"
    assert german["library"][0] == "Bibliothek"
    assert german["free"][0] == "frei"
    assert set(german["files"]) <= {"Akten", "Dateien", "Dossiers", "Feilen", "Schlangen"}
    assert german["display"][0] == "anzeigen"
    assert "fichier" in french["file"]
    assert french["library"] == ["bibliothèque"]
    assert french["free"][0] == "libre"
    assert russian["library"][0] == "библиотека"


def test_weights_of_a_source_sum_to_one_and_fall(tmp_path: Path) -> None:
    build(tmp_path, "en-ru", targets_limit=3)
    weights: dict[str, list[float]] = {}
    for source, _, weight in read_entries(tmp_path / "en-ru.tsv"):
        weights.setdefault(source, []).append(weight)
    assert weights
    for source, falling in weights.items():
        assert falling == sorted(falling, reverse=True), source
        assert math.isclose(sum(falling), 1, abs_tol=2e-3), source


def test_inflected_sources_fall_back_on_their_base_form(tmp_path: Path) -> None:
    build(tmp_path, "en-fr", source_texts=["displays and libraries"], targets_limit=1)
    french = targets(tmp_path / "en-fr.tsv")
    assert french["libraries"] == ["bibliothèque"]


def test_texts_decide_which_sources_are_kept(tmp_path: Path) -> None:
    build(tmp_path / "general", "en-de", sources_limit=1)
    build(
        tmp_path / "texts", "en-de", sources_limit=1, source_texts=["The daemon, a Daemon and the daemon's"]
    )
    assert list(targets(tmp_path / "texts" / "en-de.tsv")) == ["daemon"]
    assert list(targets(tmp_path / "general" / "en-de.tsv")) != ["daemon"]


def test_limits(tmp_path: Path) -> None:
    (report,) = build(tmp_path, "en-de", sources_limit=3, targets_limit=1)
    assert (report.sources, report.entries) == (3, 3)
    (everything,) = build(tmp_path, "en-de")
    assert everything.entries > everything.sources > 3
    with pytest.raises(InputError, match="sources_limit is 0"):
        build(tmp_path, "en-de", sources_limit=0)


def test_the_same_packages_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build(tmp_path / name, "en-de", "en-fr", source_texts=["a file in a library", "display"])
    build(tmp_path / "three", "en-fr", "en-de", source_texts=["display", "a file in a library"])
    for pair in ("en-de", "en-fr"):
        one, two, three = ((tmp_path / name / f"{pair}.tsv").read_bytes() for name in ("one", "two", "three"))
        assert one == two == three


def test_reports_name_dictionaries_and_malformed_lines(tmp_path: Path) -> None:
    (report,) = build(tmp_path, "en-fr")
    names = {found.dictionary.package for found in report.dictionaries}
    assert {"dict-freedict-eng-fra", "dict-freedict-fra-eng", "trans-de-en", "dict-freedict-deu-fra"} <= names
    assert report.skipped.count == 1
    assert "freedict-fra-deu.index" in report.skipped.shown[0]
    with pytest.raises(InputError, match=r"freedict-fra-deu\.index:\d+: its entry has no headword"):
        build(tmp_path / "strict", "en-fr", strict=True)
    assert not (tmp_path / "strict").exists()


def test_a_dictionary_alone_makes_a_lexicon(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    shutil.copytree(PACKAGES / "mueller7-dict", packages, dirs_exist_ok=True)
    (report,) = build(tmp_path / "out", "en-ru", packages=packages)
    assert [found.dictionary.package for found in report.dictionaries] == ["mueller7-dict"]
    with pytest.raises(InputError, match="no dictionary there leads from en to fr"):
        build(tmp_path / "out", "en-ru", "en-fr", packages=packages)


def test_unknown_pairs_and_folders_without_packages(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no dictionary is known for the language pair en-xx"):
        build(tmp_path, "en-xx")
    with pytest.raises(InputError, match="no dictionary is known for the language pair en-en"):
        build(tmp_path, "en-en")
    with pytest.raises(InputError, match="apt-get download"):
        build(tmp_path, "en-de", packages=tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        build(tmp_path, "en-de", packages=tmp_path / "absent")


def test_a_package_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trans-de-en_1.9-6_all.deb").write_bytes(b"not a package")
    with pytest.raises(InputError, match=r"trans-de-en_1\.9-6_all\.deb"):
        locate(DICTIONARIES, tmp_path, tmp_path / "unpacked")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="packs a package with dpkg-deb")
def test_packages_are_read_packed(tmp_path: Path) -> None:
    root, packages = tmp_path / "root", tmp_path / "packages"
    shutil.copytree(PACKAGES / "mueller7-dict", root)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        "Package: mueller7-dict\nVersion: 1.0-1\nArchitecture: all\n"
        "Maintainer: A <a@example.org>\nDescription: excerpt\n"
    )
    packages.mkdir()
    subprocess.run(["dpkg-deb", "-b", root, packages], check=True, capture_output=True)
    (report,) = build(tmp_path / "packed", "en-ru", packages=packages)
    (found,) = report.dictionaries
    assert found.version == "1.0-1"
    assert len(found.sha256) == 64
    build(tmp_path / "unpacked", "en-ru", packages=root)
    assert (tmp_path / "packed/en-ru.tsv").read_bytes() == (tmp_path / "unpacked/en-ru.tsv").read_bytes()


def test_without_apt_the_remedy_names_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="apt-get download trans-de-en"):
        fetch_packages(DICTIONARIES[:1], lambda _: None)


def fake_apt(folder: Path, script: str) -> None:
    (folder / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "apt-get").chmod(0o755)


def test_fetching_keeps_what_apt_delivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path, 'echo "$@" >> "$LOG"; echo deb > trans-de-en_1.9-6_all.deb')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    for _ in range(2):
        folder = fetch_packages(DICTIONARIES[:1], lambda _: None)
    assert [path.name for path in folder.iterdir()] == ["trans-de-en_1.9-6_all.deb"]
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_a_failure_of_apt_is_reported_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_apt(tmp_path, "echo 'E: Unable to locate package trans-de-en' >&2; exit 100")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CslirError, match="Unable to locate package trans-de-en"):
        fetch_packages(DICTIONARIES[:1], lambda _: None)
    assert list((tmp_path / "cache/packages").iterdir()) == []


def table(source: str, target: str, *pairs: tuple[str, str]) -> TranslationTable:
    made = TranslationTable(source, target)
    made.add((Translation(near, far) for near, far in pairs), source)
    return made


def ranked(*routes: Route, word: str = "s", **zipf: float) -> list[str]:
    found = rank(
        [word], routes, source_frequency=lambda _: 4.0, target_frequency=lambda text: zipf.get(text, 4.0),
        targets_limit=2,
    )  # fmt: skip
    return [target for target, _ in found]


def test_a_target_that_both_directions_have_is_preferred() -> None:
    both = TranslationTable("en", "de")
    both.add([Translation("s", "einfach"), Translation("s", "doppelt")], "en")
    both.add([Translation("doppelt", "s")], "de")
    assert ranked(Route((both,))) == ["doppelt", "einfach"]


def test_a_target_that_means_the_source_is_preferred() -> None:
    other = [("andere", "vage"), ("weitere", "vage"), ("dritte", "vage")]
    assert ranked(Route((table("en", "de", ("s", "klar"), ("s", "vage"), *other),)))[0] == "klar"


def test_a_second_route_confirms() -> None:
    direct = table("en", "it", ("s", "lima"), ("s", "archivio"))
    pivot = Route((table("en", "de", ("s", "ordner")), table("de", "it", ("ordner", "archivio"))))
    assert ranked(Route((direct,)))[0] == "archivio"  # a tie, broken by code point
    assert ranked(Route((table("en", "it", ("s", "zzz"), ("s", "lima")),)), pivot)[0] in {"lima", "archivio"}
    assert ranked(Route((table("en", "it", ("s", "aaa"), ("s", "archivio")),)), pivot)[0] == "archivio"


def test_rare_targets_give_way_and_very_rare_ones_go() -> None:
    route = Route((table("en", "de", ("s", "aaselten"), ("s", "oft")),))
    assert ranked(route, aaselten=3.0) == ["oft", "aaselten"]
    assert ranked(route, aaselten=1.9) == ["oft"]


def test_marked_registers_and_explanations_count_less() -> None:
    marked = TranslationTable("en", "de")
    marked.add([Translation("s", "alt", labels=("archaic",)), Translation("s", "neu")], "en")
    assert ranked(Route((marked,)))[0] == "neu"
    assert ranked(Route((table("en", "de", ("s", "an drei orten"), ("s", "ort")),)))[0] == "ort"


def test_a_more_trusted_route_contradicts() -> None:
    direct = table("en", "fr", ("s", "pompe"), ("s", "annonce"))
    direct.add([Translation("pompe", "s")], "fr")
    thin = Route((direct,))
    words = [(f"w{n}", f"v{n}") for n in range(9)]
    german = table("en", "de", ("s", "anzeige"), ("w", "pumpe"), *words)
    french = table("de", "fr", ("anzeige", "annonce"), ("pumpe", "pompe"), *words)
    assert ranked(thin, Route((german, french)))[0] == "annonce"
    unaware = table("de", "fr", ("anzeige", "panneau"), ("x", "y"), *words)
    assert ranked(thin, Route((german, unaware)))[0] == "pompe"


def test_preferred_labels_count_more() -> None:
    words = [Translation("s", "feile"), Translation("s", "datei", labels=("comp.",))]
    plain, computing = TranslationTable("en", "de"), TranslationTable("en", "de", {"comp"})
    for made in (plain, computing):
        made.add([*words, Translation("s", "feile")], "en")
    assert ranked(Route((plain,)))[0] == "feile"
    assert ranked(Route((computing,)))[0] == "datei"


def test_a_pivot_finds_what_the_direct_dictionary_lacks(tmp_path: Path) -> None:
    build(tmp_path, "en-fr", preferred_labels={"comp"})
    build(tmp_path, "en-ru", preferred_labels={"comp"}, targets_limit=3)
    assert "файл" in targets(tmp_path / "en-ru.tsv")["file"]
    french = targets(tmp_path / "en-fr.tsv")
    assert french["display"][:2] != ["parader", "pompe"]
    assert set(french["display"]) & {"affichage", "afficher"}


def test_of_case_variants_one_is_kept() -> None:
    found = table("en", "de", ("s", "aber"), ("s", "Aber"))
    found.add([Translation("aber", "s")], "de")
    assert ranked(Route((found,))) == ["aber"]


def test_a_source_without_targets_has_no_rank() -> None:
    assert ranked(Route((table("en", "de", ("s", "t")),)), word="unbekannt") == []
