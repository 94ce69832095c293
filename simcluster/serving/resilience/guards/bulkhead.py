"""Bulkheads: one that is slow or gone does not take all there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from simcluster.engine import Count, Spec
from simcluster.serving.resilience.protocols import Guarding


class Bulkhead(Spec):
    """At most ``limit`` calls are under way at once, to a server, to a shard's servers or to all of them together.

    Source: M. Nygard, Release It!, 2007, chapter 5.
    """

    kind: Literal["bulkhead"] = "bulkhead"
    cause: ClassVar[str] = "bulkhead_full"
    limit: Count
    """How many."""
    per: Literal["server", "shard", "service"] = "server"
    """What they are counted by."""

    def begin(self, say: Callable[[str, str], object]) -> Guarding:
        """Nothing is under way."""
        return _Compartments(self)


class _Compartments:
    def __init__(self, spec: Bulkhead) -> None:
        self._limit, self._per = spec.limit, spec.per
        self._under_way: dict[str | int, int] = {}

    def admits(self, server: str, shard: int, now_s: float) -> bool:
        """Whether there is room for one more."""
        return self._under_way.get(self._key(server, shard), 0) < self._limit

    def sent(self, server: str, shard: int, now_s: float) -> None:
        """One more is under way."""
        key = self._key(server, shard)
        self._under_way[key] = self._under_way.get(key, 0) + 1

    def ended(self, server: str, shard: int, now_s: float, sent_s: float, outcome: str) -> None:
        """One is no longer under way, however it ended."""
        self._under_way[self._key(server, shard)] -= 1

    def _key(self, server: str, shard: int) -> str | int:
        return server if self._per == "server" else shard if self._per == "shard" else ""
