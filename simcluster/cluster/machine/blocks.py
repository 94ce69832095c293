"""What is on a disk: blocks with checksums, the durable ones and those in the volatile write cache."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Block:
    """A value on a disk, with a checksum over its bytes.

    The checksum is modelled, not computed: a block knows which of its bits are ``flipped`` and whether it is
    ``torn``, and it is intact when neither is the case. That is what CRC-32C tells but for one case in 2³².
    """

    value: Any
    size_bytes: float
    flipped: frozenset[int] = frozenset()
    torn: bool = False

    @property
    def intact(self) -> bool:
        """Whether the checksum is right."""
        return not self.flipped and not self.torn


class Blocks:
    """Blocks by key. ``used_bytes`` is the room that they take, in whole bytes, so that its sums are exact.

    A key's new block takes the place of its old one when it is flushed; until then the key has room for either.
    """

    def __init__(self) -> None:
        self.used_bytes = 0
        self._cache: dict[str, Block | None] = {}  # None: the key has been deleted
        self._durable: dict[str, Block] = {}

    @property
    def unflushed_bytes(self) -> float:
        """The size of what a crash would lose."""
        return math.fsum(block.size_bytes for block in self._cache.values() if block is not None)

    @property
    def unflushed(self) -> bool:
        """Whether there is anything that a crash would lose."""
        return bool(self._cache)

    def keys(self, durable: bool) -> tuple[str, ...]:
        """The keys that a reader finds now, or would find after a crash; those that are durable first."""
        if durable or not self._cache:
            return tuple(self._durable)
        now = {**self._durable, **self._cache}
        return tuple(key for key, block in now.items() if block is not None)

    def is_durable(self, key: str) -> bool:
        """Whether a reader would find something after a crash."""
        return key in self._durable

    def find(self, key: str) -> Block | None:
        """The newest block under ``key``."""
        return self._cache[key] if key in self._cache else self._durable.get(key)

    def growth(self, key: str, size_bytes: float) -> int:
        """How much more room is taken once ``size_bytes`` are written under ``key``."""
        return max(0, math.ceil(size_bytes) - self._room(key))

    def put(self, key: str, block: Block | None) -> None:
        """Write a block into the cache; ``None`` deletes the key."""
        before = self._room(key)
        if block is None and key not in self._durable:
            self._cache.pop(key, None)
        else:
            self._cache[key] = block
        self.used_bytes += self._room(key) - before

    def lay(self, key: str, block: Block) -> None:
        """Let a block be durable at once."""
        before = self._room(key)
        self._durable[key] = block
        self.used_bytes += self._room(key) - before

    def settle(self) -> None:
        """Make all that is in the cache durable."""
        for key, block in self._cache.items():
            self.used_bytes -= self._room(key)
            if block is None:
                self._durable.pop(key, None)
            else:
                self._durable[key] = block
                self.used_bytes += math.ceil(block.size_bytes)
        self._cache.clear()

    def forget(self) -> None:
        """Lose what is in the cache, as a crash does."""
        self._cache.clear()
        self.used_bytes = sum(math.ceil(block.size_bytes) for block in self._durable.values())

    def clear(self) -> None:
        """Lose everything."""
        self._cache.clear()
        self._durable.clear()
        self.used_bytes = 0

    def tear(self, key: str, size_bytes: float) -> None:
        """Leave only the first ``size_bytes`` of a block that was being written over what was durable there."""
        before = self._room(key)
        self._durable[key] = Block(None, size_bytes, torn=True)
        self.used_bytes += self._room(key) - before

    def rot(self, count: int, generator: np.random.Generator) -> tuple[str, ...]:
        """Flip ``count`` of all durable bits, drawn evenly; the keys that were hit, in order of the draws.

        A bit that is hit twice is right again. The number of draws does not depend on what is on the disk.
        """
        if count < 0:
            raise ValueError(f"count must be at least 0, got {count}")
        keys = list(self._durable)
        ends = list(accumulate(8 * math.floor(block.size_bytes) for block in self._durable.values()))
        total, hit = ends[-1] if ends else 0, []
        flipped: dict[str, set[int]] = {}
        for share in generator.random(count).tolist():
            place = int(share * total)
            index = bisect_right(ends, place)
            if index < len(keys):
                key = keys[index]
                flipped.setdefault(key, set()).symmetric_difference_update({place - (ends[index - 1] if index else 0)})
                hit.append(key)
        for key, places in flipped.items():
            block = self._durable[key]
            self._durable[key] = replace(block, flipped=block.flipped ^ places)
        return tuple(hit)

    def _room(self, key: str) -> int:
        sizes = [block.size_bytes for block in (self._durable.get(key), self._cache.get(key)) if block]
        return math.ceil(max(sizes, default=0.0))
