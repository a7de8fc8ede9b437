"""Control stanzas: what is read, what is skipped and reported, what is an error."""

from pathlib import Path

import pytest

from cslir import InputError
from cslir.datasets.stanzas import MalformedStanzas, read_stanzas

LISTS = Path(__file__).parents[1] / "fixtures" / "debian"

MALFORMED = """\
Package: good
Description-md5: 1

 continuation of nothing
Package: lost

Package: twice
Package: again

no field at all

# a comment
Package: last
Description: short
 long
\t.
\u00a0"""


def read(path, strict=False):
    malformed = MalformedStanzas(strict)
    return list(read_stanzas(path, malformed)), malformed


def test_reads_real_stanzas_with_their_continuation_lines():
    stanzas, malformed = read(LISTS / "Translation-ja")
    assert malformed.count == 0
    first = stanzas[0]
    assert first.line == 1
    assert first.fields["Package"] == "0ad"
    lines = first.fields["Description-ja"].split("\n")
    assert lines[0] == "古代戦争のリアルタイム戦略ゲーム"
    assert lines[1].startswith(" 0 A.D. は")
    text = (LISTS / "Translation-ja").read_text("utf-8")
    assert len(stanzas) == text.count("\nPackage: ") + 1


def test_malformed_stanzas_are_skipped_counted_and_located(tmp_path):
    path = tmp_path / "list"
    path.write_text(MALFORMED.replace("\u00a0", " \u00a0\n"), "utf-8")
    stanzas, malformed = read(path)
    assert [stanza.fields["Package"] for stanza in stanzas] == ["good", "last"]
    # A line with a no-break space alone does not end the stanza, spaces and tabs alone do.
    assert stanzas[1].fields["Description"] == "short\n long\n\t.\n \u00a0"
    assert stanzas[1].line == 13
    assert malformed.count == 3
    assert [message.removeprefix(f"{path}:").partition(":")[0] for message in malformed.messages] == [
        "4",
        "8",
        "10",
    ]


def test_strict_mode_raises_with_file_and_line(tmp_path):
    path = tmp_path / "list"
    path.write_text(MALFORMED, "utf-8")
    with pytest.raises(InputError, match="continuation line") as caught:
        read(path, strict=True)
    assert (caught.value.path, caught.value.line) == (str(path), 4)


def test_only_the_first_ten_are_reported(tmp_path):
    path = tmp_path / "list"
    path.write_text("nonsense\n\n" * 12, "utf-8")
    stanzas, malformed = read(path)
    assert stanzas == []
    assert malformed.count == 12
    assert len(malformed.messages) == 10
