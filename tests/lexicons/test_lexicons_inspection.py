from cslir.lexicons import LexiconTable, inspect_table
from cslir.lexicons.inspection import SHARED_TARGET_SOURCES
from cslir.lexicons.tables import tabulate

ENTRIES = [
    ("file", "файл", 1.0), ("file", "папка", 1.0), ("file", "файл", 1.0), ("hard disk", "жёсткий диск", 1.0),
    ("x11", "X11", 1.0), ("emacs", "emacs", 1.0), ("year", "2001 год", 1.0), ("free", "свободный [ком.]", 1.0),
    ("a", "первая буква английского алфавита", 1.0), ("--", "тире", 1.0),
]  # fmt: skip


def test_what_a_lexicon_holds() -> None:
    found = inspect_table(tabulate(LexiconTable("en", "ru"), ENTRIES), examples=1)
    assert (found.sources, found.entries, found.multiword_sources, found.unmatchable) == (8, 9, 1, 1)
    assert (found.repeated, found.identical, found.targets_per_source) == (1, 2, {1: 7, 2: 1})
    assert found.script == "CYRILLIC"
    assert [entry.source for entry in found.longest] == ["a"]
    doubts = {name: [entry.source for entry in one.examples] for name, one in found.suspicions.items()}
    assert doubts == {
        "other_script": ["x11"], "digits": ["year"], "punctuation": ["free"], "far_longer": ["a"], "shared": [],
    }  # fmt: skip
    assert found.suspicions["other_script"].count == 2


def test_a_target_of_very_many_sources_is_doubtful() -> None:
    entries = [(f"word{chr(97 + number)}", "noun", 1.0) for number in range(SHARED_TARGET_SOURCES)]
    found = inspect_table(tabulate(LexiconTable("en", "de"), [*entries, ("house", "Haus", 1.0)]))
    assert found.suspicions["shared"].count == SHARED_TARGET_SOURCES
    assert found.suspicions["shared"].examples == [("", "noun", SHARED_TARGET_SOURCES)]
    fewer = inspect_table(tabulate(LexiconTable("en", "de"), entries[1:]))
    assert fewer.suspicions["shared"].count == 0


def test_japanese_is_of_one_script() -> None:
    entries = [("a", "食べる", 1.0), ("b", "カメラ", 1.0), ("c", "ひと", 1.0), ("d", "TシャツX", 1.0)]
    found = inspect_table(tabulate(LexiconTable("en", "ja"), entries))
    assert found.script == "CJK"
    assert found.suspicions["other_script"].count == 0
