import os
import pty
import subprocess
import sys
import time

import pytest

from cslir import progress


def wait_for(capsys, text):
    """Return what was printed to stderr, as soon as it holds a text."""
    printed = ""
    give_up = time.monotonic() + 60
    while text not in printed and time.monotonic() < give_up:
        printed += capsys.readouterr().err
    assert text in printed
    return printed


@pytest.fixture
def at_once(monkeypatch):
    """Lines come without waiting."""
    monkeypatch.setattr(progress, "_SHORTEST", 0.0)


def test_a_log_tells_how_far_a_command_is(capsys, at_once):
    with progress.watching("cslir train"):
        wait_for(capsys, "cslir train: ")
        with progress.counting("token table", "text") as update:
            update(100, 400)
            update(200, 400)
            assert " left" in wait_for(capsys, "token table: 200 of 400 texts, ")
        with progress.counting("training ml-cs", "step") as update:
            update(1, None)
            printed = wait_for(capsys, "training ml-cs: 1 step, ")
            update(10, 10)
        printed += capsys.readouterr().err
        # The last line of a stage that was told of says how it ended.
        assert "training ml-cs: 10 of 10 steps, " in printed
        with progress.reading("switching") as update:
            update(1_500_000, 3_000_000)
            wait_for(capsys, "switching: 1.5 of 3.0 MB, ")


def test_a_short_command_says_nothing(capsys):
    with progress.watching("cslir eval"), progress.counting("evaluating", "setting") as update:
        update(1, 2)
    assert capsys.readouterr().err == ""


def test_library_calls_say_nothing(capsys, at_once):
    with progress.counting("evaluating", "setting") as update:
        update(1, 2)
    with progress.Progress().stage("evaluating", "setting") as update:
        update(1, 2)
    assert capsys.readouterr().err == ""


def test_a_command_ends_where_nobody_reads_its_progress(monkeypatch, at_once):
    def broken(_message):
        raise BrokenPipeError

    monkeypatch.setattr(progress, "announce", broken)
    with progress.watching("cslir train"), progress.counting("training", "step") as update:
        update(1, 2)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.9, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_time_spans_for_people(seconds, expected):
    assert progress.duration(seconds) == expected


@pytest.mark.parametrize(("term", "bar"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_can_draws_a_bar(term, bar):
    code = (
        "from cslir import progress\n"
        "progress._SHORTEST = 0.0\n"
        "import time\n"
        "with progress.watching('cslir train'), progress.counting('training', 'step') as update:\n"
        "    update(3, 10)\n"
        "    give_up = time.monotonic() + 60\n"
        "    while not (progress._draws_bars() or progress._going_on[-1].told or time.monotonic() > give_up):\n"
        "        time.sleep(0.01)\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": term, "COLUMNS": "80"}
    child = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment)
    os.close(theirs)
    printed = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        printed += part
    os.close(ours)
    assert child.wait() == 0
    assert (b"3/10" in printed) == bar
    assert (b"training: 3 of 10 steps" in printed) != bar


def test_progress_in_a_notebook_is_a_bar_and_a_warning(capsys):
    shown = progress.notebook_progress()
    with shown.stage("encoding", "text") as update:
        update(1, 3)
        update(3, 3)
    assert "encoding" in capsys.readouterr().err
    with pytest.warns(UserWarning, match="2 passages are missing"):
        shown.notice("2 passages are missing")


def test_progress_is_short_in_a_signature():
    assert repr(progress.SILENT) == "SILENT"
    assert repr(progress.Progress(notice=print)) == "<Progress>"
