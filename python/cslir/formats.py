r"""Readers and writers of the field's files: BEIR, MS MARCO and mMARCO, TREC runs and qrels.

Every reader streams, decompresses by content and reports bad input with file and line; every writer replaces
its file atomically, compresses by suffix (`.gz`, `.xz`) and gives the same bytes for the same records.
"""

import gzip
import io
import json
import lzma
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from cslir.errors import InputError
from cslir.files import read_lines
from cslir.json_values import decode_json
from cslir.languages import language_label
from cslir.outputs import replace_file, require_output_file
from cslir.records import Passage, Qrel, Query, ScoredPassage

__all__ = [
    "ID_NAMES",
    "find_compressed",
    "numbered_run",
    "passage_line",
    "passage_of_line",
    "read_beir_corpus",
    "read_beir_queries",
    "read_collection",
    "read_jsonl",
    "read_msmarco_collection",
    "read_msmarco_queries",
    "read_qrels",
    "read_queries",
    "read_run",
    "require_run_id",
    "require_text_output",
    "run_lines",
    "write_beir_corpus",
    "write_beir_queries",
    "write_qrels",
    "write_qrels_tsv",
    "write_run",
    "write_text_lines",
]

_Record = TypeVar("_Record")
Lines = Iterator[tuple[int, str]]

ID_NAMES = ("_id", "id", "doc_id", "query_id")
"""Where a record's id may be: in the first of them that it has, as for `cslir switch`."""

_LARGEST = 2**31 - 1
_LARGEST_SCORE = 3.4028234663852886e38
_JUDGE = "judge by whole numbers, 0 for a passage that is not relevant"


def find_compressed(path: str | PathLike[str]) -> Path | None:
    """Return `path`, or the compressed file of that name (`.gz`, `.bz2`, `.xz`, `.lz4`), or None."""
    path = Path(path)
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


def read_jsonl(path: str | PathLike[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, record) of a file with one JSON object per line; blank lines are skipped.

    Raises:
        InputError: A line is no JSON object, or holds what `decode_json` refuses.
    """
    path = Path(path)
    return _records(path, read_lines(path))


def _records(path: Path, lines: Lines) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in lines:
        if line.strip():
            yield number, _record(line, path, number)


def _record(line: str | bytes, path: Path | None, number: int | None) -> dict[str, Any]:
    record = decode_json(line, path=path, line=number, remedy="one JSON object per line")
    if not isinstance(record, dict):
        raise InputError("not a JSON object", path=path, line=number, remedy="one JSON object per line")
    return record


def _id(record: dict[str, Any], path: Path | None, line: int | None) -> str:
    name = next((name for name in ID_NAMES if record.get(name) is not None), None)
    if name is None:
        names = ", ".join(f'"{name}"' for name in ID_NAMES)
        raise InputError(f"no {names}", path=path, line=line, remedy="give every record one")
    value = record[name]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(
            f'"{name}" is of the wrong type ({type(value).__name__})',
            path=path,
            line=line,
            remedy="an id is a string or an integer",
        )
    return str(value)


def _text(
    record: dict[str, Any], name: str, path: Path | None, line: int | None, *, default: str | None = None
) -> str:
    """Return a text of a record; null is the default, as a missing one is."""
    value = record.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        problem = f'no "{name}"' if value is None else f'"{name}" is not a string'
        raise InputError(problem, path=path, line=line, remedy=f'give every record a string "{name}"')
    return value


def _passage(record: dict[str, Any], language: str, path: Path | None, line: int | None) -> Passage:
    return Passage(
        _id(record, path, line),
        _text(record, "text", path, line),
        _text(record, "title", path, line, default=""),
        language_label(_text(record, "language", path, line, default=language)),
    )


def _query(record: dict[str, Any], language: str, path: Path | None, line: int | None) -> Query:
    return Query(
        _id(record, path, line),
        _text(record, "text", path, line),
        language_label(_text(record, "language", path, line, default=language)),
    )


def read_collection(path: str | PathLike[str], language: str = "") -> Iterator[Passage]:
    """Yield the passages of a BEIR `corpus.jsonl` or an MS MARCO `collection.tsv`.

    Which it is, its name says, or its first line where the name says neither, as that of a pipe.

    Raises:
        InputError: As for `read_beir_corpus` and `read_msmarco_collection`.
    """
    path = Path(path)
    is_jsonl, lines = _is_jsonl(path)
    return _beir_passages(path, language, lines) if is_jsonl else _msmarco_passages(path, language, lines)


def read_queries(path: str | PathLike[str], language: str = "") -> Iterator[Query]:
    """Yield the queries of a BEIR `queries.jsonl` or an MS MARCO `queries.*.tsv`; see `read_collection`.

    Raises:
        InputError: As for `read_beir_queries` and `read_msmarco_queries`.
    """
    path = Path(path)
    is_jsonl, lines = _is_jsonl(path)
    return _beir_queries(path, language, lines) if is_jsonl else _msmarco_queries(path, language, lines)


def _is_jsonl(path: Path) -> tuple[bool, Lines]:
    """Return whether a file holds JSON objects, and its lines, of which none is lost."""
    lines = read_lines(path)
    if ".jsonl" in path.suffixes or ".tsv" in path.suffixes:
        return ".jsonl" in path.suffixes, lines
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return False, lines
    return first[1].lstrip().startswith("{"), chain((first,), lines)


def read_beir_corpus(path: str | PathLike[str], language: str = "") -> Iterator[Passage]:
    """Yield the passages of a BEIR `corpus.jsonl`: `_id`, `text`, optional `title` and `language`.

    A record without `_id` has its id in `id`, `doc_id` or `query_id`. A null is read like a missing value.

    Args:
        path: The file, plain or compressed, or a pipe.
        language: Code for records without a `language` field.

    Raises:
        InputError: A record is malformed, or an id is empty or repeated.
    """
    path = Path(path)
    return _beir_passages(path, language, read_lines(path))


def _beir_passages(path: Path, language: str, lines: Lines) -> Iterator[Passage]:
    records = ((line, _passage(record, language, path, line)) for line, record in _records(path, lines))
    return _unique(path, ((line, passage.doc_id, passage) for line, passage in records), "passage")


def read_beir_queries(path: str | PathLike[str], language: str = "") -> Iterator[Query]:
    """Yield the queries of a BEIR `queries.jsonl`: `_id`, `text`, optional `language`.

    A record without `_id` has its id in `id`, `doc_id` or `query_id`. A null is read like a missing value.

    Raises:
        InputError: A record is malformed, or an id is empty or repeated.
    """
    path = Path(path)
    return _beir_queries(path, language, read_lines(path))


def _beir_queries(path: Path, language: str, lines: Lines) -> Iterator[Query]:
    records = ((line, _query(record, language, path, line)) for line, record in _records(path, lines))
    return _unique(path, ((line, query.query_id, query) for line, query in records), "query")


def _columns(path: Path, lines: Lines, number: int, layout: str) -> Iterator[tuple[int, list[str]]]:
    for line, text in lines:
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


def read_msmarco_collection(path: str | PathLike[str], language: str = "") -> Iterator[Passage]:
    """Yield the passages of an MS MARCO or mMARCO `collection.tsv`: id, tab, text."""
    path = Path(path)
    return _msmarco_passages(path, language, read_lines(path))


def _msmarco_passages(path: Path, language: str, lines: Lines) -> Iterator[Passage]:
    rows = _columns(path, lines, 2, "doc_id <tab> text")
    records = ((line, row[0], Passage(row[0], row[1], "", language)) for line, row in rows)
    return _unique(path, records, "passage")


def read_msmarco_queries(path: str | PathLike[str], language: str = "") -> Iterator[Query]:
    """Yield the queries of an MS MARCO or mMARCO `queries.*.tsv`: id, tab, text."""
    path = Path(path)
    return _msmarco_queries(path, language, read_lines(path))


def _msmarco_queries(path: Path, language: str, lines: Lines) -> Iterator[Query]:
    rows = _columns(path, lines, 2, "query_id <tab> text")
    records = ((line, row[0], Query(row[0], row[1], language)) for line, row in rows)
    return _unique(path, records, "query")


def _whole_number(text: str, name: str, path: Path, line: int, remedy: str) -> int:
    try:
        value = int(text)
    except ValueError:
        # Python reads no number of more than 4,300 digits.
        if not text.lstrip("+-").isdecimal():
            raise InputError(
                f"{name} {text[:40]!r} is no whole number", path=path, line=line, remedy=remedy
            ) from None
        value = _LARGEST + 1
    if abs(value) > _LARGEST:
        raise InputError(f"{name} {text[:40]} is beyond {_LARGEST:,}", path=path, line=line, remedy=remedy)
    return value


def _score(text: str, path: Path, line: int) -> float:
    try:
        score = float(text)
    except ValueError:
        raise InputError(f"score {text[:40]!r} is not a number", path=path, line=line) from None
    if not math.isfinite(score):
        raise InputError(f"score {score} is not finite", path=path, line=line)
    if abs(score) > _LARGEST_SCORE:
        raise InputError(
            f"score {score} is beyond the range of 32-bit floats, by which passages are ranked",
            path=path,
            line=line,
            remedy="scale the scores, which keeps their order",
        )
    return score


def read_qrels(path: str | PathLike[str]) -> Iterator[Qrel]:
    """Yield relevance judgements: TREC (`query_id 0 doc_id relevance`) or BEIR (three columns with a header).

    Raises:
        InputError: A line has another number of columns, the relevance is not a whole number, or a pair of
            query and passage is judged twice.
    """
    path = Path(path)
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
        yield Qrel(query_id, doc_id, _whole_number(relevance, "relevance", path, line, _JUDGE))


def read_run(path: str | PathLike[str]) -> Iterator[ScoredPassage]:
    """Yield the lines of a TREC run (`query_id Q0 doc_id rank score tag`) or an MS MARCO one (three columns).

    An MS MARCO run holds ranks and no scores: the score is 1 / rank.

    Raises:
        InputError: A line has another number of columns, a score is not a finite number, or a passage is
            retrieved twice for a query.
    """
    path = Path(path)
    for _, scored in numbered_run(path):
        yield scored


def numbered_run(path: str | PathLike[str]) -> Iterator[tuple[int, ScoredPassage]]:
    """Yield (line number, line) of a run; see `read_run`."""
    path = Path(path)
    seen: set[tuple[str, str]] = set()
    for line, text in read_lines(path):
        columns = text.split()
        if not columns:
            continue
        if len(columns) == 6:
            query_id, doc_id, score = columns[0], columns[2], _score(columns[4], path, line)
        elif len(columns) == 3:
            query_id, doc_id = columns[0], columns[1]
            rank = _whole_number(columns[2], "rank", path, line, "ranks count from 1")
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
        if (query_id, doc_id) in seen:
            raise InputError(
                f"passage {doc_id!r} is retrieved twice for query {query_id!r}", path=path, line=line
            )
        seen.add((query_id, doc_id))
        yield line, ScoredPassage(query_id, doc_id, score)


def require_text_output(path: str | PathLike[str]) -> None:
    """Refuse a file that `write_text_lines` would not write; call it before the work.

    Raises:
        InputError: As for `write_text_lines`.
    """
    path = Path(path)
    _require_written_suffix(path)
    require_output_file(path)


def _require_written_suffix(path: Path) -> None:
    if path.suffix in {".bz2", ".lz4", ".zst"}:
        raise InputError(f"{path.suffix} is not written", path=path, remedy="use .gz, .xz or no suffix")


def write_text_lines(path: str | PathLike[str], lines: Iterable[str]) -> None:
    """Write lines as UTF-8 with LF ends, compressed by suffix, atomically, the same bytes every time.

    Raises:
        InputError: The suffix asks for a compression that is only read, or `path` can't be written.
    """
    path = Path(path)
    _require_written_suffix(path)
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


def passage_of_line(line: str | bytes, path: str | PathLike[str] | None = None) -> Passage:
    """Return the passage of a line that `passage_line` made.

    Args:
        line: The line.
        path: The file that holds it, for the message.

    Raises:
        InputError: It is no such line.
    """
    path = None if path is None else Path(path)
    return _passage(_record(line, path, None), "", path, None)


def write_beir_corpus(path: str | PathLike[str], passages: Iterable[Passage]) -> None:
    """Write a BEIR `corpus.jsonl`."""
    path = Path(path)
    write_text_lines(path, map(passage_line, passages))


def write_beir_queries(path: str | PathLike[str], queries: Iterable[Query]) -> None:
    """Write a BEIR `queries.jsonl`."""
    path = Path(path)
    write_text_lines(path, (_beir_line(q.query_id, {"text": q.text}, q.language) for q in queries))


def write_qrels_tsv(path: str | PathLike[str], qrels: Iterable[Qrel]) -> None:
    """Write BEIR qrels: a header, then query id, passage id and relevance, tab-separated."""
    path = Path(path)

    def lines() -> Iterator[str]:
        yield "query-id\tcorpus-id\tscore"
        for qrel in qrels:
            yield f"{qrel.query_id}\t{qrel.doc_id}\t{qrel.relevance}"

    write_text_lines(path, lines())


def write_qrels(path: str | PathLike[str], qrels: Iterable[Qrel]) -> None:
    """Write TREC qrels: `query_id 0 doc_id relevance`."""
    path = Path(path)
    write_text_lines(path, (f"{qrel.query_id} 0 {qrel.doc_id} {qrel.relevance}" for qrel in qrels))


def require_run_id(identifier: str, place: str | PathLike[str] | None = None) -> None:
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


def write_run(path: str | PathLike[str], run: Iterable[ScoredPassage], tag: str = "cslir") -> None:
    """Write a TREC run; the lines of a query must follow each other, best first."""
    path = Path(path)
    write_text_lines(path, run_lines(run, tag))
