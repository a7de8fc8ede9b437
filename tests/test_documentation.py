"""The examples of docstrings, those of the core's classes too, and the Python of README.md and docs/ are run.

A block of a page that can't run here has `<!-- not run: REASON -->` above it.
"""

import doctest
import functools
import importlib
import inspect
import pkgutil
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from static_models import tiny_table

import cslir
from cslir import _core, load_dataset
from cslir.datasets.embedded import load_embedded
from cslir.models.static import StaticEncoder

ROOT = Path(__file__).parent.parent
FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n+)?```(?:python|pycon)\n(?P<code>.*?)^```$", re.M | re.S
)
NOT_RUN = 4
"""So many blocks of the pages are marked at most."""
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page):
    """Yield (line, code, why it is not run) of the blocks of Python of a page, plain or with `>>>`."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        yield text.count("\n", 0, match.start("code")), match["code"], match["reason"]


PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if any(blocks(page))]


def run_examples(text, names, where, line=0):
    """Run the `>>>` examples of a text and return how many there are."""
    test = doctest.DocTestParser().get_doctest(text, names, where, where, line)
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    failures = []
    runner.run(test, out=failures.append, clear_globs=False)
    assert not runner.failures, "".join(failures)
    return len(test.examples)


def documented(value, name, module):
    """Yield (name, docstring) of an object and of what a class of that module holds."""
    if isinstance(doc := getattr(value, "__doc__", None), str):
        yield name, doc
    if isinstance(value, type):
        for key, inner in list(vars(value).items()):
            if getattr(inner, "__module__", module) == module and not key.startswith("_"):
                yield from documented(inner, f"{name}.{key}", module)


def modules_with_examples():
    folder = Path(cslir.__file__).parent
    found = [one for one in pkgutil.walk_packages([str(folder)], "cslir.") if not one.ispkg]
    paths = {one.name: folder.joinpath(*one.name.split(".")[1:]).with_suffix(".py") for one in found}
    return [
        "cslir._core",
        *(name for name, path in paths.items() if path.is_file() and ">>>" in path.read_text()),
    ]


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_of_docstrings_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out_model()
    module = importlib.import_module(name)
    count = 0
    for key, value in {"": module, **vars(module)}.items():
        if value is module or getattr(value, "__module__", None) == name:
            for where, doc in documented(value, f"{name}.{key}", name):
                names = {one: getattr(cslir, one) for one in cslir.__all__} | {"cslir": cslir} | vars(module)
                count += run_examples(doc, names, where)
    assert count or module is _core


def lay_out_model():
    """Save a static encoder of a few words in the folder `model`."""
    table = tiny_table()
    StaticEncoder(table.vectors, table.tokenizer).save(Path("model"))


def small_data():
    """Return the embedded dataset with a few judgements of each split."""
    embedded = load_embedded()
    folder = Path("small")
    for language in embedded.languages:
        shutil.copytree(embedded.folder / language, folder / language, dirs_exist_ok=True)
        for path in (folder / language / "qrels").iterdir():
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(lines[: 80 if path.stem == "train" else 10]))
    return load_dataset(folder)


def page_names(page, monkeypatch):
    """Lay out the files that a page's blocks read, and return the names that they take for granted."""
    lay_out_model()
    names = {"cslir": cslir}
    # As a person would load and train, but for the time it takes.
    train = functools.partial(cslir.train, max_examples=64, batch_size=32, epochs=1)
    monkeypatch.setattr(cslir, "train", train)
    monkeypatch.setattr(
        cslir, "load_dataset", lambda name: small_data() if name == "debian-sample" else load_dataset(name)
    )
    if page.name == "evaluation.md":
        data = small_data()
        names |= {"data": data, "model": train(data), "zero_shot": train(data, seed=2)}
    elif page.name == "index.md":
        draw = np.random.default_rng(0)
        vectors = draw.normal(size=(40, 384)).astype(np.float32)
        ids = [f"d{number}" for number in range(40)]
        names |= {
            "vectors": vectors[:20], "ids": ids[:20], "languages": ["de", "fr"] * 10, "queries": vectors[:2],
            "more": vectors[20:30], "more_ids": ids[20:30], "more_languages": ["ru"] * 10,
            "batches": [(vectors[:20], ids[:20]), (vectors[20:], ids[20:])],
        }  # fmt: skip
    elif page.name == "lexicons.md":
        Path("terms.tsv").write_text("library\tBibliothek\t1\n")
    elif page.name == "formats.md":
        for path in (ROOT / "tests/fixtures/lexicons").rglob("freedict-eng-fra.*"):
            shutil.copy(path, ".")
    elif page.name == "switching.md":
        pytest.importorskip("sentence_transformers")
        from transformer_models import tiny_encoder

        tiny_encoder(Path("base"))
        Path("en-de.tsv").write_text("library\tBibliothek\t1\n")
        Path("corpus.jsonl").write_text('{"_id": "d1", "title": "A library", "text": "A free library"}\n')
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_in_its_order(page, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    names = page_names(page, monkeypatch)
    for line, code, reason in blocks(page):
        if reason is not None:
            continue
        if code.startswith(">>>"):
            run_examples(code, names, str(page), line)
        else:
            exec(compile("\n" * line + code, str(page), "exec"), names)
    if page.name == "python.md":
        comparison, hits = names["experiment"]("small")
        assert len(hits) == 5
        assert [one.system for one in comparison.compared] == ["ML-CS"] * len(comparison.compared)


def test_the_help_of_every_public_name_is_complete():
    for name in cslir.__all__:
        value = getattr(cslir, name)
        if isinstance(value, str):
            continue
        text = inspect.getdoc(value)
        if inspect.isfunction(value):
            assert set(inspect.signature(value).parameters) <= set(
                re.findall(r"^    \**(\w+):", text, re.M)
            ), name
            assert {"Args:", "Returns:", "Raises:", "Example:"} <= set(text.splitlines()), name
        elif value.__module__ != "cslir._core" and name != "Comparison":  # the example of `compare` makes one
            assert "Example:" in text.splitlines(), name
        for key, member in vars(value).items() if inspect.isclass(value) else ():
            if not key.startswith("_") and (callable(member) or isinstance(member, property | classmethod)):
                assert inspect.getdoc(getattr(value, key)), (name, key)


def test_few_blocks_are_marked_as_not_run():
    assert sum(reason is not None for page in PAGES for _, _, reason in blocks(page)) <= NOT_RUN
