import io
import json
import sys
import unicodedata

import pytest
from rich.table import Table

from cslir import cli
from cslir.cli import main
from cslir.console import Console
from cslir.errors import InputError
from cslir.plain_text import plain_json, plain_text, print_every_character

HOSTILE = "a\x1b[31mb\r\nc\u202edef\u2066g\u2028h\x9b2J\x07"
STEERING = ("Cc", "Cs", "Zl", "Zp")


def steers(text: str) -> bool:
    return any(
        unicodedata.category(one) in STEERING or 0x202A <= ord(one) <= 0x202E or 0x2066 <= ord(one) <= 0x206F
        for one in text
    )


def test_text_of_a_file_neither_steers_the_terminal_nor_turns_the_line():
    assert plain_text(HOSTILE) == "a [31mb cdefg h 2J "
    assert plain_text("\ud800") == "\ufffd"
    assert not steers(plain_text("".join(map(chr, range(0x110000)))))


@pytest.mark.parametrize(
    "text",
    [
        "freie Software, two  blanks\u00a0and\u3000more",
        "می\u200cخواهم",
        "שלום\u200f, abc\u200e",
        "\u0600١٢٣ ۝",
        "ภาษาไทย हिन्दी 日本語 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 👩\u200d💻",
        "so\u00adft",
    ],
)
def test_ordinary_text_of_any_script_stays_as_it_is(text):
    assert plain_text(text, 1000) == text


def test_long_text_is_cut_in_its_middle():
    text = plain_text(f"corpus.jsonl:3: duplicate id {'x' * 2_000_000}; ids must be unique", 100)
    assert len(text) == 100
    assert text.startswith("corpus.jsonl:3: duplicate id x")
    assert text.endswith("x; ids must be unique")


def test_json_keeps_its_value_without_a_character_that_steers():
    value = {"text": HOSTILE + "\ud800 שלום 日本"}
    text = plain_json(value)
    assert json.loads(text) == value
    assert not steers(text)
    assert "שלום 日本" in text


def test_consoles_show_names_as_they_are_and_nothing_that_steers():
    out = io.StringIO()
    console = Console(out, width=60)
    table = Table("name", title=HOSTILE)
    table.add_row("[link=http://example.org]a[/link] :cat:")
    console.print(table)
    console.print(HOSTILE, "[/]")
    shown = out.getvalue()
    assert not steers(shown.replace("\n", ""))
    assert "[link=http://example.org]a[/link] :cat:" in shown
    assert "[/]" in shown


def test_consoles_keep_their_own_colours():
    out = io.StringIO()
    Console(out, force_terminal=True, color_system="standard").print("a", style="bold")
    assert out.getvalue() == "\x1b[1ma\x1b[0m\n"


def test_errors_are_shown_plain_and_short(monkeypatch, capsys):
    def fail(**_: object) -> None:
        raise InputError(f"id {HOSTILE} {'x' * 2_000_000}", path="corpus.jsonl", line=3, remedy="mend it")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert not steers(shown.rstrip("\n"))
    assert len(shown) < 1100
    assert shown.startswith("cslir: corpus.jsonl:3: id a [31mb cdefg h")
    assert shown.endswith("; mend it\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_stdout_of_any_encoding_takes_every_character(monkeypatch, encoding):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    print_every_character()
    value = {"text": "Füchse שלום 日本 😀"}
    print(plain_json(value))
    print("name \udce4")
    out.flush()
    first, second = out.buffer.getvalue().splitlines()
    assert json.loads(first.decode(encoding)) == value
    assert second == b"name \xe4"
