import gzip
import shutil
from pathlib import Path

import pytest

from cslir.errors import InputError
from cslir.lexicons.readers.dictd import read_dictd_entries, read_freedict
from cslir.lexicons.readers.ding import read_ding, read_ding_forms
from cslir.lexicons.readers.mueller import read_mueller
from cslir.lexicons.translations import SHOWN_LIMIT, SkippedLines, Translation

PACKAGES = Path(__file__).parents[1] / "fixtures" / "lexicons"


def dictd(package: str, stem: str) -> tuple[Path, Path]:
    folder = PACKAGES / package / "usr/share/dictd"
    return folder / f"{stem}.dict.dz", folder / f"{stem}.index"


def freedict(names: str) -> list[Translation]:
    return list(read_freedict(*dictd(f"dict-freedict-{names}", f"freedict-{names}"), skipped=SkippedLines()))


def test_freedict_numbers_senses_and_counts_alternatives() -> None:
    entries = [entry for entry in freedict("eng-fra") if entry.source == "file"]
    assert entries[0] == Translation("file", "dossier", 1, 1)
    assert [entry.target for entry in entries] == [
        "dossier", "limer", "lime", "fichier", "collection à consulter", "porte document",
        "file", "rang", "rangée", "tour",
    ]  # fmt: skip
    assert [entry.sense for entry in entries] == [1, 2, 3, 4, 5, 5, 6, 6, 6, 6]
    assert entries[-1].alternatives == 4


def test_freedict_passes_over_definitions_and_their_numbers() -> None:
    # The entry reads `1. libre 2.` and goes on with numbered definitions on lines of their own.
    entries = [entry for entry in freedict("deu-fra") if entry.source == "frei"]
    assert [(entry.sense, entry.target) for entry in entries] == [
        (1, "libre"), (2, "libre"), (2, "illimité"), (3, "illimité"), (3, "libre"),
        (4, "gratuit"), (4, "libre"),
    ]  # fmt: skip


def test_freedict_takes_the_line_below_a_headword_with_one_sense() -> None:
    assert [entry for entry in freedict("deu-rus") if entry.source == "Datei"] == [
        Translation("Datei", "файл")
    ]


def test_the_senses_of_repeated_headwords_are_counted_through(tmp_path: Path) -> None:
    path, index = write_dictd(tmp_path, ["go /gou/\nandare\n", "go /gou/\n1. perdersi\n2. partire\n"])
    assert [entry.sense for entry in read_freedict(path, index, skipped=SkippedLines())] == [1, 2, 3]


def test_numbers_that_no_sense_has_are_text(tmp_path: Path) -> None:
    path, index = write_dictd(tmp_path, ["go /gou/\n0. andare\n", f"do /du/\n{'9' * 5000}. fare\n"])
    assert {entry.sense for entry in read_freedict(path, index, skipped=SkippedLines())} == {1}
    path, index = write_dictd(tmp_path, [f"go\n[gou] 0) идти 1) ходить {'9' * 5000}) ехать\n"])
    assert {entry.sense for entry in read_mueller(path, index, skipped=SkippedLines())} == {1}


def test_lengths_that_no_entry_has_are_skipped(tmp_path: Path) -> None:
    path, index = write_dictd(tmp_path, ["a /a/\nb\n"])
    index.write_text(f"{index.read_text()}c\tA\t{'/' * 8}\nd\tA\t{'/' * 60}\n")
    skipped = SkippedLines()
    assert [entry.source for entry in read_freedict(path, index, skipped=skipped)] == ["a"]
    assert skipped.count == 2


def test_server_settings_are_no_entries() -> None:
    path, index = dictd("dict-freedict-eng-fra", "freedict-eng-fra")
    assert "00-database-short" in index.read_text()
    assert not any("database" in e.text for e in read_dictd_entries(path, index, skipped=SkippedLines()))


def write_dictd(folder: Path, entries: list[str]) -> tuple[Path, Path]:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    def number(value: int) -> str:
        return (number(value // 64) if value >= 64 else "") + digits[value % 64]

    path, index, offset, lines = folder / "x.dict.dz", folder / "x.index", 0, []
    for entry in entries:
        lines.append(f"{entry.split()[0]}\t{number(offset)}\t{number(len(entry.encode()))}\n")
        offset += len(entry.encode())
    path.write_bytes(gzip.compress("".join(entries).encode()))
    index.write_text("".join(lines))
    return path, index


def test_offsets_beyond_one_digit_and_multibyte_text(tmp_path: Path) -> None:
    texts = [f"wort{number} /vɔʁt/\nслово{number}\n" for number in range(400)]
    path, index = write_dictd(tmp_path, texts)
    entries = list(read_dictd_entries(path, index, skipped=SkippedLines(strict=True)))
    assert [entry.text for entry in entries] == texts


def test_malformed_index_lines_are_skipped_counted_and_the_first_ten_shown(tmp_path: Path) -> None:
    path, index = write_dictd(tmp_path, ["a /a/\nb\n"])
    index.write_text("no tabs\n" * 12 + "word\t!!\tA\n" + index.read_text())
    skipped = SkippedLines()
    assert [entry.source for entry in read_freedict(path, index, skipped=skipped)] == ["a"]
    assert skipped.count == 13
    assert len(skipped.shown) == SHOWN_LIMIT
    assert skipped.shown[0].startswith(f"{index}:1: ")
    with pytest.raises(InputError, match=r"x\.index:1: .*base-64.*; correct the line"):
        list(read_freedict(path, index, skipped=SkippedLines(strict=True)))


def test_entries_without_translation_or_not_utf8_are_skipped(tmp_path: Path) -> None:
    path, index = write_dictd(tmp_path, ["10e /di.zjɛm/ <adj>\n", "b /b/\nc\n"])
    skipped = SkippedLines()
    assert [entry.source for entry in read_freedict(path, index, skipped=skipped)] == ["b"]
    assert skipped.shown == [f"{index}:1: its entry has no headword or no translation"]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"10e", b"1\xff\xfe")))
    skipped = SkippedLines()
    assert len(list(read_freedict(path, index, skipped=skipped))) == 1
    assert "not UTF-8" in skipped.shown[0]


def test_a_truncated_text_is_refused(tmp_path: Path) -> None:
    path, index = dictd("mueller7-dict", "mueller7")
    whole = path.read_bytes()
    (tmp_path / "short.dict.dz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"short\.dict\.dz: .*fetch the package again"):
        list(read_mueller(tmp_path / "short.dict.dz", index, skipped=SkippedLines()))
    (tmp_path / "short.dict").write_bytes(gzip.decompress(whole)[:500])
    with pytest.raises(InputError, match="ends at byte 500, before the entry of line"):
        list(read_mueller(tmp_path / "short.dict", index, skipped=SkippedLines()))


def test_missing_files_are_named(tmp_path: Path) -> None:
    path, index = dictd("mueller7-dict", "mueller7")
    with pytest.raises(InputError, match="no such file"):
        list(read_mueller(tmp_path / "absent.dict.dz", index, skipped=SkippedLines()))
    with pytest.raises(InputError, match="no such file"):
        list(read_mueller(path, tmp_path / "absent.index", skipped=SkippedLines()))
    with pytest.raises(InputError, match="no such file"):
        list(read_ding(tmp_path / "absent", skipped=SkippedLines()))


DING = PACKAGES / "trans-de-en/usr/share/trans/de-en"


def test_ding_pairs_forms_and_alternatives() -> None:
    entries = list(read_ding(DING, skipped=SkippedLines(strict=True)))
    assert Translation("Datei {f} [comp.]", "file", 1, 2, ("comp.",)) in entries
    assert Translation("Dateien {pl}", "files", 1, 2, ("comp.",)) in entries
    assert not any(entry.source.startswith("Dateien") and entry.target == "file" for entry in entries)


def test_ding_keeps_semicolons_in_parentheses(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("etw. (zur Ansicht; Entnahme) auslegen; auflegen {vt} :: to display sth.\n")
    (forms,) = read_ding_forms(tmp_path / "d", skipped=SkippedLines(strict=True))
    assert forms.german == [["etw. (zur Ansicht; Entnahme) auslegen", "auflegen {vt}"]]


def test_ding_skips_lines_that_do_not_correspond(tmp_path: Path) -> None:
    shutil.copy(DING, tmp_path / "d")
    with (tmp_path / "d").open("a") as file:
        file.write("Haus {n} | Häuser {pl} :: house\nohne Trenner\n")
    lines = (tmp_path / "d").read_text().count("\n")
    skipped = SkippedLines()
    assert len(list(read_ding(tmp_path / "d", skipped=skipped))) == len(
        list(read_ding(DING, skipped=skipped))
    )
    assert [shown.split(": ", 1)[1] for shown in skipped.shown] == [
        "2 forms on the left of `::`, 1 on the right",
        "not `German :: English`",
    ]
    assert skipped.shown[0].startswith(f"{tmp_path / 'd'}:{lines - 1}: ")
    with pytest.raises(InputError, match="2 forms on the left"):
        list(read_ding(tmp_path / "d", skipped=SkippedLines(strict=True)))


def mueller(headword: str) -> list[Translation]:
    path, index = dictd("mueller7-dict", "mueller7")
    return [e for e in read_mueller(path, index, skipped=SkippedLines(strict=True)) if e.source == headword]


def test_mueller_numbers_senses_within_homonyms_and_drops_examples() -> None:
    entries = mueller("display")
    assert Translation("display", "показ", 1, 2) in entries
    assert Translation("display", "проявление", 2, 1) in entries
    assert Translation("display", "показывать", 1, 3) in entries
    assert not any("товаров" in entry.target or "флагами" in entry.target for entry in entries)
    by_target = {entry.target: entry for entry in mueller("file")}
    assert by_target["напильник"] == Translation("file", "напильник", 1, 1, ("тех",))
    assert by_target["картотека"].sense == 5  # the fourth sense of the second homonym
    assert by_target["ряд"].sense == 3  # the first sense of the third homonym


def test_mueller_drops_pronunciation_and_lettered_senses() -> None:
    assert [entry.target for entry in mueller("'cellist")] == ["виолончелист"]
    assert all(entry.labels != ("_n",) for entry in mueller("library"))
