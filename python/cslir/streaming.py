"""Code-switching from file to file, in the Rust core: all cores, constant memory, resumable.

`switch_file` writes the output whole or not at all; what it returns is told by `summary_record` and
`summary_text`.
"""

from typing import TypedDict

from cslir._core import FileSummary, switch_file
from cslir.plurals import count_of

__all__ = ["FileSummary", "SummaryRecord", "summary_record", "summary_text", "switch_file"]


class SummaryRecord(TypedDict):
    """A summary for programs to read; rates are shares of all tokens and of content tokens."""

    records: int
    tokens: int
    content_tokens: int
    switched: int
    lemmas: int
    missed: int
    switch_rate: float
    content_switch_rate: float
    switched_by_language: dict[str, int]
    missed_by_language: dict[str, int]
    input_bytes: int
    output_bytes: int
    resumed_after_line: int
    seconds: float
    megabytes_per_second: float


def summary_record(summary: FileSummary) -> SummaryRecord:
    """Return a summary as a record with the rates worked out."""
    counts = summary.counts
    return {
        "records": summary.records,
        "tokens": counts.tokens,
        "content_tokens": counts.content,
        "switched": counts.switched,
        "lemmas": counts.lemmas,
        "missed": counts.missed,
        "switch_rate": counts.switch_rate,
        "content_switch_rate": counts.content_switched / counts.content if counts.content else 0.0,
        "switched_by_language": counts.switched_by_language,
        "missed_by_language": counts.missed_by_language,
        "input_bytes": summary.input_bytes,
        "output_bytes": summary.output_bytes,
        "resumed_after_line": summary.resumed_after_line,
        "seconds": summary.seconds,
        "megabytes_per_second": summary.own_bytes / 1e6 / summary.seconds if summary.seconds else 0.0,
    }


def summary_text(summary: FileSummary) -> str:
    """Return a summary in three lines for people to read."""
    record = summary_record(summary)

    def by_language(counts: dict[str, int]) -> str:
        return ", ".join(f"{language} {count:,}" for language, count in sorted(counts.items())) or "none"

    rate, content_rate = record["switch_rate"], record["content_switch_rate"]
    lemmas = f", {record['lemmas']:,} of them by their base form" if record["lemmas"] else ""
    return "\n".join(
        (
            f"{count_of(record['records'], 'record')}, {count_of(record['tokens'], 'token')},"
            f" {record['content_tokens']:,} of content, {record['switched']:,} switched{lemmas}"
            f" (switch_rate {rate:.3f}, of content tokens {content_rate:.3f})",
            f"switched {by_language(record['switched_by_language'])};"
            f" chosen but out of lexicon {by_language(record['missed_by_language'])}",
            f"{summary.own_bytes / 1e6:,.1f} MB in {summary.seconds:.1f} s"
            f" ({record['megabytes_per_second']:,.0f} MB/s)",
        )
    )
