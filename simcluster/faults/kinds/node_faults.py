"""Faults of whole nodes: crash, loss of a rack, pause, slow compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from simcluster.cluster import Cluster, ClusterSpec, InFlight, Message, Node
from simcluster.engine import NUMBER, NodeName, Positive, RackName, ScheduledCall, Seconds
from simcluster.faults.fault import Fault, Fields, Lift, lift_all, recall
from simcluster.faults.target import named

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


class NodeFault(Fault):
    """A fault of one node or of several."""

    node: NodeName
    """The node, or the rack, zone or pattern that means several."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The node."""
        return (self.node,)

    def nodes(self, cluster: Cluster) -> tuple[Node, ...]:
        """The nodes that are meant, as they are now."""
        return tuple(cluster[name] for name in named(cluster, self.targets))


class CrashNode(NodeFault):
    """A node stops, loses its memory, and restarts at ``end_s``."""

    kind: Literal["crash_node"] = "crash_node"
    in_flight: InFlight = "deliver"
    """What becomes of messages that are on the wire from it or to it.

    They go on (and are lost if it is still down when they arrive), are dropped, or are held until ``end_s``.
    """

    @property
    def takes_down(self) -> tuple[str, ...]:
        """The node."""
        return (self.node,)

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Crash the node."""
        return crash(cluster, self.nodes(cluster), self.in_flight)


class LoseRack(Fault):
    """All nodes of a rack, or of a zone, crash at once and restart at ``end_s``: correlated failure."""

    kind: Literal["lose_rack"] = "lose_rack"
    rack: RackName
    """The rack, or the zone."""
    in_flight: InFlight = "deliver"
    """What becomes of messages that are on the wire from one of the nodes or to it, as in ``CrashNode``."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The rack."""
        return (self.rack,)

    @property
    def takes_down(self) -> tuple[str, ...]:
        """The rack."""
        return (self.rack,)

    def check(self, spec: ClusterSpec) -> None:
        """Raise ``ValueError`` unless the cluster has a rack or zone of this name."""
        spec.require_rack("LoseRack rack", self.rack)

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Crash every node of the rack."""
        return crash(cluster, tuple(cluster[name] for name in named(cluster, (self.rack,))), self.in_flight)


class PauseNode(NodeFault):
    """A node stands still and goes on at ``end_s``; what it was doing is not lost."""

    kind: Literal["pause_node"] = "pause_node"
    in_flight: InFlight = "deliver"
    """What becomes of messages under way from it or to it: they go on, are dropped, or are held until ``end_s``."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Pause the node."""
        nodes = self.nodes(cluster)
        release = recall(cluster, _to_or_from(nodes), self.in_flight, "paused")
        for node in nodes:
            node.pause()
        return lift_all([*(node.resume for node in nodes), release])


class SlowNode(NodeFault):
    """A node computes more slowly; overlapping slow-downs multiply."""

    kind: Literal["slow_node"] = "slow_node"
    factor: Positive
    """How many times slower (faster when below 1)."""
    ramp_s: Seconds = 0.0
    """Seconds from ``begin_s`` on in which its slow-down goes from 1 to ``factor`` (0: at once)."""
    ramp_steps: Annotated[int, Field(ge=1, le=1000), NUMBER] = 10
    """In how many equal steps it does."""

    @model_validator(mode="after")
    def _ramp_fits(self) -> SlowNode:
        if self.end_s is not None and self.ramp_s > self.end_s - self.begin_s:
            rule = f"ramp_s must be at most end_s - begin_s ({self.end_s - self.begin_s})"
            raise ValueError(f"{rule}, got {self.ramp_s}")
        return self

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Slow the node down."""
        nodes = self.nodes(cluster)
        steps = self.ramp_steps if self.ramp_s else 1
        climbing: list[ScheduledCall] = []

        def climb(step: int) -> None:
            climbing.clear()
            for node in nodes:
                node.slow(key, self.factor if step == steps else 1 + (self.factor - 1) * (step / steps))
            if step < steps:
                climbing.append(cluster.env.call_later(self.ramp_s / steps, climb, step + 1))

        def quicken() -> None:
            for call in climbing:
                call.cancel()
            for node in nodes:
                node.quicken(key)

        climb(0 if self.ramp_s else 1)
        return quicken

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Slow by a factor from 1.1 to 100."""
        return {"node": knobs.node(), "factor": knobs.log_uniform(1.1, 100)}


def crash(cluster: Cluster, nodes: tuple[Node, ...], in_flight: InFlight) -> Lift:
    """Crash ``nodes`` together; what is returned restarts them and then releases what was held for them."""
    for node in nodes:
        node.crash()  # before the rest is recalled: what waits at its interface is lost whatever ``in_flight`` says
    release = recall(cluster, _to_or_from(nodes), in_flight, "node_down")
    return lift_all([*(node.restart for node in nodes), release])


def _to_or_from(nodes: tuple[Node, ...]) -> Callable[[Message], bool]:
    names = frozenset(node.name for node in nodes)

    def concerns(message: Message) -> bool:
        return message.source in names or message.target in names

    return concerns
