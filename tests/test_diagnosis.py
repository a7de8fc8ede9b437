"""`cslir doctor`, and what it finds out."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cslir import _core, diagnosis
from cslir.errors import InputError
from cslir.files import cache_folder
from cslir.models import load_encoder


def in_a_process(*arguments, **environment):
    """Run the command for itself, in a terminal of 80 columns, and name torch if it was imported."""
    script = (
        "import sys; sys.argv = ['cslir', *sys.argv[1:]]\n"
        "from cslir.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print(*{'torch', 'faiss', 'datasets'} & set(sys.modules), file=sys.stderr, end='')\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "COLUMNS": "80", "CSLIR_KERNEL": "", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_tables_fit_80_columns_and_no_package_is_imported():
    done = in_a_process("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    for part in ("avx" if _core.instruction_sets() else "none that", _core.kernel(), "sentence-transformers"):
        assert part in done.stdout
    assert "forced" not in done.stdout


def test_json_holds_the_same_facts(run):
    found = json.loads(run("doctor", "--json").out)
    assert (found["kernel"], found["kernels"]) == (_core.kernel(), _core.kernels())
    assert found["instruction_sets"] == _core.instruction_sets()
    assert found["threads"] == _core.threads() >= 1
    assert found["cache_folder"] == str(cache_folder())
    assert found["machine"]["memory_bytes"] > 2**28
    assert found["limits"] == []
    versions = {package["name"]: package["version"] for package in found["packages"]}
    assert versions["pyarrow"] is not None  # the tests need it


def test_limits_of_one_and_of_all_threads_are_measured(run):
    limits = json.loads(run("doctor", "--json", "--measure").out)["limits"]
    assert [one["threads"] for one in limits] == sorted({1, _core.threads()})
    # A processor of this century.
    assert all(one["read_bytes_per_second"] > 1e7 and one["operations_per_second"] > 1e7 for one in limits)
    assert "GFLOP/s" in run("doctor", "--measure").out


def test_a_forced_kernel_is_shown_and_an_unknown_one_is_wrong_use():
    assert "scalar, forced by CSLIR_KERNEL" in in_a_process("doctor", CSLIR_KERNEL="scalar").stdout
    done = in_a_process("doctor", "--json", CSLIR_KERNEL="mmx")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("cslir: CSLIR_KERNEL=mmx")
    assert "Traceback" not in done.stderr


def test_missing_packages_come_with_what_brings_them(run, monkeypatch):
    monkeypatch.setattr(diagnosis, "find_spec", lambda name: None)
    out = run("doctor").out
    assert out.count("missing") == len(diagnosis.find_packages())
    text = " ".join(out.split())
    assert "pip install 'cslir[train]' brings torch, transformers" in text
    assert "pip install 'pyarrow' brings pyarrow" in text
    assert "pip install 'cslir[onnx]' brings onnxruntime, onnx" in text


def test_a_package_without_metadata_is_found(monkeypatch):
    def no_version(name):
        raise diagnosis.PackageNotFoundError(name)

    monkeypatch.setattr(diagnosis, "version", no_version)
    monkeypatch.setattr(diagnosis, "find_spec", lambda name: object())
    assert {package.version for package in diagnosis.find_packages()} == {""}


def test_arm64_is_told_that_the_portable_kernel_runs(run, monkeypatch):
    assert "NEON" not in run("doctor").out or diagnosis.platform.machine() in ("arm64", "aarch64")
    monkeypatch.setattr(diagnosis.platform, "machine", lambda: "aarch64")
    assert "no NEON code for arm64 yet: the portable kernel is used" in run("doctor").out


def test_caches_follow_the_environment(run, monkeypatch, tmp_path):
    monkeypatch.setenv("CSLIR_CACHE", str(tmp_path / "own"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "models"))
    found = json.loads(run("doctor", "--json").out)
    assert found["cache_folder"] == str(tmp_path / "own")
    assert found["hub_cache"] == str(tmp_path / "models" / "hub")
    assert not (tmp_path / "own").exists()


def test_every_optional_package_is_listed_with_its_purpose():
    """What the extras bring, and whatever the code imports that the base install lacks."""
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = {package.name: package for package in diagnosis.find_packages()}
    assert all(package.purpose for package in listed.values())

    def names(requirements):
        return {re.match(r"[\w-]+", one)[0].replace("_", "-") for one in requirements}

    extras = project["optional-dependencies"]
    for extra in ("train", "onnx", "lexicons", "ir-datasets", "report"):
        assert names(extras[extra]) <= set(listed), extra
    modules = {module for module, *_ in diagnosis._OPTIONAL_PACKAGES}
    base = names(project["dependencies"]) | {"ir-measures", "click"}
    imported = set()
    for path in (root / "python" / "cslir").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"cslir", "_typeshed"}
    assert {one for one in foreign if one.replace("_", "-") not in base} <= modules


def test_without_pytorch_both_ways_are_said(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(InputError, match=r"cslir\[onnx\]'.*`precision=.onnx-int8.`.*cslir\[train\]'"):
        load_encoder(str(tmp_path))
