"""What lexicons were built from, written beside them: `PROVENANCE.md` and `SHA256SUMS`."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cslir.files import sha256_of
from cslir.lexicons.sources import FoundDictionary
from cslir.outputs import replace_file

__all__ = ["write_provenance"]


def write_provenance(
    output: Path,
    lexicons: Mapping[Path, Sequence[FoundDictionary]],
    counts: Mapping[Path, tuple[int, int]],
    settings: Mapping[str, object],
) -> None:
    """Write the checksums of lexicons and the dictionaries, licences and settings that made them.

    Args:
        output: The folder of the lexicons.
        lexicons: The dictionaries of each lexicon file.
        counts: Sources and entries of each lexicon file.
        settings: What the build was asked for.
    """
    lines = ["# Provenance of these lexicons", ""]
    versions = (_version("cslir"), _version("wordfreq"))
    lines += ["Built by cslir {} with the frequency lists of wordfreq {}".format(*versions), ""]
    lines += [f"- {name}: {value}" for name, value in settings.items()]
    lines += ["", "| lexicon | sources | entries | SHA-256 |", "|---|---|---|---|"]
    sums = {path.name: sha256_of(path) for path in lexicons}
    for path in lexicons:
        sources, entries = counts[path]
        lines.append(f"| {path.name} | {sources} | {entries} | {sums[path.name]} |")
    lines += [
        "",
        "| package | version | licence | used by | SHA-256 of the package |",
        "|---|---|---|---|---|",
    ]
    found = dict.fromkeys(item for items in lexicons.values() for item in items)
    for item in sorted(found, key=lambda item: item.dictionary.package):
        users = ", ".join(path.stem for path, items in lexicons.items() if item in items)
        described = (item.dictionary.package, item.version or "unpacked", item.dictionary.licence, users)
        lines.append(f"| {' | '.join(described)} | {item.sha256 or '-'} |")
    with replace_file(output / "PROVENANCE.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    with replace_file(output / "SHA256SUMS") as file:
        file.write("".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(unknown)"
