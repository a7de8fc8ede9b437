import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cslir import VectorIndex, _core, outputs
from cslir.errors import InputError
from cslir.outputs import (
    FILE_LIST,
    changing_folder,
    replace_file,
    replace_folder,
    require_output_file,
    require_output_folder,
    within_folder,
)


def fill(folder, kind="model", **files):
    with replace_folder(folder, kind) as work:
        for name, text in files.items():
            (work / name).write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, content=b"new", **options):
    with replace_file(path, **options) as file:
        file.write(content)


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "model"
    with replace_folder(folder, "model") as work:
        (work / "old").write_text("1")
        assert not folder.exists()
    with replace_folder(folder, "model") as work:
        (work / "new").write_text("2")
        assert (folder / "old").exists()
    assert names(folder) == [FILE_LIST, "new"]
    assert names(tmp_path) == ["model"]


def test_a_failure_leaves_the_folder_as_it_was(tmp_path):
    folder = tmp_path / "model"
    fill(folder, old="1")

    def interrupted():
        with replace_folder(folder, "model") as work:
            (work / "new").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(folder) == [FILE_LIST, "old"]
    assert names(tmp_path) == ["model"]


def test_a_folder_that_is_changed_has_no_other_writer(tmp_path):
    folder = tmp_path / "model"
    fill(folder, old="1")
    with changing_folder(folder):
        with pytest.raises(InputError, match="another process is writing this output"):
            fill(folder, new="2")
        with (
            pytest.raises(InputError, match="another process is writing this output"),
            changing_folder(folder),
        ):
            pass
        (within_folder(folder, "added")).write_text("3")
    assert names(tmp_path) == ["model"]
    (folder / ".added.part").write_text("left by a writer that was killed")
    fill(folder, new="2")
    assert names(folder) == [FILE_LIST, "new"]


def test_files_of_an_index_of_vectors_come_and_go(tmp_path):
    folder = tmp_path / "index"
    with replace_folder(folder, "index") as work:
        VectorIndex.build(np.eye(3, dtype=np.float32), path=work / "vectors")
    vectors = VectorIndex.open(folder / "vectors")
    vectors.append(np.eye(3, dtype=np.float32))
    vectors.delete(["1"])
    fill(folder, "index", new="2")
    with replace_folder(folder, "index") as work:
        VectorIndex.build(np.eye(3, dtype=np.float32), path=work / "vectors")
    (folder / "vectors" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"not part of an output of cslir \(vectors/notes.txt\)"):
        fill(folder, "index", new="2")


def test_readers_see_a_folder_at_every_moment(tmp_path):
    folder = tmp_path / "model"
    fill(folder, weights="0")
    if not outputs_exchange_here(tmp_path):
        pytest.skip("this file system can't exchange folders")
    ended, missing, looks = threading.Event(), [], []

    def look():
        while not ended.is_set():
            looks.append(1)
            if not folder.is_dir():
                missing.append(1)

    reader = threading.Thread(target=look)
    reader.start()
    for round_ in range(50):
        fill(folder, weights=str(round_))
    ended.set()
    reader.join()
    assert looks
    assert not missing


def outputs_exchange_here(tmp_path):
    from cslir._core import exchange_paths

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    exchanged = exchange_paths(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a").rmdir()
    (tmp_path / "b").rmdir()
    return exchanged


def test_without_exchange_a_killed_writer_s_folder_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(_core, "exchange_paths", lambda _first, _second: False)
    folder = tmp_path / "model"
    fill(folder, old="1")
    fill(folder, new="2")
    assert names(folder) == [FILE_LIST, "new"]
    # As a kill between the two renames leaves it.
    folder.rename(tmp_path / ".model.old")
    (tmp_path / ".model.part").mkdir()
    with replace_folder(folder, "model"):
        assert names(folder) == [FILE_LIST, "new"]
    assert names(tmp_path) == ["model"]


def test_what_a_killed_writer_left_is_taken_over(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from cslir.outputs import replace_file, replace_folder\n"
        "with replace_folder(sys.argv[1] + '/model', 'model') as work, replace_file(sys.argv[1] + '/run') as file:\n"
        "    (work / 'half').write_text('x'); file.write(b'half'); file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert names(tmp_path) == [".model.part", ".run.part"]
    fill(tmp_path / "model", whole="1")
    write(tmp_path / "run", b"w")
    assert names(tmp_path) == ["model", "run"]
    assert names(tmp_path / "model") == [FILE_LIST, "whole"]
    assert (tmp_path / "run").read_bytes() == b"w"


def test_a_second_writer_is_told_or_waits(tmp_path):
    folder, path = tmp_path / "model", tmp_path / "run"
    with replace_folder(folder, "model") as work, replace_file(path) as file:
        file.write(b"first")
        (work / "first").write_text("1")
        for second in (lambda: fill(folder, second="2"), lambda: write(path)):
            with pytest.raises(InputError, match="another process is writing this output") as caught:
                second()
            assert caught.value.path in {str(folder), str(path)}
        waiting = threading.Thread(target=write, args=(path, b"second"), kwargs={"wait": True})
        waiting.start()
        time.sleep(0.05)
        assert waiting.is_alive()
    waiting.join()
    assert names(folder) == [FILE_LIST, "first"]
    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["model", "run"]


@pytest.mark.parametrize(
    "foreign",
    [
        {"index.html": "<h1>", "thesis.tex": "precious"},
        {"index.json": "{}"},
        {"training.json": "{}"},
        {FILE_LIST: "[" * 100_000},
        {FILE_LIST: json.dumps({"format": "another", "files": ["thesis.tex"]}), "thesis.tex": "x"},
        {FILE_LIST: "null"},
    ],
)
def test_a_folder_of_others_is_refused(tmp_path, foreign):
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    for name, text in foreign.items():
        (folder / name).write_text(text)
    for refused in (lambda: fill(folder), lambda: require_output_folder(folder, "model")):
        with pytest.raises(InputError, match="not part of an output of cslir.*move them away") as caught:
            refused()
        assert caught.value.path == str(folder)
    assert names(folder) == sorted({*foreign, "src"})
    assert names(tmp_path) == ["project"]


@pytest.mark.parametrize("note", ["NOTES.md", "inner/NOTES.md", "empty/", "link"])
def test_notes_in_an_output_are_refused(tmp_path, note):
    folder = tmp_path / "model"
    fill(folder, weights="1")
    if note == "link":
        (folder / note).symlink_to("weights")
    elif note.endswith("/"):
        (folder / note).mkdir()
    else:
        (folder / note).parent.mkdir(exist_ok=True)
        (folder / note).write_text("mine")
    with pytest.raises(InputError, match=note.rstrip("/")):
        fill(folder, weights="2")
    assert os.path.lexists(folder / note)
    assert (folder / "weights").read_text() == "1"


def test_a_result_is_kept_where_notes_came_meanwhile(tmp_path):
    folder = tmp_path / "model"
    fill(folder, weights="1")

    def train():
        with replace_folder(folder, "model") as work:
            (work / "weights").write_text("2")
            (folder / "NOTES.md").write_text("mine")

    with pytest.raises(InputError, match=r"NOTES.md.*the result is in .*model\.1"):
        train()
    assert (folder / "weights").read_text() == "1"
    assert (folder / "NOTES.md").read_text() == "mine"
    assert (tmp_path / "model.1" / "weights").read_text() == "2"
    assert names(tmp_path) == ["model", "model.1"]


def test_a_cache_folder_is_replaced_whatever_it_holds(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "damaged").write_text("x")
    fill(tmp_path / "model", None, whole="1")
    assert names(tmp_path / "model") == [FILE_LIST, "whole"]


@pytest.mark.parametrize("there", [True, False])
def test_links_are_followed(tmp_path, there):
    (tmp_path / "disk").mkdir()
    (tmp_path / "model").symlink_to("disk/model")
    (tmp_path / "run").symlink_to(tmp_path / "disk" / "run")
    if there:
        fill(tmp_path / "disk" / "model", old="1")
        write(tmp_path / "disk" / "run", b"old")
    fill(tmp_path / "model", new="2")
    write(tmp_path / "run")
    assert (tmp_path / "model").is_symlink()
    assert (tmp_path / "run").is_symlink()
    assert names(tmp_path / "disk") == ["model", "run"]
    assert names(tmp_path / "disk" / "model") == [FILE_LIST, "new"]
    assert (tmp_path / "disk" / "run").read_bytes() == b"new"
    assert names(tmp_path) == ["disk", "model", "run"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        fill(tmp_path / "file")
    assert names(tmp_path) == ["file"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "file"
    for content in (b"longer", b"2"):
        write(path, content)
        assert path.read_bytes() == content
    assert names(path.parent) == ["file"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_pipe_is_not_replaced(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(
            InputError, match="is a pipe, a device or a standard stream.*name a file"
        ) as caught:
            write(path)
        assert caught.value.path == str(path)
    assert pipe.is_fifo()
    assert names(tmp_path) == ["link", "pipe"]


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/null", "/dev/full"])
def test_a_standard_stream_is_not_replaced(name):
    for refuse in (require_output_file, lambda path: require_output_folder(path, "model")):
        with pytest.raises(InputError, match="is a pipe, a device or a standard stream|is a file"):
            refuse(name)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's /proc")
def test_a_link_to_an_open_file_is_not_replaced(tmp_path):
    stream = tmp_path / "stream"
    with (tmp_path / "redirected").open("wb") as file:
        stream.symlink_to(f"/proc/self/fd/{file.fileno()}")
        assert stream.is_file()
        with pytest.raises(InputError, match="a standard stream"):
            write(stream)
        with pytest.raises(InputError, match="can't be written"):
            write(Path(f"/proc/self/fd/{file.fileno()}/new"))
    assert stream.is_symlink()


def test_what_can_not_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file" / "output", tmp_path / "file" / "deep" / "output"):
        for refuse in (require_output_file, lambda path: require_output_folder(path, "model")):
            with pytest.raises(InputError, match="can't be written.*is not a folder"):
                refuse(path)
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # root may write everywhere
    for refuse in (require_output_file, lambda path: require_output_folder(path, "model")):
        with pytest.raises(InputError, match="can't be written.*Permission denied.*another place"):
            refuse(tmp_path / "new" / "output")
    assert names(tmp_path) == ["file"]


def test_a_full_disk_names_the_output(tmp_path):
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "from cslir.errors import CslirError\n"
        "from cslir.outputs import replace_file, replace_folder\n"
        "def file():\n"
        "    with replace_file(sys.argv[1] + '/run') as file: file.write(bytes(100_000))\n"
        "def folder():\n"
        "    with replace_folder(sys.argv[1] + '/model', 'model') as work: (work / 'w').write_bytes(bytes(100_000))\n"
        "for write in file, folder:\n"
        "    try: write()\n"
        "    except CslirError as error: print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [
        f"{tmp_path}/{name}: can't be written (File too large)" for name in ("run", "model")
    ]
    assert names(tmp_path) == []


def test_errors_of_the_work_stay_what_they_are(tmp_path):
    def read_a_missing_file():
        with replace_file(tmp_path / "run"):
            (tmp_path / "missing").read_text()

    with pytest.raises(FileNotFoundError):
        read_a_missing_file()


@pytest.mark.parametrize("writing", [replace_file, lambda place: replace_folder(place, "model")])
def test_an_interrupt_between_creation_and_hold_leaves_nothing(tmp_path, monkeypatch, writing):
    claim = outputs._claim
    claims = []

    def interrupted(*arguments, **options):
        claims.append(claim(*arguments, **options))
        if len(claims) == 1:
            os.close(claims[0])
            raise KeyboardInterrupt
        return claims[-1]

    monkeypatch.setattr(outputs, "_claim", interrupted)
    with pytest.raises(KeyboardInterrupt), writing(tmp_path / "out"):
        pass
    assert len(claims) == 2
    assert list(tmp_path.iterdir()) == []


def test_what_another_process_holds_stays_when_a_second_writer_gives_up(tmp_path):
    with replace_file(tmp_path / "out") as file:
        with pytest.raises(InputError, match="another process is writing"), replace_file(tmp_path / "out"):
            pass
        file.write(b"mine")
    assert (tmp_path / "out").read_bytes() == b"mine"
