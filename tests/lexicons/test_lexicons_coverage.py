import gzip
from pathlib import Path

import pytest

from cslir.errors import InputError
from cslir.lexicons import LexiconTable, compile_lexicon, measure_coverage
from cslir.lexicons.coverage import Covered, read_texts
from cslir.lexicons.tables import tabulate

TABLE = tabulate(
    LexiconTable("en", "de"),
    [("file", "Datei", 1.0), ("source code", "Quelltext", 1.0), ("code", "Code", 1.0), ("of", "von", 1.0)],
)
TEXTS = ["Source-code FILES, 3 x86 files: file", "a source of code", "", "https://file.example/"]


def test_phrases_first_then_lemmas() -> None:
    lexicons = [compile_lexicon(TABLE, "en", "de"), compile_lexicon(TABLE, "en", "de", lemma_forms=True)]
    exact, by_lemma = measure_coverage(lexicons, TEXTS, stop_words=["a", "of"])
    assert exact.tokens == Covered(6, 12)
    assert by_lemma.tokens == Covered(8, 12)
    assert exact.types == Covered(4, 8)
    assert by_lemma.types == Covered(5, 8)
    assert exact.content == Covered(5, 10)
    assert by_lemma.content == Covered(7, 10)
    assert by_lemma.content.share == 0.7


def test_no_text_is_no_coverage() -> None:
    (found,) = measure_coverage([compile_lexicon(TABLE, "en", "de")], [])
    assert found.tokens == Covered(0, 0)
    assert found.tokens.share == 0.0


def test_texts_by_layout(tmp_path: Path) -> None:
    for name, text, texts in (
        ("t.txt", "one\tline\ntwo\n", ["one\tline", "two"]),
        ("t.tsv", "q1\ta query\tmore\n", ["a query", "more"]),
        ("t.jsonl.gz", '{"_id": "1", "title": "A", "text": "b", "url": "c"}\n', ["A", "b"]),
    ):
        data = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        assert list(read_texts(tmp_path / name)) == texts
    with pytest.raises(InputError, match="no such file"):
        list(read_texts(tmp_path / "absent"))


@pytest.mark.parametrize("line", ["a free file\ta library\ta game\n", "a free file\n"])
def test_texts_without_ids_are_not_lost(tmp_path: Path, line: str) -> None:
    (tmp_path / "t.tsv").write_text(f"one\ttwo\n{line * 2}")
    with pytest.raises(InputError, match=r"t\.tsv: the first column, which is the id, holds words"):
        list(read_texts(tmp_path / "t.tsv"))
    (tmp_path / "t.tsv").write_text(f"one\ttwo\n{line}")
    assert next(read_texts(tmp_path / "t.tsv")) == "two"
