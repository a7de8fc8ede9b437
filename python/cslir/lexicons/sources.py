"""Where lexicons come from: dictionaries that Debian packages, fetched through apt or read from a folder."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cslir.errors import CslirError, DamagedFileError, InputError, MissingFileError
from cslir.files import cache_folder, sha256_of
from cslir.lexicons.readers.dictd import read_freedict
from cslir.lexicons.readers.ding import read_ding
from cslir.lexicons.readers.mueller import read_mueller
from cslir.lexicons.translations import SkippedLines, Translation
from cslir.plain_text import plain_text

__all__ = [
    "DICTIONARIES",
    "Dictionary",
    "FoundDictionary",
    "dictionaries_between",
    "fetch_packages",
    "locate",
    "read_dictionary",
    "unpack",
]


class Dictionary(NamedTuple):
    """One dictionary as Debian packages it.

    Attributes:
        package: The binary package.
        source_language: Code of its headwords.
        target_language: Code of its translations.
        layout: Which reader reads it: `freedict`, `ding` or `mueller`.
        licence: SPDX expression, from the package's copyright file.
        version: The version that the embedded lexicons were built from; "" if they do not use it.
        sha256: Checksum of that version's .deb file.
    """

    package: str
    source_language: str
    target_language: str
    layout: str
    licence: str
    version: str = ""
    sha256: str = ""


def _freedict(names: str, licence: str, version: str = "", sha256: str = "") -> Dictionary:
    codes = {"deu": "de", "eng": "en", "fra": "fr", "ita": "it", "rus": "ru", "spa": "es"}
    source, target = names.split("-")
    return Dictionary(
        f"dict-freedict-{names}", codes[source], codes[target], "freedict", licence, version, sha256
    )


_GPL2, _BY_SA = "GPL-2.0-or-later", "CC-BY-SA-3.0"
# deu-eng and eng-deu are left out: FreeDict converts them from Ding, so they would count its evidence twice.
DICTIONARIES: tuple[Dictionary, ...] = (
    Dictionary(
        "trans-de-en",
        "de",
        "en",
        "ding",
        _GPL2,
        "1.9-6",
        "45f6b4cf1c434776fba6811d7bc522efabb5425c43ba8afd0e289bf9e2e53df4",
    ),
    _freedict(
        "eng-fra",
        _GPL2,
        "2022.04.21-1",
        "b8db6774b640ae8a372bee119b4304d88e6fd471a283d1326d7ec0abcc8b930e",
    ),
    _freedict(
        "fra-eng",
        _GPL2,
        "2022.04.21-1",
        "fb853d1f3da00ddddfe60dc3b88b5aaca122eecf3ba5c219131bea479d6274db",
    ),
    _freedict(
        "deu-fra",
        _BY_SA,
        "2022.12.07-2",
        "daea8e0b231a5c8c2aed6e59939943fb620fedb03b0e70f1f2874281005b981f",
    ),
    _freedict(
        "fra-deu",
        _BY_SA,
        "2022.12.07-2",
        "06bf0fc248aadca920628700883deb06151961dcd990a4cdc1f3a3f16dace8a7",
    ),
    _freedict(
        "eng-ita",
        _GPL2,
        "2022.04.21-1",
        "aef18ac10bd7582f99b819f634edad0dc0060e59a06f3f041a40203c53e9bb22",
    ),
    _freedict(
        "ita-eng",
        _GPL2,
        "2022.04.21-1",
        "f0d7a5dd47cefd2e7e8e3be19dc78df6607989324bb1ad8bc61b9a657c3a4774",
    ),
    _freedict(
        "deu-ita",
        _GPL2,
        "2022.04.21-1",
        "1efa85af04f155797a5499de66d9a748616aed187690ea07f2e1a162359b3f4c",
    ),
    _freedict(
        "ita-deu",
        _GPL2,
        "2022.04.21-1",
        "5a97b162978800f3f57266d5560228ab0744284f78b8cc118a6c431e167f5566",
    ),
    _freedict(
        "fra-ita",
        _BY_SA,
        "2022.12.07-2",
        "3ae87cd3e8f246c7e65c43d7713da5910ef4a7bfd54d3fef7af502f7cec2ff6a",
    ),
    _freedict(
        "eng-rus",
        _GPL2,
        "2022.04.21-1",
        "0683c8eda017ff1082815c3bd918a7c9f1516b18621fcdf0ef46a9a1b9d61ea3",
    ),
    Dictionary(
        "mueller7-dict",
        "en",
        "ru",
        "mueller",
        _GPL2,
        "2002.02.27-13",
        "0f7f184219bc99f680ee41149fcb132e0a659897a6fea9279a18399bea2b4c6f",
    ),
    _freedict(
        "deu-rus",
        _BY_SA,
        "2022.12.07-2",
        "4b22cb629c69bef67597e349c60949117db97c11a1cd289316373080a8314c58",
    ),
    _freedict(
        "fra-rus",
        _BY_SA,
        "2022.12.07-2",
        "44b1553f0fb5c10e7fec84456db95a43ab018fa28e0b99f98c387cd7cff57ed6",
    ),
    _freedict("eng-spa", _GPL2),
    _freedict("spa-eng", _GPL2),
)
"""The dictionaries that `build_lexicons` knows, in the order in which they are read."""

_FILES = {
    "freedict": "usr/share/dictd/freedict-{names}",
    "ding": "usr/share/trans/de-en",
    "mueller": "usr/share/dictd/mueller7",
}


class FoundDictionary(NamedTuple):
    """A dictionary and its files on disk.

    Attributes:
        dictionary: Which one.
        root: The folder that holds its `usr`.
        version: Version of its package; "" when it was found unpacked.
        sha256: Checksum of its .deb file; "" when it was found unpacked.
    """

    dictionary: Dictionary
    root: Path
    version: str
    sha256: str


def dictionaries_between(languages: frozenset[str]) -> list[Dictionary]:
    """Return the known dictionaries, of either direction, between two languages."""
    return [d for d in DICTIONARIES if {d.source_language, d.target_language} == languages]


def read_dictionary(found: FoundDictionary, *, skipped: SkippedLines) -> Iterator[Translation]:
    """Yield the translations of a dictionary with the reader of its layout.

    Raises:
        InputError: A file is missing, truncated or corrupt; a line is malformed, under `strict`.
    """
    text, index = _paths(found.dictionary, found.root)
    if index is None:
        return read_ding(text, skipped=skipped)
    reader = read_freedict if found.dictionary.layout == "freedict" else read_mueller
    return reader(text, index, skipped=skipped)


def _paths(dictionary: Dictionary, root: Path) -> tuple[Path, Path | None]:
    stem = _FILES[dictionary.layout].format(names=dictionary.package.removeprefix("dict-freedict-"))
    if dictionary.layout == "ding":
        return root / stem, None
    return root / f"{stem}.dict.dz", root / f"{stem}.index"


def locate(dictionaries: Sequence[Dictionary], folder: Path, unpacked: Path) -> list[FoundDictionary]:
    """Find dictionaries in a folder of .deb files, of unpacked packages, or of an installed system (`/`).

    Args:
        dictionaries: Which ones.
        folder: Holds `PACKAGE_VERSION_ARCH.deb`, or `PACKAGE/usr/...`, or `usr/...`.
        unpacked: Empty working folder for the contents of .deb files.

    Returns:
        The dictionaries that are there, in the order asked for.

    Raises:
        InputError: The folder is missing, holds none of the dictionaries, or holds a corrupt package.
    """
    if not folder.is_dir():
        raise MissingFileError(
            "no such folder", path=folder, remedy="name the folder that holds the packages"
        )
    found = []
    for dictionary in dictionaries:
        for root in (folder / dictionary.package, folder):
            if _paths(dictionary, root)[0].exists():
                found.append(FoundDictionary(dictionary, root, "", ""))
                break
        else:
            packages = sorted(folder.glob(f"{dictionary.package}_*.deb"))
            if packages:
                root = unpacked / dictionary.package
                unpack(packages[-1], root)
                version = plain_text(packages[-1].name.split("_")[1].replace("%3a", ":"))
                found.append(FoundDictionary(dictionary, root, version, sha256_of(packages[-1])))
    if not found:
        names = " ".join(dictionary.package for dictionary in dictionaries)
        raise InputError(
            "holds none of the dictionaries, neither as .deb files nor unpacked",
            path=folder,
            remedy=f"fetch them there with: apt-get download {names}",
        )
    return found


def unpack(package: Path, folder: Path) -> None:
    """Unpack a .deb file into a folder.

    Raises:
        InputError: It is no Debian package, or dpkg-deb is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("dpkg-deb") is None:
        raise InputError(
            "dpkg-deb, which unpacks it, is not installed",
            path=package,
            remedy="unpack the packages elsewhere and name the folder that holds PACKAGE/usr/...",
        )
    result = subprocess.run(["dpkg-deb", "-x", package, folder], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise DamagedFileError(
            f"not a Debian package ({result.stderr.strip()})", path=package, remedy="fetch it again"
        )


def fetch_packages(dictionaries: Sequence[Dictionary], progress: Callable[[str], None]) -> Path:
    """Fetch packages through apt into the cache, without installing them and without root.

    apt verifies them against the signed lists of the distribution. If the system's lists do not know the
    packages, private ones are fetched for the occasion. Packages in the cache are not fetched again.

    Returns:
        The folder of .deb files.

    Raises:
        InputError: apt is not installed.
        CslirError: apt cannot fetch a package.
    """
    folder = cache_folder() / "packages"
    missing = [d.package for d in dictionaries if not any(folder.glob(f"{d.package}_*.deb"))]
    if not missing:
        return folder
    if shutil.which("apt-get") is None:
        raise InputError(
            "apt-get, which fetches the dictionaries, is not installed",
            remedy="fetch the packages on a Debian or Ubuntu machine with "
            f"`apt-get download {' '.join(missing)}` and name their folder with `packages`",
        )
    folder.mkdir(parents=True, exist_ok=True)
    progress(f"fetching {len(missing)} packages through apt")
    with tempfile.TemporaryDirectory(prefix=".apt-", dir=folder) as work:
        downloads = Path(work, "downloads")
        downloads.mkdir()
        if _apt(["download", *missing], downloads) is not None:
            progress("apt's lists lack a package; fetching lists into a private folder")
            private = _private_configuration(Path(work))
            for arguments in (["update"], ["download", *missing]):
                if (problem := _apt([*private, *arguments], downloads)) is not None:
                    raise CslirError(
                        f"apt cannot fetch the dictionaries: {problem}; check the network and apt's sources "
                        "(Debian's `main`), or name a folder of packages with `packages`"
                    )
        for package in downloads.glob("*.deb"):
            package.replace(folder / package.name)
    return folder


def _private_configuration(work: Path) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    return [
        "-o", f"Dir::State::Lists={work / 'lists'}",
        "-o", f"Dir::Cache={work / 'cache'}",
        "-o", "Acquire::Languages=none",
    ]  # fmt: skip


def _apt(arguments: Sequence[str], folder: Path) -> str | None:
    """Run apt-get in a folder; return None, or what it complains of."""
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    complaints = [line for line in result.stderr.splitlines() if line.startswith("E:")]
    return None if result.returncode == 0 else " ".join(complaints) or f"exit code {result.returncode}"
