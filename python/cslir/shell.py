"""Command lines that messages show: they work as they stand in the shell that shows them."""

import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["own_command", "pip_command"]


def own_command(*arguments: str) -> str:
    """Return a command line of cslir, with the program's path where the shell knows no other name for it.

    Args:
        arguments: Those after the program's name; they are quoted where a shell needs it.
    """
    return shlex.join([_own_program(), *arguments])


def pip_command(*requirements: str) -> str:
    """Return the command line that installs packages where cslir is installed.

    Args:
        requirements: Such as `cslir[onnx]` or `faiss-cpu`.
    """
    quoted = " ".join(f"'{one}'" for one in requirements)
    found = shutil.which("pip")
    # A shell outside the virtual environment has another pip, or none.
    if found is not None and Path(found).absolute().parent == Path(sys.executable).parent:
        return f"pip install {quoted}"
    return f"{shlex.quote(sys.executable)} -m pip install {quoted}"


def _own_program() -> str:
    """Return `cslir` where the shell finds the running program by that name, else the program's path."""
    called = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("cslir")
    program = called if called.name == "cslir" and called.is_file() else beside
    found = shutil.which("cslir")
    if not program.is_file() or (found is not None and program.samefile(found)):
        return "cslir"
    return str(program)
