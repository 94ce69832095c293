"""A cluster: nodes and the network between them, made from a specification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated

from pydantic import Field, model_validator

from simcluster.cluster.check import Checker
from simcluster.cluster.machine.machine import NodeSpec
from simcluster.cluster.network.fabric import Fabric
from simcluster.cluster.network.network_spec import NetworkSpec
from simcluster.cluster.network.secure_network import network_of
from simcluster.cluster.node import Node
from simcluster.cluster.running import Running
from simcluster.engine import Environment, Process, Program, Spec, Trace, check_whole, hint, named_by


class ClusterSpec(Spec):
    """Machines and a network, as one would order them."""

    nodes: Annotated[tuple[NodeSpec, ...], Field(min_length=1)]
    """The machines; their names differ."""
    network: NetworkSpec = NetworkSpec()
    """What is between them."""

    @model_validator(mode="after")
    def _names_differ(self) -> ClusterSpec:
        twice = sorted(name for name, count in Counter(self.names).items() if count > 1)
        if twice:
            raise ValueError(f"names of nodes must differ, got {twice} more than once")
        return self

    @model_validator(mode="after")
    def _topology_fits(self) -> ClusterSpec:
        _ = self.layout
        for name in self._racks:
            if name in self._known:
                raise ValueError(f"a rack or a zone must not be named like a node, got {name!r}")
        racks, zones = (_held(self.machines, place) for place in ("rack", "zone"))
        for name in racks:
            if name in zones and racks[name] != zones[name]:
                raise ValueError(f"a rack must not be named like a zone of other nodes, got {name!r}")
        return self

    @model_validator(mode="after")
    def _roles_fit(self) -> ClusterSpec:
        for role in self.network.roles:
            for each in role.nodes:
                select(f"roles.{role.name}", each, self.machines)
        return self

    def fabric(self) -> Fabric | None:
        """The links and routes between these nodes, ``None`` without a topology."""
        topology = self.network.topology
        return None if topology is None else topology.fabric(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes, in order."""
        return tuple(node.name for node in self.nodes)

    @cached_property
    def layout(self) -> Fabric | None:
        """The links and routes between these nodes, to look at: who changes one asks for ``fabric()``."""
        return self.fabric()

    @cached_property
    def machines(self) -> tuple[NodeSpec, ...]:
        """The nodes, each with the rack and zone that the topology puts it in."""
        layout = self.layout
        return self.nodes if layout is None else tuple(placed(node, layout) for node in self.nodes)

    def check_names(self, thing: Spec) -> None:
        """Raise ``ValueError`` unless each node, rack and link that ``thing`` names, by its fields' types, is here."""
        for field, what, name in named_by(thing):
            if what == "rack":
                self.require_rack(field, name)
            elif what == "link":
                self.require_links(field, name)
            elif what != "program":
                self.require(field, name)

    def require_rack(self, field: str, name: str) -> None:
        """Raise ``ValueError`` unless the cluster has a rack or a zone of this name."""
        known = self._racks
        if name not in known:
            rule = f"{field} must name a rack or a zone of the cluster {list(known)}"
            raise ValueError(f"{rule}, got {name!r}{hint(name, known)}")

    def require_links(self, field: str, *links: str) -> None:
        """Raise ``ValueError`` unless each of ``links`` is one of the topology's."""
        for link in links:
            if self.layout is None:
                raise ValueError(f"{field} must be one of a topology, got {link!r} where there is none")
            self.layout.require(field, link)

    def require(self, field: str, *names: str) -> None:
        """Raise ``ValueError`` unless each of ``names`` is a node of this cluster."""
        for name in names:
            if name not in self._known:
                rule = f"{field} must name a node of the cluster {list(self.names)[:12]}"
                raise ValueError(f"{rule}, got {name!r}{hint(name, self.names)}")

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    @cached_property
    def _racks(self) -> dict[str, None]:
        places = (place for node in self.machines for place in (node.rack, node.zone) if place is not None)
        return dict.fromkeys(places)


class Cluster:
    """A running cluster. ``nodes`` holds its nodes by name, in the order of the specification and of joining."""

    def __init__(self, env: Environment, spec: ClusterSpec, seed: int, trace: Trace) -> None:
        check_whole("seed", seed)
        self.env = env
        self.spec = spec
        self.seed = seed
        self.trace = trace
        self.killed: list[Program] = []  # see Node._end
        self.failed: dict[Process, Running] = {}  # the processes that an exception has ended at the last such moment
        self._failed_s = 0.0
        self.nodes: dict[str, Node] = {}
        self.network = network_of(self, spec.network, spec.fabric())
        for node in spec.machines:
            self._add(node)

    def note_failed(self, running: Running) -> None:
        """An exception has ended a process."""
        if self._failed_s != self.env.now:
            self.failed.clear()
            self._failed_s = float(self.env.now)
        self.failed[running.process] = running

    def __getitem__(self, name: str) -> Node:
        if name not in self.nodes:
            rule = f"a node of the cluster must be one of {list(self.nodes)[:12]}"
            raise ValueError(f"{rule}, got {name!r}{hint(name, self.nodes)}")
        return self.nodes[name]

    @property
    def at_baseline(self) -> bool:
        """Whether no fault is at work on any node or on the network."""
        return self.network.at_baseline and all(node.at_baseline for node in self.nodes.values())

    def names_of(self, target: str) -> tuple[str, ...]:
        """The nodes that ``target`` means: a node, all of a rack or a zone, or those that match a pattern (``n-*``).

        Raises ``ValueError`` when there are none.
        """
        return select("target", target, [node.spec for node in self.nodes.values()])

    def join(self, spec: NodeSpec) -> Node:
        """A new node joins, with no programs yet.

        Its ``rack`` and ``zone`` say where it is joined to a topology that has such, whose links are then as if it had
        been there from the beginning. Raises ``ValueError`` when its name is, or was, in use, and when the topology
        has no place for it.
        """
        if self.network.knows(spec.name):
            raise ValueError(f"a new node must have a new name, got {spec.name!r}")
        others = [node.spec for node in self.nodes.values()]
        if spec.name in (place for node in (*others, spec) for place in (node.rack, node.zone)):
            raise ValueError(f"a new node must not be named like a rack or a zone, got {spec.name!r}")
        if self.network.knows(spec.rack or "") or self.network.knows(spec.zone or ""):
            raise ValueError(f"a rack or a zone must not be named like a node, got {spec.rack!r} and {spec.zone!r}")
        self.network.extend(spec.name, spec.rack, spec.zone)
        links = self.network.links
        node = self._add(spec if links is None else placed(spec, links.fabric))
        self.trace.recorder("join", "node")(spec.name)
        return node

    def leave(self, name: str) -> None:
        """A node leaves for good: it stops as in a crash, and messages to it are dropped from now on.

        Its links stay: where the routes of others pass it (a hub, a ring) they go on passing it.
        """
        node = self[name]
        node.crash()
        del self.nodes[name]
        self.trace.recorder("leave", "node")(name)

    def check(self) -> None:
        """Assert every invariant of the state and of the records so far, as ``run(..., check=True)`` does.

        Raises ``InvariantBroken``, an ``AssertionError`` with the rule and what was found.
        """
        Checker(self)()

    def _add(self, spec: NodeSpec) -> Node:
        self.network.attach(spec.name, spec.nic_bytes_per_s)
        node = self.nodes[spec.name] = Node(self, spec)
        return node


def placed(node: NodeSpec, fabric: Fabric) -> NodeSpec:
    """The machine with the rack and zone that the topology puts it in, where it does not name its own."""
    rack, zone = node.rack or fabric.rack_of(node.name), node.zone or fabric.zone_of(node.name)
    return node.replace(rack=rack, zone=zone)


def _held(nodes: Sequence[NodeSpec], place: str) -> dict[str, list[str]]:
    """The names of the nodes in each rack, or in each zone."""
    held: dict[str, list[str]] = {}
    for node in nodes:
        if (name := getattr(node, place)) is not None:
            held.setdefault(name, []).append(node.name)
    return held


def select(field: str, target: str, nodes: Sequence[NodeSpec]) -> tuple[str, ...]:
    """The names of the ``nodes`` that ``target`` means, in their order: by name, else by rack, zone, or pattern."""
    for means in (
        lambda node: node.name == target,
        lambda node: node.rack == target,
        lambda node: node.zone == target,
        lambda node: fnmatchcase(node.name, target),
    ):
        names = tuple(node.name for node in nodes if means(node))
        if names:
            return names
    known = [node.name for node in nodes]
    places = [place for node in nodes for place in (node.rack, node.zone) if place is not None]
    rule = f"{field} must name a node of the cluster {known[:12]}, a rack, a zone or a pattern"
    raise ValueError(f"{rule}, got {target!r}{hint(target, dict.fromkeys(known + places))}")
