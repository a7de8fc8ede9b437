"""Runs commands in forks of a process that has imported everything, and kills them when asked to.

A command of cslir takes 0.2 to 2 seconds to import what it needs, and a thousand kills would take an hour: most
would hit nothing but imports. The server imports once, without doing any work that starts threads, and forks.

As a script it answers requests, one JSON object per line; `CommandServer` is its client.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

MODULES = (
    "cslir.cli", "cslir.datasets.collections", "cslir.datasets.mixing", "cslir.evaluation.compare",
    "cslir.evaluation.evaluate", "cslir.evaluation.export", "cslir.evaluation.significance",
    "cslir.lexicons.coverage", "cslir.lexicons.inspection", "cslir.lexicons.operations",
    "cslir.lexicons.readers", "cslir.lexicons.tables", "cslir.models", "cslir.models.static", "cslir.search",
    "cslir.streaming", "cslir.vector_files", "ir_measures", "lz4.frame", "numpy", "rich.progress", "rich.table",
    "safetensors.numpy", "scipy.stats", "tokenizers",
)  # fmt: skip
REPORT_MODULES = ("cslir.reporting", "jinja2", "matplotlib.pyplot", "matplotlib.backends.backend_svg")
TRAINING_MODULES = (
    "torch", "transformers", "sentence_transformers", "datasets", "accelerate", "cslir.training.train",
    "cslir.training.static", "cslir.training.bi_encoder", "cslir.models.bi_encoder",
    "transformers.models.bert.modeling_bert", "transformers.trainer",
)  # fmt: skip
HEARD = {signal.SIGINT, signal.SIGTERM}
ADDRESS_SPACE = 16 << 30
"""No command may take the machine's memory, whatever it is given."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        status: Its exit status, or the negative number of the signal that ended it; None if it hung.
        seconds: From the fork to its end.
        out: Its stdout.
        err: Its stderr.
        memory: The most memory that it had, in bytes, with what the server has.
    """

    status: int | None
    seconds: float
    out: str
    err: str
    memory: int

    @property
    def is_clean(self) -> bool:
        """Tell whether it ended by itself and without a traceback."""
        return self.status in (0, 1, 2, 130) and "Traceback" not in self.err and "panicked" not in self.err


class CommandServer:
    """A process that forks commands; a context manager.

    Args:
        folder: For what commands print.
        modules: What is imported before forking.
        environment: Further variables for all commands.
    """

    def __init__(self, folder, modules=MODULES, environment=()):
        self._folder, self._modules = folder, modules
        self._environment = dict(os.environ, **dict(environment))
        self._process = None

    def _start(self):
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, *self._modules]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._environment
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process is not None:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait(timeout=20)
            self._process = None

    def run(self, *arguments, cwd=None, kill=None, limit=60.0, stdin=None, code=None, environment=()):
        """Run `cslir` with arguments, or Python code, and return its Outcome.

        Args:
            arguments: Those of the command line.
            cwd: Its working directory.
            kill: A signal and the seconds after which it is sent.
            limit: Seconds after which it counts as hung, and is killed.
            stdin: A file that it reads as its stdin; an empty one where None.
            code: Run this instead of a command.
            environment: Further variables.
        """
        if self._process is None:
            self._start()
        out, err = self._folder / "out", self._folder / "err"
        request = {
            "arguments": [os.fspath(one) if isinstance(one, Path) else str(one) for one in arguments],
            "cwd": os.fspath(cwd or self._folder),
            "kill": None if kill is None else [int(kill[0]), kill[1]],
            "limit": limit,
            "stdin": os.fspath(stdin or os.devnull),
            "out": os.fspath(out),
            "err": os.fspath(err),
            "code": code,
            "environment": dict(environment),
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the server ended with status {self._process.wait()}")
        read = {"out": out.read_text("utf-8", "replace"), "err": err.read_text("utf-8", "replace")}
        return Outcome(**json.loads(answer), **read)


def serve():
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in sys.argv[1:]:
        __import__(name)
    # Requests are read unbuffered and by the parent alone: a child never touches the descriptor.
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    for line in requests:
        request = json.loads(line)
        started = time.monotonic()
        # A command hears signals from its first line to its last, and the fork none.
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        child = os.fork()
        if child == 0:
            try:
                _run(request)
            finally:
                os._exit(130)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
        answers.write(json.dumps(_watch(child, request, started)) + "\n")
        answers.flush()


def _watch(child, request, started):
    kill = request["kill"]
    limit = request["limit"]
    hung = False
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        passed = time.monotonic() - started
        if ended:
            break
        if kill is not None and passed >= kill[1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, kill[0])
            kill = None
        if passed > limit and not hung:
            hung = True
            os.kill(child, signal.SIGKILL)
        time.sleep(0.0005)
    code = os.waitstatus_to_exitcode(status)
    return {"status": None if hung else code, "seconds": passed, "memory": usage.ru_maxrss * 1024}


def _run(request):
    """Become the command; never returns."""
    status, is_command_at_work = 1, False
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for descriptor, path, how in (
            (0, request["stdin"], os.O_RDONLY), (1, request["out"], flags), (2, request["err"], flags),
        ):  # fmt: skip
            opened = os.open(path, how, 0o666)
            os.dup2(opened, descriptor)
            os.close(opened)
        os.chdir(request["cwd"])
        os.environ.update(request["environment"])
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        sys.argv = ["cslir", *request["arguments"]]
        if request["code"] is not None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
            exec(request["code"], {"__name__": "__main__"})
        else:
            from cslir.__main__ import main

            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
            is_command_at_work = True
            main()
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        status = 130
        if is_command_at_work:
            traceback.print_exc()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
