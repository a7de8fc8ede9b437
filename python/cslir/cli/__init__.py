"""The command line: parses arguments and calls the library; messages to stderr, answers to stdout."""

import inspect
import os
import signal
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
    means,
    report,
    search,
    switch,
    train,
    vectors,
)
from cslir.cli.arguments import name_options
from cslir.errors import CslirError, InputError
from cslir.plain_text import MESSAGE_LENGTH, plain_text, print_every_character
from cslir.progress import watching
from cslir.shell import own_command

__all__ = ["app", "main"]

app = typer.Typer(
    name="cslir",
    help="Search in any language, trained in English.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Tables of help cut the names of options in a terminal of 80 columns.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cslir {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Search in any language, trained in English."""
    context.with_resource(watching(f"cslir {context.invoked_subcommand}"))


app.command("demo")(demo.demo)
app.add_typer(datasets.app, name="datasets")
app.add_typer(lexicons.app, name="lexicons")
app.command("switch")(switch.switch)
app.command("train")(train.train)
app.command("means")(means.means)
app.command("index")(index.index)
app.command("search")(search.search)
app.add_typer(vectors.app, name="vectors")
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.doctor)


def _list_whole_sentences(group: typer.Typer) -> None:
    """List the commands of a group with all of their first sentence, which click would cut."""
    for command in group.registered_commands:
        command.short_help = (inspect.getdoc(command.callback) or "").partition("\n\n")[0].replace("\n", " ")
    for one in group.registered_groups:
        if one.typer_instance is not None:
            _list_whole_sentences(one.typer_instance)


_list_whole_sentences(app)


def main() -> None:
    """Run the command line.

    It exits with 0 for good, 1 for failed, 2 for wrong use or bad input, 130 on Ctrl-C and 143 on SIGTERM.
    """
    print_every_character()
    received: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
        raise KeyboardInterrupt

    # What asks a process to end, as batch systems, containers and timeout(1) do, cleans up as Ctrl-C does.
    endings = (signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in endings if signal.getsignal(number) is signal.SIG_DFL]
    for number in heard:
        signal.signal(number, interrupt)
    try:
        message, status = _run()
    except KeyboardInterrupt:  # while an error was being handled
        message, status = "", 130
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)
    if status == 130:
        message, status = ("terminated", 128 + received[0]) if received else ("interrupted", 130)
    if message:
        print(f"cslir: {plain_text(name_options(message), MESSAGE_LENGTH)}", file=sys.stderr)
    sys.exit(status)


def _run() -> tuple[str, int]:
    """Run the command line and return what there is to say of its end, and the exit status."""
    try:
        app(prog_name=own_command())
    except InputError as error:
        return str(error), 2
    except ModuleNotFoundError as error:
        from cslir.diagnosis import missing_extra

        if not isinstance(named := missing_extra(error), InputError):
            raise
        return str(named), 2
    except CslirError as error:
        return str(error), 1
    except OSError as error:
        return f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror or error}", 1
    except KeyboardInterrupt:
        return "", 130
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            return _stop_writing("", 0)
        if not isinstance(ended.code, int | None):
            raise
        status = ended.code or 0
    else:
        status = 0
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _stop_writing("", 0)
    except OSError as error:
        return _stop_writing(f"standard output: {error.strerror}", 1)
    return "", status


def _stop_writing(message: str, status: int) -> tuple[str, int]:
    """Drop what is left to print: its reader, head for example, has what it wanted, or its disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return message, status
