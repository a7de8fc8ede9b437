"""`cslir search`. Every import that is not needed for one query stays out of this path."""

import json
import shutil
import sys
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cslir.search import Encoder, Hit, PassageIndex

__all__ = ["cut", "search"]


def search(
    query: Annotated[str | None, typer.Argument(help="Text in any language; or use --queries.")] = None,
    *,
    index: Annotated[
        Path | None, typer.Option(help="An index folder; that of the last demo if left out.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Passages to show, or to write per query.", min=1)] = 10,
    queries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="queries.jsonl or queries.tsv instead of one query.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Language of the query, for an index without language means; guessed if left out."),
    ] = None,
    run_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the TREC run of --queries; stdout if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per passage.")] = False,
) -> None:
    """Search an index: passages in all its languages, with language, score and the time it took."""
    from cslir.errors import InputError
    from cslir.files import cache_folder
    from cslir.models import load_encoder
    from cslir.search import PassageIndex

    if (query is None) == (queries is None):
        raise InputError("one query or --queries FILE is needed", remedy="cslir search 'free software'")
    if query is not None and not query.strip():
        raise InputError("the query is empty", remedy="give at least one word")
    if query is not None and not _is_unicode(query):
        raise InputError("the query is not UTF-8", remedy="check the terminal's encoding")
    opened = PassageIndex.open(index if index is not None else cache_folder() / "demo" / "index")
    encoder = load_encoder(opened.encoder_name)
    opened.check_encoder(encoder)
    if queries is not None:
        _write_run(opened, encoder, queries, k, language, run_out)
        return
    start = time.perf_counter()
    vector, languages = opened.without_language_means(encoder.encode_queries([query or ""]), language)
    encoded = time.perf_counter()
    hits = opened.hits(vector[0], k)
    searched = time.perf_counter()
    if as_json:
        for hit in hits:
            fields = hit.passage._asdict() | {"score": hit.score}
            print(json.dumps(fields, ensure_ascii=False))
        return
    _print_hits(hits)
    times = f"encoded in {(encoded - start) * 1000:.2f} ms, searched in {(searched - encoded) * 1000:.2f} ms"
    query_language = f"query in {languages[0]}, " if languages[0] else ""
    print(f"{query_language}{len(opened):,} passages, {times}", file=sys.stderr)


def _is_unicode(text: str) -> bool:
    """Tell whether an argument was UTF-8: other bytes arrive as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _print_hits(hits: "list[Hit]") -> None:
    """Print two lines per passage, cut to the terminal's width."""
    width = max(40, shutil.get_terminal_size().columns)
    for rank, hit in enumerate(hits, start=1):
        passage = hit.passage
        print(f"{rank:2}  {hit.score:.3f}  {passage.language or '--'}  {passage.doc_id}")
        text = " ".join(passage.full_text.split())
        print(f"    {cut(text, width - 4)}")


def cut(text: str, width: int) -> str:
    """Return a text cut to so many columns of a terminal, where East Asian wide characters take two."""
    columns = 0
    for place, character in enumerate(text):
        columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if columns > width - 1 and (columns > width or place + 1 < len(text)):
            return text[:place] + "…"
    return text


def _write_run(
    index: "PassageIndex",
    encoder: "Encoder",
    queries: Path,
    k: int,
    language: str | None,
    run_out: Path | None,
) -> None:
    from cslir.errors import InputError
    from cslir.formats import read_beir_queries, read_msmarco_queries, run_lines, write_run

    read = read_beir_queries if ".jsonl" in queries.suffixes else read_msmarco_queries
    asked = list(read(queries))
    if not asked:
        raise InputError("holds no query", path=queries)
    vectors, _ = index.without_language_means(
        encoder.encode_queries([query.text for query in asked]), language
    )
    run = index.run([query.query_id for query in asked], vectors, k)
    if run_out is not None:
        write_run(run_out, run)
    else:
        for line in run_lines(run):
            print(line)
