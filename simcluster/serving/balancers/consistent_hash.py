"""Consistent hashing, also with bounded loads: equal queries go to one replica, whoever comes or leaves."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from pydantic import PrivateAttr

from simcluster.cluster import Node
from simcluster.engine import Count, Positive, Program, Spec
from simcluster.serving.balancers.sets import Shards
from simcluster.serving.keys import key_of
from simcluster.serving.protocols import ReplicaView


class ConsistentHash(Spec):
    """The replica whose point on a circle is next after the query's, so that equal queries meet again.

    Each replica has several points. When one joins n others, 1/(n + 1) of the keys are expected to move, all of them to
    it (Karger et al., "Consistent hashing and random trees", STOC 1997). With ``epsilon`` a replica that would come to
    have more than ⌈(1 + ε)·m/n⌉ of the m requests outstanding at n replicas, this one among them, is passed over
    for the next on the circle (Mirrokni, Thorup & Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018). A
    choice costs the logarithm of the number of points.
    """

    kind: Literal["consistent_hash"] = "consistent_hash"
    points: Count = 100
    """How many points each replica has."""
    epsilon: Positive | None = None
    """ε, by how much a replica may be loaded above the mean (``None``: without bound)."""
    _shards: Shards[_Circle] = PrivateAttr(default_factory=lambda: Shards(_Circle))
    _told: bool = PrivateAttr(default=False)

    def run(self, node: Node, name: str, replicas: Sequence[ReplicaView]) -> Program:
        """The front end has come up, and tells of the end of each request."""
        self._told = True
        yield from ()

    def heard(self, view: ReplicaView, latency_s: float | None, now_s: float) -> None:
        """A request has ended."""
        if (circle := self._shards.holding(view.name)) is not None:
            circle.count(view.name, view.outstanding)

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The first on the circle after the query that is one of ``replicas`` and has room."""
        circle, names = self._shards.of(replicas, self._met)
        most = None
        if self.epsilon is not None:
            if not self._told:
                for replica in replicas:
                    circle.count(replica.name, replica.outstanding)
            total = circle.total_of(names) + 1  # which nobody can have more of
            most = math.ceil(min((1.0 + self.epsilon) * total / len(replicas), float(total)))
        name = circle.next(int.from_bytes(key_of(query)), names, most)
        if most is not None:
            circle.count(name, circle.outstanding[name] + 1)
        return name

    def _met(self, circle: _Circle, replica: ReplicaView) -> None:
        circle.add(replica.name, self.points)
        circle.count(replica.name, replica.outstanding)


class _Circle:
    """The points of one shard's replicas, and how many requests each has."""

    __slots__ = ("_at", "_owners", "_points", "_total", "outstanding")

    def __init__(self) -> None:
        self._points: list[tuple[int, str]] = []
        self._at: list[int] | None = None
        self._owners: list[str] = []
        self._total = 0
        self.outstanding: dict[str, int] = {}

    def add(self, name: str, points: int) -> None:
        hashes = (blake2b(f"{number} {name}".encode(), digest_size=8).digest() for number in range(points))
        self._points.extend((int.from_bytes(each), name) for each in hashes)
        self._at = None

    def count(self, name: str, outstanding: int) -> None:
        self._total += outstanding - self.outstanding.get(name, 0)
        self.outstanding[name] = outstanding

    def total_of(self, names: frozenset[str]) -> int:
        """How many requests these have."""
        if len(names) == len(self.outstanding):
            return self._total
        return self._total - sum(count for name, count in self.outstanding.items() if name not in names)

    def next(self, at: int, names: frozenset[str], most: int | None) -> str:
        """The first after a place on the circle that is one of ``names`` and comes to have ``most`` at most."""
        if self._at is None:
            self._points.sort()
            self._at = [each for each, _ in self._points]
            self._owners = [owner for _, owner in self._points]
        first = bisect_right(self._at, at)
        for place in range(first, first + len(self._at)):
            owner = self._owners[place % len(self._at)]
            if owner in names and (most is None or self.outstanding[owner] < most):
                return owner
        raise AssertionError("one of n replicas has no more than the mean")
