"""Choosing what a parallel dataset is made of: duplicates out, and no source package in two splits."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cslir.datasets.descriptions import Description, normalise_text
from cslir.errors import InputError
from cslir.plurals import count_of

__all__ = ["Splits", "group_by_source", "remove_duplicates", "source_family", "split_by_group"]

_VERSION = re.compile(r"-?\d[\d.]*(?=-|$)")
# Sources that share this much of a description's beginning share boilerplate: game and game-data, the
# plugins of one framework. With Debian 12 the largest group that results has 167 of 33,800 families.
_SHARED_CHARACTERS = 100


@dataclass(frozen=True)
class Splits:
    """The ids of each split, sorted."""

    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]


def remove_duplicates(
    ids: Iterable[str], descriptions: Mapping[str, Description]
) -> tuple[dict[str, Description], int]:
    """Keep one description of each normalised title and of each normalised text.

    Args:
        ids: The ids in order of preference: of equal descriptions the first stays.
        descriptions: Id -> description, of one language; ids without one are passed over.

    Returns:
        The descriptions kept and the number removed.
    """
    kept: dict[str, Description] = {}
    titles: set[str] = set()
    texts: set[bytes] = set()
    removed = 0
    for one in ids:
        if (description := descriptions.get(one)) is None:
            continue
        title = normalise_text(description.title)
        text = hashlib.sha256(normalise_text(description.text).encode()).digest()
        if title in titles or text in texts:
            removed += 1
            continue
        titles.add(title)
        texts.add(text)
        kept[one] = description
    return kept, removed


def source_family(source: str) -> str:
    """Return a source package's name without versions: gcc-11 and gcc-12 describe themselves alike.

    >>> source_family("gcc-12-cross"), source_family("python3.11"), source_family("3dchess")
    ('gcc-cross', 'python', '3dchess')
    """
    return _VERSION.sub("", source) or source


def group_by_source(sources: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str]:
    """Group ids whose descriptions must not be in different splits.

    Ids of one source package, or of versions of it, make a group, as do those of sources that have two
    descriptions with the same beginning (the first 100 normalised characters).

    Args:
        sources: Id -> source package.
        texts: Id -> text, in one language.

    Returns:
        Id -> name of its group, the first of the group's source families in alphabetical order.
    """
    parents = {family: family for family in map(source_family, sources.values())}

    def root(family: str) -> str:
        while parents[family] != family:
            parents[family] = parents[parents[family]]
            family = parents[family]
        return family

    first: dict[str, str] = {}
    for one, source in sources.items():
        beginning = normalise_text(texts[one])[:_SHARED_CHARACTERS]
        mine = root(source_family(source))
        if len(beginning) == _SHARED_CHARACTERS:
            other = root(first.setdefault(beginning, mine))
            parents[max(mine, other)] = min(mine, other)
    return {one: root(source_family(source)) for one, source in sources.items()}


def split_by_group(
    groups: Mapping[str, str],
    parallel: Sequence[str],
    *,
    seed: int,
    dev: int,
    test: int,
    train_limit: int | None = None,
    trainable: Iterable[str] | None = None,
) -> Splits:
    """Split ids so that no group has ids in two splits.

    The groups with parallel ids are put in an order that depends on the seed and their names alone; `test`
    takes them from the front and `dev` from the back. The test split thus does not depend on the sizes of
    the others. What remains of these groups is left out; all other groups go to `train`.

    Args:
        groups: Id -> group, of every id.
        parallel: The ids that dev and test may have.
        seed: Decides the order.
        dev: Number of ids in dev.
        test: Number of ids in test.
        train_limit: Number of training ids at most; drawn by the seed.
        trainable: The ids that train may have; all by default.

    Raises:
        InputError: A size is negative, or there are too few parallel ids.
    """
    if min(dev, test, 0 if train_limit is None else train_limit) < 0:
        raise InputError("the size of a split is negative", remedy="give sizes of 0 or more")
    members: dict[str, list[str]] = {}
    for one in sorted(parallel):
        members.setdefault(groups[one], []).append(one)
    order = sorted(members, key=lambda group: _draw(seed, "group", group))
    test_ids, test_groups = _take(order, members, test, set())
    dev_ids, dev_groups = _take(order[::-1], members, dev, test_groups)
    if len(test_ids) < test or len(dev_ids) < dev:
        raise InputError(
            f"{count_of(len(parallel), 'id')} with all parallel languages, too few for a dev split of {dev}"
            f" and a test split of {test} from different source packages",
            remedy="ask for smaller splits",
        )
    held_out = test_groups | dev_groups
    candidates = groups if trainable is None else trainable
    train = [one for one in candidates if groups[one] not in held_out]
    train.sort(key=lambda one: _draw(seed, "train", one))
    return Splits(tuple(sorted(train[:train_limit])), tuple(sorted(dev_ids)), tuple(sorted(test_ids)))


def _take(
    order: Iterable[str], members: Mapping[str, Sequence[str]], size: int, taken: set[str]
) -> tuple[list[str], set[str]]:
    ids: list[str] = []
    used: set[str] = set()
    for group in order:
        if len(ids) >= size:
            break
        if group not in taken:
            ids.extend(members[group])
            used.add(group)
    return ids[:size], used


def _draw(seed: int, purpose: str, name: str) -> bytes:
    """Return a sort key that is uniform over names and the same on every machine and Python."""
    return hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest()
