"""Faults: frozen data, each one thing that goes wrong, with a begin and an end.

A fault says what it does as a pair, ``begin(cluster)`` and what that returns, which takes it back. Both add to or
take from a stack of modifiers, so faults may overlap in any order and the cluster always returns to its baseline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simcluster.cluster import Cluster, Drop, Message, loss
from simcluster.engine import Name, Positive, Probability, Seconds, Spec

Lift = Callable[[], None]


class Fault(Spec):
    """One thing that goes wrong from ``begin_s`` until ``end_s`` (for good when that is ``None``)."""

    begin_s: Seconds
    end_s: Seconds | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Fault:
        if self.end_s is not None and self.end_s <= self.begin_s:
            raise ValueError(f"end_s must be after begin_s ({self.begin_s}), got {self.end_s}")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """The nodes that the fault names."""
        return ()

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let it go wrong; the function returned takes it back. ``key`` tells this fault from its like."""
        raise NotImplementedError


class CrashNode(Fault):
    """A node stops, loses its memory, and restarts at ``end_s``."""

    fault: Literal["crash_node"] = "crash_node"
    node: Name

    @property
    def targets(self) -> tuple[str, ...]:
        """The node."""
        return (self.node,)

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Crash the node."""
        node = cluster[self.node]
        node.crash()
        return node.restart


class PauseNode(Fault):
    """A node stands still and goes on at ``end_s``; nothing is lost."""

    fault: Literal["pause_node"] = "pause_node"
    node: Name

    @property
    def targets(self) -> tuple[str, ...]:
        """The node."""
        return (self.node,)

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Pause the node."""
        node = cluster[self.node]
        node.pause()
        return node.resume


class SlowNode(Fault):
    """A node computes ``factor`` times slower; overlapping slow-downs multiply."""

    fault: Literal["slow_node"] = "slow_node"
    node: Name
    factor: Positive

    @property
    def targets(self) -> tuple[str, ...]:
        """The node."""
        return (self.node,)

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Slow the node down."""
        node = cluster[self.node]
        node.slow(key, self.factor)
        return lambda: node.quicken(key)


class PartitionNetwork(Fault):
    """Messages between different ``groups`` are lost; nodes in no group are together in one more group."""

    fault: Literal["partition_network"] = "partition_network"
    groups: Annotated[tuple[tuple[Name, ...], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _groups_do_not_overlap(self) -> PartitionNetwork:
        names = self.targets
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"groups must not overlap, got {twice} more than once")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """All nodes that are in a group."""
        return tuple(name for group in self.groups for name in group)

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Partition the network."""
        group_of = {name: i for i, group in enumerate(self.groups) for name in group}
        cut = Drop("partition")

        def judge(message: Message) -> Drop | None:
            return cut if group_of.get(message.source) != group_of.get(message.target) else None

        cluster.network.rules.append(judge)
        return lambda: cluster.network.rules.remove(judge)


class LoseMessages(Fault):
    """Each message is lost with ``probability``, from ``senders`` and to ``receivers`` (``None``: any)."""

    fault: Literal["lose_messages"] = "lose_messages"
    probability: Probability
    senders: tuple[Name, ...] | None = None
    receivers: tuple[Name, ...] | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The nodes whose messages are lost, where any are named."""
        return (self.senders or ()) + (self.receivers or ())

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Lose messages from now on."""
        lose = loss(self.probability, cluster.seed, "faults", key)

        def judge(message: Message) -> Drop | None:
            verdict = lose(message)
            from_here = self.senders is None or message.source in self.senders
            to_here = self.receivers is None or message.target in self.receivers
            return verdict if from_here and to_here else None

        cluster.network.rules.append(judge)
        return lambda: cluster.network.rules.remove(judge)


AnyFault = Annotated[CrashNode | PauseNode | SlowNode | PartitionNetwork | LoseMessages, Field(discriminator="fault")]
