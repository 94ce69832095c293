"""Join-idle-queue: those who have become idle are known."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import PrivateAttr

from simcluster.engine import Spec
from simcluster.serving.balancers.random import random
from simcluster.serving.balancers.sets import Shards
from simcluster.serving.protocols import ReplicaView


class JoinIdleQueue(Spec):
    """The replica that has been idle longest; when none is, any (Lu et al., "Join-Idle-Queue", Performance 2011).

    Replicas join a queue when they become idle, so that a choice costs the same among any number of them.
    """

    kind: Literal["join_idle_queue"] = "join_idle_queue"
    _shards: Shards[_Idle] = PrivateAttr(default_factory=lambda: Shards(_Idle))

    def heard(self, view: ReplicaView, latency_s: float | None, now_s: float) -> None:
        """A request has ended, perhaps the replica's last."""
        if (idle := self._shards.holding(view.name)) is not None:
            idle.join(view)

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The first of the queue that may be taken."""
        idle, names = self._shards.of(replicas, _Idle.join)
        return idle.take(names) or random(query, replicas, generator)


class _Idle:
    """The queue of one shard."""

    __slots__ = ("_queue", "_queued")

    def __init__(self) -> None:
        self._queue: deque[ReplicaView] = deque()
        self._queued: set[str] = set()

    def join(self, view: ReplicaView) -> None:
        if not view.outstanding and view.name not in self._queued:
            self._queued.add(view.name)
            self._queue.append(view)

    def take(self, names: frozenset[str]) -> str | None:
        """The first that is idle and one of ``names``; who is not, for now, keeps its place behind the others."""
        for _ in range(len(self._queue)):
            view = self._queue.popleft()
            if view.outstanding == 0 and view.name not in names:
                self._queue.append(view)
                continue
            self._queued.discard(view.name)
            if view.outstanding == 0:
                return view.name
        return None
