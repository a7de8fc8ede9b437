import gzip
import lzma
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_switching import Dictionary, switch

from cslir import InputError
from cslir.records import Example, Passage, Query
from cslir.switching import Lexicon, Switcher, Switching, load_lexicon

# Pieces of many scripts, of code and of punctuation; few words, so that random lexicons and texts meet.
PIECES = [
    "ice", "Ice", "CREAM", "van", "the", "New", "york",
    "don't", "don’t", "'", "-", " ", " ", " ",
    " ", "\n", ", ", ".", "e.g.", "U.S.", "file.txt",
    "foo_bar", "_", "http://a.example/the-van", "www.ice.example", "me@ice.example", "--ice", "2",
    "22", "libfoo2", "дом", "ДОМ", "Ёлка", "straße", "STRASSE",
    "北京", "大", "学", "ที่", "นี่", "é", "e\u0301",
    "im\u0308", "سلام", "می\u200cخواهم", "so\u00adft", "(", ")", "[",
    "<", ">", "/", "ı", "İ", "ﬁn", "\u2014",
    "“",
    "😀", "½", "ヿ",
    "c", "C", "c++", "C#", "++", ".c", "maße", "Maße", "masse", "MASSE", "ISI", "ısı", "isi",
    "за\u0301мок", "замок", "كَتَبَ", "كتب", "ـ", "ﾊﾞ", "バ", "ﾞ",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
targets = st.sampled_from(
    ["eis", "Eis", "дом", "neu-york", "ßa", "istanbul", "北", "سلام", "ა", "NATO", "two words"]
)
weights = st.sampled_from([1.0, 1.0, 0.25, 3.5, 1e-3])
entries = st.lists(
    st.tuples(
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join),
        st.lists(st.tuples(targets, weights), min_size=1, max_size=3),
    ),
    max_size=25,
)
probabilities = st.sampled_from([0.0, 0.3, 0.5, 1.0])


def lexicon(language="de", **words):
    return Lexicon.from_entries(
        "en", language, [(source, [(target, 1.0)]) for source, target in words.items()]
    )


def everything(lexicons, text, **options):
    return Switcher(lexicons, translation_prob=1.0, seed=1, **options).switch(text, "r")


@settings(max_examples=250, deadline=None)
@given(
    text=texts,
    first=entries,
    second=entries,
    forms=st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(PIECES)), max_size=9),
    source=st.sampled_from(["en", "tr"]),
    translation_prob=probabilities,
    seed=st.integers(0, 2**64 - 1),
    record_id=st.text("abé0", max_size=12),
    name=st.sampled_from(["text", "title"]),
    epoch=st.integers(0, 3),
    options=st.fixed_dictionaries(
        {
            "language_choice": st.sampled_from(["token", "text"]),
            "miss_policy": st.sampled_from(["keep", "redraw"]),
            "target_choice": st.sampled_from(["best", "weighted"]),
            "language_weights": st.sampled_from([None, [1.0, 2.5], [0.0, 1.0]]),
            "stop_words": st.sampled_from([(), ("ICE", "don't", "дом")]),
            "switch_stop_words": st.booleans(),
            "lemma_fallback": st.booleans(),
            "protect": st.booleans(),
        }
    ),
)
def test_parity_with_the_plain_reference(
    text, first, second, forms, source, translation_prob, seed, record_id, name, epoch, options
):
    languages = {"de": first, "tr": second}
    lexicons = [Lexicon.from_entries(source, language, e, forms=forms) for language, e in languages.items()]
    dictionaries = [Dictionary(language, e, forms, source) for language, e in languages.items()]
    switcher = Switcher(lexicons, translation_prob=translation_prob, seed=seed, **options)
    switched = switcher.switch_with_spans(text, record_id, field=name, epoch=epoch)
    expected, spans, counts = switch(
        text,
        dictionaries,
        translation_prob=translation_prob,
        seed=seed,
        record_id=record_id,
        name=name,
        epoch=epoch,
        **options,
    )
    assert switched.text == expected
    assert [
        (s.source_start, s.source_end, s.target_start, s.target_end, s.language, s.entry)
        for s in switched.spans
    ] == spans
    assert {name: getattr(switched.counts, name) for name in counts} == counts
    assert switcher.switch(text, record_id, field=name, epoch=epoch) == expected


def test_the_entry_spelled_as_in_the_text_comes_first():
    words = {
        "c++": "C++",
        "c#": "C#",
        "c": "C",
        "maße": "sizes",
        "masse": "mass",
        "Essen": "food",
        "essen": "eat",
    }
    known = lexicon(**words)
    for text, expected in (
        ("c# and c++, C++ or C; c-", "C# and C++, C++ or C; C-"),
        ("maße masse Maße MASSE", "sizes mass Sizes MASS"),
        ("das Essen, wir essen", "das Food, wir eat"),
    ):
        assert everything([known], text) == expected
    assert known.lookup("c#") == [("C#", 1.0)]
    assert known.lookup("MAẞE") == [("sizes", 1.0)]
    # As none of them is spelled: the targets of all.
    assert known.lookup("maſse") == [("sizes", 1.0), ("mass", 1.0)]
    assert [source for source, _ in known.entries()] == list(words)


def test_what_stands_around_the_tokens_is_replaced_with_them():
    known = lexicon(**{"U.S.": "USA", "Merkur (Planet)": "Mercury", "(z. B.)": "(e.g.)"})
    for text, expected in (
        ("the U.S. army, the U.S", "the USA army, the USA"),
        ("Merkur (Planet), Merkur (planet", "Mercury, Mercury"),
        ("so (z. B.) z. B (z. B)", "so (e.g.) (e.g.) ((e.g.))"),
    ):
        assert everything([known], text) == expected
    (span,) = Switcher([known], translation_prob=1.0, seed=1).switch_with_spans("in (U.S.)", "r").spans
    assert (span.source_start, span.source_end, span.entry) == (4, 8, "u.s")


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("ar", "كتاب", "كِتَابٌ كــتاب"),
        ("ru", "замок", "за́мок замо́к ЗА́МОК"),
        ("ja", "バス", "ﾊﾞｽ"),
        ("tr", "istanbul", "İSTANBUL ISTANBUL İstanbul Istanbul ıstanbul"),
        ("tr", "Isparta", "ISPARTA ısparta Isparta"),
    ],
)
def test_a_text_is_looked_up_as_lexicons_are_read(language, source, text):
    known = Lexicon.from_entries(language, "en", [(source, [("42", 1.0)])])
    assert set(everything([known], text).split()) == {"42"}


def test_turkish_words_that_differ_in_the_dot_are_told_apart():
    known = Lexicon.from_entries("tr", "en", [("kıl", [("hair", 1.0)]), ("kil", [("clay", 1.0)])])
    assert everything([known], "kıl kil Kıl KIL KİL") == "hair clay Hair HAIR CLAY"


# The core reads blocks of 64 bytes and groups of some thousand: words at the edges of both, and long ones.
paddings = st.integers(0, 70).map(lambda length: "x" * length)
edges = st.sampled_from(["don't" * 3, "'é'", "a'b", "’", "日本語ไทย", "שלום עולם", "http://a.example/" * 5])
long_texts = st.lists(st.one_of(texts, paddings, edges), max_size=60).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(
    batch=st.lists(st.one_of(texts, long_texts), min_size=1, max_size=9),
    languages=st.fixed_dictionaries({"de": entries, "tr": entries, "ru": entries}),
    translation_prob=probabilities,
    seed=st.integers(0, 99),
    options=st.fixed_dictionaries(
        {
            "miss_policy": st.sampled_from(["keep", "redraw"]),
            "lemma_fallback": st.booleans(),
            "protect": st.booleans(),
        }
    ),
)
def test_a_batch_is_what_the_reference_gives_one_by_one(batch, languages, translation_prob, seed, options):
    forms = [("Ice", "ice"), ("vans", "van"), ("ices", "ice")]
    lexicons = [Lexicon.from_entries("en", language, e, forms=forms) for language, e in languages.items()]
    dictionaries = [Dictionary(language, e, forms) for language, e in languages.items()]
    switcher = Switcher(lexicons, translation_prob=translation_prob, seed=seed, **options)
    expected = [
        switch(
            text, dictionaries, translation_prob=translation_prob, seed=seed, record_id=str(number), **options
        )[0]
        for number, text in enumerate(batch)
    ]
    for threads in (1, 2):
        found, _ = switcher.switch_batch(batch, [str(i) for i in range(len(batch))], threads=threads)
        assert found == expected


@settings(max_examples=100, deadline=None)
@given(text=texts, entries=entries, seed=st.integers(0, 9))
def test_spans_rebuild_the_output(text, entries, seed):
    switcher = Switcher([Lexicon.from_entries("en", "de", entries)], translation_prob=0.5, seed=seed)
    switched = switcher.switch_with_spans(text, "r")
    read = written = 0
    for span in switched.spans:
        assert text[read : span.source_start] == switched.text[written : span.target_start]
        for whole, (start, end), piece in (
            (text, span.source_bytes, text[span.source_start : span.source_end]),
            (switched.text, span.target_bytes, switched.text[span.target_start : span.target_end]),
        ):
            assert whole.encode()[start:end].decode() == piece
        read, written = span.source_end, span.target_end
    assert text[read:] == switched.text[written:]


@settings(max_examples=100, deadline=None)
@given(text=texts, entries=entries)
def test_probability_zero_is_the_identity(text, entries):
    switcher = Switcher([Lexicon.from_entries("en", "de", entries)], translation_prob=0.0, seed=1)
    switched = switcher.switch_with_spans(text, "r")
    assert switched.text == text
    assert (switched.spans, switched.counts.switched, switched.counts.switch_rate) == ([], 0, 0.0)


def test_probability_one_switches_every_word_of_the_lexicon():
    words = [f"word{chr(97 + i)}" for i in range(26)]
    german = lexicon(**{word: word.upper() + "-de" for word in words})
    switched = Switcher([german], translation_prob=1.0, seed=1).switch_with_spans(" ".join(words * 9), "r")
    assert switched.text == " ".join(word.upper() + "-de" for word in words * 9)
    assert (switched.counts.switched, switched.counts.missed, switched.counts.switch_rate) == (234, 0, 1.0)


def test_observed_rate_is_near_the_probability():
    switcher = Switcher([lexicon(a="x")], translation_prob=0.3, seed=5)
    _, counts = switcher.switch_batch(["a " * 100] * 200, [str(i) for i in range(200)])
    assert counts.switch_rate == pytest.approx(0.3, abs=0.01)


def test_threads_batches_and_order_do_not_matter():
    switcher = Switcher([lexicon(a="x", b="y"), lexicon("fr", a="u")], translation_prob=0.5, seed=3)
    ids = [f"d{i}" for i in range(300)]
    # More than what the calling thread switches by itself.
    rows = ["a b c " * (i % 70) for i in range(300)]
    one, counts = switcher.switch_batch(rows, ids, threads=1)
    assert switcher.switch_batch(rows[:9], ids[:9])[0] == one[:9]
    for threads in (2, 5, None):
        assert switcher.switch_batch(rows, ids, threads=threads) == (one, counts)
    assert switcher.switch_batch(rows[::-1], ids[::-1])[0] == one[::-1]
    assert [switcher.switch(row, key) for row, key in zip(rows, ids, strict=True)] == one
    assert switcher.switch_batch(rows, ids, epoch=1)[0] != one
    assert switcher.switch_batch(rows, ids, field="title")[0] != one
    assert switcher.switch_batch([], []) == (
        [],
        Switcher([lexicon(), lexicon("fr")], translation_prob=0, seed=0).switch_batch([], [])[1],
    )


def test_a_batch_has_the_spans_of_its_texts():
    switcher = Switcher([lexicon(a="xyz", b="ß"), lexicon("fr", a="u")], translation_prob=0.5, seed=3)
    ids = [f"d{i}" for i in range(300)]
    rows = ["a b 北a c " * (i % 7) for i in range(300)]
    texts, total = switcher.switch_batch(rows, ids, field="title", epoch=2)
    for threads in (1, 3):
        batch, counts = switcher.switch_batch_with_spans(rows, ids, field="title", epoch=2, threads=threads)
        assert [switched.text for switched in batch] == texts
        assert counts == total
        for row, record_id, switched in zip(rows, ids, batch, strict=True):
            alone = switcher.switch_with_spans(row, record_id, field="title", epoch=2)
            assert (switched.spans, switched.counts) == (alone.spans, alone.counts)
    assert switcher.switch_batch_with_spans([], [])[0] == []
    with pytest.raises(InputError, match="1 texts and 2 record ids"):
        switcher.switch_batch_with_spans(["a"], ["1", "2"])


def test_scripts_cases_and_apostrophes():
    assert everything([lexicon("he", end="סוף")], "The end, (END).") == "The סוף, (סוף)."
    assert everything([lexicon("ru", house="дом")], "House HOUSE house houses") == "Дом ДОМ дом houses"
    assert everything([lexicon("zh", house="房子")], "House HOUSE") == "房子 房子"
    assert everything([lexicon("tr", city="istanbul")], "City CITY") == "İstanbul İSTANBUL"
    assert everything([lexicon(**{"don’t": "nicht"})], "Don't DON’T don't!") == "Nicht NICHT nicht!"
    chinese = Lexicon.from_entries("zh", "de", [("北京", [("Peking", 1)]), ("北", [("Nord", 1)])])
    assert everything([chinese], "我在北京北") == "我在Peking Nord"


def test_phrases_are_switched_or_left_whole():
    german = lexicon(**{"ice cream": "Eiscreme", "cream": "Sahne"})
    switcher = Switcher([german], translation_prob=0.5, seed=1)
    outputs = {switcher.switch("ice-cream", str(i)) for i in range(50)}
    assert outputs == {"ice-cream", "Eiscreme"}


def test_urls_addresses_numbers_and_code_are_protected():
    german = lexicon(**{"house": "haus", "2": "zwei"})
    text = "house http://house.example/house me@house.example house.txt my_house house2 --house 2 (house)"
    kept = text.replace("(house)", "(haus)").replace("house", "haus", 1)
    assert everything([german], text) == kept
    assert "zwei" in everything([german], text, protect=False)


def test_bad_options_say_what_to_do():
    german = lexicon(a="b")
    for options in (
        {"translation_prob": 1.5},
        {"translation_prob": float("nan")},
        {"language_choice": "both"},
        {"miss_policy": "?"},
        {"target_choice": ""},
        {"language_weights": [1.0, 1.0]},
        {"stop_words": ["two words"]},
    ):
        with pytest.raises(InputError, match="give") as caught:
            Switcher([german], **{"translation_prob": 0.5, "seed": 1} | options)
        assert caught.value.remedy
    with pytest.raises(InputError, match="no lexicon"):
        Switcher([], translation_prob=0.5, seed=1)
    switcher = Switcher([german], translation_prob=0.5, seed=1)
    with pytest.raises(InputError, match="2 texts and 1 record ids"):
        switcher.switch_batch(["a", "b"], ["1"])
    with pytest.raises(InputError, match="threads is 0"):
        switcher.switch_batch(["a"], ["1"], threads=0)


def test_augmenter_switches_each_side_with_its_own_probability_and_every_epoch_anew():
    german = lexicon(a="x", b="y")
    augmenter = Switching([german], query_translation_prob=1.0, passage_translation_prob=0.5).augmenter()
    long = "a b " * 50
    example = Example(Query("q", "a b", "en"), Passage("d", long, "a", "en"), (Passage("n", long),))
    [first] = augmenter.examples([example], epoch=0)
    assert first.query == Query("q", "x y", "en")
    assert first.positive.text not in (long, "x y " * 50)
    assert (first.positive.doc_id, first.positive.language, len(first.negatives)) == ("d", "en", 1)
    assert first.negatives[0].text != first.positive.text
    assert augmenter.examples([example], epoch=0) == [first]
    assert augmenter.examples([example, example], epoch=1)[0] != first
    assert augmenter.passages([Passage("d", long)], epoch=0)[0].text == first.positive.text


def test_word_lists_of_all_kinds_are_read(tmp_path):
    text = "house\tHaus\t0.5\nhouse\tGebäude\t2\n\nice cream\tEis\n...\t…\n"
    plain = tmp_path / "en-de.tsv"
    plain.write_text(text, encoding="utf-8")
    (tmp_path / "en-de.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "en-de.xz").write_bytes(lzma.compress(text.encode()))
    for name in ("en-de.tsv", "en-de.gz", "en-de.xz"):
        found = load_lexicon(tmp_path / name, "en", "de", licence="CC0")
        assert found.entries() == [
            ("house", [("Gebäude", 2.0), ("Haus", 0.5)]),
            ("ice cream", [("Eis", 1.0)]),
        ]
        assert (found.licence, found.provenance, found.left_out) == ("CC0", name, 1)
    muse = tmp_path / "en-de.txt"
    muse.write_text("house haus\nhouse gebäude\ndog\thund\n", encoding="utf-8")
    assert load_lexicon(muse, "en", "de").lookup("House") == [("haus", 1.0), ("gebäude", 1.0)]
    found.save(tmp_path / "compiled")
    assert load_lexicon(tmp_path / "compiled", "en", "de").entries() == found.entries()
    with pytest.raises(InputError, match="en-de, en-fr was asked for"):
        load_lexicon(tmp_path / "compiled", "en", "fr")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("house", "no source and target"),
        ("house\t", "no source and target"),
        ("\tHaus", "no source and target"),
        ("a b c", "no source and target"),
        ("a\tb\t1\t2", "4 columns"),
        ("a\tb\tmuch", "weight 'much'"),
        ("a\tb\t0", "weight '0'"),
        ("a\tb\tinf", "weight 'inf'"),
    ],
)
def test_malformed_lines_are_named(tmp_path, line, message):
    path = tmp_path / "list.tsv"
    path.write_text(f"good\tgut\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        load_lexicon(path, "en", "de")
    assert (caught.value.path, caught.value.line) == (str(path), 2)
    assert caught.value.remedy


def test_files_that_are_no_list_are_named(tmp_path):
    for name, contents in (("empty", b"\n"), ("control", b"a\tb\x01\n"), ("part", b"\x89CSLEX\r\n\x01")):
        (tmp_path / name).write_bytes(contents)
    for name in ("empty", "control", "part", "missing"):
        with pytest.raises(InputError) as caught:
            load_lexicon(tmp_path / name, "en", "de")
        assert caught.value.path == str(tmp_path / name)


def test_a_lexicon_is_of_its_language_under_any_code(tmp_path):
    path = tmp_path / "he.cslex"
    Lexicon.from_entries("en", "iw", [("peace", [("shalom", 1.0)])]).save(path)
    lexicons = [load_lexicon(path, "en", "he")]
    for code in ("he", "iw"):
        switching = Switching(lexicons, language_weights={code: 2.0}, translation_prob=1.0)
        assert switching("peace") == "shalom"
    with pytest.raises(InputError, match="no lexicon for the weight of 'de'"):
        Switching(lexicons, language_weights={"de": 2.0})


def test_lexicons_are_named_alone_in_a_list_or_in_a_mapping_to_files(tmp_path):
    path = tmp_path / "my.en-de.txt"
    path.write_text("house Villa\n")
    for file in (path, str(path)):
        assert Switching({"en-de": file}, translation_prob=1.0)("house") == "Villa"
    assert Switching("en-de") == Switching(["en-de"])
    assert Switching(lexicon(house="Haus"), translation_prob=1.0)("house") == "Haus"
    for wrong in (path, [path], {"en-de": 3}, [3], 3):
        with pytest.raises(InputError, match="`lexicons` can't hold.*'en-de=FILE'"):
            Switching(wrong)


def test_one_text_has_one_id_and_several_have_a_list():
    switching = Switching([lexicon(house="Haus")])
    with pytest.raises(InputError, match="`ids` must be a list"):
        switching(["a", "b"], ids="12")
    with pytest.raises(InputError, match="`ids` must be one id"):
        switching("a", ids=["1"])


def test_switchings_of_the_same_options_and_entries_are_equal():
    one = Switching([lexicon(house="Haus")], language_weights={"de": 2.0})
    same = Switching([lexicon(house="Haus")], language_weights={"de": 2.0})
    assert one == same == pickle.loads(pickle.dumps(one))
    assert len({one, same}) == 1
    others = [
        Switching([lexicon(house="Villa")], language_weights={"de": 2.0}),
        Switching([lexicon(house="Haus")]),
        Switching([lexicon("fr", house="Haus")]),
    ]
    assert one not in others


def test_wrong_values_are_named():
    for options, message in (
        ({"translation_prob": "0.5"}, "between 0 and 1, not '0.5'"),
        ({"seed": "1"}, "seed must be"),
        ({"language_weights": {"de": "x"}}, "weight of de must be"),
        ({"language_weights": ["de"]}, "`language_weights` is no mapping"),
    ):
        with pytest.raises(InputError, match=message):
            Switching([lexicon(house="Haus")], **options)
    switching = Switching([lexicon(house="Haus")])
    for text in (3, None, ["a", None]):
        with pytest.raises(InputError, match="is no text"):
            switching(text)
    with pytest.raises(InputError, match="`epoch` must be"):
        switching("house", epoch=-1)
