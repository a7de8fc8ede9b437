"""From the start of a fresh process to its first answer, and the memory that it took."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple, cast

from cslir.errors import CslirError

__all__ = ["ColdStart", "cold_starts", "peer_command", "search_command"]

# At its end a process tells the peak of its memory on the last line of stderr. What the system tells its
# parent is no use: it counts the parent's memory, which the child has until it runs its own program.
_TELL_MEMORY = """
import atexit, pathlib, resource, sys
def tell():
    status = pathlib.Path("/proc/self/status")
    if status.is_file():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        peak = int(peak.split()[1]) * 1024
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"\\n{peak}", file=sys.stderr)
atexit.register(tell)
"""
_SEARCH = """
from cslir.cli import main
main()
"""
_PEER = """
import json
model, index, query, options = sys.argv[1:]
import faiss
from sentence_transformers import SentenceTransformer
encoder = SentenceTransformer(model, device="cpu")
vector = encoder.encode([query], **json.loads(options))
print(*faiss.read_index(index).search(vector, 10), flush=True)
"""


class ColdStart(NamedTuple):
    """Medians over some processes, and the times of all of them."""

    milliseconds: float
    peak_memory_bytes: int
    all_milliseconds: tuple[float, ...]


def search_command(index: Path, query: str, *options: str) -> list[str]:
    """Return the command that starts cslir, opens an index and answers one query."""
    program = _TELL_MEMORY + _SEARCH
    return [sys.executable, "-c", program, "search", query, "--index", str(index), "-k", "10", *options]


def peer_command(model: Path, index: Path, query: str, options: Mapping[str, object]) -> list[str]:
    """Return the command that does the same with sentence-transformers, given its options, and faiss."""
    return [
        sys.executable, "-c", _TELL_MEMORY + _PEER, str(model), str(index), query, json.dumps(options)
    ]  # fmt: skip


def cold_starts(commands: Mapping[str, Sequence[str]], repetitions: int) -> dict[str, ColdStart]:
    """Run every command so many times, in turns, after one run that does not count: files are then cached.

    Raises:
        CslirError: A command failed.
    """
    measured: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
    for repetition in range(repetitions + 1):
        for name, command in commands.items():
            outcome = _run(command)
            if repetition:
                measured[name].append(outcome)
    return {
        name: ColdStart(
            median(milliseconds for milliseconds, _ in outcomes),
            int(median(memory for _, memory in outcomes)),
            tuple(milliseconds for milliseconds, _ in outcomes),
        )
        for name, outcomes in measured.items()
    }


def _run(command: Sequence[str]) -> tuple[float, int]:
    """Return the milliseconds to the first line of output, and the peak of memory in bytes."""
    # In a file, since a full pipe would block the process.
    with tempfile.TemporaryFile() as messages:
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages) as process:
            answer = cast(IO[bytes], process.stdout)
            first = answer.readline()
            milliseconds = (time.perf_counter() - start) * 1000
            answer.read()
        messages.seek(0)
        told = messages.read().decode(errors="replace").split("\n")
    if process.returncode or not first:
        reason = " ".join(line for line in told[-4:-2] if line)
        raise CslirError(f"a cold start failed, exit code {process.returncode}: {reason}")
    return milliseconds, int(told[-2])
