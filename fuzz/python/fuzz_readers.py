"""Fuzz one reader of lexicons with atheris: `python fuzz/python/fuzz_readers.py TARGET [SECONDS]`.

Needs the extra `cslir[fuzz]`. Findings are written to the working folder as `crash-*`, by libFuzzer.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cslir", "reader_targets", "json", "xml"]):
    from reader_targets import TARGETS, read_bytes, seeds

    # Imported by the readers at their first use, too late to be instrumented.
    import cslir.lexicons.readers.cldr
    import cslir.lexicons.readers.dictd
    import cslir.lexicons.readers.ding
    import cslir.lexicons.readers.edict
    import cslir.lexicons.readers.expressions
    import cslir.lexicons.readers.mueller
    import cslir.lexicons.readers.psq
    import cslir.lexicons.readers.tei
    import cslir.lexicons.readers.wikipedia
    import cslir.lexicons.readers.wikititles
    import cslir.lexicons.readers.word_lists  # noqa: F401


def main() -> None:
    """Fuzz the target that the command line names, from its seeds."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python fuzz_readers.py TARGET [SECONDS]; targets: {', '.join(TARGETS)}")
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "60"
    with tempfile.TemporaryDirectory(prefix="cslir-fuzz-") as work:
        folder, corpus = Path(work, "files"), Path(work, "corpus")
        folder.mkdir()
        corpus.mkdir()
        for number, seed in enumerate(seeds(name, folder)):
            (corpus / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-timeout=20", "-max_len=16384", "-print_final_stats=1"]
        atheris.Setup(
            [sys.argv[0], str(corpus), *options], lambda data: read_bytes(name, data, folder) and None
        )
        atheris.Fuzz()


main()
