import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir import InputError
from cslir.switching import Lexicon, Switcher

pyarrow = pytest.importorskip("pyarrow")

TYPES = [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()]
PIECES = ["ice", "Ice ", "cream", " ", "van.", "дом", "北京", "é", "\n", "😀"]
texts = st.one_of(st.none(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


def switcher(translation_prob=0.5):
    german = [("ice", [("Eis", 1.0)]), ("ice cream", [("Speiseeis", 1.0)]), ("дом", [("Haus", 1.0)])]
    turkish = [("ice", [("buz", 1.0)]), ("北京", [("pekin", 1.0)])]
    lexicons = [Lexicon.from_entries("en", "de", german), Lexicon.from_entries("en", "tr", turkish)]
    return Switcher(lexicons, translation_prob=translation_prob, seed=3)


@given(
    column=st.lists(texts, max_size=150),
    kinds=st.tuples(st.sampled_from(TYPES), st.sampled_from(TYPES)),
    skipped=st.integers(0, 3),
    cut=st.integers(0, 150),
    threads=st.sampled_from([1, 2]),
    epoch=st.integers(0, 2),
)
def test_a_column_gets_the_strings_of_a_batch(column, kinds, skipped, cut, threads, epoch):
    ids = [f"r{row}" for row in range(len(column))]
    given_texts = pyarrow.array(["left out"] * skipped + column, kinds[0]).slice(skipped)
    pieces = pyarrow.chunked_array([given_texts.slice(0, cut), given_texts.slice(cut)])
    for texts in (given_texts, pieces):
        switched, counts = switcher().switch_arrow(
            texts, pyarrow.array(ids, kinds[1]), field="title", epoch=epoch, threads=threads
        )
        array = pyarrow.array(switched)
        array.validate(full=True)
        assert array.type == (pyarrow.string() if kinds[0] == pyarrow.string() else pyarrow.large_string())
        assert len(switched) == len(column)
        known = [row for row, text in enumerate(column) if text is not None]
        batch, expected = switcher().switch_batch(
            [column[row] for row in known], [ids[row] for row in known], field="title", epoch=epoch
        )
        assert [array[row].as_py() for row in known] == batch
        assert array.null_count == len(column) - len(known)
        assert counts == expected


def test_the_input_stays_and_the_output_outlives_everything():
    texts = pyarrow.array(["ice " * 1000, None])
    before = texts.to_pylist()
    array = pyarrow.array(switcher(1.0).switch_arrow(texts, pyarrow.array(["a", None]))[0])
    assert texts.to_pylist() == before
    del texts
    assert array[0].as_py() != before[0]
    assert array[1].as_py() is None


def test_the_same_output_can_be_read_twice():
    switched, _ = switcher(1.0).switch_arrow(pyarrow.array(["дом"]), pyarrow.array(["a"]))
    assert pyarrow.array(switched) == pyarrow.array(switched)


def test_the_column_says_that_it_may_hold_nulls():
    switched, _ = switcher().switch_arrow(pyarrow.array([None], pyarrow.string()), pyarrow.array(["a"]))

    class Schema:
        def __arrow_c_schema__(self):
            return switched.__arrow_c_array__()[0]

    assert pyarrow.field(Schema()) == pyarrow.field("", pyarrow.string(), nullable=True)


@pytest.mark.parametrize(
    ("texts", "ids", "error", "message"),
    [
        (["ice"], pyarrow.array(["a"]), TypeError, "texts must be an Arrow array, not list"),
        (pyarrow.array(["ice"]), "a", TypeError, "record_ids must be an Arrow array, not str"),
        (
            pyarrow.array(["ice"]),
            pyarrow.array([1]),
            TypeError,
            "record_ids must be .* not of Int64; cast it",
        ),
        (pyarrow.array([b"ice"]), pyarrow.array(["a"]), TypeError, "texts must be .* not of Binary"),
        (pyarrow.array(["ice"]).dictionary_encode(), pyarrow.array(["a"]), TypeError, "not of Dictionary"),
        (pyarrow.array(["ice"]), pyarrow.array([], pyarrow.string()), InputError, "1 texts and 0 record ids"),
        (
            pyarrow.array([None, "ice"]),
            pyarrow.array(["a", None]),
            InputError,
            r"record id 1 \(from 0\) is null",
        ),
        (
            pyarrow.array([b"\xff"]).view(pyarrow.string()),
            pyarrow.array(["a"]),
            ValueError,
            "texts is no readable",
        ),
    ],
)
def test_bad_columns_are_refused(texts, ids, error, message):
    with pytest.raises(error, match=message):
        switcher().switch_arrow(texts, ids)


def test_a_stream_that_fails_says_so():
    def batches():
        yield pyarrow.record_batch({"text": ["ice"]})
        raise OSError("the disk is gone")

    schema = pyarrow.schema([("text", pyarrow.string())])
    stream = pyarrow.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(ValueError, match="texts is no readable Arrow data"):
        switcher().switch_arrow(stream, pyarrow.array(["a"]))


def test_a_capsule_of_another_kind_is_refused():
    class Wrong:
        def __arrow_c_array__(self, requested_schema=None):
            schema, array = pyarrow.array(["ice"]).__arrow_c_array__()
            return array, schema

    with pytest.raises(ValueError, match="texts is no readable Arrow data"):
        switcher().switch_arrow(Wrong(), pyarrow.array(["a"]))


@pytest.mark.parametrize("method", ["__arrow_c_array__", "__arrow_c_stream__"])
def test_a_capsule_is_read_once(method):
    column = pyarrow.array(["ice"])
    capsules = getattr(pyarrow.chunked_array([column]) if "stream" in method else column, method)()
    once = type("Once", (), {method: lambda self, requested_schema=None: capsules})()
    assert len(switcher().switch_arrow(once, pyarrow.array(["a"]))[0]) == 1
    with pytest.raises(ValueError, match="its capsule was read before"):
        switcher().switch_arrow(once, pyarrow.array(["a"]))
