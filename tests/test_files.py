import hashlib
import os
from pathlib import Path

import pytest

from cslir.errors import InputError
from cslir.files import cache_folder, open_bytes, read_lines, replace_file, replace_folder, sha256_of
from cslir.streaming import switch_file
from cslir.switching import Lexicon, Switcher


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "model"
    with replace_folder(folder) as work:
        (work / "old").write_text("1")
        assert not folder.exists()
    with replace_folder(folder) as work:
        (work / "new").write_text("2")
        assert (folder / "old").exists()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_failure_leaves_the_folder_as_it_was(tmp_path):
    folder = tmp_path / "model"
    with replace_folder(folder) as work:
        (work / "old").write_text("1")

    def interrupted():
        with replace_folder(folder) as work:
            (work / "new").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_interrupt_between_the_two_renames_brings_the_old_folder_back(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "old").write_text("1")
    rename = Path.rename

    def interrupted(self, target):
        if self.suffix == ".part":
            raise KeyboardInterrupt
        return rename(self, target)

    def replace():
        with replace_folder(folder) as work:
            (work / "new").write_text("2")
            monkeypatch.setattr(Path, "rename", interrupted)

    with pytest.raises(KeyboardInterrupt):
        replace()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file"), replace_folder(tmp_path / "file"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "file"
    for content in (b"1", b"2"):
        with replace_file(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o400


def write(path):
    with replace_file(path) as file:
        file.write(b"new")


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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


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


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("CSLIR_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "cslir"
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_compression_is_told_by_content(tmp_path):
    import bz2
    import gzip
    import lzma

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
