import gzip
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cslir import files
from cslir.errors import InputError
from cslir.json_values import decode_json, read_json, take_json

REFUSED = {
    "nested-lists": ("[" * 100_000, "more than 128 lists and objects"),
    "nested-objects": ('{"a":' * 100_000, "more than 128 lists and objects"),
    "nested-but-whole": ("[" * 129 + "]" * 129, "more than 128 lists and objects"),
    "long-integer": (f'{{"year": {"9" * 5000}}}', "a whole number of 5,000 digits"),
    "integer-beyond-floats": (f"[-{'9' * 400}]", "beyond the range of floats"),
    "number-beyond-floats": ("[1e999]", "1e999 is beyond the range of floats"),
    "nan": ('{"a": NaN}', "NaN is no value of JSON"),
    "infinity": ("-Infinity", "Infinity is no value of JSON"),
    "key-twice": ('[{"id": 1, "text": "a", "text": "b"}]', "the key 'text' comes twice"),
    "half-a-pair": ('"\\ud800"', "half a surrogate pair"),
    "half-a-pair-within": ('{"a": [{"b": "x \\uDFFF"}]}', "half a surrogate pair"),
    "half-a-pair-in-a-key": ('{"a": {"\\udbff": 1}}', "half a surrogate pair"),
    "not-json": ('{"a"', "not JSON: Expecting ':' delimiter"),
    "two-values": ("1 2", "not JSON: Extra data"),
    "nothing": (" \n", "is empty"),
    "not-utf-8": (b'{"a": "\xff"}', "not UTF-8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_reader_takes_is_refused_with_its_place(tmp_path, name):
    text, problem = REFUSED[name]
    path = tmp_path / "file.jsonl"
    with pytest.raises(InputError, match=problem) as caught:
        decode_json(text, path=path, line=3, remedy="do this")
    assert (caught.value.path, caught.value.line, caught.value.remedy) == (str(path), 3, "do this")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=problem) as caught:
        read_json(path, remedy="do that")
    assert (caught.value.path, caught.value.remedy) == (str(path), "do that")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.booleans())
def test_everything_else_is_decoded_as_python_does(value, escaped):
    text = json.dumps(value, ensure_ascii=escaped)
    assert decode_json(text) == value
    assert decode_json(b"\xef\xbb\xbf" + text.encode()) == value
    assert take_json(f"x {text} y", 2) == (value, len(text) + 2)


def test_depth_is_counted_and_not_brackets():
    assert decode_json("[" * 128 + "]" * 128)
    assert decode_json("[" + "[]," * 1000 + "[]]") == [[]] * 1001
    assert decode_json('"' + "[" * 1000 + '"') == "[" * 1000


def test_both_halves_of_a_pair_and_an_escaped_backslash_are_text():
    assert decode_json(r'["\ud83d\ude00", "\\ud800"]') == ["😀", r"\ud800"]


def test_a_value_within_a_longer_text_is_refused_as_one_alone():
    for text, problem in REFUSED.values():
        if isinstance(text, str) and problem not in ("is empty", "not JSON: Extra data"):
            with pytest.raises(ValueError, match=problem.removeprefix("not JSON: ")):
                take_json(text, 0)


def test_a_json_file_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_LARGEST_WHOLE", 1 << 20)
    path = tmp_path / "results.json.gz"
    path.write_bytes(gzip.compress(b" " * (3 << 20)))
    with pytest.raises(InputError, match="is larger than 1 MiB") as caught:
        read_json(path, remedy="")
    assert caught.value.path == str(path)


def test_a_pipe_in_a_folder_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "dataset.json")
    with pytest.raises(InputError, match="is a pipe or a device"):
        read_json(tmp_path / "dataset.json", remedy="")
