"""Things that are added under tags of their own, and removed by those who have observed them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Observed = tuple[tuple[tuple[int, Any], ...], tuple[int, ...]]
"""All that was ever added, as (tag, thing) in the order of tags, and the tags that were removed (tombstones)."""


def present(state: Observed) -> list[tuple[int, Any]]:
    """What was added and not removed."""
    gone = frozenset(state[1])
    return [(tag, thing) for tag, thing in state[0] if tag not in gone]


def add(state: Observed, tag: int, thing: Any) -> Observed:
    """With one thing more; a tag that is known already, perhaps a removed one, stays as it is."""
    return merge(state, (((tag, thing),), ()))


def remove(state: Observed, tags: Iterable[int]) -> Observed:
    """Without these."""
    return state[0], tuple(sorted({*state[1], *tags}))


def merge(one: Observed, other: Observed) -> Observed:
    """All additions and all removals of both."""
    if one == other:
        return one
    added = dict(one[0]) | dict(other[0])
    return tuple(sorted(added.items(), key=_tag)), tuple(sorted({*one[1], *other[1]}))


def _tag(item: tuple[int, Any]) -> int:
    return item[0]
