"""Finding and verifying Debian's lists."""

import gzip
import shutil

import pytest
from debian_release import LISTS, write_release

from cslir import InputError
from cslir.datasets.release import find_lists, list_sha256, read_release, verify_list

PREFIX = "deb.example.org_debian_dists_bookworm_"


@pytest.fixture
def apt_folder(tmp_path):
    """The lists under the names that apt gives them, beside lists of other components and suites."""
    shutil.copy(LISTS / "Packages", tmp_path / f"{PREFIX}main_binary-amd64_Packages")
    shutil.copy(LISTS / "Packages", tmp_path / f"{PREFIX}main_binary-i386_Packages")
    shutil.copy(LISTS / "Packages", tmp_path / f"{PREFIX}contrib_binary-amd64_Packages")
    shutil.copy(LISTS / "Translation-en", tmp_path / f"{PREFIX}main_i18n_Translation-en")
    shutil.copy(LISTS / "Translation-en", tmp_path / f"{PREFIX}non-free_i18n_Translation-en")
    content = (LISTS / "Translation-de").read_bytes()
    (tmp_path / f"{PREFIX}main_i18n_Translation-de.gz").write_bytes(gzip.compress(content))
    write_release(tmp_path, PREFIX)
    write_release(tmp_path, "deb.example.org_debian_dists_bookworm-updates_", codename="bookworm-updates")
    shutil.copy(LISTS / "Packages", tmp_path / "deb.example.com_dists_x_main_binary-amd64_Packages")
    (tmp_path / "lock").touch()
    (tmp_path / "partial").mkdir()
    return tmp_path


def test_finds_the_release_among_what_apt_keeps(apt_folder):
    lists = find_lists(apt_folder, ["en", "de"])
    assert lists.release_path == apt_folder / f"{PREFIX}InRelease"
    assert lists.packages.path.name == f"{PREFIX}main_binary-amd64_Packages"
    assert lists.translations["en"].path.name == f"{PREFIX}main_i18n_Translation-en"
    assert lists.translations["de"].name == "main/i18n/Translation-de"
    release = read_release(lists.release_path)
    assert (release.origin, release.codename, release.version) == ("Debian", "bookworm", "12.15")
    for found in (lists.packages, *lists.translations.values()):
        assert verify_list(found, release) == release.checksums[found.name] == list_sha256(found.path)


def test_lists_under_their_own_names():
    lists = find_lists(LISTS, ["ja"])
    assert lists.release_path is None
    assert lists.packages == (LISTS / "Packages", "main/binary-*/Packages")


def test_lists_of_languages_with_a_region(tmp_path):
    shutil.copytree(LISTS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "Translation-de").rename(tmp_path / "Translation-pt_BR")
    found = find_lists(tmp_path, ["en", "pt-BR"]).translations["pt-BR"]
    assert (found.path.name, found.name) == ("Translation-pt_BR", "main/i18n/Translation-pt_BR")


def test_a_bare_packages_list_verifies_against_any_architecture(tmp_path):
    shutil.copytree(LISTS, tmp_path, dirs_exist_ok=True)
    release = read_release(write_release(tmp_path))
    assert verify_list(find_lists(tmp_path, []).packages, release)


def test_a_changed_list_is_refused(tmp_path):
    shutil.copytree(LISTS, tmp_path, dirs_exist_ok=True)
    write_release(tmp_path, changed=["main/i18n/Translation-ru"])
    lists = find_lists(tmp_path, ["ru", "de"])
    release = read_release(lists.release_path)
    assert verify_list(lists.translations["de"], release)
    with pytest.raises(InputError, match="SHA-256 differs from the Release file's") as caught:
        verify_list(lists.translations["ru"], release)
    assert caught.value.path == str(tmp_path / "Translation-ru")


def test_a_truncated_list_is_refused(apt_folder):
    path = apt_folder / f"{PREFIX}main_i18n_Translation-de.gz"
    path.write_bytes(path.read_bytes()[:-100])
    lists = find_lists(apt_folder, ["de"])
    with pytest.raises(InputError, match="truncated or corrupt") as caught:
        verify_list(lists.translations["de"], read_release(lists.release_path))
    assert caught.value.path == str(path)


def test_what_is_missing_or_ambiguous_is_named(apt_folder, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find_lists(tmp_path / "missing", ["en"])
    with pytest.raises(InputError, match="no Translation-fr list there"):
        find_lists(apt_folder, ["fr"])
    write_release(apt_folder, "deb.example.org_debian_dists_trixie_", codename="trixie")
    with pytest.raises(InputError, match="several Debian releases"):
        find_lists(apt_folder, ["en"])


def test_several_lists_without_a_release_file(apt_folder):
    for path in apt_folder.glob("*InRelease"):
        path.unlink()
    with pytest.raises(InputError, match="several Packages lists fit"):
        find_lists(apt_folder, ["en"])


def test_a_release_file_without_checksums(tmp_path):
    (tmp_path / "InRelease").write_text("Origin: Debian\nCodename: bookworm\n")
    with pytest.raises(InputError, match="lists no SHA256"):
        find_lists(tmp_path, ["en"])
