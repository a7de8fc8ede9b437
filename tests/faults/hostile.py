"""Inputs that no reader expects, each with what is right to do; made in code, nothing is fetched."""

import bz2
import gzip
import lzma
import random
from dataclasses import dataclass

import lz4.frame
from material import SEED

LINE_BOUND = 64 << 20
"""The longest line that a reader takes, in bytes."""
STEERING = "\x1b[31m\x1b]0;title\x07\x9b2J\u202e\u2066"
"""What would steer a terminal: colours, its title, clearing it, and the direction of writing."""


@dataclass(frozen=True)
class Input:
    """A hostile input.

    Attributes:
        name: For the table.
        content: Its bytes, or a function of the reader's ordinary input.
        expect: `same` answers as for the ordinary input, `refused`, or `either`.
        is_pipe: Whether it comes through a named pipe.
        in_short: Whether it is part of the short form.
    """

    name: str
    content: object
    expect: str = "either"
    is_pipe: bool = False
    in_short: bool = False

    def bytes_for(self, ordinary):
        return self.content(ordinary) if callable(self.content) else self.content


def first_lines(ordinary):
    """Return the first two lines: a table's heading, and a record."""
    return b"".join(ordinary.splitlines(keepends=True)[:2])


def after_first(addition):
    return lambda ordinary: first_lines(ordinary) + addition


def within(old, new):
    """Replace something everywhere; where it does not occur the input is the ordinary one."""
    return lambda ordinary: ordinary.replace(old, new)


def in_last_line(change):
    def changed(ordinary):
        *before, last = ordinary.splitlines(keepends=True)
        return b"".join(before) + change(last)

    return changed


def zstandard(content):
    """Return a zstandard frame of raw blocks, after RFC 8878: there is no compressor in the standard library."""
    blocks = []
    size = 1 << 16
    starts = range(0, max(len(content), 1), size)
    for start in starts:
        block = content[start : start + size]
        is_last = start + size >= len(content)
        blocks.append((len(block) << 3 | is_last).to_bytes(3, "little") + block)
    # A descriptor with a window of 128 KiB and nothing else.
    return b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([7 << 3]) + b"".join(blocks)


COMPRESSIONS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "lz4": lz4.frame.compress,
                "zstandard": zstandard}  # fmt: skip
_random = random.Random(SEED).randbytes(5000)

INPUTS = [
    Input("as it is", lambda ordinary: ordinary, "same", in_short=True),
    Input("a pipe", lambda ordinary: ordinary, "same", is_pipe=True, in_short=True),
    Input("gzip through a pipe", gzip.compress, "same", is_pipe=True),
    Input("a byte-order mark", lambda ordinary: b"\xef\xbb\xbf" + ordinary, "same"),
    Input("CR LF", within(b"\n", b"\r\n"), "same"),
    Input("no end of the last line", lambda ordinary: ordinary.removesuffix(b"\n"), "same"),
    *(Input(name, compress, "same") for name, compress in COMPRESSIONS.items()),
    Input("gzip of two members", lambda one: gzip.compress(one[:700]) + gzip.compress(one[700:]), "same"),
    Input("zstandard of two frames", lambda one: zstandard(one[:700]) + zstandard(one[700:]), "same"),
    *(Input(f"truncated {name}", lambda one, compress=compress: compress(one * 20)[:-20], "refused", in_short=name == "gzip")
      for name, compress in COMPRESSIONS.items()),
    Input("gzip with wrong bytes", lambda one: gzip.compress(one)[:40] + b"\xff" * 60 + gzip.compress(one)[100:], "refused"),
    Input("a gzip bomb", lambda one: gzip.compress(first_lines(one) + b" " * (300 << 20), 1), "refused"),
    Input("a line of 64 MiB and a byte", after_first(b"x" * (LINE_BOUND + 1) + b"\n"), "refused"),
    Input("nothing", b"", in_short=True),
    Input("empty lines", b"\n" * 1000),
    Input("NUL bytes", after_first(b"\0" * 1000 + b"\n"), in_short=True),
    Input("zeros", bytes(4096)),
    Input("random bytes", _random, in_short=True),
    Input("UTF-16", lambda ordinary: ordinary.decode().encode("utf-16")),
    Input("UTF-32", lambda ordinary: ordinary.decode().encode("utf-32")),
    Input("Latin-1", after_first(b"\xfc\xe4\xf6\t1\n"), in_short=True),
    Input("overlong UTF-8", after_first(b"\xc0\xaf\xe0\x80\xaf\t1\n")),
    Input("UTF-8 of surrogates", after_first(b"\xed\xa0\x80\t1\n")),
    Input("an escaped surrogate", within(b'": "', b'": "\\ud800')),
    Input("deep arrays", after_first(b"[" * 100_000 + b"\n"), in_short=True),
    Input("deep objects", after_first(b'{"a":' * 100_000 + b"\n")),
    Input("deep within a record", in_last_line(lambda line: line.replace(b"}", b', "more": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 1))),
    Input("a number of 5,000 digits", in_last_line(lambda line: line.replace(b"}", b', "more": ' + b"9" * 5000 + b"}", 1)), in_short=True),
    Input("a column of 5,000 digits", in_last_line(lambda line: b"\t".join([*line.rstrip(b"\n").split(b"\t")[:-1], b"9" * 5000]) + b"\n")),
    Input("a field of 5,000 digits", in_last_line(lambda line: b" ".join([*line.rstrip(b"\n").split(b" ")[:3], b"9" * 5000, b"1", b"x"]) + b"\n")),
    Input("beyond 64 bits", in_last_line(lambda line: line.replace(b" 1\n", b" 9223372036854775808\n").replace(b"\t1\n", b"\t9223372036854775808\n"))),
    *(Input(f"{value} for numbers", lambda one, value=value: one.replace(b" 1 ", b" " + value.encode() + b" ").replace(b" 1\n", b" " + value.encode() + b"\n").replace(b"\t1\n", b"\t" + value.encode() + b"\n").replace(b": 1", b": " + value.encode()))
      for value in ("NaN", "inf", "-1", "1e999", "0x10", "1_0", "\u0661", "1,5")),
    Input("twice the same", lambda ordinary: ordinary + ordinary),
    Input("a key twice", within(b'{"', b'{"_id": "x", "'), "either"),
    Input("a list for a record", after_first(b"[1, 2, 3]\n")),
    Input("null for a record", after_first(b"null\n")),
    Input("numbers for texts", within(b'": "', b'": 1, "x": "')),
    Input("many columns", after_first(b"a\t" * 100_000 + b"\n")),
    Input("many fields", after_first(b"a " * 100_000 + b"\n")),
    Input("an id of 2 MB", in_last_line(lambda line: line.replace(b'"_id": "', b'"_id": "' + b"y" * 2_000_000) if b'"_id"' in line else b"y" * 2_000_000 + line)),
    Input("control and bidirectional characters", after_first(STEERING.encode() + b"\t" + STEERING.encode() + b"\n"), in_short=True),
    Input("the same, escaped", within(b'": "', b'": "\\u001b]0;title\\u0007\\u001b[31m\\u202e')),
    Input("line separators in texts", within(b'": "', '": "a\u2028b\u2029c\x85d\x0b\x0c'.encode())),
    Input("an unterminated string", in_last_line(lambda line: line[: len(line) // 2] + b"\n")),
    Input("half a line", in_last_line(lambda line: line[: len(line) // 2])),
]  # fmt: skip
