import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cslir import InputError, VectorIndex

LANGUAGES = ["de", "fr", "vi"]


def made(rows=9, dimension=4, **options):
    generator = np.random.default_rng(rows)
    vectors = generator.integers(-5, 6, size=(rows, dimension)).astype(np.float32)
    ids = [f"d{row}" for row in range(rows)]
    metadata = {"language": [LANGUAGES[row % 3] for row in range(rows)]}
    return VectorIndex.build(vectors, ids, metadata, **options), vectors


def best(vectors, queries, k, allowed=None):
    """Rows by numpy: a stable sort puts the lower of two equal rows first."""
    scores = queries @ vectors.T
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
        k = min(k, int(allowed.sum()))
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, rows, axis=1), rows


@pytest.fixture(params=["memory", "folder"])
def place(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "index"


def test_search_is_exact_and_tells_ids_and_metadata(place):
    index, vectors = made(path=place)
    queries = np.array([[1, 2, 0, -1], [0, 0, 3, 1]], dtype=np.float32)
    scores, rows = index.search(queries, 4)
    expected_scores, expected_rows = best(vectors, queries, 4)
    np.testing.assert_array_equal(scores, expected_scores)
    np.testing.assert_array_equal(rows, expected_rows)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    assert index.ids(rows[0]) == [f"d{row}" for row in rows[0]]
    assert index.metadata("language", rows[0].tolist()) == [LANGUAGES[row % 3] for row in rows[0]]
    np.testing.assert_array_equal(index.vectors(rows[1]), vectors[rows[1]])
    assert (len(index), index.rows, index.dimension, index.dtype) == (9, 9, 4, "float32")
    assert (index.path, index.columns, index.segments) == (place, ["language"], 1)
    assert "9 x 4 float32" in repr(index)


def test_where_takes_metadata_or_flags(place):
    index, vectors = made(path=place)
    query = np.ones((1, 4), dtype=np.float32)
    languages = np.array([LANGUAGES[row % 3] for row in range(9)])
    for where, allowed in [
        ({"language": "fr"}, languages == "fr"),
        ({"language": ["fr", "de", "xx"]}, languages != "vi"),
        ({"language": np.array(["vi"])}, languages == "vi"),
        (np.arange(9) % 2 == 0, np.arange(9) % 2 == 0),
        ({}, np.ones(9, dtype=bool)),
    ]:
        np.testing.assert_array_equal(
            index.search(query, 3, where=where)[1], best(vectors, query, 3, allowed)[1]
        )
    assert index.search(query, 3, where={"language": "xx"})[0].shape == (1, 0)
    assert index.search(query, 3, where=np.zeros(9, dtype=bool))[1].shape == (1, 0)
    assert index.search(query[:0], 3)[1].shape == (0, 3)


def test_append_delete_compact_and_save(place, tmp_path):
    index, vectors = made(path=place)
    more = np.full((2, 4), 9, dtype=np.float32)
    index.append(more, ["x", "y"], {"language": ["xx", "de"]})
    query = np.ones((1, 4), dtype=np.float32)
    assert index.ids(index.search(query, 2)[1][0]) == ["x", "y"]
    assert index.delete(["x", "d0"]) == 2
    assert (len(index), index.rows, index.segments) == (9, 11, 2)
    live = index.metadata("language", index.live_rows())
    assert index.counts("language") == {language: live.count(language) for language in live}
    assert list(index.counts("language")) == sorted(set(live))
    with pytest.raises(InputError, match='no metadata column "colour"'):
        index.counts("colour")
    generation = index.generation
    assert index.ids(index.live_rows()) == [*(f"d{row}" for row in range(1, 9)), "y"]
    assert index.ids(index.search(query, 1)[1][0]) == ["y"]
    with pytest.raises(InputError, match='no row has the id "x"'):
        index.delete(["x"])
    index.append(more[:1], ["x"], {"language": ["xx"]})
    assert index.generation > generation
    index.save(tmp_path / "saved")
    index.compact()
    saved = VectorIndex.open(tmp_path / "saved")
    for compacted in (index, saved):
        assert (len(compacted), compacted.rows, compacted.segments) == (10, 10, 1)
        assert compacted.ids(range(10)) == [*(f"d{row}" for row in range(1, 9)), "y", "x"]
        np.testing.assert_array_equal(compacted.vectors(range(8)), vectors[1:])
        assert compacted.metadata("language", [9]) == ["xx"]
        compacted.verify()


def test_other_openings_keep_their_state_until_refreshed(tmp_path):
    writer, _ = made(path=tmp_path / "index")
    reader = VectorIndex.open(tmp_path / "index")
    writer.delete(["d1", "d2"])
    writer.compact()
    assert (len(reader), reader.ids([8])) == (9, ["d8"])
    assert reader.refresh()
    assert not reader.refresh()
    assert (len(reader), reader.ids([1])) == (7, ["d3"])


def test_an_empty_index_may_grow(place):
    index = VectorIndex.build(np.empty((0, 4), dtype=np.float32), path=place)
    assert (len(index), bool(index), index.columns) == (0, True, [])
    assert index.search(np.ones((2, 4), dtype=np.float32), 3)[0].shape == (2, 0)
    index.append(np.eye(4, dtype=np.float32), metadata={"kind": ["a", "b", "a", "b"]})
    assert index.ids(index.search(np.ones((1, 4), dtype=np.float32), 9, where={"kind": "b"})[1][0]) == [
        "1",
        "3",
    ]
    assert index.delete(["0", "1", "2", "3"]) == 4
    index.compact()
    assert (len(index), index.rows, index.segments) == (0, 0, 0)
    index.append(np.eye(4, dtype=np.float32)[:1], metadata={"kind": ["a"]})
    assert index.ids([0]) == ["4"]


def test_numbers_pass_over_ids_that_are_taken(place):
    eye = np.eye(4, dtype=np.float32)
    index = VectorIndex.build(eye[:2], ["a", "3"], path=place)
    for number in ("2", "4", "5"):
        index.append(eye[:1])
        assert index.ids([index.rows - 1]) == [number]
    # A number that was given does not come back, one that was passed over is free for others.
    index.delete(["5", "3"])
    index.append(eye[:2])
    index.append(eye[:3], ["3", "11", "010"])
    index.append(eye[:1])
    index.append(eye[:2])
    assert index.ids(index.live_rows()) == ["a", "2", "4", "6", "7", "3", "11", "010", "12", "13", "14"]
    if place is not None:
        index = VectorIndex.open(place)
    index.compact()
    index.append(eye[:1])
    assert index.ids([11]) == ["15"]


def test_a_writer_passes_over_ids_that_are_taken(tmp_path):
    eye = np.eye(4, dtype=np.float32)
    with VectorIndex.writer(tmp_path / "index", 4) as writer:
        writer.add(eye[:3], ["4", "a", "3"])
        writer.add(eye)
        writer.add(eye[:2], ["9", "0"])
        writer.add(eye[:2])
    index = VectorIndex.open(tmp_path / "index")
    assert index.ids(range(11)) == ["4", "a", "3", "5", "6", "7", "8", "9", "0", "11", "12"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_scores_what_is_stored(tmp_path, dtype):
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(50, 24)).astype(np.float32)
    index = VectorIndex.build(vectors, path=tmp_path / "index", dtype=dtype)
    stored = index.vectors(range(50))
    np.testing.assert_allclose(stored, vectors, rtol=2.0**-8)
    if dtype == "float16":
        np.testing.assert_array_equal(stored, vectors.astype(np.float16).astype(np.float32))
        again = VectorIndex.build(vectors.astype(np.float16), dtype="float16")
        np.testing.assert_array_equal(again.vectors(range(50)), stored)
    queries = generator.normal(size=(3, 24)).astype(np.float32)
    expected = best(stored, queries, 5)
    np.testing.assert_allclose(index.search(queries, 5)[0], expected[0], rtol=1e-5)
    np.testing.assert_array_equal(index.search(queries, 5)[1], expected[1])


@settings(deadline=None, max_examples=40)
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 70), st.just(3)), elements=st.integers(-9, 9)),
    arrays.arrays(np.float32, (2, 3), elements=st.integers(-9, 9)),
    st.integers(1, 80),
    st.data(),
)
def test_any_rows_and_flags_agree_with_numpy(vectors, queries, k, data):
    allowed = data.draw(arrays.arrays(bool, len(vectors)))
    cut = data.draw(st.integers(0, len(vectors)))
    index = VectorIndex.build(vectors[:cut])
    index.append(vectors[cut:])
    scores, rows = index.search(queries, k, where=allowed)
    expected_scores, expected_rows = best(vectors, queries, k, allowed)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(scores, expected_scores)


def test_streamed_index_is_that_of_one_piece(tmp_path):
    index, vectors = made(rows=40, path=tmp_path / "whole")
    ids, languages = index.ids(range(40)), index.metadata("language", range(40))
    with VectorIndex.writer(tmp_path / "streamed", 4) as writer:
        for start in range(0, 40, 7):
            rows = slice(start, start + 7)
            writer.add(vectors[rows], ids[rows], {"language": languages[rows]})
        assert not (tmp_path / "streamed" / "manifest.jsonl").exists()
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == ["00000001.segment", "lock", "manifest.jsonl"]
    for name in names:
        assert (tmp_path / "streamed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path):
    vectors = np.ones((3, 4), dtype=np.float32)
    with pytest.raises(KeyboardInterrupt), VectorIndex.writer(tmp_path / "new" / "index", 4) as writer:
        writer.add(vectors)
        raise KeyboardInterrupt
    assert not (tmp_path / "new" / "index").exists()
    index, _ = made(path=tmp_path / "index")
    before = {path.name: path.read_bytes() for path in index.path.iterdir()}
    with (
        pytest.raises(InputError, match="rows 0 and 3 have the same id"),
        VectorIndex.writer(index.path, 4) as writer,
    ):
        writer.add(vectors, ["a", "b", "c"])
        writer.add(vectors[:1], ["a"])
    unusable = np.array([[0, 0, 0, 0], [np.nan, 0, 0, 0]], dtype=np.float32)
    message = "row 1 holds NaN in column 0 .after 3 rows"
    with pytest.raises(InputError, match=message), VectorIndex.writer(index.path, 4) as writer:
        writer.add(vectors)
        writer.add(unusable)
    assert {path.name: path.read_bytes() for path in index.path.iterdir()} == before
    with pytest.raises(ValueError, match="not open"):
        writer.add(vectors)


def test_building_over_an_index_replaces_it(tmp_path):
    old, _ = made(path=tmp_path / "index")
    new = VectorIndex.build(np.eye(3, dtype=np.float32), path=tmp_path / "index", dtype="float16")
    assert (len(old), old.dimension, len(new)) == (9, 4, 3)
    assert old.refresh()
    assert (len(old), old.dimension, old.dtype) == (3, 3, "float16")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no index of ours"):
        VectorIndex.build(np.eye(3, dtype=np.float32), path=tmp_path)
    with pytest.raises(InputError, match="is a file"):
        VectorIndex.build(np.eye(3, dtype=np.float32), path=tmp_path / "notes.txt")


VECTORS = np.ones((3, 4), dtype=np.float32)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            (VECTORS.astype(np.float64),),
            TypeError,
            r'vectors must be float32 or float16.*astype\("float32"\)',
        ),
        ((VECTORS.tolist(),), TypeError, "must be a numpy array"),
        ((VECTORS.T,), InputError, "C-contiguous.*ascontiguousarray"),
        ((VECTORS[0],), InputError, "shape.*reshape"),
        ((VECTORS[:, :0],), InputError, "dimension 0"),
        ((VECTORS * np.nan,), InputError, "row 0 holds NaN in column 0"),
        ((VECTORS, ["a", "b"]), InputError, "2 ids for 3 vectors"),
        ((VECTORS, ["a", "b", "a"]), InputError, 'rows 0 and 2 have the same id "a"'),
        ((VECTORS, "abc"), TypeError, "ids must be a sequence of str, not a single one"),
        ((VECTORS, [1, 2, 3]), TypeError, r"not of int \(row 0\)"),
        ((VECTORS, 3), TypeError, "not int"),
        ((VECTORS, ["a", "b", "\ud800"]), InputError, "row 2 is not valid Unicode"),
        ((VECTORS, None, ["de"]), TypeError, "metadata must be a dict"),
        ((VECTORS, None, {"language": ["de"]}), InputError, "1 values of language for 3 vectors"),
        ((VECTORS, None, {"language": "abc"}), TypeError, "not a single one"),
    ],
)
def test_what_can_t_be_built_is_refused(tmp_path, arguments, kind, message):
    for path in (None, tmp_path / "index"):
        with pytest.raises(kind, match=message):
            VectorIndex.build(*arguments, path=path)
    assert not list(tmp_path.iterdir())


def test_dtypes_are_named(tmp_path):
    with pytest.raises(InputError, match='no dtype "int8"; give one of float32, float16, bfloat16'):
        VectorIndex.build(VECTORS, dtype="int8")
    with pytest.raises(InputError, match="row 0 holds 70000 in column 0, which float16 can't"):
        VectorIndex.build(VECTORS * 70_000, dtype="float16", path=tmp_path / "index")
    with pytest.raises(InputError, match="dimension 0"), VectorIndex.writer(tmp_path / "index", -1):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("search", "kind", "message"),
    [
        (lambda index: index.search(VECTORS, 0), InputError, "k is below 1"),
        (lambda index: index.search(VECTORS, -1), InputError, "k is below 1"),
        (
            lambda index: index.search(VECTORS[:, :3].copy(), 1),
            InputError,
            "queries of dimension 3 for an index of dimension 4",
        ),
        (lambda index: index.search(VECTORS * np.inf, 1), InputError, "queries: row 0 holds inf"),
        (lambda index: index.search(VECTORS.astype(np.float16), 1), TypeError, "queries must be float32"),
        (lambda index: index.search(VECTORS, 1, threads=0), InputError, "threads is 0"),
        (
            lambda index: index.search(VECTORS, 1, where={"color": "red"}),
            InputError,
            'no metadata column "color"; the index has: language',
        ),
        (lambda index: index.search(VECTORS, 1, where={"language": [1]}), TypeError, "not of int"),
        (lambda index: index.search(VECTORS, 1, where="language"), TypeError, "where must be a dict"),
        (
            lambda index: index.search(VECTORS, 1, where=np.ones(4, dtype=bool)),
            InputError,
            "4 flags for 9 rows",
        ),
        (lambda index: index.search(VECTORS, 1, where=np.ones(9)), TypeError, "where must be bool"),
        (
            lambda index: index.search(VECTORS, 1, where=np.full(9, 2, dtype=np.uint8).view(bool)),
            InputError,
            "bytes other than those of True and False",
        ),
        (lambda index: index.ids([9]), InputError, "no row 9; the index has 9 rows"),
        (lambda index: index.ids([-1]), InputError, "no row -1"),
        (lambda index: index.ids(np.zeros((1, 2), dtype=np.int64)), TypeError, "one-dimensional"),
        (lambda index: index.metadata("color", [0]), InputError, "no metadata column"),
        (lambda index: index.delete(["d1", "d1"]), InputError, "given twice; nothing was deleted"),
        (lambda index: index.delete("d1"), TypeError, "not a single one"),
        (lambda index: index.append(VECTORS), InputError, "metadata columns none for an index with language"),
        (
            lambda index: index.append(VECTORS[:1], ["d3"], {"language": ["de"]}),
            InputError,
            'there is a row with the id "d3"',
        ),
        (
            lambda index: index.append(VECTORS[:, :3].copy(), None, {"language": ["de"] * 3}),
            InputError,
            "vectors of dimension 3",
        ),
    ],
)
def test_wrong_questions_are_refused(place, search, kind, message):
    index, _ = made(path=place)
    with pytest.raises(kind, match=message):
        search(index)
    assert len(index) == 9


@pytest.mark.parametrize("name", ["manifest.jsonl", "00000001.segment"])
def test_damage_is_an_error_with_the_file(tmp_path, name):
    index, _ = made(path=tmp_path / "index")
    path = index.path / name
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[: len(whole) // 2], b"something else", whole + b"x"):
        path.unlink()  # Not in place: the opened index has it mapped.
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=name):
            VectorIndex.open(index.path)
    path.unlink()
    with pytest.raises(InputError, match="no index here|a file is missing"):
        VectorIndex.open(index.path)
    with pytest.raises(InputError, match="no index here"):
        VectorIndex.open(tmp_path)


def test_verify_finds_a_flipped_bit_that_opening_does_not(tmp_path):
    index, _ = made(path=tmp_path / "index")
    path = index.path / "00000001.segment"
    content = bytearray(path.read_bytes())
    content[260] ^= 1
    path.unlink()
    path.write_bytes(content)
    index.verify()
    with pytest.raises(InputError, match="00000001.segment: the index is damaged .wrong checksum of vectors"):
        VectorIndex.open(index.path).verify()


def test_searches_go_on_while_another_thread_writes(place):
    index, vectors = made(rows=200, path=place)
    query = np.ones((1, 4), dtype=np.float32)
    failures = []

    def search():
        try:
            for _ in range(200):
                scores, rows = index.search(query, 5)
                assert scores.shape == rows.shape == (1, 5)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(5):
        index.append(vectors[:5], [f"{turn}-{row}" for row in range(5)], {"language": ["de"] * 5})
        index.delete([f"{turn}-0"])
    index.compact()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(index) == 220
