"""A Release file for the few packages in fixtures/debian."""

import hashlib
from pathlib import Path

LISTS = Path(__file__).parent / "fixtures" / "debian"


def write_release(folder, prefix="", *, codename="bookworm", changed=()):
    """Write an InRelease for the fixture's lists, as if they were whole."""
    sums = []
    for path in sorted(LISTS.iterdir()):
        if path.name.startswith("Translation-"):
            name = f"main/i18n/{path.name}"
        elif path.name == "Packages":
            name = "main/binary-amd64/Packages"
        else:
            continue
        content = path.read_bytes() + (b"changed" if name in changed else b"")
        sums.append(f" {hashlib.sha256(content).hexdigest()} {len(content):8} {name}")
    text = "\n".join(
        [
            "-----BEGIN PGP SIGNED MESSAGE-----",
            "Hash: SHA256",
            "",
            "Origin: Debian",
            f"Codename: {codename}",
            "Version: 12.15",
            "Date: Sat, 11 Jul 2026 10:16:37 UTC",
            "MD5Sum:",
            " 0ed6d4c8891eb86358b94bb35d9e4da4  1484322 main/i18n/Translation-de",
            "SHA256:",
            *sums,
            "-----BEGIN PGP SIGNATURE-----",
            "",
            "Version: not this one",
        ]
    )
    path = folder / f"{prefix}InRelease"
    path.write_text(text + "\n", "utf-8")
    return path
