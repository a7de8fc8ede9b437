import gzip

import pytest

from cslir.datasets.candidates import CandidatesDataset, read_candidates
from cslir.errors import InputError
from cslir.records import Passage, Query

TOP1000 = "7\t0\tقراءة البريد\tبرنامج لقراءة البريد\n7\t2\tقراءة البريد\tمكتبة\n8\t2\tلعبة\tمكتبة\n"
LAYOUTS = {
    "top1000": TOP1000,
    "trec": "7 Q0 0 1 2.5 tag\n7 Q0 2 2 1.5 tag\n8 Q0 2 1 3 tag\n",
    "tabbed trec": "7\tQ0\t0\t1\t2.5\ttag\n7\tQ0\t2\t2\t1.5\ttag\n8\tQ0\t2\t1\t3\ttag\n",
    "ms marco run": "7\t0\t1\n7\t2\t2\n8\t2\t1\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("compressed", [False, True])
def test_candidates_of_every_layout(tmp_path, layout, compressed):
    path = tmp_path / "candidates"
    content = LAYOUTS[layout].encode()
    path.write_bytes(gzip.compress(content) if compressed else content)
    candidates = read_candidates(path, {"7", "8", "9"}, "queries.tsv")
    assert candidates.doc_ids == {"7": ("0", "2"), "8": ("2",)}
    candidates.check_passage_ids({"0", "1", "2"}, "collection.tsv")
    with pytest.raises(InputError, match="passage '2' is not in collection.tsv") as caught:
        candidates.check_passage_ids({"0"}, "collection.tsv")
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (TOP1000 + "9\t1\n", 4, "2 tab-separated columns, 4 are needed"),
        (TOP1000 + "7\t2\tx\ty\n", 4, "a candidate twice"),
        (TOP1000 + "10\t2\tx\ty\n", 4, "query '10' is not in queries.tsv"),
        (LAYOUTS["trec"] + "8 Q0 1 2 nan tag\n", 4, "is not finite"),
        (LAYOUTS["trec"] + "8 Q0 1 2 tag\n", 4, "5 columns"),
        (LAYOUTS["trec"] + "8 Q0 2 2 1 tag\n", 4, "twice"),
        ("\n", None, "holds no candidate"),
        ("", None, "holds no candidate"),
    ],
)
def test_malformed_candidates_name_their_line(tmp_path, content, line, message):
    path = tmp_path / "candidates"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_candidates(path, {"7", "8", "9"}, "queries.tsv")
    assert caught.value.line == line
    assert caught.value.path == str(path)


def test_truncated_candidates(tmp_path):
    path = tmp_path / "candidates.gz"
    path.write_bytes(gzip.compress("".join(f"7\t{one}\tx\ty{one**9}\n" for one in range(999)).encode())[:-30])
    with pytest.raises(InputError, match="truncated or corrupt"):
        read_candidates(path, {"7", "8"}, "queries.tsv")


def test_a_top1000_file_holds_its_own_texts(tmp_path):
    path, qrels = tmp_path / "top1000.tsv", tmp_path / "qrels.tsv"
    path.write_text(TOP1000, encoding="utf-8")
    qrels.write_text("7 0 0 1\n7 0 77 1\n9 0 5 1\n")
    dataset = CandidatesDataset("top1000", path, qrels)
    assert dataset.passages() == [Passage("0", "برنامج لقراءة البريد"), Passage("2", "مكتبة")]
    assert dataset.queries("") == [Query("7", "قراءة البريد")]
    assert not dataset.missing("", {"0"}).any()
    assert [qrel.query_id for qrel in dataset.qrels("")] == ["7", "7", "9"]
    qrels.write_text("99 0 0 1\n")
    with pytest.raises(InputError, match="no query that is judged is in .*top1000.tsv"):
        CandidatesDataset("top1000", path, qrels).queries("")
