"""Duplicates, groups of sources, splits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cslir import InputError
from cslir.datasets.descriptions import Description
from cslir.datasets.splits import group_by_source, remove_duplicates, source_family, split_by_group


@pytest.mark.parametrize(
    ("source", "family"),
    [
        ("gcc-12", "gcc"),
        ("gcc-12-cross-ports", "gcc-cross-ports"),
        ("python3.11", "python"),
        ("llvm-toolchain-14", "llvm-toolchain"),
        ("3dchess", "3dchess"),
        ("libfoma", "libfoma"),
        ("7", "7"),
    ],
)
def test_versions_of_a_source_are_one_family(source, family):
    assert source_family(source) == family


def test_of_duplicates_the_preferred_stays():
    descriptions = {
        "a": Description("a", "", "Title", "one text"),
        "b": Description("b", "", "title!", "another text"),
        "c": Description("c", "", "third", "One  text."),
        "d": Description("d", "", "fourth", "fourth text"),
    }
    assert remove_duplicates("abcd", descriptions) == ({key: descriptions[key] for key in "ad"}, 2)
    assert remove_duplicates("bcda", descriptions) == ({key: descriptions[key] for key in "bcd"}, 1)


def test_sources_that_share_a_beginning_are_one_group():
    shared = "Word " * 30
    sources = {
        "a": "game",
        "b": "game-levels",
        "c": "game-levels",
        "d": "tool-1",
        "e": "tool-2",
        "f": "other",
    }
    texts = {"a": shared + "x", "b": shared + "y", "c": "short", "d": "short", "e": "e", "f": "word word"}
    groups = group_by_source(sources, texts)
    assert groups == {"a": "game", "b": "game", "c": "game", "d": "tool", "e": "tool", "f": "other"}


GROUPS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4), st.sampled_from("ABCDEFGHIJKL"), min_size=12, max_size=60
)


@settings(deadline=None)
@given(groups=GROUPS, seed=st.integers(0, 5), dev=st.integers(0, 4), test=st.integers(0, 4), draw=st.data())
def test_no_group_is_in_two_splits(groups, seed, dev, test, draw):
    parallel = draw.draw(st.lists(st.sampled_from(sorted(groups)), unique=True, max_size=30))
    try:
        splits = split_by_group(groups, parallel, seed=seed, dev=dev, test=test, train_limit=20)
    except InputError:
        # It must really be impossible, or so tight that whole groups do not fit.
        assert len(parallel) < dev + test + max(map(list(groups.values()).count, groups.values()))
        return
    assert (len(splits.dev), len(splits.test)) == (dev, test)
    assert {*splits.dev, *splits.test} <= set(parallel)
    assert len(splits.train) <= 20
    used = [{groups[one] for one in part} for part in (splits.train, splits.dev, splits.test)]
    assert sum(map(len, used)) == len(set().union(*used))


def test_the_order_of_the_input_does_not_matter_and_the_seed_does():
    groups = {f"id{number}": f"group{number // 2}" for number in range(200)}
    backwards = dict(reversed(groups.items()))
    first = split_by_group(groups, list(groups), seed=1, dev=20, test=30, train_limit=50)
    assert first == split_by_group(backwards, list(backwards), seed=1, dev=20, test=30, train_limit=50)
    assert first != split_by_group(groups, list(groups), seed=2, dev=20, test=30, train_limit=50)


def test_the_test_split_does_not_depend_on_the_other_sizes():
    groups = {f"id{number}": f"group{number // 2}" for number in range(200)}
    small = split_by_group(groups, list(groups), seed=1, dev=10, test=30, train_limit=5)
    large = split_by_group(groups, list(groups), seed=1, dev=60, test=30)
    assert small.test == large.test
    assert set(small.dev) <= set(large.dev)


def test_too_few_parallel_ids():
    groups = {"a": "A", "b": "B"}
    with pytest.raises(InputError, match="2 ids with all parallel languages"):
        split_by_group(groups, ["a", "b"], seed=1, dev=1, test=2)
    with pytest.raises(InputError, match="negative"):
        split_by_group(groups, ["a", "b"], seed=1, dev=-1, test=2)
