"""What several slow-downs make together."""

from __future__ import annotations

LEAST, MOST = 5e-324, 1e200
"""Bounds of a product of slow-downs, so that it can be divided by and what it multiplies stays finite."""
_GREATEST = 1e308


class Slowdowns:
    """The slow-downs in force by their keys, and their product; where floats cannot hold it, or hardly, a bound.

    The product is the root of a tree of partial ones, so that to begin or end one of n costs log n, and what is taken
    back leaves no rounding behind.
    """

    __slots__ = ("_free", "_least", "_places", "_tree")

    def __init__(self, least: float = LEAST) -> None:
        self._least = least
        self._places: dict[object, int] = {}
        self._free: list[int] = [1]
        self._tree = [1.0, 1.0]  # the parent of place i is i // 2; leaves are the last half

    def __len__(self) -> int:
        return len(self._places)

    @property
    def product(self) -> float:
        """By how much they divide a speed together."""
        return min(max(self._tree[1], self._least), MOST)

    def begin(self, key: object, factor: float) -> None:
        """Put a factor greater than 0 in force, instead of the one that ``key`` had."""
        place = self._places.get(key)
        if place is None:
            if not self._free:
                self._grow()
            place = self._places[key] = self._free.pop()
        self._set(place, factor)

    def end(self, key: object) -> None:
        """Take a factor back. Raises ``KeyError`` where there is none."""
        place = self._places.pop(key)
        self._set(place, 1.0)
        self._free.append(place)

    def _set(self, place: int, factor: float) -> None:
        tree = self._tree
        tree[place] = factor
        while place > 1:
            place //= 2
            tree[place] = min(max(tree[2 * place] * tree[2 * place + 1], LEAST), _GREATEST)

    def _grow(self) -> None:
        """Double the leaves: the tree that was becomes the left half of a new one, level by level."""
        width = len(self._tree) // 2
        grown = [1.0] * (4 * width)
        level = 1
        while level <= width:
            grown[2 * level : 3 * level] = self._tree[level : 2 * level]
            level *= 2
        grown[1] = self._tree[1]
        self._tree = grown
        self._places = {key: place + width for key, place in self._places.items()}
        self._free = list(range(4 * width - 1, 3 * width - 1, -1))
