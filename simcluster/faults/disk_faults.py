"""Faults of a node's disk: lost, slow, full, torn writes, rotten bits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simcluster.cluster import Cluster
from simcluster.engine import Positive, stream
from simcluster.faults.fault import Lift, lift_all, nothing_to_lift
from simcluster.faults.node_faults import NodeFault


class LoseDisk(NodeFault):
    """A disk loses all that is on it, flushed or not. The loss is at ``begin_s``; nothing brings it back."""

    fault: Literal["lose_disk"] = "lose_disk"

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Lose the disk."""
        for node in self.nodes(cluster):
            node.storage.lose()
        return nothing_to_lift


class SlowDisk(NodeFault):
    """A disk works ``factor`` times slower; overlapping slow-downs multiply."""

    fault: Literal["slow_disk"] = "slow_disk"
    factor: Positive

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Slow the disk down."""
        disks = [node.storage for node in self.nodes(cluster)]
        for disk in disks:
            disk.slow(key, self.factor)
        return lift_all([lambda disk=disk: disk.quicken(key) for disk in disks])  # type: ignore[misc]


class FillDisk(NodeFault):
    """A disk is full: what is on it can be read, but a write that needs room fails with ``DiskFull``."""

    fault: Literal["fill_disk"] = "fill_disk"

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Fill the disk."""
        disks = [node.storage for node in self.nodes(cluster)]
        for disk in disks:
            disk.fill(key)
        return lift_all([lambda disk=disk: disk.drain(key) for disk in disks])  # type: ignore[misc]


class TearWrites(NodeFault):
    """A disk whose writes are not atomic: a crash in the midst of one leaves the part that was written."""

    fault: Literal["tear_writes"] = "tear_writes"

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let writes tear."""
        disks = [node.storage for node in self.nodes(cluster)]
        for disk in disks:
            disk.tear(key)
        return lift_all([lambda disk=disk: disk.untear(key) for disk in disks])  # type: ignore[misc]


class RotBits(NodeFault):
    """``count`` bits flip among all that are durable on a disk, drawn evenly from the fault's own stream.

    It happens at ``begin_s`` and stays; the checksum of a block with a flipped bit is wrong, so reading it fails with
    ``Corrupted``. At most a million: each is drawn, kept and recorded.
    """

    fault: Literal["rot_bits"] = "rot_bits"
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Flip the bits."""
        for node in self.nodes(cluster):
            node.storage.rot(self.count, stream(cluster.seed, "faults", key, node.name))
        return nothing_to_lift
