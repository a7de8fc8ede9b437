import bz2
import gzip
import hashlib
import lzma
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cslir.errors import InputError
from cslir.files import (
    LONGEST_LINE,
    cache_folder,
    open_bytes,
    read_lines,
    read_raw_lines,
    sha256_of,
)
from cslir.streaming import switch_file
from cslir.switching import Lexicon, Switcher


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("CSLIR_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "cslir"
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_compression_is_told_by_content(tmp_path):
    import lz4.frame

    for compress in (bytes, gzip.compress, bz2.compress, lzma.compress, lz4.frame.compress):
        path = tmp_path / "name-says-nothing"
        path.write_bytes(compress("für".encode()))
        with open_bytes(path) as file:
            assert file.read() == "für".encode()


def test_sha256(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert sha256_of(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        open_bytes(tmp_path)


def test_what_the_switcher_writes_as_zstandard_is_read(tmp_path):
    rows = [f"{row}\tä text that no lexicon knows\n" for row in range(90_000)]
    (tmp_path / "in.tsv").write_text("".join(rows), encoding="utf-8")
    lexicon = Lexicon.from_entries("en", "de", [("xqzzy", [("x", 1.0)])])
    path = tmp_path / "out.tsv.zst"
    switch_file(tmp_path / "in.tsv", path, Switcher([lexicon], translation_prob=1.0, seed=1))
    assert [line + "\n" for _, line in read_lines(path)] == rows
    whole = path.read_bytes()
    with open_bytes(path) as file:
        assert file.read(5) == b"0\t\xc3\xa4 "
        assert (
            hashlib.sha256(file.read()).hexdigest() == hashlib.sha256("".join(rows).encode()[5:]).hexdigest()
        )
    for damaged in (whole[:-9], whole[:7], whole[:-400] + bytes(400)):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="truncated or corrupt after line") as caught:
            list(read_lines(path))
        assert caught.value.path == str(path)


LINES = "".join(f"{row}\tлиния {row * row}\n" for row in range(20_000)).encode()


def zstandard(content):
    """Compress as the command of that name does without trying: blocks that hold the bytes as they are."""
    frame = b"\x28\xb5\x2f\xfd\x00\x58"
    for start in range(0, len(content), 1 << 10):
        block = content[start : start + (1 << 10)]
        last = start + len(block) == len(content)
        frame += (len(block) << 3 | last).to_bytes(3, "little") + block
    return frame


def lz4_frame(content):
    import lz4.frame

    return lz4.frame.compress(content)


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, lz4_frame, zstandard]
)
def test_a_pipe_is_read_from_its_beginning(pipe, tmp_path, compress):
    content = compress(LINES)
    (tmp_path / "file").write_bytes(content)
    assert b"".join(raw for _, raw in read_raw_lines(tmp_path / "file")) == LINES
    assert b"".join(raw for _, raw in read_raw_lines(pipe(content))) == LINES
    # The first bytes, by which the compression is known, may come one by one.
    drops = [bytes([byte]) for byte in content[:9]]
    assert b"".join(raw for _, raw in read_raw_lines(pipe(*drops, content[9:]))) == LINES


def test_short_and_empty_pipes(pipe):
    assert list(read_lines(pipe(b"q1"))) == [(1, "q1")]
    assert list(read_lines(pipe(b""))) == []


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="needs /dev/stdin")
def test_standard_input_is_a_file_like_others(tmp_path):
    script = "from pathlib import Path; from cslir.files import read_lines;"
    script += "print([line for _, line in read_lines(Path('/dev/stdin'))])"
    for content in (b"one\ntwo\n", gzip.compress(b"one\ntwo\n")):
        run = subprocess.run(
            [sys.executable, "-c", script], input=content, capture_output=True, check=True, timeout=60
        )
        assert run.stdout == b"['one', 'two']\n"


def test_a_truncated_pipe_is_told_as_a_file_is(pipe):
    with pytest.raises(InputError, match="truncated or corrupt after line"):
        list(read_lines(pipe(gzip.compress(LINES)[:-100])))


def test_a_pipe_is_refused_where_it_may_not_be(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a pipe or a device.*write what it gives to a file"):
        open_bytes(tmp_path / "pipe", pipe=False)


def test_a_name_that_no_file_can_have(tmp_path):
    for name in ("a\0b", "x" * 300):
        with pytest.raises(InputError, match="can't be read"):
            open_bytes(tmp_path / name)


def test_a_line_has_a_bound_after_decompression(tmp_path):
    path = tmp_path / "texts"
    longest = b"x" * (LONGEST_LINE - 1) + b"\n"
    for compress in (bytes, gzip.compress):
        path.write_bytes(compress(b"a\n" + longest))
        assert [len(raw) for _, raw in read_raw_lines(path)] == [2, LONGEST_LINE]
        path.write_bytes(compress(b"a\n" + b"x" * LONGEST_LINE + b"\nb\n"))
        with pytest.raises(InputError, match="a line of more than 64 MiB") as caught:
            list(read_raw_lines(path))
        assert (caught.value.path, caught.value.line) == (str(path), 2)


@pytest.mark.skipif(sys.platform != "linux", reason="resource limits are Linux's here")
def test_a_line_that_decompresses_to_gigabytes_takes_little_memory(tmp_path):
    path = tmp_path / "texts.gz"
    part = gzip.compress(bytes(64 << 20))
    path.write_bytes(part * 48)
    script = """
import resource, sys
from pathlib import Path
from cslir.errors import InputError
from cslir.files import read_lines
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
try:
    list(read_lines(Path(sys.argv[1])))
except InputError as error:
    print(error.message, error.line)
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, check=True, text=True, timeout=120
    )
    assert run.stdout == "a line of more than 64 MiB 1\n"
