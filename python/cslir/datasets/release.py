"""A suite's Release file and Debian's lists in a folder: which list is which, and whether it is intact."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cslir.errors import DamagedFileError, InputError, MissingFileError
from cslir.files import open_bytes, read_lines
from cslir.languages import language_code

__all__ = ["ListFile", "Lists", "Release", "find_lists", "list_sha256", "read_release", "verify_list"]

_SUFFIX = r"(?:\.(?:gz|bz2|xz|lz4))?"
# apt names a list after its address, "/" turned into "_"; a list fetched by hand bears its own name only.
_RELEASE = re.compile(r"(?P<prefix>(?:.*_)?)(?:InRelease|Release)")
_TRANSLATION = re.compile(
    rf"(?P<prefix>(?:.*_)?)Translation-(?P<language>[a-z]{{2,3}}(?:_[A-Z]{{2}})?){_SUFFIX}"
)
_PACKAGES = re.compile(rf"(?P<prefix>(?:.*_)?)Packages{_SUFFIX}")
_CHECKSUM = re.compile(r" ([0-9a-f]{64}) +(\d+) (\S+)")
_CHUNK = 1 << 20
_REMEDY = "fetch the lists again"


class Release(NamedTuple):
    """What a suite's InRelease file says.

    Attributes:
        origin: Who made it; "Debian".
        codename: Codename of the suite, "bookworm" for instance.
        version: Version of the release, "12.14" for instance; may be empty.
        date: When it was made, as it stands there.
        checksums: Path below the suite's folder -> SHA-256.
    """

    origin: str
    codename: str
    version: str
    date: str
    checksums: Mapping[str, str]


class ListFile(NamedTuple):
    """A list of the component main.

    Attributes:
        path: Where it lies.
        name: Its path in the Release file, "main/i18n/Translation-de" for instance; `*` there stands for an
            architecture that the file's name does not tell.
    """

    path: Path
    name: str


@dataclass(frozen=True)
class Lists:
    """The lists of one suite in a folder; `release_path` is None where there is no Release file."""

    release_path: Path | None
    packages: ListFile
    translations: Mapping[str, ListFile]


def read_release(path: Path) -> Release:
    """Read an InRelease or Release file. Its signature is not looked at: that is apt's part.

    Raises:
        InputError: The file can't be read or lists no SHA-256.
    """
    fields: dict[str, str] = {}
    checksums: dict[str, str] = {}
    in_checksums = False
    for _, line in read_lines(path):
        if line == "-----BEGIN PGP SIGNATURE-----":
            break
        if not line.startswith(" "):
            name, _, value = line.partition(":")
            fields.setdefault(name, value.strip())
            in_checksums = name == "SHA256"
        elif in_checksums and (match := _CHECKSUM.fullmatch(line)):
            checksums[match[3]] = match[1]
    if not checksums:
        raise InputError("lists no SHA256 checksums", path=path, remedy=_REMEDY)
    get = fields.get
    return Release(get("Origin", ""), get("Codename", ""), get("Version", ""), get("Date", ""), checksums)


def find_lists(folder: Path, languages: Sequence[str]) -> Lists:
    """Find the Release file, the Packages list and the Translation lists of Debian's main component.

    Files may bear the names that apt gives them (the folder can be /var/lib/apt/lists) or their own, as
    after a download by hand: `InRelease`, `Packages.xz`, `Translation-de.bz2`.

    Args:
        folder: Where the lists are.
        languages: The translations wanted, by their code: `pt-BR` is in `Translation-pt_BR`.

    Raises:
        InputError: The folder or a list is missing, or several files fit.
    """
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(
            "no such folder", path=folder, remedy="name a folder with Debian's lists"
        ) from None
    prefix, release_path = _find_release(folder, names)
    packages: list[ListFile] = []
    translations: dict[str, list[ListFile]] = {}
    for name in names:
        if not name.startswith(prefix):
            continue
        if (match := _TRANSLATION.fullmatch(name)) and _is_main(match["prefix"]):
            found = ListFile(folder / name, f"main/i18n/Translation-{match['language']}")
            translations.setdefault(language_code(match["language"]), []).append(found)
        elif (match := _PACKAGES.fullmatch(name)) and _is_main(match["prefix"]):
            architecture = re.search(r"_binary-(\w+)_$", match["prefix"])
            found = ListFile(
                folder / name, f"main/binary-{architecture[1] if architecture else '*'}/Packages"
            )
            packages.append(found)
    preferred = [found for found in packages if "binary-amd64" in found.name] or packages
    return Lists(
        release_path,
        _only(folder, "Packages", preferred),
        {one: _only(folder, f"Translation-{one}", translations.get(one, [])) for one in languages},
    )


def _find_release(folder: Path, names: Iterable[str]) -> tuple[str, Path | None]:
    """Return the file name prefix and the path of the one Debian release (no updates, no security)."""
    found = []
    for name in names:
        if match := _RELEASE.fullmatch(name):
            release = read_release(folder / name)
            if release.origin == "Debian" and "-" not in release.codename:
                found.append((match["prefix"], folder / name))
    # InRelease and Release of the same suite say the same; the first in order is InRelease.
    if len({prefix for prefix, _ in found}) > 1:
        listed = ", ".join(path.name for _, path in found)
        raise InputError(
            f"holds several Debian releases: {listed}", path=folder, remedy="keep one release's lists there"
        )
    return found[0] if found else ("", None)


def _is_main(prefix: str) -> bool:
    """Tell whether a list belongs to the component main, as far as its name says."""
    match = re.search(r"(?:^|_)([a-z-]+)_(?:i18n|binary-\w+)_$", prefix)
    return match is None or match[1] == "main"


def _only(folder: Path, what: str, found: Sequence[ListFile]) -> ListFile:
    if not found:
        raise MissingFileError(
            f"no {what} list there",
            path=folder,
            remedy="fetch it with apt (Acquire::Languages names the languages) or leave `lists` out",
        )
    # The same list plain and compressed is no ambiguity.
    if len({re.sub(rf"{_SUFFIX}$", "", one.path.name) for one in found}) > 1:
        listed = ", ".join(one.path.name for one in found)
        raise InputError(f"several {what} lists fit: {listed}", path=folder, remedy="keep one of them there")
    return found[0]


def list_sha256(path: Path) -> str:
    """Return the SHA-256 of a list's content, decompressed, as lower-case hex.

    Raises:
        InputError: The file is missing, truncated or corrupt.
    """
    digest = hashlib.sha256()
    with open_bytes(path) as file:
        try:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        # Each decompressor has exceptions of its own; lzma's and zlib's derive from Exception alone.
        except Exception as error:
            raise DamagedFileError(f"truncated or corrupt ({error})", path=path, remedy=_REMEDY) from None
    return digest.hexdigest()


def verify_list(found: ListFile, release: Release) -> str:
    """Return the SHA-256 of a list's content after a check against the Release file.

    The Release file has the checksum of the decompressed list too, so it does not matter how the list is
    compressed here.

    Raises:
        InputError: The list is truncated, its checksum differs, or the Release file does not list it.
    """
    pattern = re.compile(re.escape(found.name).replace(r"\*", r"\w+"))
    expected = {value for name, value in release.checksums.items() if pattern.fullmatch(name)}
    if not expected:
        raise InputError(
            f"{found.name} is not in the Release file of {release.codename}", path=found.path, remedy=_REMEDY
        )
    digest = list_sha256(found.path)
    if digest not in expected:
        raise DamagedFileError(
            f"SHA-256 differs from the Release file's for {found.name}", path=found.path, remedy=_REMEDY
        )
    return digest
