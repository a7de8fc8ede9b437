import hashlib

import pytest

from cslir.errors import InputError
from cslir.files import cache_folder, open_bytes, read_lines, sha256_of
from cslir.streaming import switch_file
from cslir.switching import Lexicon, Switcher


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
