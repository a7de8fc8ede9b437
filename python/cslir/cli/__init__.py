"""The command line: parses arguments and calls the library; messages to stderr, answers to stdout."""

import os
import sys
from typing import Annotated

import typer

from cslir import __version__
from cslir.cli import (
    bench,
    compare,
    datasets,
    demo,
    doctor,
    evaluate,
    index,
    lexicons,
    report,
    search,
    switch,
    train,
    vectors,
)
from cslir.errors import CslirError, InputError
from cslir.plain_text import MESSAGE_LENGTH, plain_text, print_every_character

__all__ = ["app", "main"]

_EXTRAS = {
    "accelerate": "train",
    "datasets": "train",
    "jinja2": "report",
    "matplotlib": "report",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "sentence_transformers": "train",
    "torch": "train",
    "transformers": "train",
}
"""The extra that brings a package, for those who have only the base install."""

app = typer.Typer(
    name="cslir",
    help="Search in any language, trained in English.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cslir {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Search in any language, trained in English."""


app.command("demo")(demo.demo)
app.add_typer(datasets.app, name="datasets")
app.add_typer(lexicons.app, name="lexicons")
app.command("switch")(switch.switch)
app.command("train")(train.train)
app.command("index")(index.index)
app.command("search")(search.search)
app.add_typer(vectors.app, name="vectors")
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; exit 0 good, 1 failed, 2 wrong use or bad input, 130 on Ctrl-C."""
    print_every_character()
    try:
        app()
    except InputError as error:
        _fail(str(error), 2)
    except ModuleNotFoundError as error:
        if error.name is None or (extra := _EXTRAS.get(error.name.partition(".")[0])) is None:
            raise
        _fail(f"this needs {error.name}, which is not installed; pip install 'cslir[{extra}]'", 2)
    except CslirError as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except SystemExit as ended:
        # Typer ends by itself on Ctrl-C, without a word, and on a closed pipe, as a failure.
        if ended.code == 130:
            _fail("interrupted", 130)
        if isinstance(ended.__context__, BrokenPipeError):
            # The reader of our output, head for example, has what it wanted.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        raise


def _fail(message: str, status: int) -> None:
    print(f"cslir: {plain_text(message, MESSAGE_LENGTH)}", file=sys.stderr)
    sys.exit(status)
