"""Lexicons of names from Unicode's CLDR: territories, languages, subdivisions, emoji and symbols.

Many have several words (`United Arab Emirates`, `smiling face with sunglasses`); under a permissive licence,
they stand in for titles of Wikipedia in the Wiki-CS arm.
"""

import lzma
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path

from cslir.errors import InputError, MissingFileError
from cslir.files import sha256_of
from cslir.lexicons.entries import LexiconEntry, write_entries
from cslir.lexicons.readers.cldr import find_cldr, read_cldr
from cslir.lexicons.sources import Dictionary, fetch_packages, unpack
from cslir.outputs import replace_file
from cslir.plain_text import plain_text
from cslir.plurals import count_of

__all__ = ["CLDR", "TitlesReport", "build_titles"]

CLDR = Dictionary(
    "unicode-cldr-core",
    "en",
    "",
    "cldr",
    "Unicode-DFS-2016",
    "41-0.1",
    "35d30d5d3bee4d8244e95236259c4c2a0db06e21bad696515751fcfeee4d0260",
)
"""The package of names; it has many languages, so that a target is not named."""
# Alternatives, explanations and times of the day do not stand in a text as they are printed.
_UNFIT = re.compile(r"[/:|()（）／：]")


@dataclass(frozen=True)
class TitlesReport:
    """What came of one lexicon of names.

    Attributes:
        source_language: Its code.
        target_language: Its code.
        path: The file written.
        sources: Distinct names.
        entries: Lines of the file.
    """

    source_language: str
    target_language: str
    path: Path
    sources: int
    entries: int


def build_titles(
    pairs: Sequence[tuple[str, str]],
    *,
    packages: str | PathLike[str] | None = None,
    output: str | PathLike[str],
    progress: Callable[[str], None] = lambda _: None,
) -> list[TitlesReport]:
    """Build `output/SOURCE-TARGET.tsv.xz` for each pair of languages, with `PROVENANCE.md` and `SHA256SUMS`.

    Names that are the same in both languages, or hold slashes, colons or parentheses, are left out. The
    weights of a name's translations sum to 1; a standard name has twice that of a short or variant one.

    Args:
        pairs: Source and target languages, by code; CLDR has names in each language.
        packages: Folder of `unicode-cldr-core`, as .deb file or unpacked; fetched through apt if `None`.
        output: Folder for the lexicons.
        progress: Receives a line on every step.

    Raises:
        InputError: The package is missing or corrupt, or lacks a language.
        CslirError: apt cannot fetch the package.
    """
    packages = None if packages is None else Path(packages)
    output = Path(output)
    folder = fetch_packages([CLDR], progress) if packages is None else packages
    with tempfile.TemporaryDirectory(prefix="cslir-cldr-") as unpacked:
        root, source = _locate(folder, Path(unpacked))
        reports = []
        for pair in pairs:
            entries = list(_titles(read_cldr(root, pair)))
            if not entries:
                raise InputError(f"has no name that differs between {' and '.join(pair)}", path=root)
            path = output / f"{pair[0]}-{pair[1]}.tsv.xz"
            plain = Path(unpacked, "titles.tsv")
            write_entries(plain, entries)
            with replace_file(path) as file:
                file.write(lzma.compress(plain.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
            sources = len({entry.source for entry in entries})
            reports.append(TitlesReport(*pair, path, sources, len(entries)))
            progress(f"{pair[0]}-{pair[1]}: {count_of(sources, 'name')}, {count_of(len(entries), 'entry')}")
    _write_provenance(output, reports, source)
    return reports


def _locate(folder: Path, unpacked: Path) -> tuple[Path, str]:
    """Return CLDR's folder and where it came from, as a row of the table of provenance."""
    if not folder.is_dir():
        raise MissingFileError(
            "no such folder", path=folder, remedy="name the folder that holds unicode-cldr-core"
        )
    if root := find_cldr(folder):
        return root, f"| {CLDR.package} | unpacked | {CLDR.licence} | - |"
    debs = sorted(folder.glob(f"{CLDR.package}_*.deb"))
    if debs:
        unpack(debs[-1], unpacked)
        if root := find_cldr(unpacked):
            found = plain_text(debs[-1].name.split("_")[1])
            return root, f"| {CLDR.package} | {found} | {CLDR.licence} | {sha256_of(debs[-1])} |"
    raise InputError(
        f"does not hold {CLDR.package}, neither as .deb file nor unpacked",
        path=folder,
        remedy=f"fetch it there with: apt-get download {CLDR.package}",
    )


def _titles(entries: Iterable[LexiconEntry]) -> Iterator[LexiconEntry]:
    targets: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for source, target, weight in entries:
        if source.casefold() == target.casefold() or _UNFIT.search(source) or _UNFIT.search(target):
            continue
        targets[source][target] = max(weight, targets[source].get(target, 0.0))
    for source, row in targets.items():
        total = sum(row.values())
        for target, weight in row.items():
            yield LexiconEntry(source, target, weight / total)


def _write_provenance(output: Path, reports: Sequence[TitlesReport], source: str) -> None:
    sums = {report.path.name: sha256_of(report.path) for report in reports}
    lines = [
        "# Provenance of these lexicons of names",
        "",
        f"Built by cslir {version('cslir')} from Unicode's CLDR: names of territories, languages,",
        "subdivisions, emoji and symbols, joined on their codes and characters. Licence: `LICENSE.txt`.",
        "",
        "| lexicon | sources | entries | SHA-256 |",
        "|---|---|---|---|",
        *(f"| {r.path.name} | {r.sources} | {r.entries} | {sums[r.path.name]} |" for r in reports),
        "",
        "| package | version | licence | SHA-256 of the package |",
        "|---|---|---|---|",
        source,
    ]
    with replace_file(output / "PROVENANCE.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    with replace_file(output / "SHA256SUMS") as file:
        file.write("".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode())
