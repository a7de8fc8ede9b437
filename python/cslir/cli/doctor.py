"""`cslir doctor`."""

from typing import TYPE_CHECKING, Annotated

import typer

from cslir.shell import own_command

if TYPE_CHECKING:
    from cslir.console import Console
    from cslir.diagnosis import Diagnosis, Limits

__all__ = ["doctor"]


def doctor(
    *,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure memory and arithmetic at best; takes some seconds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what cslir finds on this machine: CPU, kernels, optional packages, caches."""
    from cslir.diagnosis import diagnose, measure_limits

    diagnosis = diagnose()
    limits = measure_limits(diagnosis.threads) if measure else []
    if as_json:
        _print_json(diagnosis, limits)
    else:
        _print_tables(diagnosis, limits)


def _print_json(diagnosis: "Diagnosis", limits: "list[Limits]") -> None:
    import json

    fields = diagnosis._asdict() | {
        "machine": diagnosis.machine._asdict(),
        "packages": [package._asdict() for package in diagnosis.packages],
        "limits": [one._asdict() for one in limits],
    }
    print(json.dumps(fields, indent=2, default=str))


def _print_tables(diagnosis: "Diagnosis", limits: "list[Limits]") -> None:
    from cslir.console import Console

    console = Console(highlight=False)
    _print_machine(console, diagnosis)
    _print_packages(console, diagnosis)
    if limits:
        _print_limits(console, limits)
    else:
        console.print(f"{own_command('doctor', '--measure')} shows how fast memory and arithmetic are here.")


def _print_machine(console: "Console", diagnosis: "Diagnosis") -> None:
    from rich.table import Table

    machine = diagnosis.machine
    memory = machine.memory_bytes
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("cslir", diagnosis.version)
    table.add_row("Python", diagnosis.python)
    table.add_row("system", machine.system)
    table.add_row("CPU", f"{machine.processor or 'unknown'}, {machine.cores or '?'} cores")
    table.add_row("memory", "unknown" if memory is None else f"{memory / 2**30:.1f} GiB")
    table.add_row(
        "instruction sets", " ".join(diagnosis.instruction_sets) or "none that kernels are chosen by"
    )
    forced = ", forced by CSLIR_KERNEL" if diagnosis.kernel_is_forced else ""
    table.add_row("kernel", f"{diagnosis.kernel}{forced}")
    table.add_row("kernels available", " ".join(diagnosis.kernels))
    if machine.architecture.lower() in ("arm64", "aarch64"):
        table.add_row("", "there is no NEON code for arm64 yet: the portable kernel is used")
    table.add_row("threads", str(diagnosis.threads))
    table.add_row("cache", f"{diagnosis.cache_folder} (CSLIR_CACHE moves it)")
    table.add_row("models of a hub", f"{diagnosis.hub_cache} (HF_HOME moves it)")
    console.print(table)


def _print_packages(console: "Console", diagnosis: "Diagnosis") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("optional package", no_wrap=True)
    table.add_column("version", no_wrap=True)
    table.add_column("for")
    for package in diagnosis.packages:
        found = "missing" if package.version is None else package.version or "found"
        table.add_row(package.name, found, package.purpose)
    console.print(table)
    for install in dict.fromkeys(one.install for one in diagnosis.packages if one.version is None):
        names = [one.name for one in diagnosis.packages if one.version is None and one.install == install]
        console.print(f"{install} brings {', '.join(names)}")


def _print_limits(console: "Console", limits: "list[Limits]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("threads", "read GB/s", "multiply-add GFLOP/s"):
        table.add_column(heading, justify="right")
    for one in limits:
        read, operations = one.read_bytes_per_second / 1e9, one.operations_per_second / 1e9
        table.add_row(str(one.threads), f"{read:.1f}", f"{operations:.0f}")
    console.print(table)
