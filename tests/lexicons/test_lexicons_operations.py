import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir.errors import InputError
from cslir.lexicons import (
    EntryFilter,
    LexiconTable,
    filter_table,
    invert,
    merge,
    pivot,
    read_table,
    write_table,
)
from cslir.lexicons.operations import pool
from cslir.lexicons.tables import tabulate

WORDS = st.text("abc ", min_size=1, max_size=3).map(lambda text: "x" + text.strip())
ROWS = st.lists(st.tuples(WORDS, WORDS, st.floats(0.01, 5)), min_size=1, max_size=12)


def table(*entries: tuple[str, str, float], pair: str = "en-de", name: str = "") -> LexiconTable:
    source, _, target = pair.partition("-")
    return tabulate(LexiconTable(source, target, licence="CC0-1.0", provenance=name), entries)


GOOD = table(("file", "Datei", 3.0), ("file", "Akte", 1.0), name="good.tsv")
WIDE = table(("file", "Feile", 1.0), ("file", "Datei", 1.0), ("free", "frei", 2.0), name="wide.tsv")


def test_merge_by_priority_keeps_the_first_targets() -> None:
    merged = merge([GOOD, WIDE])
    assert merged.targets == {"file": {"Datei": 0.75, "Akte": 0.25}, "free": {"frei": 1.0}}
    assert (merged.licence, merged.provenance) == ("CC0-1.0", "merge by priority of good.tsv; wide.tsv")
    assert GOOD.targets["file"]["Datei"] == 3.0


def test_merge_by_union_takes_mean_shares() -> None:
    merged = merge([GOOD, WIDE], "union")
    assert merged.targets["file"] == {"Datei": 0.625, "Feile": 0.25, "Akte": 0.125}
    assert list(merged.targets["file"]) == ["Datei", "Feile", "Akte"]
    assert merged.targets["free"] == {"frei": 1.0}


def test_licences_add_up() -> None:
    own, free = table(("a", "b", 1.0)), table(("a", "c", 1.0))
    own.licence, free.licence = "", "GPL-3.0-only"
    assert merge([own, own]).licence == ""
    assert merge([free, own, free]).licence == "GPL-3.0-only AND unknown"
    free.licence = "CC0-1.0"
    assert pivot(GOOD, table(("a", "b", 1.0), pair="de-fr")).licence == "CC0-1.0"


def test_pool_keeps_weights() -> None:
    pooled = pool([GOOD, WIDE])
    assert pooled.targets == {"file": {"Datei": 3.0, "Akte": 1.0, "Feile": 1.0}, "free": {"frei": 2.0}}
    assert pooled.repeated == 1


@pytest.mark.parametrize("operation", [merge, pool])
def test_pairs_must_agree(operation) -> None:
    with pytest.raises(InputError, match="two language pairs, en-de and en-fr"):
        operation([GOOD, table(("file", "fichier", 1.0), pair="en-fr")])


def test_invert_carries_shares_over() -> None:
    inverse = invert(table(("file", "Akte", 1.0), ("file", "Datei", 1.0), ("record", "Akte", 2.0), name="x"))
    assert inverse.pair == "de-en"
    assert inverse.targets == {"Akte": {"record": 2 / 3, "file": 1 / 3}, "Datei": {"file": 1.0}}
    assert inverse.provenance == "inverse of x"


SPELLED = table(
    ("Straße", "street", 1.0), ("Berliner Mauer", "Berlin Wall", 1.0), ("Merkur (Planet)", "Mercury (planet)", 1.0),
    ("c++", "C++", 1.0), ("c#", "C#", 1.0), ("maße", "sizes", 1.0), ("masse", "mass", 1.0),
    pair="de-en",
)  # fmt: skip


@pytest.mark.parametrize("suffix", [".tsv", ".cslex"])
def test_every_operation_keeps_the_spelling(tmp_path: Path, suffix: str) -> None:
    def written(made: LexiconTable) -> dict[str, dict[str, float]]:
        write_table(tmp_path / f"x{suffix}", made)
        return read_table(tmp_path / f"x{suffix}", made.source_language, made.target_language).targets

    for same in (
        pool([SPELLED]),
        merge([SPELLED, SPELLED]),
        merge([SPELLED, SPELLED], "union"),
        filter_table(SPELLED, EntryFilter(max_targets=1)),
        invert(invert(SPELLED)),
    ):
        assert written(same) == SPELLED.targets
    assert written(invert(SPELLED)) == {
        target: {source: 1.0} for source, row in SPELLED.targets.items() for target in row
    }
    onward = table(("street", "rue", 1.0), ("Berlin Wall", "mur", 1.0), ("C#", "dièse", 1.0), pair="en-fr")
    assert written(pivot(SPELLED, onward)) == {
        "Straße": {"rue": 1.0}, "Berliner Mauer": {"mur": 1.0}, "c#": {"dièse": 1.0}, "c++": {"dièse": 1.0},
    }  # fmt: skip


def test_a_pivot_word_finds_the_source_spelled_so_first() -> None:
    words = ("Maße", "MASSE", "maſse", "c#", "c")
    first = table(*((f"x{number}", word, 1.0) for number, word in enumerate(words)))
    second = table(
        ("c++", "plus", 1.0), ("c#", "dièse", 1.0), ("maße", "tailles", 1.0), ("masse", "masse", 3.0),
        pair="de-fr",
    )  # fmt: skip
    assert pivot(first, second).targets == {
        "x0": {"tailles": 1.0},
        "x1": {"masse": 1.0},
        "x2": {"masse": 0.75, "tailles": 0.25},
        "x3": {"dièse": 1.0},
        "x4": {"dièse": 0.5, "plus": 0.5},
    }


def test_lexicons_know_a_source_that_differs_in_case() -> None:
    own, further = table(("API", "Schnittstelle", 1.0)), table(("api", "Api", 1.0), ("Essen", "food", 1.0))
    assert merge([own, further]).targets == {"API": {"Schnittstelle": 1.0}, "Essen": {"food": 1.0}}
    union = merge([own, further], "union").targets
    assert union["API"] == union["api"] == {"Api": 0.5, "Schnittstelle": 0.5}
    cases = table(("Essen", "food", 1.0), ("essen", "eat", 1.0))
    assert merge([cases, further]).targets == {**cases.targets, "api": {"Api": 1.0}}


def test_pivot_sums_over_the_pivot_words() -> None:
    second = table(
        ("Datei", "fichier", 1.0), ("akte", "dossier", 3.0), ("akte", "fichier", 1.0), ("haus", "maison", 1.0),
        pair="de-fr", name="second",
    )  # fmt: skip
    made = pivot(GOOD, second)
    assert made.pair == "en-fr"
    assert made.targets == {"file": {"fichier": 0.8125, "dossier": 0.1875}}
    assert pivot(GOOD, second, max_targets=1).targets == {"file": {"fichier": 1.0}}
    assert pivot(GOOD, second, min_weight=0.2).targets == {"file": {"fichier": 1.0}}
    assert pivot(GOOD, second, min_weight=0.9).targets == {}
    assert made.provenance == "pivot of good.tsv and second"


@pytest.mark.parametrize("pair", ["fr-it", "de-en", "en-fr"])
def test_pivots_must_lead_on(pair: str) -> None:
    with pytest.raises(InputError, match=f"en-de and {pair} don't lead through a third language"):
        pivot(GOOD, table(("a", "b", 1.0), pair=pair))


@given(first=ROWS, second=ROWS)
def test_weights_sum_to_one(first: list, second: list) -> None:
    one, two = table(*first), table(*second)
    onward = table(*second, pair="de-fr")
    for made in (merge([one, two]), merge([one, two], "union"), invert(one), pivot(one, onward)):
        for row in made.targets.values():
            assert math.isclose(sum(row.values()), 1.0)
            assert list(row.values()) == sorted(row.values(), reverse=True)
    assert set(merge([one, two], "union").targets) == set(one.targets) | set(two.targets)
    assert invert(invert(one)).targets.keys() == one.targets.keys()


@given(rows=ROWS, other=ROWS, seed=st.randoms(use_true_random=False))
def test_union_does_not_depend_on_order(rows: list, other: list, seed) -> None:
    forth, back = merge([table(*rows), table(*other)], "union"), merge([table(*other), table(*rows)], "union")
    assert forth.targets.keys() == back.targets.keys()
    for source, row in forth.targets.items():
        assert row.keys() == back.targets[source].keys()
        assert all(math.isclose(weight, back.targets[source][target]) for target, weight in row.items())


def test_small_shares_stay_apart(tmp_path: Path) -> None:
    made = table(("file", "Datei", 1.0), ("file", "Akte", 0.0004), ("file", "Feile", 0.0001))
    for changed in (pool([made]), merge([made]), filter_table(made, EntryFilter(max_targets=3))):
        write_table(tmp_path / "x.tsv", changed)
        row = read_table(tmp_path / "x.tsv", "en", "de").targets["file"]
        assert row == changed.targets["file"]
        assert row["Akte"] / row["Feile"] == pytest.approx(4.0)


@pytest.mark.parametrize(("heavy", "light"), [(1.7e308, 1.6e308), (1e308, 1e-308), (1.0, 5e-324)])
def test_weights_at_the_ends_of_the_range_have_shares(heavy: float, light: float) -> None:
    (row,) = merge([table(("file", "Datei", heavy), ("file", "Akte", light))]).targets.values()
    assert list(row) == ["Datei", "Akte"]
    assert all(share > 0.0 for share in row.values())
    assert math.isclose(sum(row.values()), 1.0)


def test_filters() -> None:
    made = table(
        ("file", "Datei", 6.0), ("file", "file", 3.0), ("file", "eine lange Akte", 1.0),
        ("hard disk", "Festplatte", 1.0), ("emacs", "Emacs", 1.0), ("free", "frei", 1.0), ("--", "Strich", 1.0),
    )  # fmt: skip

    def kept(**conditions) -> dict[str, dict[str, float]]:
        return filter_table(made, EntryFilter(**conditions)).targets

    assert kept(max_targets=1)["file"] == {"Datei": 1.0}
    assert kept(min_weight=0.2)["file"] == pytest.approx({"Datei": 6 / 9, "file": 3 / 9})
    assert "hard disk" not in kept(max_source_tokens=1)
    assert kept(max_target_tokens=2)["file"] == pytest.approx({"Datei": 6 / 9, "file": 3 / 9})
    assert "emacs" not in kept(drop_identical=True)
    assert filter_table(SPELLED, EntryFilter(drop_identical=True)).targets.keys() == SPELLED.targets.keys() - {
        "c++", "c#",
    }  # fmt: skip
    assert list(filter_table(SPELLED, EntryFilter(words={"strasse", "mauer"})).targets) == ["Straße"]
    assert kept(drop_identical=True, max_targets=1)["file"] == {"Datei": 1.0}
    assert list(kept(words={"hard", "disk", "free"})) == ["hard disk", "free"]
    frequency = {"free": 5.0, "emacs": 2.0, "file": 2.0}
    assert list(kept(max_sources=2, frequency=lambda word: frequency.get(word, 0.0))) == ["emacs", "free"]
    assert made.targets["file"]["Datei"] == 6.0
