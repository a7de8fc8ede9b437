from hypothesis import given
from hypothesis import strategies as st

from cslir.models.batches import length_batches


@given(st.lists(st.integers(0, 40)), st.integers(1, 100))
def test_batches_hold_every_row_once_and_stay_within_the_limit(lengths, limit):
    batches = length_batches(lengths, limit)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    flat = [lengths[row] for batch in batches for row in batch]
    assert flat == sorted(lengths, reverse=True)
    assert all(len(batch) == 1 or len(batch) * lengths[batch[0]] <= limit for batch in batches)
