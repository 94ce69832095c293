"""Step scaling: some more servers when there is much to do, some fewer when there is little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from simcluster.cluster import Node
from simcluster.engine import Count, NotNegative, Period, Positive, Program, Seconds, Spec
from simcluster.serving.autoscalers.load import LoadMeter, Metric, running, scale

if TYPE_CHECKING:
    from simcluster.serving.pool import Pool


class StepScaling(Spec):
    """``step`` more servers when the load of each is above ``high``, as many fewer when it is below ``low``.

    After a change nothing changes for a cool-down (as Amazon's simple scaling policies). A server that starts gets
    requests after a cold start, and one that stops finishes what it has.
    """

    kind: Literal["step_scaling"] = "step_scaling"
    metric: Metric = "utilisation"
    """What the load is: the busy share of a server's cores, or its outstanding requests for each core."""
    high: Positive = 0.8
    """The load above which there are more."""
    low: NotNegative = 0.4
    """The load below which there are fewer."""
    step: Count = 1
    """How many more, or fewer, of each shard."""
    least: Count = 1
    """How many of each shard run at least, and when the job begins."""
    period_s: Period = 1.0
    """How often it looks."""
    cool_down_s: NotNegative = 2.0
    """For how long nothing changes after a change."""
    cold_start_s: Seconds = 0.0
    """How long a server takes to start."""

    @model_validator(mode="after")
    def _in_order(self) -> StepScaling:
        if self.low >= self.high:
            raise ValueError(f"low must be less than high = {self.high}, got {self.low}")
        return self

    def at_start(self, replicas: int) -> int:
        """The least."""
        return min(self.least, replicas)

    def run(self, node: Node, pool: Pool) -> Program:
        """Look, and let servers start and drain."""
        meter = LoadMeter(node, pool, self.metric)
        rest_until_s = [0.0] * pool.job.shards
        while True:
            yield node.timer(self.period_s)
            for shard in range(pool.job.shards):
                load, _ = meter.load(shard)
                more = self.step if load > self.high else -self.step if load < self.low else 0
                if not more or node.env.now < rest_until_s[shard]:
                    continue
                wanted = max(self.least, len(running(pool, shard)) + more)
                if scale(pool, shard, wanted, self.cold_start_s):
                    rest_until_s[shard] = node.env.now + self.cool_down_s
