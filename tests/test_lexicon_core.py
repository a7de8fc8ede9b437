import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_switching import Dictionary

from cslir import InputError
from cslir.switching import Lexicon

ENTRIES = [
    ("House", [("Haus", 0.5), ("Gebäude", 1.5)]),
    ("ice-cream", [("Eis", 1.0)]),
    ("北京", [("Peking", 1.0)]),
]


def small():
    return Lexicon.from_entries("en", "de", ENTRIES, licence="CC0", provenance="by hand")


def test_a_lexicon_describes_itself():
    found = small()
    assert len(found) == 3
    assert (found.source_language, found.target_language) == ("en", "de")
    assert (found.licence, found.provenance, found.left_out) == ("CC0", "by hand", 0)
    assert repr(found) == "<Lexicon en-de, 3 entries>"


def test_lookup_ignores_case_spacing_and_form():
    found = small()
    for source in ("house", "HOUSE", "ｈouse", "hou\u00adse"):
        assert found.lookup(source) == [("Gebäude", 1.5), ("Haus", 0.5)]
    for source in ("ice cream", "Ice-Cream", "ice \n cream"):
        assert found.lookup(source) == [("Eis", 1.0)]
    for source in ("", "houses", "ice", "ice cream van", "ice, cream"):
        assert found.lookup(source) == []


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text("abAB é-'’ßsИ語.+#", min_size=1, max_size=8),
            st.lists(
                st.tuples(st.text("xyzü", min_size=1, max_size=3), st.floats(0.001, 1e6)),
                min_size=1,
                max_size=4,
            ),
        ),
        max_size=30,
    )
)
def test_entries_are_those_of_the_plain_reference(entries):
    found = Lexicon.from_entries("en", "de", entries)
    reference = Dictionary("de", entries)
    spelled = [one for spellings in reference.spellings.values() for one in spellings.items()]
    assert found.entries() == spelled
    assert len(found) == len(spelled)
    for source, targets in spelled:
        assert found.lookup(source) == targets


def test_a_file_of_another_version_is_to_be_compiled_again(tmp_path):
    small().save(tmp_path / "x.cslex")
    whole = (tmp_path / "x.cslex").read_bytes()
    (tmp_path / "old.cslex").write_bytes(whole[:8] + b"\x03\0\0\0" + whole[12:])
    with pytest.raises(InputError, match="of format version 3, this is 4; compile it again"):
        Lexicon.open(tmp_path / "old.cslex")


def test_a_file_is_what_was_saved(tmp_path):
    path = tmp_path / "en-de.cslex"
    small().save(path)
    assert [item.name for item in tmp_path.iterdir()] == ["en-de.cslex"]
    opened = Lexicon.open(path)
    assert opened.entries() == small().entries()
    assert (opened.licence, opened.provenance) == ("CC0", "by hand")
    Lexicon.from_entries("en", "fr", []).save(path)
    assert opened.lookup("house"), "an open lexicon keeps the file it mapped"
    assert len(Lexicon.open(path)) == 0
    small().save(tmp_path / "new" / "x.cslex")
    assert len(Lexicon.open(tmp_path / "new" / "x.cslex")) == 3
    with pytest.raises(InputError, match=r"below-a-file: can't be written"):
        small().save(path / "below-a-file")


def test_the_same_entries_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        small().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def refused(path: Path, contents: bytes) -> str:
    path.unlink(missing_ok=True)
    path.write_bytes(contents)
    with pytest.raises(InputError) as caught:
        Lexicon.open(path)
    assert caught.value.path == os.fspath(path)
    assert caught.value.remedy
    return caught.value.message


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "en-de.cslex"
    small().save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        refused(path, whole[:length])
    for at in range(len(whole)):
        refused(path, whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
    assert "expected" in refused(path, whole + b"\0")


def test_foreign_files_are_named(tmp_path):
    path = tmp_path / "x"
    assert "not a compiled lexicon" in refused(path, b"")
    assert "not a compiled lexicon" in refused(path, b"house\tHaus\n")
    assert "format version 99" in refused(path, b"\x89CSLEX\r\n\x63\0\0\0" + bytes(100))
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError):
            Lexicon.open(missing)


@pytest.mark.parametrize(
    "targets", [[], [("", 1.0)], [("a\nb", 1.0)], [("a", 0.0)], [("a", -1.0)], [("a", float("nan"))]]
)
def test_bad_targets_are_refused(targets):
    with pytest.raises(InputError, match='source "x"'):
        Lexicon.from_entries("en", "de", [("x", targets)])
