import os
import sys
import threading

import pytest
from hypothesis import settings

from cslir.cli import main

# Some tests compare bits, which a GPU does not repeat.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# A slow machine is no failure: properties are judged by their examples, not by the clock.
settings.register_profile("cslir", deadline=None)
settings.load_profile("cslir")


class Outcome:
    """What a command left behind: exit status, stdout and stderr."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


@pytest.fixture
def run(capsys, monkeypatch):
    """Run `cslir` with arguments inside this process, errors mapped as for a user."""

    def call(*arguments, columns=100):
        monkeypatch.setattr(sys, "argv", ["cslir", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", str(columns))
        try:
            main()
            status = 0
        except SystemExit as error:
            status = error.code or 0
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


@pytest.fixture
def pipe(tmp_path):
    """Give a function that makes a pipe into which a thread writes chunks."""
    threads = []

    def filled(*chunks):
        path = tmp_path / f"pipe{len(threads)}"
        os.mkfifo(path)

        def write_chunks():
            with path.open("wb", buffering=0) as file:
                for chunk in chunks:
                    file.write(chunk)

        threads.append(threading.Thread(target=write_chunks, daemon=True))
        threads[-1].start()
        return path

    yield filled
    for thread in threads:
        thread.join(timeout=10)
