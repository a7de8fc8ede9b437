"""Fetching through apt, without a network: a program of ours stands in for apt-get."""

import os
import platform
import stat
import sys
from pathlib import Path

import pytest

from cslir import CslirError, InputError
from cslir.datasets import apt

DEB822 = """\
# a comment
Types: deb
# another
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/some.gpg

Types: deb
URIs: http://mirror.example.org/debian-security
Suites: bookworm-security
Components: main
"""


def program(folder, name, body):
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport os, sys\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A Debian 12 machine whose apt-get writes down its arguments and configuration."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program(programs, "apt-get", "print(sys.argv[1:], os.environ['APT_CONFIG'])")
    program(
        programs,
        "apt-config",
        'print(\'Acquire::http::Proxy "http://proxy:3142";\\nAcquire::Languages:: "none";\')',
    )
    monkeypatch.setenv("PATH", str(programs))
    system = {"ID": "debian", "VERSION_ID": "12"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: system)
    sources = tmp_path / "etc"
    (sources / "sources.list.d").mkdir(parents=True)
    monkeypatch.setattr(apt, "_SOURCES", sources)
    return tmp_path


def test_the_configuration_is_private_and_keeps_the_proxy(machine):
    (machine / "etc/sources.list.d/debian.sources").write_text(DEB822)
    messages = []
    folder = machine / "state"
    assert apt.fetch_lists(folder, ["en", "pt_BR"], progress=messages.append) == folder / "lists"
    assert (folder / "lists" / "partial").is_dir()
    configuration = (folder / "apt.conf").read_text()
    assert 'Acquire::Languages { "en"; "pt_BR"; };' in configuration
    assert "none" not in configuration
    assert 'Acquire::http::Proxy "http://proxy:3142";' in configuration
    assert f'Dir::State::lists "{folder}/lists";' in configuration
    assert 'Dir::Etc::parts "/dev/null";' in configuration
    assert ("Sandbox" in configuration) == (os.geteuid() == 0)
    assert (folder / "debian.sources").read_text() == (
        "Types: deb\nURIs: http://mirror.example.org/debian\nSuites: bookworm\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/some.gpg\n"
    )
    assert messages == ["fetching the lists of Debian 12 through apt (en, pt_BR)"]


def test_a_one_line_source(machine):
    (machine / "etc/sources.list").write_text(
        "deb http://other.example.org/debian trixie main\n"
        "# deb http://commented.example.org/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/one.gpg] http://one.example.org/debian bookworm main\n"
    )
    source = apt._debian_source(machine / "etc")
    assert "URIs: http://one.example.org/debian\n" in source
    assert "Signed-By: /usr/share/keyrings/one.gpg\n" in source


def test_without_a_source_of_debian(machine):
    with pytest.raises(InputError, match="no source of bookworm's main component"):
        apt._debian_source(machine / "etc")


def test_an_apt_that_fails(machine):
    body = "sys.stderr.write('E: Could not resolve the mirror\\n'); sys.exit(100)"
    program(machine / "programs", "apt-get", body)
    (machine / "etc/sources.list").write_text("deb http://mirror.example.org/debian bookworm main\n")
    with pytest.raises(CslirError, match="Could not resolve the mirror") as caught:
        apt.fetch_lists(machine / "state", ["en"])
    assert not isinstance(caught.value, InputError)


@pytest.mark.parametrize("system", [{"ID": "debian", "VERSION_ID": "13", "PRETTY_NAME": "Debian 13"}, {}])
def test_another_system(machine, monkeypatch, system):
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: system)
    with pytest.raises(InputError, match=r"not Debian 12; .*`lists=FOLDER`"):
        apt.fetch_lists(machine / "state", ["en"])
    assert not (machine / "state").exists()


def test_a_machine_without_apt(machine, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(machine / "empty")))
    with pytest.raises(InputError, match=r"apt-get is not on this machine; .*`lists=FOLDER`"):
        apt.fetch_lists(machine / "state", ["en"])
