"""Descriptions: flowing text, languages, what counts as translated."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cslir.datasets.descriptions import (
    Description,
    flow_lines,
    is_translated,
    normalise_text,
    read_packages,
    read_translations,
)
from cslir.datasets.stanzas import MalformedStanzas

LISTS = Path(__file__).parents[1] / "fixtures" / "debian"


def test_paragraphs_flow_and_list_items_keep_their_lines():
    lines = [
        " A wrapped",
        " paragraph.",
        " .",
        " Features:",
        "  * the first item, which is",
        "    wrapped too",
        "  * the second",
        "  o a third",
        " .",
        "    code line one",
        "    code line two",
        " The end",
        " - an item at the margin",
        "   and its rest",
    ]
    assert flow_lines(lines).split("\n") == [
        "A wrapped paragraph.",
        "Features:",
        "* the first item, which is wrapped too",
        "* the second",
        "o a third",
        "code line one",
        "code line two",
        "The end",
        "- an item at the margin and its rest",
    ]


def test_a_letter_at_the_margin_is_a_word():
    assert flow_lines([" carta", " o plastica"]) == "carta o plastica"


def test_japanese_lines_join_without_a_space():
    assert flow_lines([" 同じ数字のタイルが", " 接触していると、", " 500 A.D. の"]) == (
        "同じ数字のタイルが接触していると、 500 A.D. の"
    )


def test_a_no_break_space_alone_ends_a_paragraph():
    assert flow_lines([" un", " \u00a0", " deux"]) == "un\ndeux"


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=20)))
def test_no_word_is_lost_or_made_up(lines):
    words = [word for line in lines for word in line.split() if line.strip() != "."]
    flowed = flow_lines([f" {line}" for line in lines])
    assert "".join(flowed.split()) == "".join(words)


@pytest.mark.parametrize("language", ["en", "de", "it", "fr", "ru", "es", "ja", "pl"])
def test_reads_every_description_of_a_real_list(language):
    malformed = MalformedStanzas(strict=True)
    path = LISTS / f"Translation-{language}"
    descriptions = list(read_translations(path, language, malformed))
    assert len(descriptions) == path.read_text("utf-8").count("Package: ")
    assert all(one.title and one.text and "\n" not in one.title for one in descriptions)


def test_the_russian_text_of_a_package():
    found = {
        one.package: one for one in read_translations(LISTS / "Translation-ru", "ru", MalformedStanzas())
    }
    assert found["blueman"] == Description(
        "blueman",
        "0d53e070801b0cf7f6808bfd0b84a60f",
        "графический менеджер bluetooth",
        "Blueman — GTK+ утилита управления bluetooth для GNOME использующая движок bluez для D-Bus.",
    )


def test_a_package_without_a_source_field_is_its_own_source():
    sources = {one.package: one.source for one in read_packages(LISTS / "Packages", MalformedStanzas())}
    assert sources["blueman"] == "blueman"
    assert sources["0ad-data-common"] == "0ad-data"
    assert sources["as31"] == "as31"  # "as31 (2.3.1-9)" in the list


def test_stanzas_without_the_needed_fields_are_malformed(tmp_path):
    path = tmp_path / "Translation-de"
    md5 = "0" * 32
    path.write_text(
        f"Package: a\nDescription-de: kurz\n lang\n\nDescription-md5: {md5}\nDescription-de: kurz\n lang\n\n"
        f"Package: b\nDescription-md5: short\nDescription-de: kurz\n lang\n\n"
        f"Package: c\nDescription-md5: {md5}\nDescription-fr: court\n long\n\n"
        f"Package: no-long-part\nDescription-md5: {md5}\nDescription-de: kurz\n\n"
        f"Package: d\nDescription-md5: {md5}\nDescription-de: kurz\n lang\n",
        "utf-8",
    )
    malformed = MalformedStanzas()
    assert [one.package for one in read_translations(path, "de", malformed)] == ["d"]
    assert malformed.count == 4
    assert "no Description-de field" in malformed.messages[3]


ENGLISH = Description("x", "", "IMAP module for PHP", "This package has an IMAP module for PHP, for mail.")


@pytest.mark.parametrize(
    ("title", "text", "translated"),
    [
        ("IMAP-Modul für PHP", "Dieses Paket enthält ein IMAP-Modul für PHP, für E-Post.", True),
        ("Module for PHP IMAP", "Dieses Paket enthält ein IMAP-Modul für PHP, für E-Post.", True),
        ("imap module  for PHP.", "Dieses Paket enthält ein IMAP-Modul für PHP, für E-Post.", False),
        ("IMAP modules for PHP", "Dieses Paket enthält ein IMAP-Modul für PHP, für E-Post.", False),
        ("IMAP-Modul für PHP", "This package has an IMAP module for PHP, for E-Mail.", False),
    ],
)
def test_translations_that_repeat_the_english(title, text, translated):
    assert is_translated(ENGLISH, Description("x", "", title, text)) is translated


def test_normalised_texts_are_equal_for_what_reads_the_same():
    assert normalise_text("Ｌｕａ — the\n*Language*!") == normalise_text("lua the language")
    assert normalise_text("version 5.1") != normalise_text("version 5.2")
