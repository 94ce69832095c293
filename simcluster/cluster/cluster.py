"""A cluster: nodes and the network between them, made from a specification."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from simcluster.cluster.network import Network, NetworkSpec
from simcluster.cluster.node import Node, NodeSpec
from simcluster.engine import Environment, Spec, Trace


class ClusterSpec(Spec):
    """Machines and a network, as one would order them."""

    nodes: Annotated[tuple[NodeSpec, ...], Field(min_length=1)]
    network: NetworkSpec = NetworkSpec()

    @model_validator(mode="after")
    def _names_differ(self) -> ClusterSpec:
        names = [node.name for node in self.nodes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names of nodes must differ, got {twice} more than once")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes, in order."""
        return tuple(node.name for node in self.nodes)

    def require(self, field: str, *names: str) -> None:
        """Raise ``ValueError`` unless each of ``names`` is a node of this cluster."""
        known = set(self.names)
        for name in names:
            if name not in known:
                raise ValueError(f"{field} must name a node of the cluster {list(self.names)[:12]}, got {name!r}")


class Cluster:
    """A running cluster. ``nodes`` holds its nodes by name, in the order of the specification."""

    def __init__(self, env: Environment, spec: ClusterSpec, seed: int, trace: Trace) -> None:
        self.env = env
        self.spec = spec
        self.seed = seed
        self.trace = trace
        self.network = Network(self, spec.network)
        self.nodes: dict[str, Node] = {}
        for node in spec.nodes:
            self.network.attach(node.name, node.nic_bytes_per_s)
            self.nodes[node.name] = Node(self, node)

    def __getitem__(self, name: str) -> Node:
        if name not in self.nodes:
            raise ValueError(f"a node of the cluster must be one of {list(self.nodes)[:12]}, got {name!r}")
        return self.nodes[name]

    @property
    def at_baseline(self) -> bool:
        """Whether every node runs as specified and no rule but the specification's own is on the network."""
        own_rules = 1 if self.spec.network.loss_probability else 0
        return all(node.at_baseline for node in self.nodes.values()) and len(self.network.rules) == own_rules
