"""Ground: what there is for faults to hit, so that what is drawn fits."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

from simcluster.cluster import Cluster, ClusterSpec, NodeSpec
from simcluster.engine import Environment, Trace
from simcluster.faults import Fault
from simcluster.scenario import Scenario

Where = Sequence[str] | ClusterSpec | Scenario
"""Whom faults are for: a scenario, a cluster, or nodes of which nothing is known but their names."""


@dataclass(frozen=True)
class Ground:
    """Nodes that faults may hit, and what else a fault may name. ``known`` says whether that is the whole cluster."""

    nodes: tuple[str, ...]
    spec: ClusterSpec
    known: bool
    links: tuple[str, ...] = ()
    racks: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    cluster: Cluster | None = None

    @classmethod
    def of(cls, where: Where) -> Ground:
        """What there is in a scenario, in a cluster, or of some names.

        The programs are those that a scenario's job boots when it starts, on a cluster that never runs. What fits the
        plain cluster of some nodes fits any cluster that has them.
        """
        if isinstance(where, Scenario):
            return replace(cls.of(where.cluster), cluster=_started(where))
        if not isinstance(where, ClusterSpec):
            if not where:
                raise ValueError(f"nodes must be at least one name, got {where!r}")
            return cls(tuple(where), ClusterSpec(nodes=tuple(NodeSpec(name=name) for name in where)), known=False)
        machines, layout = where.machines, where.layout
        places = [place for node in machines for place in (node.rack, node.zone) if place is not None]
        return cls(
            nodes=where.names,
            spec=where,
            known=True,
            links=() if layout is None else tuple(layout.index),
            racks=tuple(dict.fromkeys(places)),
            limited=tuple(node.name for node in machines if node.memory_bytes is not None),
        )

    def at(self, node: str) -> Ground:
        """The ground of one node's programs."""
        return replace(self, nodes=(node,))

    @property
    def booting(self) -> tuple[str, ...]:
        """The nodes that boot programs."""
        return tuple(node for node in self.nodes if self.programs_of([node]))

    def programs_of(self, nodes: Sequence[str]) -> tuple[str, ...]:
        """The programs that any of these nodes boots."""
        if self.cluster is None:
            return ()
        return tuple(dict.fromkeys(program for node in nodes for program in self.cluster[node].programs))

    def fits(self, fault: Fault) -> bool:
        """Whether the fault can happen here."""
        try:
            fault.check(self.spec)
            if self.cluster is not None:
                fault.check_programs(self.cluster)
        except ValueError:
            return False
        return True


def _started(scenario: Scenario) -> Cluster:
    env = Environment()
    cluster = Cluster(env, scenario.cluster, 0, Trace(env, ()))
    deepcopy(scenario.job).start(cluster, 0)
    return cluster
