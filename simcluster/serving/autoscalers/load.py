"""What an autoscaler sees: how much each running server has to do, and how many are to run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from simcluster.cluster import Node
from simcluster.serving.protocols import ReplicaView

if TYPE_CHECKING:
    from simcluster.serving.pool import Pool

Metric = Literal["utilisation", "concurrency"]
"""The share of the last period for which a server's cores were busy; or its requests outstanding now, per core."""


class LoadMeter:
    """Measures the servers of a pool again and again, from outside."""

    def __init__(self, node: Node, pool: Pool, metric: Metric) -> None:
        self._cluster = node.cluster
        self._pool = pool
        self._metric = metric
        self._last = {name: self._busy(name) for name in pool.views}

    def load(self, shard: int) -> tuple[float, int]:
        """The mean since the last time of a shard's active servers that nobody suspects, and how many these are."""
        loads = []
        for view in self._pool.shard(shard):
            busy, (before_s, before) = self._busy(view.name), self._last[view.name]
            self._last[view.name] = busy
            if view.state != "active" or view.suspected:
                continue
            if self._metric == "concurrency":
                loads.append(view.outstanding / self._cluster[view.name].spec.cores)
            elif busy[0] > before_s:
                loads.append((busy[1] - before) / (busy[0] - before_s))
        return (math.fsum(loads) / len(loads) if loads else 0.0), len(loads)

    def _busy(self, name: str) -> tuple[float, float]:
        """Now, and for how long the cores of a server, each for its part, have been busy since the beginning."""
        now_s = self._cluster.env.now
        return now_s, self._cluster[name].utilisation * now_s


def running(pool: Pool, shard: int) -> list[ReplicaView]:
    """The servers of a shard that run, or will; whoever is suspected to be gone needs another in its place."""
    return [view for view in pool.shard(shard) if view.state in ("active", "starting") and not view.suspected]


def scale(pool: Pool, shard: int, wanted: int, cold_start_s: float) -> bool:
    """Let ``wanted`` servers of a shard run, as far as there are so many, but one; whether anything changes.

    Those that drain come back first, then the first that are off start; the last of those that start stop first, then
    the last of those that run drain.
    """
    views = pool.shard(shard)
    there = running(pool, shard)
    wanted = max(1, min(wanted, len(views)))
    if wanted > len(there):
        idle = [view for state in ("draining", "off") for view in views if view.state == state]
        for view in idle[: wanted - len(there)]:
            pool.start(view.name, cold_start_s)
    else:
        last = [view for state in ("starting", "active") for view in reversed(there) if view.state == state]
        for view in last[: len(there) - wanted]:
            pool.drain(view.name)
    return wanted != len(there)
