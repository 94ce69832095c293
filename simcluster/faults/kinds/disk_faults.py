"""Faults of a node's disk: lost, slow, full, torn writes, rotten bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from simcluster.cluster import Cluster
from simcluster.engine import NUMBER, Positive, stream
from simcluster.faults.fault import Fields, Lift, lift_all, nothing_to_lift
from simcluster.faults.kinds.node_faults import NodeFault

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


class LoseDisk(NodeFault):
    """A disk loses all that is on it, flushed or not. The loss is at ``begin_s``; nothing brings it back."""

    on_demand: ClassVar[bool] = True

    kind: Literal["lose_disk"] = "lose_disk"

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Lose the disk."""
        for node in self.nodes(cluster):
            node.storage.lose()
        return nothing_to_lift


class SlowDisk(NodeFault):
    """A disk works more slowly; overlapping slow-downs multiply."""

    kind: Literal["slow_disk"] = "slow_disk"
    factor: Positive
    """How many times slower (faster when below 1)."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Slow the disk down."""
        disks = [node.storage for node in self.nodes(cluster)]
        for disk in disks:
            disk.slow(key, self.factor)
        return lift_all([lambda disk=disk: disk.quicken(key) for disk in disks])  # type: ignore[misc]

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Slow by a factor from 1.1 to 1000."""
        return {"node": knobs.node(), "factor": knobs.log_uniform(1.1, 1000)}


class FillDisk(NodeFault):
    """A disk is full: what is on it can be read, but a write that needs room fails with ``DiskFull``."""

    kind: Literal["fill_disk"] = "fill_disk"

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Fill the disk."""
        disks = [node.storage for node in self.nodes(cluster)]
        for disk in disks:
            disk.fill(key)
        return lift_all([lambda disk=disk: disk.drain(key) for disk in disks])  # type: ignore[misc]


class TearWrites(NodeFault):
    """A disk whose writes are not atomic: a crash in the midst of one leaves the part that was written."""

    kind: Literal["tear_writes"] = "tear_writes"

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let writes tear."""
        disks = [node.storage for node in self.nodes(cluster)]
        for disk in disks:
            disk.tear(key)
        return lift_all([lambda disk=disk: disk.untear(key) for disk in disks])  # type: ignore[misc]


class RotBits(NodeFault):
    """Bits flip among all that are durable on a disk, drawn evenly from the fault's own stream.

    It happens at ``begin_s`` and stays; the checksum of a block with a flipped bit is wrong, so reading it fails with
    ``Corrupted``.
    """

    on_demand: ClassVar[bool] = True

    kind: Literal["rot_bits"] = "rot_bits"
    count: Annotated[int, Field(ge=1, le=1_000_000), NUMBER] = 1
    """How many are drawn, at most a million, for each is kept and recorded; one that is drawn twice is right again."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Flip the bits."""
        for node in self.nodes(cluster):
            node.storage.rot(self.count, stream(cluster.seed, "faults", key, node.name))
        return nothing_to_lift

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """One to four bits."""
        return {"node": knobs.node(), "count": int(knobs.generator.integers(1, 5))}
