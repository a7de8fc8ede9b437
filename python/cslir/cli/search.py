"""`cslir search`. Every import that is not needed for one query stays out of this path."""

import shutil
import sys
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cslir.cli.arguments import PrecisionOption, RerankDepth, Reranker
from cslir.plain_text import is_unicode, plain_json, plain_text
from cslir.plurals import count_of
from cslir.shell import own_command

if TYPE_CHECKING:
    from cslir.models.cross_encoder import Scorer
    from cslir.progress import Update
    from cslir.search import Hit, Index

__all__ = ["cut", "search"]

_SURE = 0.9
"""Share from which a query's language is told without another."""
_ID_LENGTH = 200
"""Characters of an id that are shown at most."""


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
    passage_language: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Only passages in this language; may be given several times."),
    ] = None,
    run_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the TREC run of --queries; stdout if left out.")
    ] = None,
    fetch_model: Annotated[
        bool,
        typer.Option(
            "--fetch-model",
            help="Fetch the encoder from its hub if it isn't here: only if you trust who made the index.",
        ),
    ] = False,
    rerank: Reranker = None,
    rerank_depth: RerankDepth = 50,
    rerank_precision: PrecisionOption = "float32",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per passage.")] = False,
) -> None:
    """Search an index: passages in all its languages, with language, score and the time it took."""
    from cslir.errors import InputError
    from cslir.files import cache_folder
    from cslir.formats import require_text_output
    from cslir.search import Index

    if (query is None) == (queries is None):
        raise InputError("one query or --queries FILE is needed", remedy=own_command("search", "read e-mail"))
    if query is not None and not query.strip():
        raise InputError("the query is empty", remedy="give at least one word")
    if query is not None and not is_unicode(query):
        raise InputError("the query is not UTF-8", remedy="check the terminal's encoding")
    if run_out is not None:
        require_text_output(run_out)
    opened = Index.open(
        index if index is not None else cache_folder() / "demo" / "index", fetch_model=fetch_model
    )
    among = passage_language or None
    if among is not None:
        opened.check_languages(among)
    _ = opened.model
    scorer = None
    if rerank is not None:
        from cslir.models.cross_encoder import load_cross_encoder

        scorer = load_cross_encoder(rerank, rerank_precision)
    reranking = _Reranking(scorer, rerank_depth)
    if queries is not None:
        _write_run(opened, queries, k, language, among, run_out, reranking)
        return
    start = time.perf_counter()
    vectors, languages = opened.encode([query or ""], language)
    encoded = time.perf_counter()
    found = opened.hits(vectors, reranking.depth(k), languages=among)
    searched = time.perf_counter()
    hits = reranking.hits([query or ""], found)[0][:k]
    reranked = time.perf_counter()
    if as_json:
        for hit in hits:
            print(plain_json(hit.passage._asdict() | {"score": hit.score}))
        return
    _print_hits(hits)
    times = f"encoded in {(encoded - start) * 1000:.2f} ms, searched in {(searched - encoded) * 1000:.2f} ms"
    if scorer is not None:
        times += f", reranked in {(reranked - searched) * 1000:.0f} ms"
    print(f"{_language_words(languages[0])}{count_of(len(opened), 'passage')}, {times}", file=sys.stderr)


def _language_words(languages: dict[str, float]) -> str:
    """Say in which language a query is, and what else it may be in where that is not sure."""
    if not languages:
        return ""
    (first, share), *others = ((plain_text(one, _ID_LENGTH), share) for one, share in languages.items())
    if share >= _SURE or not others:
        return f"query in {first}, "
    second, other_share = others[0]
    return f"query in {first} ({share:.0%}) or {second} ({other_share:.0%}): tell it with --language; "


class _Reranking(NamedTuple):
    """A cross-encoder, if there is one, and how many candidates it scores."""

    scorer: "Scorer | None"
    candidates: int

    def depth(self, k: int) -> int:
        """Return how many passages to retrieve for an answer of k."""
        return k if self.scorer is None else max(k, self.candidates)

    def hits(
        self, queries: list[str], found: "list[list[Hit]]", update: "Update | None" = None
    ) -> "list[list[Hit]]":
        """Return each query's hits, the candidates in the order of the cross-encoder's scores."""
        if self.scorer is None:
            return found
        from cslir.search import rerank_hits

        return rerank_hits(queries, found, self.scorer, self.candidates, update)


def _print_hits(hits: "list[Hit]") -> None:
    """Print two lines per passage, cut to the terminal's width."""
    width = max(40, shutil.get_terminal_size().columns)
    for rank, hit in enumerate(hits, start=1):
        passage = hit.passage
        language, doc_id = (plain_text(one, _ID_LENGTH) for one in (passage.language, passage.doc_id))
        print(f"{rank:2}  {hit.score:.3f}  {language or '--'}  {doc_id}")
        text = " ".join(plain_text(passage.full_text).split())
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
    index: "Index",
    queries: Path,
    k: int,
    language: str | None,
    among: list[str] | None,
    run_out: Path | None,
    reranking: _Reranking,
) -> None:
    from cslir.datasets.layouts import read_queries
    from cslir.errors import InputError
    from cslir.formats import require_run_id, run_lines, write_run
    from cslir.progress import counting
    from cslir.records import ScoredPassage

    asked = list(read_queries(queries))
    if not asked:
        raise InputError("holds no query", path=queries)
    for query in asked:
        require_run_id(query.query_id, queries)
    texts = [query.text for query in asked]
    vectors, _ = index.encode(texts, language)
    if reranking.scorer is None:
        run = index.run([query.query_id for query in asked], vectors, k, languages=among)
    else:
        found = index.hits(vectors, reranking.depth(k), languages=among)
        for doc_id in dict.fromkeys(hit.passage.doc_id for hits in found for hit in hits):
            require_run_id(doc_id, index.folder)
        with counting("reranking", "pair") as update:
            found = reranking.hits(texts, found, update)
        run = (
            ScoredPassage(query.query_id, hit.passage.doc_id, hit.score)
            for query, hits in zip(asked, found, strict=True)
            for hit in hits[:k]
        )
    if run_out is not None:
        write_run(run_out, run)
        return
    # A run is UTF-8 in a pipe as in a file, whatever the terminal's encoding.
    stdout = typer.get_binary_stream("stdout")
    for line in run_lines(run):
        stdout.write(f"{plain_text(line) if sys.stdout.isatty() else line}\n".encode())
    stdout.flush()
