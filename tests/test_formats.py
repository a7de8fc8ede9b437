import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir.errors import InputError
from cslir.files import read_lines
from cslir.formats import (
    read_beir_corpus,
    read_beir_queries,
    read_collection,
    read_msmarco_collection,
    read_msmarco_queries,
    read_qrels,
    read_queries,
    read_run,
    write_beir_corpus,
    write_beir_queries,
    write_qrels,
    write_qrels_tsv,
    write_run,
)
from cslir.records import Passage, Qrel, Query, ScoredPassage

# Identifiers as the field has them: no white space; texts hold anything, line separators too.
identifiers = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=12)
texts = st.text(st.characters(exclude_categories=("Cs",)))


@given(
    st.lists(
        st.builds(Passage, identifiers, texts, texts, st.sampled_from(["", "de"])),
        unique_by=lambda p: p.doc_id,
    )
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_beir_corpus_round_trip(tmp_path_factory, suffix, passages):
    path = tmp_path_factory.mktemp("beir") / f"corpus.jsonl{suffix}"
    write_beir_corpus(path, passages)
    assert list(read_beir_corpus(path)) == passages
    first = path.read_bytes()
    write_beir_corpus(path, passages)
    assert path.read_bytes() == first


def test_beir_queries_round_trip(tmp_path):
    queries = [Query("q1", "свободная программа", "ru"), Query("q2", "بحث", "ar")]
    write_beir_queries(tmp_path / "queries.jsonl", queries)
    assert list(read_beir_queries(tmp_path / "queries.jsonl")) == queries
    plain = tmp_path / "plain.jsonl"
    plain.write_text('{"_id": 7, "text": "seven"}\n\n', encoding="utf-8")
    assert list(read_beir_queries(plain, "en")) == [Query("7", "seven", "en")]


def test_null_is_read_like_a_missing_value_and_ids_have_other_names(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text(
        '{"_id": "a", "text": "x", "title": null, "language": null}\n'
        '{"id": "b", "text": "x", "language": "fr"}\n{"doc_id": 3, "text": "x"}\n'
        '{"id": "other", "_id": "c", "text": "x"}\n{"_id": null, "query_id": "d", "text": "x"}\n'
    )
    read = list(read_beir_corpus(path, "de"))
    assert [(one.doc_id, one.title, one.language) for one in read] == [
        ("a", "", "de"),
        ("b", "", "fr"),
        ("3", "", "de"),
        ("c", "", "de"),
        ("d", "", "de"),
    ]
    assert [(one.query_id, one.language) for one in read_beir_queries(path, "de")] == [
        (one.doc_id, one.language) for one in read
    ]


def test_the_layout_is_told_by_name_else_by_the_first_line(tmp_path):
    jsonl = '\n{"_id": "a", "text": "x"}\n{"_id": "b", "text": "y"}\n'
    tsv = "a\tx\nb\ty\n"
    for name, content in (
        ("x.jsonl", jsonl),
        ("x.tsv", tsv),
        ("pipe", jsonl),
        ("other", tsv),
    ):
        path = tmp_path / name
        path.write_text(content)
        assert [(one.doc_id, one.text) for one in read_collection(path)] == [("a", "x"), ("b", "y")]
        assert [(one.query_id, one.text) for one in read_queries(path)] == [("a", "x"), ("b", "y")]
    (tmp_path / "empty").write_text("\n")
    assert list(read_collection(tmp_path / "empty")) == []


def test_qrels_in_both_layouts(tmp_path):
    qrels = [Qrel("q1", "d1", 1), Qrel("q1", "d2", 0), Qrel("q2", "d1", 3)]
    write_qrels(tmp_path / "trec.qrels", qrels)
    write_qrels_tsv(tmp_path / "test.tsv", qrels)
    assert list(read_qrels(tmp_path / "trec.qrels")) == qrels
    assert list(read_qrels(tmp_path / "test.tsv")) == qrels


def test_run_round_trip_keeps_order_and_float32_scores(tmp_path):
    run = [
        ScoredPassage("q1", "d2", 0.7512346),
        ScoredPassage("q1", "d1", 0.7512345),
        ScoredPassage("q2", "d1", -3.0),
    ]
    write_run(tmp_path / "x.run", run, tag="static")
    assert list(read_run(tmp_path / "x.run")) == run
    assert (tmp_path / "x.run").read_text().splitlines()[1] == "q1 Q0 d1 2 0.7512345 static"


def test_msmarco_files(tmp_path):
    path = tmp_path / "collection.tsv"
    path.write_text("0\tThe presence of communication\r\n1\tDas Manhattan-Projekt\n", encoding="utf-8")
    assert [p.text for p in read_msmarco_collection(path, "de")] == [
        "The presence of communication",
        "Das Manhattan-Projekt",
    ]
    assert next(iter(read_msmarco_queries(path))).query_id == "0"
    run = tmp_path / "msmarco.run"
    run.write_text("q1\td1\t1\nq1\td2\t2\n")
    assert [s.score for s in read_run(run)] == [1, 0.5]


BAD_FILES = {
    "no-json": (read_beir_corpus, '{"_id": "a", "text": "x"}\n{"_id"\n', 2, "not JSON"),
    "no-object": (read_beir_corpus, "[1]\n", 1, "not a JSON object"),
    "no-text": (read_beir_corpus, '{"_id": "a"}\n', 1, 'no "text"'),
    "text-is-number": (read_beir_corpus, '{"_id": "a", "text": 3}\n', 1, "not a string"),
    "no-id": (read_beir_queries, '{"text": "a"}\n', 1, 'no "_id", "id", "doc_id", "query_id"'),
    "half-a-pair": (read_beir_corpus, '{"_id": "a", "text": "x \\ud800 y"}\n', 1, "half a surrogate pair"),
    "empty-id": (read_beir_queries, '{"_id": "", "text": "a"}\n', 1, "empty query id"),
    "duplicate": (
        read_beir_queries,
        '{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}\n',
        2,
        "duplicate query id",
    ),
    "columns": (read_msmarco_collection, "0\ta\n1 b\n", 2, "1 tab-separated columns"),
    "duplicate-tsv": (read_msmarco_queries, "0\ta\n0\tb\n", 2, "duplicate query id"),
    "qrels-columns": (read_qrels, "q 0 d\tx y\n", 1, "2 columns"),
    "qrels-relevance": (read_qrels, "q 0 d one\n", 1, "relevance 'one' is no whole number"),
    "qrels-real": (read_qrels, "q 0 d 1.0\n", 1, "relevance '1.0' is no whole number; judge by whole"),
    "qrels-beyond": (
        read_qrels,
        "q 0 d 9223372036854775808\n",
        1,
        "relevance 92233.* is beyond 2,147,483,647",
    ),
    "qrels-far-beyond": (read_qrels, f"q 0 d -{'9' * 5000}\n", 1, "relevance -9999999.* is beyond"),
    "run-rank-real": (read_run, "q d 0.93\n", 1, "rank '0.93' is no whole number"),
    "run-rank-beyond": (read_run, f"q d {'9' * 5000}\n", 1, "rank 9999999.* is beyond"),
    "run-beyond": (read_run, "q Q0 d 1 -1e39 t\n", 1, "score -1e[+]39 is beyond the range of 32-bit floats"),
    "key-twice": (read_beir_corpus, '{"_id": "a", "text": "x", "text": "y"}\n', 1, "key 'text' comes twice"),
    "deep": (read_beir_queries, "\n" + "[" * 100_000, 2, "more than 128 lists"),
    "long-number": (read_beir_queries, f'{{"_id": "a", "text": "b", "x": {"1" * 5000}}}', 1, "5,000 digits"),
    "no-id-but-null": (read_beir_corpus, '{"_id": null, "text": "b"}', 1, 'no "_id", "id"'),
    "null-text": (read_beir_corpus, '{"_id": "a", "text": null}', 1, 'no "text"'),
    "id-is-list": (read_beir_queries, '{"id": [1], "text": "b"}', 1, '"id" is of the wrong type'),
    "qrels-twice": (read_qrels, "q 0 d 1\nq 0 d 0\n", 2, "judged twice"),
    "run-columns": (read_run, "q Q0 d 1\n", 1, "4 columns"),
    "run-score": (read_run, "q Q0 d 1 high t\n", 1, "score 'high'"),
    "run-nan": (read_run, "q Q0 d 1 nan t\n", 1, "not finite"),
    "run-twice": (read_run, "q Q0 d 1 2 t\nq Q0 d 2 1 t\n", 2, "retrieved twice"),
    "run-rank": (read_run, "q d 0\n", 1, "below 1"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_input_names_file_line_and_problem(tmp_path, name):
    reader, content, line, problem = BAD_FILES[name]
    path = tmp_path / "bad"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=problem) as caught:
        list(reader(path))
    assert (caught.value.path, caught.value.line) == (str(path), line)


def test_missing_folder_and_not_utf8(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        list(read_lines(tmp_path / "absent"))
    with pytest.raises(InputError, match="is a folder"):
        list(read_lines(tmp_path))
    latin = tmp_path / "latin1.tsv"
    latin.write_bytes("1\tgood\n2\tStraße\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"not UTF-8 \(byte 0xdf at column 7\)") as caught:
        list(read_lines(latin))
    assert caught.value.line == 2


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_truncated_compressed_file(tmp_path, compress):
    whole = compress(b"".join(b"%d\tpassage number %d\n" % (i, i * i) for i in range(5000)))
    path = tmp_path / "collection.tsv"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="truncated or corrupt after line"):
        list(read_msmarco_collection(path))


def test_gzip_with_damaged_middle(tmp_path):
    whole = bytearray(gzip.compress(b"".join(b"%d\tpassage %d\n" % (i, i * i) for i in range(5000))))
    whole[1000:1100] = bytes(100)
    path = tmp_path / "collection.tsv.gz"
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"truncated or corrupt after line|not UTF-8|columns|duplicate"):
        list(read_msmarco_collection(path))


def test_interrupted_writer_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "x.run"
    write_run(path, [ScoredPassage("q", "d", 1.0)])
    before = path.read_bytes()

    def interrupted():
        yield ScoredPassage("q", "e", 1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_run(path, interrupted())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.run"]


def test_languages_of_records_have_one_spelling(tmp_path: Path):
    path = tmp_path / "corpus.jsonl"
    codes = {"iw": "he", "zh_hant": "zh-Hant", "PT-br": "pt-BR", "fil": "fil", "Klingon": "Klingon", "": ""}
    path.write_text(
        "".join(
            f'{{"_id": {number}, "text": "a", "language": "{one}"}}\n' for number, one in enumerate(codes)
        )
    )
    assert [passage.language for passage in read_beir_corpus(path)] == list(codes.values())
    assert [query.language for query in read_beir_queries(path)] == list(codes.values())
