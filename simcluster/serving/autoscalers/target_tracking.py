"""Target tracking: as many servers as would bring the load of each to what it should be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from simcluster.cluster import Node
from simcluster.engine import NUMBER, Count, NotNegative, Period, Positive, Program, Seconds, Spec
from simcluster.serving.autoscalers.load import LoadMeter, Metric, running, scale

if TYPE_CHECKING:
    from simcluster.serving.pool import Pool


class TargetTracking(Spec):
    """Of n active servers ⌈n·load/target⌉ are to run, unless the ratio is within ``tolerance`` of 1.

    This is the rule of Kubernetes' horizontal pod autoscaler. What is too many is stopped only after a cool-down: as
    many run as were wanted at the most within it. A server that starts gets requests after a cold start, and one
    that stops finishes what it has.
    """

    kind: Literal["target_tracking"] = "target_tracking"
    metric: Metric = "utilisation"
    """What the load is: the busy share of a server's cores, or its outstanding requests for each core."""
    target: Positive = 0.7
    """What the load of each should be."""
    tolerance: Annotated[float, Field(ge=0, lt=1), NUMBER] = 0.1
    """By how much it may differ, as a share."""
    least: Count = 1
    """How many of each shard run at least, and when the job begins."""
    period_s: Period = 1.0
    """How often it looks."""
    cool_down_s: NotNegative = 5.0
    """For how long fewer must have been wanted before there are fewer."""
    cold_start_s: Seconds = 0.0
    """How long a server takes to start."""

    def at_start(self, replicas: int) -> int:
        """The least."""
        return min(self.least, replicas)

    def run(self, node: Node, pool: Pool) -> Program:
        """Look, and let servers start and drain."""
        meter = LoadMeter(node, pool, self.metric)
        wanted = [[(node.env.now, len(running(pool, shard)))] for shard in range(pool.job.shards)]
        while True:
            yield node.timer(self.period_s)
            now_s = node.env.now
            for shard, past in enumerate(wanted):
                load, active = meter.load(shard)
                past.append((now_s, max(self.least, self._wanted(load, active))))
                past[:] = [each for each in past if each[0] > now_s - self.cool_down_s] or past[-1:]
                scale(pool, shard, max(count for _, count in past), self.cold_start_s)

    def _wanted(self, load: float, active: int) -> int:
        """How many would have the target, if ``active`` have this load."""
        ratio = load / self.target
        if abs(ratio - 1.0) <= self.tolerance:
            return active
        return math.ceil(min(active * ratio, 1e9))  # of more there are none, and a target can be so small that it is ∞
