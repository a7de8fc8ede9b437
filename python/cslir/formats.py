r"""Readers and writers of the field's files: BEIR, MS MARCO and mMARCO, TREC runs and qrels.

Every reader streams, decompresses by content and reports bad input with file and line; every writer replaces
its file atomically, compresses by suffix (`.gz`, `.xz`) and gives the same bytes for the same records.
"""

import gzip
import io
import json
import lzma
import math
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from cslir.errors import InputError
from cslir.files import read_lines
from cslir.languages import language_label
from cslir.outputs import replace_file
from cslir.records import Passage, Qrel, Query, ScoredPassage

__all__ = [
    "find_compressed",
    "numbered_run",
    "passage_line",
    "passage_of_line",
    "read_beir_corpus",
    "read_beir_queries",
    "read_jsonl",
    "read_msmarco_collection",
    "read_msmarco_queries",
    "read_qrels",
    "read_run",
    "require_run_id",
    "run_lines",
    "write_beir_corpus",
    "write_beir_queries",
    "write_qrels",
    "write_qrels_tsv",
    "write_run",
    "write_text_lines",
]

_Record = TypeVar("_Record")
_SURROGATE = re.compile("[\ud800-\udfff]")


def find_compressed(path: Path) -> Path | None:
    """Return `path`, or the compressed file of that name (`.gz`, `.bz2`, `.xz`, `.lz4`), or None."""
    candidates = (path, *(path.with_name(path.name + suffix) for suffix in (".gz", ".bz2", ".xz", ".lz4")))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _unique(path: Path, records: Iterable[tuple[int, str, _Record]], kind: str) -> Iterator[_Record]:
    """Yield the records of `(line, id, record)`; refuse empty and repeated ids."""
    seen: set[str] = set()
    for line, identifier, record in records:
        if not identifier:
            raise InputError(f"empty {kind} id", path=path, line=line)
        if identifier in seen:
            raise InputError(
                f"duplicate {kind} id {identifier!r}", path=path, line=line, remedy="ids must be unique"
            )
        seen.add(identifier)
        yield record


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    r"""Yield (line number, record) of a file with one JSON object per line; blank lines are skipped.

    Raises:
        InputError: A line is no JSON object, or an escape in it (`\ud800`) stands for no character.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"not JSON: {error.msg}", path=path, line=number, remedy="one JSON object per line"
            ) from None
        if not isinstance(record, dict):
            raise InputError("not a JSON object", path=path, line=number, remedy="one JSON object per line")
        if "\\u" in line and _SURROGATE.search(json.dumps(record, ensure_ascii=False)):
            raise InputError(
                "an escape stands for half a surrogate pair, which is no character",
                path=path,
                line=number,
                remedy="write the text as UTF-8, or both halves of the pair",
            )
        yield number, record


def _field(record: dict[str, Any], name: str, path: Path, line: int, *, default: str | None = None) -> str:
    value = record.get(name, default)
    if isinstance(value, int) and not isinstance(value, bool) and name == "_id":
        return str(value)
    if not isinstance(value, str):
        problem = f'no "{name}"' if value is None else f'"{name}" is not a string'
        raise InputError(problem, path=path, line=line, remedy=f'give every record a string "{name}"')
    return value


def read_beir_corpus(path: Path, language: str = "") -> Iterator[Passage]:
    """Yield the passages of a BEIR `corpus.jsonl`: `_id`, `text`, optional `title` and `language`.

    Args:
        path: The file, plain or compressed.
        language: Code for records without a `language` field.

    Raises:
        InputError: A record is malformed, or an id is empty or repeated.
    """
    return _unique(
        path,
        (
            (
                line,
                identifier := _field(record, "_id", path, line),
                Passage(
                    identifier,
                    _field(record, "text", path, line),
                    _field(record, "title", path, line, default=""),
                    language_label(_field(record, "language", path, line, default=language)),
                ),
            )
            for line, record in read_jsonl(path)
        ),
        "passage",
    )


def read_beir_queries(path: Path, language: str = "") -> Iterator[Query]:
    """Yield the queries of a BEIR `queries.jsonl`: `_id`, `text`, optional `language`.

    Raises:
        InputError: A record is malformed, or an id is empty or repeated.
    """
    return _unique(
        path,
        (
            (
                line,
                identifier := _field(record, "_id", path, line),
                Query(
                    identifier,
                    _field(record, "text", path, line),
                    language_label(_field(record, "language", path, line, default=language)),
                ),
            )
            for line, record in read_jsonl(path)
        ),
        "query",
    )


def _columns(path: Path, number: int, layout: str) -> Iterator[tuple[int, list[str]]]:
    for line, text in read_lines(path):
        if not text.strip():
            continue
        columns = text.split("\t")
        if len(columns) != number:
            raise InputError(
                f"{len(columns)} tab-separated columns, {number} are needed",
                path=path,
                line=line,
                remedy=f"the layout is {layout}",
            )
        yield line, columns


def read_msmarco_collection(path: Path, language: str = "") -> Iterator[Passage]:
    """Yield the passages of an MS MARCO or mMARCO `collection.tsv`: id, tab, text."""
    rows = _columns(path, 2, "doc_id <tab> text")
    records = ((line, row[0], Passage(row[0], row[1], "", language)) for line, row in rows)
    return _unique(path, records, "passage")


def read_msmarco_queries(path: Path, language: str = "") -> Iterator[Query]:
    """Yield the queries of an MS MARCO or mMARCO `queries.*.tsv`: id, tab, text."""
    rows = _columns(path, 2, "query_id <tab> text")
    records = ((line, row[0], Query(row[0], row[1], language)) for line, row in rows)
    return _unique(path, records, "query")


def _number(convert: Callable[[str], _Record], text: str, name: str, path: Path, line: int) -> _Record:
    try:
        return convert(text)
    except ValueError:
        raise InputError(f"{name} {text!r} is not a number", path=path, line=line) from None


def read_qrels(path: Path) -> Iterator[Qrel]:
    """Yield relevance judgements: TREC (`query_id 0 doc_id relevance`) or BEIR (three columns with a header).

    Raises:
        InputError: A line has another number of columns, the relevance is not a whole number, or a pair of
            query and passage is judged twice.
    """
    seen: set[tuple[str, str]] = set()
    for line, text in read_lines(path):
        columns = text.split("\t") if "\t" in text else text.split()
        if not columns or (line == 1 and columns[0] in ("query-id", "query_id")):
            continue
        if len(columns) == 4:
            query_id, _, doc_id, relevance = columns
        elif len(columns) == 3:
            query_id, doc_id, relevance = columns
        else:
            raise InputError(
                f"{len(columns)} columns, 3 or 4 are needed",
                path=path,
                line=line,
                remedy="the layout is 'query_id 0 doc_id relevance' or a BEIR tsv with a header",
            )
        if (query_id, doc_id) in seen:
            raise InputError(
                f"query {query_id!r} and passage {doc_id!r} are judged twice", path=path, line=line
            )
        seen.add((query_id, doc_id))
        yield Qrel(query_id, doc_id, _number(int, relevance, "relevance", path, line))


def read_run(path: Path) -> Iterator[ScoredPassage]:
    """Yield the lines of a TREC run (`query_id Q0 doc_id rank score tag`) or an MS MARCO one (three columns).

    An MS MARCO run holds ranks and no scores: the score is 1 / rank.

    Raises:
        InputError: A line has another number of columns, a score is not a finite number, or a passage is
            retrieved twice for a query.
    """
    for _, scored in numbered_run(path):
        yield scored


def numbered_run(path: Path) -> Iterator[tuple[int, ScoredPassage]]:
    """Yield (line number, line) of a run; see `read_run`."""
    seen: set[tuple[str, str]] = set()
    for line, text in read_lines(path):
        columns = text.split()
        if not columns:
            continue
        if len(columns) == 6:
            query_id, doc_id, score = columns[0], columns[2], _number(float, columns[4], "score", path, line)
        elif len(columns) == 3:
            query_id, doc_id = columns[0], columns[1]
            rank = _number(int, columns[2], "rank", path, line)
            if rank < 1:
                raise InputError(f"rank {rank} is below 1", path=path, line=line)
            score = 1 / rank
        else:
            raise InputError(
                f"{len(columns)} columns, 6 or 3 are needed",
                path=path,
                line=line,
                remedy="the layout is 'query_id Q0 doc_id rank score tag' or 'query_id doc_id rank'",
            )
        if not math.isfinite(score):
            raise InputError(f"score {score} is not finite", path=path, line=line)
        if (query_id, doc_id) in seen:
            raise InputError(
                f"passage {doc_id!r} is retrieved twice for query {query_id!r}", path=path, line=line
            )
        seen.add((query_id, doc_id))
        yield line, ScoredPassage(query_id, doc_id, score)


def write_text_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines as UTF-8 with LF ends, compressed by suffix, atomically, the same bytes every time.

    Raises:
        InputError: The suffix asks for a compression that is only read, or `path` can't be written.
    """
    if path.suffix in {".bz2", ".lz4", ".zst"}:
        raise InputError(f"{path.suffix} is not written", path=path, remedy="use .gz, .xz or no suffix")
    with replace_file(path) as raw:
        stream: BinaryIO
        if path.suffix == ".gz":
            stream = cast(BinaryIO, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0))
        elif path.suffix == ".xz":
            stream = cast(BinaryIO, lzma.LZMAFile(raw, "wb", preset=6 | lzma.PRESET_EXTREME))
        else:
            stream = cast(BinaryIO, raw)
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="\n")
        for line in lines:
            text.write(line + "\n")
        text.flush()
        text.detach()
        if stream is not raw:
            stream.close()


def _beir_line(identifier: str, fields: dict[str, str], language: str) -> str:
    record = {"_id": identifier, **fields, **({"language": language} if language else {})}
    return json.dumps(record, ensure_ascii=False)


def passage_line(passage: Passage) -> str:
    """Return a passage as a line of a BEIR corpus, without line end."""
    return _beir_line(passage.doc_id, {"title": passage.title, "text": passage.text}, passage.language)


def passage_of_line(line: str | bytes) -> Passage:
    """Return the passage of a line that `passage_line` made."""
    record = json.loads(line)
    return Passage(record["_id"], record["text"], record["title"], record.get("language", ""))


def write_beir_corpus(path: Path, passages: Iterable[Passage]) -> None:
    """Write a BEIR `corpus.jsonl`."""
    write_text_lines(path, map(passage_line, passages))


def write_beir_queries(path: Path, queries: Iterable[Query]) -> None:
    """Write a BEIR `queries.jsonl`."""
    write_text_lines(path, (_beir_line(q.query_id, {"text": q.text}, q.language) for q in queries))


def write_qrels_tsv(path: Path, qrels: Iterable[Qrel]) -> None:
    """Write BEIR qrels: a header, then query id, passage id and relevance, tab-separated."""

    def lines() -> Iterator[str]:
        yield "query-id\tcorpus-id\tscore"
        for qrel in qrels:
            yield f"{qrel.query_id}\t{qrel.doc_id}\t{qrel.relevance}"

    write_text_lines(path, lines())


def write_qrels(path: Path, qrels: Iterable[Qrel]) -> None:
    """Write TREC qrels: `query_id 0 doc_id relevance`."""
    write_text_lines(path, (f"{qrel.query_id} 0 {qrel.doc_id} {qrel.relevance}" for qrel in qrels))


def require_run_id(identifier: str, place: Path | str | None = None) -> None:
    """Refuse an id that a run can't hold.

    Args:
        identifier: Of a query or a passage.
        place: Where it comes from, for the message.

    Raises:
        InputError: It is empty, or holds white space.
    """
    if len(identifier.split()) != 1:
        raise InputError(
            f"the id {identifier!r} holds white space, which separates the columns of a run",
            path=place,
            remedy="give ids without white space",
        )


def run_lines(run: Iterable[ScoredPassage], tag: str = "cslir") -> Iterator[str]:
    """Yield the lines of a TREC run; those of a query must follow each other, best first."""
    query_id, rank = None, 0
    for scored in run:
        for identifier in (scored.query_id, scored.doc_id):
            require_run_id(identifier)
        rank = rank + 1 if scored.query_id == query_id else 1
        query_id = scored.query_id
        yield f"{query_id} Q0 {scored.doc_id} {rank} {scored.score:.9g} {tag}"


def write_run(path: Path, run: Iterable[ScoredPassage], tag: str = "cslir") -> None:
    """Write a TREC run; the lines of a query must follow each other, best first."""
    write_text_lines(path, run_lines(run, tag))
