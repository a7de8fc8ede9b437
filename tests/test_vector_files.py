import json

import numpy as np
import pytest

from cslir import InputError, VectorIndex, vector_files
from cslir.vector_files import build_index, export_ids, export_vectors, open_vector_file

VECTORS = np.random.default_rng(5).normal(size=(40, 6)).astype(np.float32)


@pytest.fixture
def npy(tmp_path):
    np.save(tmp_path / "vectors.npy", VECTORS)
    return tmp_path / "vectors.npy"


def read_all(path):
    opened = open_vector_file(path)
    return opened.read(0, opened.rows)


@pytest.mark.parametrize("suffix", [".npy", ".fvecs", ".faiss"])
def test_an_index_comes_back_from_what_it_was_exported_to(tmp_path, suffix, monkeypatch):
    if suffix == ".faiss":
        pytest.importorskip("faiss")
    monkeypatch.setattr(vector_files, "_CHUNK_BYTES", 7 * 6 * 4)
    index = VectorIndex.build(VECTORS)
    index.delete(["3", "39"])
    export_vectors(index, tmp_path / f"v{suffix}")
    kept = np.delete(VECTORS, [3, 39], axis=0)
    np.testing.assert_array_equal(read_all(tmp_path / f"v{suffix}"), kept)
    again = build_index(tmp_path / f"v{suffix}", tmp_path / "index")
    np.testing.assert_array_equal(again.vectors(range(38)), kept)
    # Only an IndexIDMap keeps ids: these are whole numbers, but not those of the rows.
    assert again.ids([3]) == (["4"] if suffix == ".faiss" else ["3"])


def test_npy_of_other_types_and_orders(tmp_path):
    for array in (VECTORS.astype(np.float64), np.asfortranarray(VECTORS), VECTORS.astype(">f4")):
        np.save(tmp_path / "v.npy", array)
        np.testing.assert_array_equal(read_all(tmp_path / "v.npy"), VECTORS)
    np.save(tmp_path / "v.npy", VECTORS.astype(np.float16))
    index = build_index(tmp_path / "v.npy", tmp_path / "index", dtype="float16")
    np.testing.assert_array_equal(index.vectors(range(40)), VECTORS.astype(np.float16))


def test_ids_and_metadata_come_from_lines(tmp_path, npy, monkeypatch):
    monkeypatch.setattr(vector_files, "_CHUNK_BYTES", 7 * 6 * 4)
    names = [f"имя {row}" for row in range(40)]
    (tmp_path / "ids.txt").write_text("".join(f"{name}\n" for name in names))
    (tmp_path / "languages.txt").write_text("de\nfr\n" * 20)
    done = []
    index = build_index(
        npy,
        tmp_path / "index",
        ids=tmp_path / "ids.txt",
        metadata={"language": tmp_path / "languages.txt"},
        normalise=True,
        progress=lambda rows, total: done.append((rows, total)),
    )
    assert index.ids(range(40)) == names
    assert index.metadata("language", [0, 1]) == ["de", "fr"]
    np.testing.assert_allclose(np.linalg.norm(index.vectors(range(40)), axis=1), 1, rtol=1e-6)
    assert done[-1] == (40, 40)
    export_ids(index, tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == (tmp_path / "ids.txt").read_text()


@pytest.mark.parametrize(
    ("lines", "message"),
    [(39, r"ids.txt: has fewer lines than there are rows \(40\)"), (41, "ids.txt:41: more lines than")],
)
def test_as_many_lines_as_rows(tmp_path, npy, lines, message):
    (tmp_path / "ids.txt").write_text("".join(f"{line}\n" for line in range(lines)))
    with pytest.raises(InputError, match=message):
        build_index(npy, tmp_path / "index", ids=tmp_path / "ids.txt")
    assert not (tmp_path / "index").exists()


def test_rows_of_zeros_stay_and_bad_values_are_named(tmp_path):
    vectors = VECTORS.copy()
    vectors[7] = 0
    np.save(tmp_path / "v.npy", vectors)
    index = build_index(tmp_path / "v.npy", tmp_path / "index", normalise=True)
    assert not index.vectors([7]).any()
    vectors[8, 2] = np.nan
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(InputError, match="row 8 holds NaN in column 2"):
        build_index(tmp_path / "v.npy", tmp_path / "index")
    assert len(VectorIndex.open(tmp_path / "index")) == 40


def test_rows_of_any_length_get_length_1(tmp_path):
    directions = np.array([[3, 4], [-4, 3], [3, 4]], dtype=np.float32)
    sizes = np.array([[1e30], [1e-30], [1]], dtype=np.float32)
    np.save(tmp_path / "v.npy", directions * sizes)
    index = build_index(tmp_path / "v.npy", tmp_path / "index", normalise=True)
    np.testing.assert_allclose(index.vectors(range(3)), directions / 5, rtol=1e-6)


def npy_file(shape):
    """Return a .npy file of 9 x 4 values whose header has another shape."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header + bytes(144)


def test_an_archive_of_arrays_is_no_array(tmp_path):
    np.savez(tmp_path / "v.npz", VECTORS)
    (tmp_path / "v.npz").rename(tmp_path / "v.npy")
    with pytest.raises(InputError, match=r"v\.npy: no readable \.npy file"):
        build_index(tmp_path / "v.npy", tmp_path / "index")


@pytest.mark.parametrize("suffix", [".npy", ".fvecs", ".faiss"])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize(("value", "told"), [(np.nan, "NaN"), (np.inf, "inf")])
def test_a_bad_value_is_told_with_its_file_and_row(tmp_path, monkeypatch, suffix, normalise, value, told):
    if suffix == ".faiss":
        pytest.importorskip("faiss")
    monkeypatch.setattr(vector_files, "_CHUNK_BYTES", 7 * 6 * 4)
    path = tmp_path / f"v{suffix}"
    export_vectors(VectorIndex.build(VECTORS), path)
    values = np.float32(VECTORS[17, 5]).tobytes()
    path.write_bytes(path.read_bytes().replace(values, np.float32(value).tobytes()))
    with pytest.raises(InputError, match=f"row 17 holds {told} in column 5") as caught:
        build_index(path, tmp_path / "index", normalise=normalise)
    assert caught.value.path == str(path)
    assert "before" not in caught.value.message


def test_a_value_that_the_type_can_not_hold_is_told_with_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "_CHUNK_BYTES", 7 * 6 * 4)
    vectors = VECTORS.copy()
    vectors[30, 1] = 1e6
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(InputError, match=r"v\.npy: row 30 holds 1000000 in column 1, which float16 can't"):
        build_index(tmp_path / "v.npy", tmp_path / "index", dtype="float16")


def fvecs(rows):
    return b"".join(np.int32(len(row)).tobytes() + np.float32(row).tobytes() for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.npy", b"", "no readable .npy"),
        ("v.npy", b"\x93NUMPY", "no readable .npy"),
        ("v.npy", b"text", "no readable .npy"),
        ("v.npy", b"PK\x03\x04" + bytes(100), "no readable .npy.*one array of float32 or float16 with numpy"),
        ("v.npy", npy_file("(99999999999999999999999, 4)"), "no readable .npy"),
        ("v.npy", npy_file("(9223372036854775807, 4)"), "no readable .npy"),
        ("v.npy", npy_file("(9, -4)"), "no readable .npy"),
        ("v.npy", npy_file("(True, 4)"), "no readable .npy"),
        ("v.npy", npy_file("(10, 4)"), "no readable .npy"),
        ("v.npy", npy_file("(1, 4)"), "128 bytes more than its header tells"),
        ("v.npy", npy_file("[" * 9000), "no readable .npy"),
        ("v.fvecs", b"", "is empty"),
        ("v.fvecs", b"abc", "no whole rows"),
        ("v.fvecs", fvecs([[1, 2], [3, 4]])[:-1], "23 bytes are no whole rows of dimension 2"),
        ("v.fvecs", bytes(16), "of dimension 0"),
        (
            "v.fvecs",
            fvecs([[1, 2, 3, 4], [5, 6, 7, 8]]).replace(b"\x04\0\0\0", b"\x01\0\0\0", 1),
            "row 1 has another",
        ),
        ("v.faiss", b"text", "no readable faiss index"),
        ("v.bin", b"text", "not a known kind of vectors; give one of .npy, .fvecs, .faiss, .usearch"),
        ("absent.npy", None, "no such file"),
    ],
)
def test_files_that_hold_no_vectors(tmp_path, name, content, message):
    if name.endswith(".faiss"):
        pytest.importorskip("faiss")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        build_index(tmp_path / name, tmp_path / "index")
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(
    "array", [np.zeros(3, np.float32), np.zeros((2, 2), np.int32), np.zeros((2, 0), np.float32)]
)
def test_arrays_that_are_no_vectors(tmp_path, array):
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(InputError, match="v.npy"):
        open_vector_file(tmp_path / "v.npy")


def test_faiss_indexes_of_other_kinds(tmp_path):
    faiss = pytest.importorskip("faiss")
    ivf = faiss.index_factory(6, "IVF2,Flat", faiss.METRIC_INNER_PRODUCT)
    ivf.train(VECTORS)
    ivf.add(VECTORS)
    mapped = faiss.IndexIDMap2(faiss.IndexFlatIP(6))
    mapped.add_with_ids(VECTORS, np.arange(40, dtype=np.int64) * 10)
    for index, ids in ((ivf, ["0", "1"]), (mapped, ["0", "10"])):
        faiss.write_index(index, str(tmp_path / "v.faiss"))
        built = build_index(tmp_path / "v.faiss", tmp_path / "index")
        np.testing.assert_array_equal(built.vectors(range(40)), VECTORS)
        assert built.ids([0, 1]) == ids
    ivf.reset()
    ivf.add_with_ids(VECTORS, np.arange(40, dtype=np.int64) * 10)
    faiss.write_index(ivf, str(tmp_path / "v.faiss"))
    with pytest.raises(InputError, match="an IndexIVFFlat that gives no vectors back"):
        build_index(tmp_path / "v.faiss", tmp_path / "index")


def test_usearch_index(tmp_path):
    usearch = pytest.importorskip("usearch.index")
    index = usearch.Index(ndim=6, metric="ip", dtype="f32")
    index.add(np.arange(40) + 100, VECTORS)
    index.save(str(tmp_path / "v.usearch"))
    built = build_index(tmp_path / "v.usearch", tmp_path / "index")
    rows = np.array(built.ids(range(40)), dtype=int) - 100
    np.testing.assert_array_equal(built.vectors(range(40)), VECTORS[rows])


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "v.usearch").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, "usearch.index", None)
    with pytest.raises(
        InputError, match="this needs usearch, which is not installed; .*pip install 'usearch'"
    ):
        open_vector_file(tmp_path / "v.usearch")


def test_exports_of_another_kind_are_refused(tmp_path):
    index = VectorIndex.build(VECTORS, [f"{row}\n" for row in range(40)])
    with pytest.raises(InputError, match="not a known kind of vectors; name one of"):
        export_vectors(index, tmp_path / "v.bin")
    with pytest.raises(InputError, match="holds a line break"):
        export_ids(index, tmp_path / "ids.txt")
    assert not list(tmp_path.iterdir())


def test_commands(run, tmp_path, npy):
    (tmp_path / "languages.txt").write_text("de\nfr\n" * 20)
    index = tmp_path / "index"
    languages = f"language={tmp_path / 'languages.txt'}"
    outcome = run("vectors", "build", npy, "--output", index, "--metadata", languages, "--dtype", "float16")
    assert (outcome.status, outcome.out) == (0, f"{index}\n")
    VectorIndex.open(index).delete(["3"])
    info = json.loads(run("vectors", "info", index, "--json").out)
    assert info["bytes"] > 480
    assert {
        name: info[name] for name in ("vectors", "deleted", "dimension", "dtype", "columns", "segments")
    } == {
        "vectors": 39,
        "deleted": 1,
        "dimension": 6,
        "dtype": "float16",
        "columns": ["language"],
        "segments": 1,
    }
    assert "columns    language" in run("vectors", "info", index).out
    assert run("vectors", "compact", index).status == 0
    assert VectorIndex.open(index).rows == 39
    assert "nothing wrong" in run("vectors", "verify", index).err
    exported = run("vectors", "export", index, tmp_path / "out.npy", "--ids-out", tmp_path / "out.txt")
    assert exported.status == 0
    assert np.load(tmp_path / "out.npy").shape == (39, 6)
    assert (tmp_path / "out.txt").read_text().split()[2:4] == ["2", "4"]
    segment = next(index.glob("*.segment"))
    content = bytearray(segment.read_bytes())
    content[256] ^= 1
    segment.unlink()
    segment.write_bytes(content)
    damaged = run("vectors", "verify", index)
    assert damaged.status == 2
    assert "wrong checksum of vectors" in damaged.err
    assert run("vectors", "build", npy, "--output", index, "--metadata", "language").status == 2
    assert run("vectors", "info", tmp_path).status == 2
