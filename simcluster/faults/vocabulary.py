"""The vocabulary: every fault there is, by the word that stands for it in a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simcluster.faults.byzantine import Byzantine
from simcluster.faults.disk_faults import FillDisk, LoseDisk, RotBits, SlowDisk, TearWrites
from simcluster.faults.link_faults import FlapLink, SlowLink, SpikeLatency, ThrottleBandwidth
from simcluster.faults.machine_faults import DriftClock, ExhaustMemory, KillProgram, StepClock
from simcluster.faults.message_faults import CorruptMessages, DuplicateMessages, LoseMessages, ReorderMessages
from simcluster.faults.node_faults import CrashNode, LoseRack, PauseNode, SlowNode
from simcluster.faults.partitions import (
    CutMinority,
    CutOneWay,
    IsolateNode,
    PartitionBridge,
    PartitionNetwork,
    PartitionRing,
)
from simcluster.faults.topology_faults import BreakLink, DelayLink, LoseOnLink, ThrottleLink

AnyFault = Annotated[
    CrashNode
    | LoseRack
    | PauseNode
    | SlowNode
    | KillProgram
    | ExhaustMemory
    | StepClock
    | DriftClock
    | Byzantine
    | SlowLink
    | SpikeLatency
    | ThrottleBandwidth
    | FlapLink
    | BreakLink
    | DelayLink
    | ThrottleLink
    | LoseOnLink
    | LoseMessages
    | DuplicateMessages
    | ReorderMessages
    | CorruptMessages
    | PartitionNetwork
    | IsolateNode
    | CutMinority
    | PartitionRing
    | PartitionBridge
    | CutOneWay
    | LoseDisk
    | SlowDisk
    | FillDisk
    | TearWrites
    | RotBits,
    Field(discriminator="fault"),
]
