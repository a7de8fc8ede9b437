"""Opens one form of a lexicon in a process of its own and prints what that took, as JSON.

`python switching_footprint.py FORM FILE`, with a form of `FORMS` and a `.cslex` file for `cslir`, a word list
of source, TAB, target for the others. Memory is what the process holds more than before, once the whole
file was read; private memory leaves out what it shares with others that map the file.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def open_cslir(path: Path) -> Any:
    from cslir._core import Lexicon

    return lambda: Lexicon.open(path), lambda lexicon, source: lexicon.lookup(source)[0][0]


def read_dictionary(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split("\t") for line in lines)


def open_dictionary(path: Path) -> Any:
    return lambda: read_dictionary(path), lambda dictionary, source: dictionary[source]


def open_flashtext(path: Path) -> Any:
    from flashtext import KeywordProcessor

    def build() -> Any:
        processor = KeywordProcessor()
        for source, target in read_dictionary(path).items():
            processor.add_keyword(source, target)
        return processor

    return build, lambda processor, source: processor.get_keyword(source)


def open_pyahocorasick(path: Path) -> Any:
    import ahocorasick

    def build() -> Any:
        automaton = ahocorasick.Automaton()
        for source, target in read_dictionary(path).items():
            automaton.add_word(source, target)
        automaton.make_automaton()
        return automaton

    return build, lambda automaton, source: automaton.get(source)


def open_ahocorasick_rs(path: Path) -> Any:
    import ahocorasick_rs

    def build() -> Any:
        dictionary = read_dictionary(path)
        kind = ahocorasick_rs.MatchKind.LeftmostLongest
        automaton = ahocorasick_rs.AhoCorasick(list(dictionary), matchkind=kind, store_patterns=False)
        return automaton, list(dictionary.values())

    def lookup(built: Any, source: str) -> str:
        [(number, _, _)] = built[0].find_matches_as_indexes(source)
        return built[1][number]

    return build, lookup


FORMS: dict[str, Callable[[Path], Any]] = {
    "cslir": open_cslir,
    "dictionary": open_dictionary,
    "flashtext": open_flashtext,
    "pyahocorasick": open_pyahocorasick,
    "ahocorasick_rs": open_ahocorasick_rs,
}


def resident() -> tuple[int, int]:
    """Bytes of memory that this process holds, and those of them that it shares with no other."""
    numbers = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line
    )
    kilobytes = [int(numbers[name].split()[0]) for name in ("VmRSS", "RssAnon")]
    return kilobytes[0] * 1024, kilobytes[1] * 1024


def main() -> None:
    form, path = sys.argv[1], Path(sys.argv[2])
    build, lookup = FORMS[form](path)
    gc.collect()
    before = resident()
    start = time.perf_counter()
    opened = build()
    seconds = time.perf_counter() - start
    gc.collect()
    after = resident()
    found = [lookup(opened, source) for source in sys.argv[3:]]
    measured = {
        "seconds": seconds,
        "bytes": after[0] - before[0],
        "private": after[1] - before[1],
        "found": found,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
