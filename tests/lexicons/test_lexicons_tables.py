import os
from pathlib import Path

import pytest

from cslir._core import Lexicon
from cslir.errors import InputError
from cslir.files import sha256_of
from cslir.lexicons import (
    compile_lexicon,
    embedded_lexicon_path,
    read_entries,
    read_table,
    tables,
    write_table,
)
from cslir.lexicons.tables import LexiconTable, require_writable, tabulate
from cslir.switching import load_lexicon

ENTRIES = [
    ("Ice-Cream", "Eis", 0.5),
    ("file", "Datei", 0.75),
    ("file", "Akte", 0.25),
    (" Ice-Cream", "Eis", 0.9),
]


def table(*entries: tuple[str, str, float]) -> LexiconTable:
    return tabulate(LexiconTable("en", "de"), entries or ENTRIES)


def test_sources_that_are_spelled_the_same_are_one() -> None:
    made = table()
    assert made.targets == {"Ice-Cream": {"Eis": 0.9}, "file": {"Datei": 0.75, "Akte": 0.25}}
    assert (made.repeated, made.entries, made.pair) == (1, 3, "en-de")
    assert table(("c++", "x", 1.0), ("c#", "y", 1.0)).targets == {"c++": {"x": 1.0}, "c#": {"y": 1.0}}


def test_text_and_compiled_hold_the_same(tmp_path: Path) -> None:
    made = table()
    made.licence, made.provenance = "CC0-1.0", "by hand"
    write_table(tmp_path / "new" / "x.tsv", made)
    write_table(tmp_path / "x.cslex", made)
    text = read_table(tmp_path / "new" / "x.tsv", "en", "de")
    compiled = read_table(tmp_path / "x.cslex", "en", "de")
    assert text.targets == compiled.targets == made.targets
    assert (compiled.licence, compiled.provenance) == ("CC0-1.0", "by hand")
    digest = sha256_of(tmp_path / "new" / "x.tsv")
    assert (text.licence, text.provenance) == ("", f"x.tsv (sha256 {digest})")
    first = (tmp_path / "x.cslex").read_bytes()
    write_table(tmp_path / "x.cslex", compiled)
    assert (tmp_path / "x.cslex").read_bytes() == first


def test_embedded_lexicons_bring_their_licence() -> None:
    assert read_table(embedded_lexicon_path("en", "fr"), "en", "fr").licence == "GPL-3.0-only"


def test_forms_go_into_the_compiled_lexicon(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    class Recorder:
        @staticmethod
        def from_entries(*arguments, **options):
            asked.update(options, entries=arguments[2])

    monkeypatch.setattr(tables, "Lexicon", Recorder)
    compile_lexicon(ENTRIES, "en", "de", provenance="by hand", lemma_forms=True)
    assert ("files", "file") in asked["forms"]
    assert asked["entries"][1] == ("file", (("Datei", 0.75),))
    assert asked["provenance"].startswith("by hand; lemma forms by suffix rules")
    compile_lexicon(ENTRIES, "en", "de")
    assert asked["provenance"] == ""


@pytest.mark.parametrize("name", ["x.txt", "x", "x.tsv.gz", "x.cslex.part"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"written as \.tsv .* or \.cslex"):
        require_writable(Path(name))


def test_what_text_can_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lemma forms are kept in a \.cslex only"):
        require_writable(Path("x.tsv"), lemma_forms=True)
    (tmp_path / "folder.cslex").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        require_writable(tmp_path / "folder.cslex")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.cslex"
    write_table(path, table())
    before = path.read_bytes()
    with pytest.raises(InputError, match="no entry is left"):
        write_table(path, LexiconTable("en", "de"))
    with pytest.raises(InputError, match=r"x\.cslex: .*control character"):
        write_table(path, table(("file", "Da\x07tei", 1.0)))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["x.cslex"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        write_table(tmp_path / "file" / "x.cslex", table())


def test_bad_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.cslex"
    write_table(path, table())
    with pytest.raises(InputError, match=r"x\.cslex: .*en-de"):
        read_table(path, "en", "fr")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"x\.cslex"):
        read_table(path, "en", "de")
    (tmp_path / "empty.tsv").write_text("\n")
    with pytest.raises(InputError, match=r"empty\.tsv: .* entr"):
        read_table(tmp_path / "empty.tsv", "en", "de")
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "absent.tsv", "en", "de")


def test_a_written_lexicon_switches(tmp_path: Path) -> None:
    write_table(tmp_path / "x.cslex", table())
    assert Lexicon.open(tmp_path / "x.cslex").lookup("Ice cream") == [("Eis", 0.9)]
    write_table(tmp_path / "x.tsv", table())
    assert [entry.target for entry in read_entries(tmp_path / "x.tsv")] == ["Eis", "Datei", "Akte"]


def test_the_provenance_holds_any_name_of_a_file(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/w\xf6rter\n.tsv"))
    path.write_text("file\tDatei\n")
    write_table(tmp_path / "x.cslex", read_table(path, "en", "de"))
    assert Lexicon.open(tmp_path / "x.cslex").provenance.startswith("w\ufffdrter .tsv (sha256 ")
    assert load_lexicon(path, "en", "de").provenance == "w\ufffdrter .tsv"
