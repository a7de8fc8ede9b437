"""The one entrance: every format's fixture, both directions, malformed lines, damaged and foreign files."""

import gzip
import json
import lzma
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir.errors import InputError
from cslir.lexicons.entries import LexiconEntry
from cslir.lexicons.readers import FORMATS, read_lexicon
from cslir.lexicons.readers.detection import detect_format
from cslir.lexicons.translations import SkippedLines
from cslir.switching import Lexicon, load_lexicon

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lexicons"
DICTD = "dict-freedict-eng-fra/usr/share/dictd/freedict-eng-fra"
PAGES = FIXTURES / "wikipedia/enwiki-20240101-page.sql.gz"
LINKS = FIXTURES / "wikipedia/enwiki-20240101-langlinks.sql.gz"
CLDR = FIXTURES / "unicode-cldr-core"

FOUND = [
    ("word-lists/en-de.tsv", "tsv", "en", "de", ("file", "Datei", 0.69)),
    ("word-lists/muse-en-de.txt", "muse", "en", "de", ("free", "kostenlos", 1.0)),
    ("word-lists/muse-en-de.txt", "muse", "en", "de", ("library", "bibliothek", 1.0)),
    (f"{DICTD}.dict.dz", "dictd", "en", "fr", ("file", "dossier", 1.0)),
    (f"{DICTD}.index", "dictd", "fr", "en", ("dossier", "file", 1.0)),
    ("freedict-tei/eng-fra.tei", "tei", "en", "fr", ("Arctic Ocean", "océan Arctique", 0.5)),
    ("freedict-tei/eng-fra.tei", "tei", "fr", "en", ("parader", "display", 1.0)),
    ("freedict-tei/jpn-eng.tei", "tei", "ja", "en", ("図書館", "library", 1.0)),
    ("trans-de-en/usr/share/trans/de-en", "ding", "de", "en", ("Datei", "file", 0.5)),
    ("trans-de-en/usr/share/trans/de-en", "ding", "en", "de", ("files", "Dateien", 0.5)),
    ("mueller7-dict/usr/share/dictd/mueller7.index", "mueller", "en", "ru", ("display", "показ", 0.5)),
    ("edict/usr/share/edict/edict", "edict", "ja", "en", ("Tシャツ", "T-shirt", 0.5)),
    ("edict/usr/share/edict/edict", "edict", "en", "ja", ("whale", "くじら", 1.0)),
    ("wikititles/wikititles-2014_deen.xml.gz", "wikititles", "en", "de", ("Mercury", "Merkur", 0.5)),
    ("wikititles/wikititles-2014_deen.xml.gz", "wikititles", "de", "en", ("Straße von Hormus", "Strait of Hormuz", 1.0)),
    ("wikipedia/enwiki-20240101-page.sql.gz", "wikipedia", "en", "de", ("Schindler's List", "Schindlers Liste", 1.0)),
    ("wikipedia/enwiki-20240101-langlinks.sql.gz", "wikipedia", "fr", "en", ("Détroit d'Ormuz", "Strait of Hormuz", 1.0)),
    ("psq/en-de.json", "psq", "en", "de", ("library", "bücherei", 0.19)),
    ("unicode-cldr-core", "cldr", "en", "de", ("smiling face with sunglasses", "lächelndes Gesicht mit Sonnenbrille", 1.0)),
    ("unicode-cldr-core", "cldr", "de", "ja", ("Vereinigte Arabische Emirate", "アラブ首長国連邦", 1.0)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "format_name", "source", "target", "entry"), FOUND)
def test_each_format_is_recognised_and_read(name, format_name, source, target, entry) -> None:
    path = FIXTURES / name
    assert detect_format(path) == format_name
    entries = list(read_lexicon(path, source, target))
    assert entry in entries
    assert entries == list(read_lexicon(path, source, target, format=format_name))
    assert all(one.source and one.target and one.weight > 0 for one in entries)
    assert len(load_lexicon(path, source, target)) > 0


def test_every_format_has_a_fixture() -> None:
    assert {found[1] for found in FOUND} == set(FORMATS) - {"cslex"}


def test_a_compiled_lexicon_is_read_in_both_directions(tmp_path: Path) -> None:
    Lexicon.from_entries("en", "de", [("house", [("Haus", 2.0), ("Gebäude", 1.0)])]).save(tmp_path / "x")
    assert list(read_lexicon(tmp_path / "x", "en", "de")) == [
        ("house", "Haus", 2.0),
        ("house", "Gebäude", 1.0),
    ]
    assert list(read_lexicon(tmp_path / "x", "de", "en")) == [
        ("Haus", "house", 2.0),
        ("Gebäude", "house", 1.0),
    ]
    with pytest.raises(InputError, match="has en-de, en-fr was asked for"):
        list(read_lexicon(tmp_path / "x", "en", "fr"))


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("edict/usr/share/edict/edict", "ja-de"),
        ("trans-de-en/usr/share/trans/de-en", "de-fr"),
        ("mueller7-dict/usr/share/dictd/mueller7.index", "en-de"),
        (f"{DICTD}.index", "en-it"),
        ("freedict-tei/eng-fra.tei", "en-de"),
        ("wikititles/wikititles-2014_deen.xml.gz", "en-fr"),
        ("wikipedia/enwiki-20240101-page.sql.gz", "de-fr"),
        ("wikipedia/enwiki-20240101-page.sql.gz", "en-it"),
        ("unicode-cldr-core", "en-fr"),
    ],
)
def test_languages_that_a_file_has_not_are_refused(name: str, pair: str) -> None:
    with pytest.raises(InputError) as caught:
        list(read_lexicon(FIXTURES / name, *pair.split("-")))
    assert caught.value.path
    assert caught.value.remedy


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_compressed_files_are_read_alike(tmp_path: Path, compress) -> None:
    for name, source, target in (
        ("freedict-tei/eng-fra.tei", "en", "fr"),
        ("edict/usr/share/edict/edict", "ja", "en"),
        ("psq/en-de.json", "en", "de"),
    ):
        (tmp_path / "packed-eng-fra").write_bytes(compress((FIXTURES / name).read_bytes()))
        expected = list(read_lexicon(FIXTURES / name, source, target))
        assert list(read_lexicon(tmp_path / "packed-eng-fra", source, target)) == expected


@pytest.mark.parametrize(
    ("name", "format_name", "source", "target"), [found[:4] for found in FOUND if found[1] != "cldr"]
)
def test_truncated_archives_are_refused(tmp_path: Path, name, format_name, source, target) -> None:
    shutil.copytree((FIXTURES / name).parent, tmp_path / "copy")
    path = tmp_path / "copy" / Path(name).name
    data = path.read_bytes()
    if format_name in ("dictd", "mueller"):
        path = path.with_name(path.name.replace(".index", ".dict.dz"))
        data = path.read_bytes()
    path.write_bytes((data if data.startswith(b"\x1f\x8b") else gzip.compress(data))[:-20])
    with pytest.raises(InputError, match="truncated or corrupt"):
        list(read_lexicon(path, source, target, skipped=SkippedLines()))


@pytest.mark.parametrize("format_name", [None, *FORMATS])
def test_empty_missing_and_foreign_files_are_refused(tmp_path: Path, format_name) -> None:
    for name, contents in (
        ("empty.dict", b""),
        ("blank.tsv", b"\n \n"),
        ("page", b"\x00\x01\x02 binary \xff\n"),
    ):
        (tmp_path / name).write_bytes(contents)
        with pytest.raises(InputError) as caught:
            list(read_lexicon(tmp_path / name, "en", "de", format=format_name, skipped=SkippedLines()))
        assert caught.value.path
    with pytest.raises(InputError):
        list(read_lexicon(tmp_path / "missing", "en", "de", format=format_name))


def test_an_unknown_format_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "prose").write_text("This is a line of prose.\n")
    with pytest.raises(InputError, match="no format that is recognised") as caught:
        list(read_lexicon(tmp_path / "prose", "en", "de"))
    # A command without --format can't name it: the remedy holds for all.
    assert "cslir lexicons build PAIR=FILE --format FORMAT" in caught.value.remedy
    assert all(name in caught.value.remedy for name in FORMATS)
    with pytest.raises(InputError, match="no format 'csv' is known") as caught:
        list(read_lexicon(tmp_path / "prose", "en", "de", format="csv"))
    assert all(name in caught.value.remedy for name in FORMATS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bad\nhouse\tHaus\ndog\tHund\n", "tsv"),
        ("house haus\ndog\thund\ncat katze\n", "muse"),
        ("#\tRaute\n*\tStern\n", "tsv"),
        ("# Ding\nHaus {n} :: house\nlose Zeile\nHund {m} :: dog\n", "ding"),
        ('\ufeff\n {"a": {}}', "psq"),
    ],
)
def test_a_few_odd_lines_do_not_hide_the_format(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x").write_text(text)
    assert detect_format(tmp_path / "x") == expected


def test_text_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes("house\tHaus\nbook\tBücher\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"x\.tsv:2: not UTF-8"):
        list(read_lexicon(tmp_path / "x.tsv", "en", "de"))
    (tmp_path / "x.json").write_bytes('{"book": {"Bücher": 1}}'.encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        list(read_lexicon(tmp_path / "x.json", "en", "de"))


def test_a_file_without_entries_tells_how_many_lines_were_malformed(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("a\t\nb\t\n")
    skipped = SkippedLines()
    with pytest.raises(InputError, match="has no entry for en-de, and 2 malformed lines"):
        list(read_lexicon(tmp_path / "x.tsv", "en", "de", skipped=skipped))


def test_malformed_lines_are_skipped_and_counted_or_errors(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("house\tHaus\n" + "bad\n" * 12 + "dog\tHund\t0.5\ndog\tKöter\tlots\n")
    skipped = SkippedLines()
    assert list(read_lexicon(path, "en", "de", skipped=skipped)) == [
        ("house", "Haus", 1.0),
        ("dog", "Hund", 0.5),
    ]
    assert skipped.count == 13
    assert len(skipped.shown) == 10
    assert skipped.shown[0] == f"{path}:2: no source and target"
    for account in (None, SkippedLines(strict=True)):
        with pytest.raises(InputError, match=r"x\.tsv:2: no source and target; give"):
            list(read_lexicon(path, "en", "de", skipped=account))


@given(
    entries=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=6),
            st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=6),
        ),
        min_size=1,
    )
)
def test_a_muse_list_is_read_with_spaces_or_tabs(entries, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("muse") / "x.txt"
    expected = [LexiconEntry(source.removeprefix("\ufeff"), target, 1.0) for source, target in entries]
    if not all(entry.source for entry in expected):
        return
    for separator in (" ", "\t"):
        path.write_text("".join(f"{source}{separator}{target}\n" for source, target, _ in expected))
        assert list(read_lexicon(path, "en", "de", format="muse")) == expected


@given(
    table=st.dictionaries(
        st.text(min_size=1).filter(str.strip),
        st.dictionaries(st.text(min_size=1).filter(str.strip), st.floats(1e-6, 1), min_size=1, max_size=3),
        min_size=1,
        max_size=5,
    ),
    indent=st.sampled_from([None, 0, 2]),
)
def test_a_psq_table_is_read_as_json_reads_it(table, indent, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("psq") / "x.json"
    path.write_text(json.dumps(table, indent=indent))
    expected = [(word.strip(), target.strip(), p) for word, row in table.items() for target, p in row.items()]
    assert list(read_lexicon(path, "en", "de")) == expected


def test_a_psq_table_larger_than_a_block_is_read_and_its_errors_have_lines(tmp_path: Path) -> None:
    table = {
        f"word{number}": {f"wort{number}": 0.5, "ü" * (1 + number % 900): 0.25} for number in range(1, 2000)
    }
    path = tmp_path / "x.json"
    text = json.dumps(table, indent=1, ensure_ascii=False)
    path.write_text(text)
    assert len(list(read_lexicon(path, "en", "de"))) == 2 * 1999
    path.write_text(text.replace('"wort1500": 0.5', '"wort1500": 0.5.5'))
    with pytest.raises(InputError, match="not valid JSON") as caught:
        list(read_lexicon(path, "en", "de", skipped=SkippedLines()))
    assert caught.value.line == text[: text.index('"word1500"')].count("\n") + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": {"b": 1}', "ends|end of the file"),
        ('{"a": {"b": 1}} x', "the end expected, 'x' found"),
        ('{"a" {"b": 1}}', "':' expected"),
        ('["a"]', "'{' expected"),
        ('{"a": {"b": 1},}', "Expecting value|'}' expected"),
        ('{"a": {"b": NaN}}', "NaN is no value of JSON"),
        ('{"a": {"b": 1, "b": 2}}', "the key 'b' comes twice"),
        ('{"a": {"\\ud800": 1}}', "half a surrogate pair"),
        ('{"a": {"b": ' + "[" * 100_000, "more than 128 lists and objects"),
    ],
)
def test_broken_psq_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=message):
        list(read_lexicon(tmp_path / "x.json", "en", "de", format="psq"))


def test_a_psq_table_with_bad_probabilities_is_read_in_part(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": {"b": -1, "c": true, "d": "1", "f": 0.5}, "g": [], "": {}}')
    skipped = SkippedLines()
    assert list(read_lexicon(tmp_path / "x.json", "en", "de", skipped=skipped)) == [("a", "f", 0.5)]
    assert skipped.count == 5


def test_edict_is_read_in_utf8_and_in_the_form_of_edict2(tmp_path: Path) -> None:
    euc = FIXTURES / "edict/usr/share/edict/edict"
    (tmp_path / "edict").write_text(euc.read_bytes().decode("euc_jp"))
    assert list(read_lexicon(tmp_path / "edict", "ja", "en")) == list(read_lexicon(euc, "ja", "en"))
    (tmp_path / "edict2").write_text(
        "鯨(P);巨鯨 [くじら(P);いさな(ok)] /(n) (uk) whale/(P)/EntL1253080X/\n表 [ひょう] /(n) table/chart/\n表 [ひょう] broken\n"
    )
    skipped = SkippedLines()
    entries = list(read_lexicon(tmp_path / "edict2", "ja", "en", format="edict", skipped=skipped))
    assert entries == [
        ("くじら", "whale", 1.0),
        ("いさな", "whale", 1.0),
        ("表", "table", 0.1),
        ("表", "chart", 0.1),
    ]
    assert skipped.shown == [f"{tmp_path / 'edict2'}:3: not `HEADWORD [reading] /gloss/gloss/`"]


def test_outdated_readings_of_edict_are_not_taken() -> None:
    sources = {entry.source for entry in read_lexicon(FIXTURES / "edict/usr/share/edict/edict", "ja", "en")}
    assert {"りんご", "林檎"} <= sources
    assert "りゅうごう" not in sources


def test_tei_entries_without_headword_are_named(tmp_path: Path) -> None:
    text = (FIXTURES / "freedict-tei/eng-fra.tei").read_text()
    (tmp_path / "x.tei").write_text(text.replace("<orth>display</orth>", "<orth/>"))
    skipped = SkippedLines()
    entries = list(read_lexicon(tmp_path / "x.tei", "en", "fr", skipped=skipped))
    assert "display" not in {entry.source for entry in entries}
    line = text[: text.index("</entry>", text.index("display"))].count("\n") + 1
    assert skipped.shown == [f"{tmp_path / 'x.tei'}:{line}: the entry that ends here has no headword"]


def test_tei_of_other_languages_within_an_entry_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "eng-deu.tei").write_text(
        '<TEI xmlns="http://www.tei-c.org/ns/1.0"><body><entry><form><orth>dog</orth></form><sense>'
        '<cit type="trans"><quote xml:lang="fr">chien</quote><quote xml:lang="de">Hund</quote></cit>'
        "</sense></entry></body></TEI>"
    )
    assert list(read_lexicon(tmp_path / "eng-deu.tei", "en", "de")) == [("dog", "Hund", 1.0)]


def test_broken_xml_is_named_with_its_line(tmp_path: Path) -> None:
    text = (FIXTURES / "freedict-tei/eng-fra.tei").read_text()
    (tmp_path / "x.tei").write_text(text[: text.index("</body>")])
    with pytest.raises(InputError, match="not well-formed XML") as caught:
        list(read_lexicon(tmp_path / "x.tei", "en", "fr"))
    assert caught.value.line


def test_wikipedia_leaves_out_redirects_talk_pages_and_categories() -> None:
    entries = {entry.source: entry for entry in read_lexicon(PAGES, "en", "de")}
    assert set(entries) == {
        "United Arab Emirates", "Schindler's List", "Mercury", "Strait of Hormuz", "Artificial intelligence",
        "Who's Afraid of Virginia Woolf?", '"Heroes"',
    }  # fmt: skip
    assert entries["Mercury"].weight < entries["Strait of Hormuz"].weight


def copy_dumps(folder: Path, pages: bytes, links: bytes) -> Path:
    (folder / "enwiki-page.sql").write_bytes(pages)
    (folder / "enwiki-langlinks.sql").write_bytes(links)
    return folder / "enwiki-page.sql"


def test_wikipedia_links_in_any_order_give_the_same(tmp_path: Path) -> None:
    links = gzip.decompress(LINKS.read_bytes()).decode()
    start = links.index("VALUES ") + len("VALUES ")
    rows = links[start:].strip(";\n").split("),(")
    shuffled = "),(".join(reversed([row.strip("()") for row in rows]))
    path = copy_dumps(
        tmp_path, gzip.decompress(PAGES.read_bytes()), f"{links[:start]}({shuffled});\n".encode()
    )
    assert list(read_lexicon(path, "en", "de")) == list(read_lexicon(PAGES, "en", "de"))


def test_malformed_rows_of_dumps_are_skipped(tmp_path: Path) -> None:
    pages, links = gzip.decompress(PAGES.read_bytes()), gzip.decompress(LINKS.read_bytes())
    broken = links.replace(b"(13,'de','Schindlers Liste')", b"(13,'de')").replace(
        b"'Quecksilber')", b"'\xff')"
    )
    path = copy_dumps(tmp_path, pages, broken)
    skipped = SkippedLines()
    entries = list(read_lexicon(path, "en", "de", skipped=skipped))
    assert "Schindler's List" not in {entry.source for entry in entries}
    assert ("Strait of Hormuz", "Straße von Hormus", 1.0) in entries
    assert skipped.count == 2
    assert skipped.shown[1].endswith("page 15 has a title that is not UTF-8")
    with pytest.raises(InputError, match="has not the table's columns"):
        list(read_lexicon(path, "en", "de"))


def test_the_other_dump_and_the_table_are_needed(tmp_path: Path) -> None:
    shutil.copy(PAGES, tmp_path)
    with pytest.raises(InputError, match="langlinks.*no such file, the dump of `langlinks`"):
        list(read_lexicon(tmp_path / PAGES.name, "en", "de"))
    pages, links = gzip.decompress(PAGES.read_bytes()), gzip.decompress(LINKS.read_bytes())
    with pytest.raises(InputError, match="has no rows of the table `page`"):
        list(read_lexicon(copy_dumps(tmp_path, links, links), "en", "de"))
    with pytest.raises(InputError, match="has no column page_is_redirect"):
        list(read_lexicon(copy_dumps(tmp_path, pages.replace(b"page_is_redirect", b"x"), links), "en", "de"))
    doubled = pages.replace(b"  `page_len`", b"  `page_id` int,\n  `page_len`")
    with pytest.raises(InputError, match="has a column twice"):
        list(read_lexicon(copy_dumps(tmp_path, doubled, links), "en", "de"))
    shutil.copy(PAGES, tmp_path / "titles.sql.gz")
    with pytest.raises(InputError, match="neither `page` nor `langlinks` in its name"):
        list(read_lexicon(tmp_path / "titles.sql.gz", "en", "de"))


def test_one_file_of_cldr_gives_the_names_of_its_kind() -> None:
    path = CLDR / "usr/share/unicode/cldr/common/annotations/en.xml"
    sources = {entry.source for entry in read_lexicon(path, "en", "ja")}
    assert "smiling face with sunglasses" in sources
    assert "United Arab Emirates" not in sources
    with pytest.raises(InputError, match="is the file of neither language of de-ja"):
        list(read_lexicon(path, "de", "ja"))


def test_short_names_of_cldr_weigh_less() -> None:
    entries = {entry.source: entry for entry in read_lexicon(CLDR, "en", "de")}
    assert entries["Hong Kong"] == ("Hong Kong", "Hongkong", 0.5)
    assert entries["Hong Kong SAR China"].weight == 1.0
    with pytest.raises(InputError, match="no folder of CLDR"):
        list(read_lexicon(FIXTURES / "psq", "en", "de"))


@pytest.mark.parametrize("suffix", [".dict.dz", ".dict", ".index"])
def test_dictd_is_found_by_either_file(tmp_path: Path, suffix: str) -> None:
    text, index = FIXTURES / f"{DICTD}.dict.dz", FIXTURES / f"{DICTD}.index"
    name = "freedict-eng-fra"
    shutil.copy(index, tmp_path / f"{name}.index")
    if suffix == ".dict.dz":
        shutil.copy(text, tmp_path / f"{name}.dict.dz")
    else:
        (tmp_path / f"{name}.dict").write_bytes(gzip.decompress(text.read_bytes()))
    assert list(read_lexicon(tmp_path / f"{name}{suffix}", "en", "fr")) == list(
        read_lexicon(text, "en", "fr")
    )


def test_edict_in_another_encoding_is_told_so(tmp_path: Path) -> None:
    lines = ["ASCII /(n) alone/", "猫 [ねこ] /(n) cat/", "犬 [いぬ] /(n) dog/"]
    (tmp_path / "edict.sjis").write_bytes("\n".join(lines).encode("shift_jis"))
    with pytest.raises(
        InputError, match=r"edict\.sjis:2: neither UTF-8 nor EUC-JP; convert the file"
    ) as caught:
        list(read_lexicon(tmp_path / "edict.sjis", "ja", "en", format="edict"))
    assert "iconv" in caught.value.remedy
    mixed = [lines[1].encode("euc_jp"), lines[2].encode("utf-8")]
    (tmp_path / "edict").write_bytes(b"\n".join(mixed))
    with pytest.raises(InputError, match=r"edict:2: not EUC-JP, as lines before it are"):
        list(read_lexicon(tmp_path / "edict", "ja", "en", format="edict"))
