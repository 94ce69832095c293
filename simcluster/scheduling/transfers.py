"""Transfers: how long what tasks take of each other is expected to keep the interfaces of nodes busy."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from simcluster.scheduling.attempts import ExactSum

PATIENCE = 2.0
"""How many times as long as bytes are expected to take is waited for them before anything is thought to be wrong."""
_MANY_BYTES = 1e9


class Transfers:
    """What the tasks under way take from where, and how long that is expected to keep each node's interface busy.

    All that a task takes counts until it is over, for nobody says when it has come. So whoever is silent for
    ``PATIENCE`` times what ``load_s`` says, and more, is so for another reason than that bytes are under way. Latencies
    are left out: they do not add up. A change costs what the task takes, and no more.
    """

    def __init__(self, before: Mapping[str, Mapping[str, Any]], expected_s: Callable[[str, str, float], float]) -> None:
        self._before, self._expected_s = before, expected_s
        self._per_byte_s: dict[tuple[str, str], float] = {}
        self._loads: dict[str, ExactSum] = {}
        self._under_way: dict[Hashable, list[tuple[str, float]]] = {}

    def seconds(self, source: str, target: str, size_bytes: float) -> float:
        """How much longer a message takes from one node to another by being so large."""
        pair = source, target
        if pair not in self._per_byte_s:
            both_s = self._expected_s(*pair, _MANY_BYTES) - self._expected_s(*pair, 0.0)
            self._per_byte_s[pair] = max(0.0, both_s) / _MANY_BYTES
        return size_bytes * self._per_byte_s[pair]

    def begin(self, key: Hashable, task: str, node: str, holders: Sequence[str], loads_node: bool = True) -> None:
        """What goes by ``key`` takes the inputs of a task to a node, from ``holders`` in the order of its edges.

        Where that is only a node like the one that will take them, it is not loaded itself.
        """
        self.end(key)
        loads = self._under_way[key] = []
        for holder, edge in zip(holders, self._before[task].values(), strict=True):
            if holder and holder != node:
                seconds = self.seconds(holder, node, edge["size_bytes"])
                loads += [(holder, seconds), (node, seconds)] if loads_node else [(holder, seconds)]
        for name, seconds in loads:
            self._loads.setdefault(name, ExactSum()).add(seconds)

    def end(self, key: Hashable) -> list[str]:
        """It is over, if it ever began; the nodes that it loaded."""
        loads = self._under_way.pop(key, [])
        for name, seconds in loads:
            self._loads[name].add(-seconds)
        return [name for name, _ in loads]

    def load_s(self, node: str) -> float:
        """How long all that goes to and from a node takes, one after the other."""
        load = self._loads.get(node)
        return 0.0 if load is None else load.value

    def wait_s(self, node: str, holders: Iterable[str]) -> float:
        """How long a node has to wait for what these hold, with patience: all else at both ends may come before it."""
        return PATIENCE * (self.load_s(node) + max(map(self.load_s, holders), default=0.0))

    def longest_s(self, keys: Iterable[Hashable]) -> float:
        """The most that any of these takes."""
        return max((math.fsum(seconds for _, seconds in self._under_way.get(key, ())) for key in keys), default=0.0)
