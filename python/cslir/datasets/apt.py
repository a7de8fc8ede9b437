"""Fetching Debian's lists through apt with a configuration of our own; the system's lists stay untouched."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cslir.datasets.stanzas import MalformedStanzas, read_stanzas
from cslir.errors import CslirError, InputError
from cslir.files import read_lines
from cslir.outputs import replace_file

__all__ = ["DEBIAN_CODENAME", "fetch_lists"]

DEBIAN_CODENAME = "bookworm"
_DEBIAN_VERSION = "12"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCES = Path("/etc/apt")
_REMEDY = "fetch the lists on a Debian 12 machine and name their folder with `lists=FOLDER`"
# How the network is reached and how far the clock is trusted are the machine's to say, the rest is ours.
_INHERITED = re.compile(r"Acquire::(?:https?|Check-Date|Check-Valid-Until)\b")
_ONE_LINE_SOURCE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)"
)


def fetch_lists(
    folder: Path, languages: Sequence[str], *, progress: Callable[[str], None] = lambda _: None
) -> Path:
    """Fetch the Packages list (amd64) and the Translation lists of Debian 12's main component.

    apt runs with its own configuration, sources and state below `folder`: the system's settings (which
    often forbid languages) do not apply, but for its mirror and its proxy, and no privilege is needed.
    apt verifies the signature of the Release file and the checksums of the lists. What was fetched before
    and has not changed is not fetched again.

    Args:
        folder: Where apt's private state goes; made if missing.
        languages: The codes of the translations wanted.
        progress: Told what is being done.

    Returns:
        The folder of the lists.

    Raises:
        InputError: apt is missing or the system is not Debian 12.
        CslirError: apt failed; its message is part of ours.
    """
    apt = _require_debian()
    folder = folder.resolve()
    lists = folder / "lists"
    for needed in (lists / "partial", folder / "cache" / "archives" / "partial"):
        needed.mkdir(parents=True, exist_ok=True)
    source = _debian_source(_SOURCES)
    sources = folder / "debian.sources"
    _write_text(sources, source)
    configuration = folder / "apt.conf"
    _write_text(configuration, _configuration(folder, sources, languages, _inherited_settings()))
    progress(f"fetching the lists of Debian {_DEBIAN_VERSION} through apt ({', '.join(languages)})")
    run = subprocess.run(
        [apt, "-q", "update"],
        env={**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if run.returncode != 0:
        last = "; ".join(run.stderr.strip().splitlines()[-3:]) or f"exit status {run.returncode}"
        raise CslirError(f"apt could not fetch Debian's lists: {last}; check the network, or {_REMEDY}")
    return lists


def _require_debian() -> str:
    """Return apt-get's path on a Debian 12 machine."""
    apt = shutil.which("apt-get")
    if apt is None:
        raise InputError("apt-get is not on this machine", remedy=_REMEDY)
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    if system.get("ID") != "debian" or system.get("VERSION_ID") != _DEBIAN_VERSION:
        name = system.get("PRETTY_NAME", "an unknown system")
        raise InputError(f"this is {name}, not Debian {_DEBIAN_VERSION}", remedy=_REMEDY)
    return apt


def _write_text(path: Path, text: str) -> None:
    with replace_file(path) as file:
        file.write(text.encode())


def _inherited_settings() -> list[str]:
    """Return the system's settings of proxy, TLS and clock, as lines of an apt configuration."""
    if (tool := shutil.which("apt-config")) is None:
        return []
    run = subprocess.run([tool, "dump"], capture_output=True, encoding="utf-8", errors="replace", check=False)
    return [line for line in run.stdout.splitlines() if _INHERITED.match(line)]


def _configuration(folder: Path, sources: Path, languages: Sequence[str], inherited: Sequence[str]) -> str:
    """Return the private configuration. apt reads it first, so that it can tell apt to read no other."""
    # Debian writes pt_BR.
    wanted = " ".join(f'"{one.replace("-", "_")}";' for one in languages)
    lines = [
        *inherited,
        'Dir::Etc::main "/dev/null";',
        'Dir::Etc::parts "/dev/null";',
        f'Dir::Etc::sourcelist "{sources}";',
        'Dir::Etc::sourceparts "/dev/null";',
        f'Dir::State "{folder}";',
        f'Dir::State::lists "{folder}/lists";',
        f'Dir::Cache "{folder}/cache";',
        # The same packages whatever the machine, so that the same release gives the same dataset.
        'APT::Architecture "amd64";',
        'APT::Architectures { "amd64"; };',
        f"Acquire::Languages {{ {wanted} }};",
        'Acquire::GzipIndexes "true";',
        'Acquire::PDiffs "false";',
        'Acquire::Retries "3";',
        # A list that cannot be fetched is an error here, not a warning.
        'APT::Update::Error-Mode "any";',
        # Lists of languages fetched earlier stay for the next time.
        'APT::Get::List-Cleanup "false";',
    ]
    if os.geteuid() == 0:
        # apt would fetch as the user _apt, who has no way into root's cache folder.
        lines.append('APT::Sandbox::User "root";')
    return "\n".join(lines) + "\n"


def _debian_source(folder: Path) -> str:
    """Return a source for Debian 12's main component, from the system's mirror."""
    uri, signed_by = next(_system_sources(folder), ("", ""))
    if not uri:
        raise InputError(f"no source of {DEBIAN_CODENAME}'s main component", path=folder, remedy=_REMEDY)
    if not signed_by.startswith("/") and _KEYRING.exists():
        signed_by = str(_KEYRING)
    stanza = ["Types: deb", f"URIs: {uri}", f"Suites: {DEBIAN_CODENAME}", "Components: main"]
    if signed_by.startswith("/"):
        stanza.append(f"Signed-By: {signed_by}")
    return "\n".join(stanza) + "\n"


def _system_sources(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (address, keyring or "") of the sources that offer Debian 12's main component."""
    parts = folder / "sources.list.d"
    for path in sorted(parts.glob("*.sources")):
        for stanza in read_stanzas(path, MalformedStanzas()):
            get = stanza.fields.get
            offers = DEBIAN_CODENAME in get("Suites", "").split() and "main" in get("Components", "").split()
            uris = get("URIs", "").split()
            if offers and uris and get("Enabled", "yes") != "no" and "deb" in get("Types", "").split():
                yield uris[0], get("Signed-By", "")
    for path in [folder / "sources.list", *sorted(parts.glob("*.list"))]:
        for _, line in read_lines(path) if path.exists() else ():
            match = _ONE_LINE_SOURCE.match(line.strip())
            if match and match["suite"] == DEBIAN_CODENAME and "main" in match["rest"].split():
                options = dict(one.split("=", 1) for one in (match["options"] or "").split() if "=" in one)
                yield match["uri"], options.get("signed-by", "")
