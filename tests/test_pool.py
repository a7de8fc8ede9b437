"""The static encoder's pooling against plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cslir import _core
from cslir.errors import InputError

TABLE = np.random.default_rng(1).standard_normal((50, 24)).astype(np.float32)


def arrays(texts):
    token_ids = np.array([token for text in texts for token in text], np.uint32)
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return token_ids, offsets


def plainly_pooled(texts):
    pooled = []
    for text in texts:
        total = [math.fsum(float(TABLE[token, column]) for token in text) for column in range(24)]
        length = math.hypot(*total)
        pooled.append([value / length if length else 0.0 for value in total])
    return pooled


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(st.integers(0, 49), max_size=40), max_size=30))
def test_agrees_with_plain_python(texts):
    pooled = _core.pool_tokens(TABLE, *arrays(texts))
    assert pooled.shape == (len(texts), 24)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, np.array(plainly_pooled(texts)).reshape(-1, 24), atol=2e-6)


def test_a_text_without_tokens_gives_zeros_and_the_others_length_one():
    pooled = _core.pool_tokens(TABLE, *arrays([[3, 4], [], [5], []]))
    np.testing.assert_allclose(np.linalg.norm(pooled, axis=1), [1, 0, 1, 0], atol=1e-6)


def test_each_text_is_pooled_alone():
    random = np.random.default_rng(2)
    texts = [random.integers(0, 50, count).tolist() for count in random.integers(0, 60, 2000)]
    together = _core.pool_tokens(TABLE, *arrays(texts))
    for text in (0, 255, 256, 1999):
        assert _core.pool_tokens(TABLE, *arrays([texts[text]])).tobytes() == together[text].tobytes()


@pytest.mark.parametrize(
    ("token_ids", "offsets", "message"),
    [
        ([1, 50], [0, 1, 2], "text 1: token id 50 has no row in a table of 50; use the tokenizer"),
        ([1, 2], [], "no offsets; give offsets from 0"),
        ([1, 2], [1, 2], "text 0 starts at token 1, not at 0"),
        ([1, 2], [0, 2, 1], "text 1 spans tokens 2 to 1, of 2"),
        ([1, 2], [0, 3], "text 0 spans tokens 0 to 3, of 2"),
        ([1, 2], [0, 1], "the last text ends at token 1, of 2"),
    ],
)
def test_bad_tokens_and_offsets_are_refused_with_the_text(token_ids, offsets, message):
    with pytest.raises(InputError, match=message):
        _core.pool_tokens(TABLE, np.array(token_ids, np.uint32), np.array(offsets, np.int64))


def test_a_wrong_type_or_layout_is_refused():
    token_ids, offsets = arrays([[1, 2], [3]])
    with pytest.raises(TypeError, match="token_ids must be uint32, not int32"):
        _core.pool_tokens(TABLE, token_ids.astype(np.int32), offsets)
    with pytest.raises(TypeError, match="offsets must be int64, not uint64"):
        _core.pool_tokens(TABLE, token_ids, offsets.astype(np.uint64))
    with pytest.raises(InputError, match=r"numpy\.ascontiguousarray\(table\)"):
        _core.pool_tokens(TABLE.T, token_ids, offsets)
    with pytest.raises(InputError, match=r"call offsets\.ravel\(\)"):
        _core.pool_tokens(TABLE, token_ids, offsets.reshape(1, -1))


def test_a_table_row_that_is_not_finite_is_refused_with_the_text():
    table = TABLE.copy()
    table[7, 3] = np.nan
    with pytest.raises(InputError, match="text 1: its embedding is not finite"):
        _core.pool_tokens(table, *arrays([[6], [5, 7]]))
