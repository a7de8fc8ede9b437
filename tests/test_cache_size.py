import os

from cslir.cache_size import keep_recent


def fill(folder, names):
    folder.mkdir()
    for age, name in enumerate(names):
        (folder / name).write_bytes(bytes(100))
        os.utime(folder / name, (1000 - age, 1000 - age))


def test_what_was_not_used_for_the_longest_time_goes(tmp_path):
    folder = tmp_path / "cache"
    fill(folder, ["newest", "second", "third", "oldest"])
    keep_recent(folder, 300, used=folder / "oldest")
    assert sorted(path.name for path in folder.iterdir()) == ["newest", "oldest", "second"]
    # Its use counts from now on.
    keep_recent(folder, 200, used=folder / "second")
    assert sorted(path.name for path in folder.iterdir()) == ["oldest", "second"]
    keep_recent(folder, 10, used=folder / "second")
    assert [path.name for path in folder.iterdir()] == ["second"]


def test_what_another_process_writes_or_removes_is_no_matter(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    fill(folder, ["one", "two", ".three.part"])
    (folder / "folder").mkdir()
    opened = (folder / "two").open("rb")
    real = os.unlink

    def removed_by_another(path, **options):
        real(path, **options)
        real(path, **options)

    monkeypatch.setattr(os, "unlink", removed_by_another)
    keep_recent(folder, 100, used=folder / "one")
    assert sorted(path.name for path in folder.iterdir()) == [".three.part", "folder", "one"]
    assert len(opened.read()) == 100
    opened.close()
    keep_recent(folder, 100, used=folder / "gone")
