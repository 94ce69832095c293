"""Partitions: which nodes cannot talk to which, from two halves to a ring of overlapping majorities.

The shapes are those that Jepsen's nemesis made known (Kingsbury; jepsen.nemesis: partition-halves, bridge,
majorities-ring). Each only says who hears whom; what happens to messages is the same for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from simcluster.cluster import Cluster, ClusterSpec, Drop, Hold, InFlight, Message, Rule
from simcluster.engine import Minority, NodeGroups, NodeName, NodeNames, NodeRing, NodeSides
from simcluster.faults.fault import Fault, Fields, Lift, recall
from simcluster.faults.kinds.link_faults import Crossing
from simcluster.faults.target import expand, named

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


Hears = Callable[[str, str], bool]
"""Whether what the first node sends reaches the second."""


class Partition(Fault):
    """Some nodes do not hear some others; the cause in the trace is "partition"."""

    in_flight: InFlight = "deliver"
    """What becomes of messages under way across when it begins: they go on, are dropped, or are held until it ends."""
    crossing: Crossing = "drop"
    """What becomes of those sent across meanwhile: dropped, or held until it ends, as by a stream that retransmits."""

    def hears(self, cluster: Cluster) -> Hears:
        """Who still hears whom."""
        raise NotImplementedError

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Partition the network."""
        hears = self.hears(cluster)
        verdict = Drop("partition") if self.crossing == "drop" else Hold()

        def crosses(message: Message) -> bool:
            source, target = message.source, message.target
            return source != target and not hears(source, target)

        rule: Rule = lambda message: verdict if crosses(message) else None  # noqa: E731
        return recall(cluster, crosses, self.in_flight, "partition", rule)


class PartitionNetwork(Partition):
    """Only nodes of one and the same group hear each other."""

    kind: Literal["partition_network"] = "partition_network"
    groups: NodeGroups
    """The groups, which do not overlap; nodes in none are together in one more."""

    @model_validator(mode="after")
    def _groups_do_not_overlap(self) -> PartitionNetwork:
        disjoint("groups", self.groups)
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """All that are in a group."""
        return tuple(name for group in self.groups for name in group)

    def check(self, spec: ClusterSpec) -> None:
        """Raise ``ValueError`` for an unknown node, and for groups that overlap on this cluster."""
        super().check(spec)
        disjoint("PartitionNetwork groups", [expand(group, spec.machines) for group in self.groups])

    def hears(self, cluster: Cluster) -> Hears:
        """Those of the same group."""
        group_of = {name: place for place, group in enumerate(self.groups) for name in named(cluster, group)}
        return lambda source, target: group_of.get(source) == group_of.get(target)


class IsolateNode(Partition):
    """A node, or each of several, hears nobody and nobody hears it."""

    kind: Literal["isolate_node"] = "isolate_node"
    node: NodeName
    """The node, or the rack, zone or pattern that means several."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The node."""
        return (self.node,)

    def hears(self, cluster: Cluster) -> Hears:
        """All others."""
        alone = frozenset(named(cluster, self.targets))
        return lambda source, target: source not in alone and target not in alone

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Any node."""
        return {"node": knobs.node(), "crossing": knobs.choice("drop", "hold")}


class CutMinority(Partition):
    """A minority of some nodes is cut from all other nodes."""

    kind: Literal["cut_minority"] = "cut_minority"
    minority: Minority
    """The nodes that are cut off, fewer than half of those in ``among``."""
    among: NodeNames = ("*",)
    """The nodes among which a majority is sought."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The minority and those that it is a minority of."""
        return self.minority + self.among

    def check(self, spec: ClusterSpec) -> None:
        """Raise ``ValueError`` for an unknown node, and when it is no minority of them on this cluster."""
        super().check(spec)
        minority, among = (expand(names, spec.machines) for names in (self.minority, self.among))
        strange = [name for name in minority if name not in among]
        if strange:
            raise ValueError(f"CutMinority minority must be among {list(among)[:12]}, got {strange}")
        if 2 * len(minority) >= len(among):
            rule = f"CutMinority minority must be fewer than half of {len(among)} nodes"
            raise ValueError(f"{rule}, got {list(minority)}")

    def hears(self, cluster: Cluster) -> Hears:
        """Those on the same side."""
        minority = frozenset(named(cluster, self.minority))
        return lambda source, target: (source in minority) == (target in minority)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Any minority of the nodes."""
        return {"minority": knobs.minority(), "among": knobs.nodes} if len(knobs.nodes) > 2 else None


class PartitionRing(Partition):
    """Overlapping majorities: in a ring each node hears only its neighbours.

    They are as many on either side as make a majority with it, so every node sees one, and no two see the same.
    It takes at least four nodes: each of three sees all of them.
    """

    kind: Literal["partition_ring"] = "partition_ring"
    nodes: NodeRing = ("*",)
    """The nodes of the ring, in their order; all others hear everybody."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The nodes of the ring."""
        return self.nodes

    def check(self, spec: ClusterSpec) -> None:
        """Raise ``ValueError`` for an unknown node, and for a ring of fewer than four."""
        super().check(spec)
        ring = expand(self.nodes, spec.machines)
        if len(ring) < 4:
            raise ValueError(f"PartitionRing nodes must be at least 4, got {list(ring)}")

    def hears(self, cluster: Cluster) -> Hears:
        """The ⌈⌊n/2⌋/2⌉ next on either side, and all that are not of the ring."""
        place_of = {name: place for place, name in enumerate(named(cluster, self.nodes))}
        size = len(place_of)
        reach = -(-(size // 2) // 2)

        def hears(source: str, target: str) -> bool:
            if source not in place_of or target not in place_of:
                return True
            apart = abs(place_of[source] - place_of[target])
            return min(apart, size - apart) <= reach

        return hears

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """A ring of all nodes in any order."""
        if len(knobs.nodes) < 4:
            return None
        return {"nodes": tuple(knobs.nodes[int(i)] for i in knobs.generator.permutation(len(knobs.nodes)))}


class PartitionBridge(Partition):
    """Two sides that do not hear each other, and a bridge that hears both."""

    kind: Literal["partition_bridge"] = "partition_bridge"
    sides: NodeSides
    """The nodes of each side; all others, at least one, are the bridge."""

    @model_validator(mode="after")
    def _sides_do_not_overlap(self) -> PartitionBridge:
        disjoint("sides", self.sides)
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """All that are on a side."""
        return self.sides[0] + self.sides[1]

    def check(self, spec: ClusterSpec) -> None:
        """Raise ``ValueError`` for an unknown node, for overlapping sides, and when no node is left as a bridge."""
        super().check(spec)
        sides = [expand(side, spec.machines) for side in self.sides]
        disjoint("PartitionBridge sides", sides)
        if len(sides[0]) + len(sides[1]) >= len(spec.nodes):
            rule = f"PartitionBridge sides must leave one of {len(spec.nodes)} nodes as the bridge"
            raise ValueError(f"{rule}, got {[list(side) for side in sides]}")

    def hears(self, cluster: Cluster) -> Hears:
        """Those of the same side, and those of none."""
        side_of = {name: place for place, side in enumerate(self.sides) for name in named(cluster, side)}

        def hears(source: str, target: str) -> bool:
            here, there = side_of.get(source), side_of.get(target)
            return here is None or there is None or here == there

        return hears


class CutOneWay(Partition):
    """What some nodes send does not reach some others; what those send does reach them."""

    kind: Literal["cut_one_way"] = "cut_one_way"
    senders: NodeNames
    """The nodes that are not heard."""
    receivers: NodeNames
    """The nodes that do not hear them."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Both ends."""
        return self.senders + self.receivers

    def hears(self, cluster: Cluster) -> Hears:
        """All but the receivers the senders."""
        senders = frozenset(named(cluster, self.senders))
        receivers = frozenset(named(cluster, self.receivers))
        return lambda source, target: not (source in senders and target in receivers)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """From any node to all."""
        return {"senders": (knobs.node(),), "receivers": knobs.nodes}


def disjoint(field: str, groups: Iterable[Iterable[str]]) -> None:
    """Raise ``ValueError`` when a name is in several groups, or twice in one."""
    names = [name for group in groups for name in group]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f"{field} must not overlap, got {twice} more than once")
