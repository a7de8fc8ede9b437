"""A second of what `fuzz/python` does for longer: mutated fixtures yield entries or raise InputError."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_targets import TARGETS, read_bytes, seeds

# What the formats are made of, to be put anywhere.
PIECES = [b"", b"\t", b"\n", b"\r\n", b"\0", b"\xff", b"'", b"\\", b"(", b")", b",", b";", b"/", b"[", b"<", b"{", b'"', b"1" * 30, b"<entry>", b"</entry>", b" :: ", b"|"]  # fmt: skip


def mutated(data: bytes, edits: list[tuple[float, float, bytes]]) -> bytes:
    """Replace slices, given as shares of the length, by pieces."""
    for start, length, piece in edits:
        at = int(start * len(data))
        data = data[:at] + piece + data[at + int(length * length * length * len(data)) :]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_read(name: str, tmp_path) -> None:
    read = [read_bytes(name, seed, tmp_path) for seed in seeds(name, tmp_path)]
    assert sum(count > 0 for count in read) >= len(read) / 2
    assert any(read)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=20)
@given(draw=st.data())
def test_mutated_fixtures_are_read_or_refused(name: str, draw, tmp_path_factory) -> None:
    folder = tmp_path_factory.getbasetemp()
    seed = draw.draw(st.sampled_from(seeds(name, folder)))
    edit = st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(PIECES) | st.binary(max_size=4))
    read_bytes(name, mutated(seed, draw.draw(st.lists(edit, min_size=1, max_size=4))), folder)
