"""Locality: the nearest replicas first, and others when these have enough to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import PrivateAttr

from simcluster.cluster import Node
from simcluster.engine import Count, Program, Spec
from simcluster.serving.balancers.power_of_choices import power_of_two_choices
from simcluster.serving.balancers.sets import PerSet
from simcluster.serving.balancers.single import AnySingle
from simcluster.serving.protocols import ReplicaView

_Ring = tuple[tuple[ReplicaView, ...], dict[str, ReplicaView]]


class Locality(Spec):
    """Replicas of the front end's own rack, then those of its zone, then the others.

    Another balancer chooses among the nearest; where the chosen one has ``spill_over`` requests outstanding, it chooses
    among the next nearest, and when all have so many, the least loaded of the chosen gets it. Zone-aware routing of
    proxies does the like.
    """

    kind: Literal["locality"] = "locality"
    balancer: AnySingle = power_of_two_choices
    """Who chooses among equally near replicas."""
    spill_over: Count = 4
    """So many outstanding requests are enough."""
    _places: dict[str, tuple[str | None, str | None]] = PrivateAttr(default_factory=dict)
    _own: tuple[str | None, str | None] = PrivateAttr(default=(None, None))
    _rings: PerSet[tuple[_Ring, ...]] = PrivateAttr(default_factory=PerSet)

    def run(self, node: Node, name: str, replicas: Sequence[ReplicaView]) -> Program:
        """The front end has come up, and knows where it stands."""
        places = {machine.name: (machine.rack, machine.zone) for machine in node.cluster.spec.machines}
        self._places.update(places)
        self._own = places.get(node.name, (None, None))
        self._rings.clear()
        if (run := getattr(self.balancer, "run", None)) is not None:
            yield from run(node, name, replicas)

    def heard(self, view: ReplicaView, latency_s: float | None, now_s: float) -> None:
        """A request has ended."""
        if (heard := getattr(self.balancer, "heard", None)) is not None:
            heard(view, latency_s, now_s)

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """One that is near and has not enough."""
        chosen = []
        for ring, by_name in self._rings.of(replicas, self._by_distance):
            one = by_name[self.balancer(query, ring, generator)]
            if one.outstanding < self.spill_over:
                return one.name
            chosen.append(one)
        return min(chosen, key=lambda replica: replica.outstanding).name

    def _by_distance(self, replicas: Sequence[ReplicaView]) -> tuple[_Ring, ...]:
        """The replicas in sets of equal distance, the nearest first."""
        rings: list[list[ReplicaView]] = [[], [], []]
        for replica in replicas:
            rack, zone = self._places.get(replica.name, (None, replica.zone))
            near = rack is not None and rack == self._own[0], zone is not None and zone == self._own[1]
            rings[near.index(True) if True in near else 2].append(replica)
        return tuple((tuple(ring), {replica.name: replica for replica in ring}) for ring in rings if ring)
