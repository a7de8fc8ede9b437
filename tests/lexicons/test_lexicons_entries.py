import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir.errors import InputError
from cslir.lexicons import (
    EMBEDDED_PAIRS,
    embedded_lexicon_path,
    embedded_lexicons,
    read_entries,
    write_entries,
)
from cslir.lexicons.cleaning import TARGET_TOKENS_LIMIT, clean
from cslir.lexicons.entries import tokens_of

WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=8)
POSITIVE = st.floats(0, exclude_min=True, allow_infinity=False)


@given(entries=st.lists(st.tuples(WORDS, WORDS, POSITIVE), max_size=20, unique_by=lambda e: e[:2]))
def test_what_is_written_is_read(entries: list[tuple[str, str, float]], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("lexicon") / "x.tsv"
    assert write_entries(path, entries) == len(entries)
    assert sorted(read_entries(path)) == sorted(entries)
    first = path.read_bytes()
    write_entries(path, reversed(entries))
    assert path.read_bytes() == first


def test_weights_are_optional(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("file\tDatei\n\nfree\tfrei\t0.5\n")
    assert list(read_entries(tmp_path / "x.tsv")) == [("file", "Datei", 1.0), ("free", "frei", 0.5)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("file", "no source and target"),
        ("file\t", "no source and target"),
        ("\tDatei", "no source and target"),
        ("file\tDatei\tmany", "weight 'many' is not a positive number"),
        ("file\tDatei\t0", "weight '0' is not a positive number"),
        ("file\tDatei\tnan", "weight .nan. is not a positive number"),
        ("file\tDatei\t1\t2", "4 columns"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "x.tsv").write_text(f"free\tfrei\t1\n{line}\n")
    with pytest.raises(InputError, match=rf"x\.tsv:2: {message}.*; give `source TAB target`"):
        list(read_entries(tmp_path / "x.tsv"))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    write_entries(path, [("file", "Datei", 1)])
    with pytest.raises(InputError, match="cannot be written"):
        write_entries(path, [("a", "b", 1), ("tab", "in\tside", 1)])
    assert path.read_text() == "file\tDatei\t1.0\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_weights_that_can_not_be_read_are_not_written(tmp_path: Path, weight: float) -> None:
    with pytest.raises(InputError, match=r"weight .* of 'file' -> 'Datei' is not positive and finite"):
        write_entries(tmp_path / "x.tsv", [("file", "Datei", weight)])
    assert list(tmp_path.iterdir()) == []


def test_tokens() -> None:
    assert tokens_of("Don’t use C++ or x86-64: the file-system's 3 FILES") == [
        "don't", "use", "c", "or", "x", "the", "file-system's", "files",
    ]  # fmt: skip


@pytest.mark.parametrize("pair", EMBEDDED_PAIRS, ids="-".join)
def test_embedded_lexicons_are_whole_and_clean(pair: tuple[str, str]) -> None:
    entries = list(read_entries(embedded_lexicon_path(*pair)))
    targets: dict[str, list[float]] = {}
    for source, target, weight in entries:
        assert source == source.casefold()
        assert clean(target, pair[1]) == target
        assert len(target.split()) <= TARGET_TOKENS_LIMIT
        targets.setdefault(source, []).append(weight)
    assert len(targets) == 6000
    assert max(map(len, targets.values())) == 2
    assert all(math.isclose(sum(weights), 1, abs_tol=2e-3) for weights in targets.values())


def test_embedded_lexicons_have_the_senses_of_computing() -> None:
    best = {
        pair[1]: {
            entry.source: entry.target
            for entry in read_entries(embedded_lexicon_path(*pair))
            if entry.weight >= 0.5
        }
        for pair in EMBEDDED_PAIRS
    }
    assert best["de"]["library"] == "Bibliothek"
    assert best["de"]["free"] == "frei"
    assert best["de"]["file"] == "Datei"
    assert best["fr"]["file"] == "fichier"
    assert best["ru"]["file"] == "файл"
    assert best["fr"]["library"] == "bibliothèque"
    assert best["it"]["library"] == "biblioteca"
    assert best["ru"]["library"] == "библиотека"


def test_changed_and_unknown_lexicons_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no lexicon en-xx is embedded; use one of en-de, en-fr"):
        embedded_lexicon_path("en", "xx")
    embedded = embedded_lexicon_path("en", "de").parent
    (tmp_path / "SHA256SUMS").write_bytes((embedded / "SHA256SUMS").read_bytes())
    (tmp_path / "en-de.tsv").write_bytes((embedded / "en-de.tsv").read_bytes()[:-1])
    monkeypatch.setattr(embedded_lexicons, "_FOLDER", tmp_path)
    embedded_lexicon_path.cache_clear()
    with pytest.raises(InputError, match="was changed; install cslir again"):
        embedded_lexicon_path("en", "de")
    embedded_lexicon_path.cache_clear()
