"""The first in a queue that is short enough, found without looking at the others."""

from __future__ import annotations

import math
import sys

_LONGEST = sys.float_info.max  # what is longer than that is gone


class Shortlist:
    """Names in order of arrival, each with a length; adding, removing and finding cost O(log n).

    A binary tree over the places in the queue, of which each branch knows its shortest: a tournament.
    """

    def __init__(self) -> None:
        self._leaves = 1  # of the tree, a power of two
        self._shortest = [math.inf, math.inf]  # branch i has the branches 2i and 2i + 1; the leaves come last
        self._names: list[str | None] = []  # by place
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)

    def add(self, name: str, length: float) -> None:
        """Put a name last."""
        if len(self._names) == self._leaves:
            self._grow()
        self._places[name] = place = len(self._names)
        self._names.append(name)
        self._set(place, min(length, _LONGEST))

    def remove(self, name: str) -> None:
        """Take a name out."""
        place = self._places.pop(name)
        self._names[place] = None
        self._set(place, math.inf)

    def first(self, length: float) -> str | None:
        """The first of at most that length."""
        length = min(length, _LONGEST)
        if self._shortest[1] > length:
            return None
        branch = 1
        while branch < self._leaves:
            branch *= 2
            branch += self._shortest[branch] > length
        return self._names[branch - self._leaves]

    def _set(self, place: int, length: float) -> None:
        branch = self._leaves + place
        self._shortest[branch] = length
        while branch > 1:
            branch //= 2
            self._shortest[branch] = min(self._shortest[2 * branch], self._shortest[2 * branch + 1])

    def _grow(self) -> None:
        """Leave out what is gone, and make room for as many again."""
        kept = [(name, self._shortest[self._leaves + place]) for name, place in self._places.items()]
        self._leaves = max(1, 2 ** (2 * len(kept)).bit_length())
        self._names = [name for name, _ in kept]
        self._places = {name: place for place, (name, _) in enumerate(kept)}
        self._shortest = [math.inf] * (2 * self._leaves)
        self._shortest[self._leaves : self._leaves + len(kept)] = [length for _, length in kept]
        for branch in range(self._leaves - 1, 0, -1):
            self._shortest[branch] = min(self._shortest[2 * branch], self._shortest[2 * branch + 1])
