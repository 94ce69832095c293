"""As many servers all the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from simcluster.cluster import Node
from simcluster.engine import Count, Event, Program, Spec

if TYPE_CHECKING:
    from simcluster.serving.pool import Pool


class Fixed(Spec):
    """As many all the time."""

    kind: Literal["fixed"] = "fixed"
    servers: Count
    """How many of each shard; of fewer replicas all run."""

    def at_start(self, replicas: int) -> int:
        """As many as it says."""
        return min(self.servers, replicas)

    def run(self, node: Node, pool: Pool) -> Program:
        """Nothing is left to do."""
        yield Event(node.env)
