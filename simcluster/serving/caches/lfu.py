"""Least frequently used."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Any, Literal

from pydantic import PrivateAttr

from simcluster.engine import Count, Spec


class Lfu(Spec):
    """Keeps the answers that have been asked for most often; of equals, those asked for last.

    It counts how often each key has been asked for, also of those that it does not keep, and one that is asked for less
    often than all that are kept is not kept: with keys that are independent of each other it comes to keep the most
    popular, which no cache of the size can beat (Breslau et al., "Web caching and Zipf-like distributions", INFOCOM
    1999, call it perfect). Both take the logarithm of ``entries``.
    """

    kind: Literal["lfu"] = "lfu"
    entries: Count
    """How many it keeps."""
    coalesces: bool = True
    """Whether who asks for what is being asked for waits for that answer."""
    _state: _State = PrivateAttr(default_factory=lambda: _State())

    def get(self, key: Hashable, now_s: float) -> Any:
        """The answer under ``key``. Raises ``KeyError`` when there is none."""
        state = self._state
        state.counts[key] = state.counts.get(key, 0) + 1
        answer = state.kept[key]
        state.use(key, self.entries)
        return answer

    def put(self, key: Hashable, answer: Any, now_s: float) -> None:
        """Keep an answer, if it is asked for often enough."""
        state = self._state
        state.kept[key] = answer
        state.use(key, self.entries)
        while len(state.kept) > self.entries:
            state.drop()


class _State:
    """What is kept, how often and when last each was asked for, and a heap of that, with entries that are void."""

    __slots__ = ("counts", "heap", "kept", "last", "tick")

    def __init__(self) -> None:
        self.kept: dict[Hashable, Any] = {}
        self.counts: dict[Hashable, int] = {}
        self.last: dict[Hashable, int] = {}
        self.heap: list[tuple[int, int, Hashable]] = []
        self.tick = 0

    def use(self, key: Hashable, entries: int) -> None:
        """Enter a key anew; its older entry is void by its tick, and void ones go when they are most of the heap."""
        self.tick += 1
        self.last[key] = self.tick
        heapq.heappush(self.heap, (self.counts.get(key, 0), self.tick, key))
        if len(self.heap) > 4 * entries + 16:
            self.heap = [(self.counts.get(kept, 0), tick, kept) for kept, tick in self.last.items()]
            heapq.heapify(self.heap)

    def drop(self) -> None:
        """The least goes, if the first entry is not void."""
        _, tick, key = heapq.heappop(self.heap)
        if self.last.get(key) == tick:
            del self.kept[key], self.last[key]
