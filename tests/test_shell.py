import shlex
import sys

import pytest

from cslir.shell import own_command, pip_command


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A virtual environment with its own programs, and a shell that knows none."""
    programs = tmp_path / "my env" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "cslir", "pip"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(sys, "argv", [str(programs / "cslir"), "demo"])
    monkeypatch.setenv("PATH", str(tmp_path))
    return programs


def test_the_programs_path_where_the_shell_does_not_find_it(environment):
    words = shlex.split(own_command("search", "freie Software", "--index", "x"))
    assert words == [str(environment / "cslir"), "search", "freie Software", "--index", "x"]
    assert shlex.split(pip_command("cslir[onnx]"))[:3] == [str(environment / "python"), "-m", "pip"]


def test_the_plain_name_where_the_shell_finds_it(environment, monkeypatch):
    monkeypatch.setenv("PATH", str(environment))
    assert own_command("search", "freie Software") == "cslir search 'freie Software'"
    assert pip_command("cslir[onnx]", "faiss-cpu") == "pip install 'cslir[onnx]' 'faiss-cpu'"


def test_a_path_stays_as_it_was_typed(environment, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["my env/bin/cslir", "demo"])
    assert own_command("doctor") == "'my env/bin/cslir' doctor"


def test_another_cslir_of_the_shell_is_not_taken_for_the_running_one(environment, monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "cslir").write_text("#!/bin/sh\n")
    (other / "cslir").chmod(0o755)
    monkeypatch.setenv("PATH", str(other))
    assert str(environment / "cslir") in own_command("doctor")


def test_another_program_names_the_one_beside_its_interpreter(environment, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["-c"])
    assert shlex.split(own_command("doctor")) == [str(environment / "cslir"), "doctor"]
    (environment / "cslir").unlink()
    assert own_command("doctor") == "cslir doctor"
