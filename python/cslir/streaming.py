"""Code-switching from file to file: records in order, constant memory, the output whole or not at all."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cslir.errors import InputError
from cslir.files import read_lines
from cslir.formats import read_jsonl, write_text_lines
from cslir.switching import Switcher

__all__ = ["FileCounts", "switch_file"]

_BATCH = 8192


class FileCounts(NamedTuple):
    """Records of a file and what became of their tokens."""

    records: int
    tokens: int
    switched: int
    missed: int
    switched_by_language: dict[str, int]

    @property
    def switch_rate(self) -> float:
        """Share of the tokens that were switched."""
        return self.switched / self.tokens if self.tokens else 0.0


class _Line(NamedTuple):
    """A record: its id, the texts to switch by field name, and a function that puts them back."""

    record_id: str
    texts: dict[str, str]
    rebuild: Callable[[dict[str, str]], str]


def switch_file(
    source: Path,
    destination: Path,
    switcher: Switcher,
    *,
    source_language: str,
    fields: Sequence[str] = ("title", "text"),
    epoch: int = 0,
    progress: Callable[[int], None] | None = None,
) -> FileCounts:
    """Code-switch a tsv or jsonl file.

    Args:
        source: `.tsv` (the first column is the record's id, the others are switched) or `.jsonl` (`_id` is
            the id, `fields` are switched), plain or compressed.
        destination: Written in the same layout; compressed by suffix (`.gz`, `.xz`).
        switcher: Lexicons, probabilities and seed.
        source_language: Of the lexicons; a jsonl record whose `language` is another one is refused.
        fields: Names of the jsonl fields to switch; a record may lack some.
        epoch: Part of the seed, as the record's id and the field's name (or column number) are.
        progress: Called with the number of records done.

    Returns:
        Counts over all records.

    Raises:
        InputError: The layout is unknown, input and output are the same file, or a record is bad.
    """
    if ".jsonl" in source.suffixes:
        lines = _jsonl_lines(source, fields, source_language)
    elif ".tsv" in source.suffixes:
        lines = _tsv_lines(source)
    else:
        raise InputError("neither .tsv nor .jsonl", path=source, remedy="rename it by its layout")
    if destination.exists() and source.exists() and source.samefile(destination):
        raise InputError("input and output are the same file", path=source, remedy="write to another file")
    total: Counter[str] = Counter()
    by_language: Counter[str] = Counter()
    records = 0

    def switched() -> Iterator[str]:
        nonlocal records
        while batch := list(islice(lines, _BATCH)):
            new_texts: list[dict[str, str]] = [dict(line.texts) for line in batch]
            for field in dict.fromkeys(name for line in batch for name in line.texts):
                places = [place for place, line in enumerate(batch) if field in line.texts]
                texts, counts = switcher.switch_batch(
                    [batch[place].texts[field] for place in places],
                    [batch[place].record_id for place in places],
                    field=field,
                    epoch=epoch,
                )
                for place, text in zip(places, texts, strict=True):
                    new_texts[place][field] = text
                total.update(tokens=counts.tokens, switched=counts.switched, missed=counts.missed)
                by_language.update(counts.switched_by_language)
            for line, texts_of_line in zip(batch, new_texts, strict=True):
                yield line.rebuild(texts_of_line)
            records += len(batch)
            if progress:
                progress(records)
        if records == 0:
            raise InputError("holds no record", path=source)

    write_text_lines(destination, switched())
    return FileCounts(records, total["tokens"], total["switched"], total["missed"], dict(by_language))


def _tsv_lines(path: Path) -> Iterator[_Line]:
    for number, line in read_lines(path):
        if not line:
            continue
        record_id, *columns = line.split("\t")
        if not columns:
            raise InputError("no tab", path=path, line=number, remedy="the layout is id <tab> text")
        names = [str(column) for column in range(2, len(columns) + 2)]
        texts = dict(zip(names, columns, strict=True))
        yield _Line(record_id, texts, lambda new, first=record_id: "\t".join([first, *new.values()]))  # type: ignore[misc]


def _jsonl_lines(path: Path, fields: Sequence[str], source_language: str) -> Iterator[_Line]:
    for number, record in read_jsonl(path):
        if "_id" not in record:
            raise InputError('no "_id"', path=path, line=number, remedy="give every record one")
        if record.get("language", source_language) != source_language:
            raise InputError(
                f"is in {record['language']!r}, the lexicons start from {source_language!r}",
                path=path,
                line=number,
                remedy="give lexicons of that language",
            )
        texts = {name: record[name] for name in fields if isinstance(record.get(name), str)}
        if not texts:
            wanted = ", ".join(fields)
            raise InputError(
                f"none of the fields {wanted}",
                path=path,
                line=number,
                remedy="name the text's field with --field",
            )
        yield _Line(
            str(record["_id"]),
            texts,
            lambda new, old=record: json.dumps(old | new, ensure_ascii=False),  # type: ignore[misc]
        )
