"""The vocabulary: every fault there is, by the word that stands for it in a file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from simcluster.engine import Open, hint
from simcluster.faults.fault import Fault
from simcluster.faults.kinds.byzantine import Byzantine
from simcluster.faults.kinds.collusion import Collude
from simcluster.faults.kinds.disk_faults import FillDisk, LoseDisk, RotBits, SlowDisk, TearWrites
from simcluster.faults.kinds.label_faults import FlipLabels
from simcluster.faults.kinds.link_faults import FlapLink, SlowLink, SpikeLatency, ThrottleBandwidth
from simcluster.faults.kinds.machine_faults import DriftClock, ExhaustMemory, KillProgram, StepClock
from simcluster.faults.kinds.message_faults import CorruptMessages, DuplicateMessages, LoseMessages, ReorderMessages
from simcluster.faults.kinds.node_faults import CrashNode, LoseRack, PauseNode, SlowNode
from simcluster.faults.kinds.partitions import (
    CutMinority,
    CutOneWay,
    IsolateNode,
    PartitionBridge,
    PartitionNetwork,
    PartitionRing,
)
from simcluster.faults.kinds.spoofing import SpoofMessages
from simcluster.faults.kinds.topology_faults import BreakLink, DelayLink, LoseOnLink, ThrottleLink

FAULTS = Open(
    Fault,
    CrashNode,
    LoseRack,
    PauseNode,
    SlowNode,
    KillProgram,
    ExhaustMemory,
    StepClock,
    DriftClock,
    Byzantine,
    Collude,
    SpoofMessages,
    FlipLabels,
    SlowLink,
    SpikeLatency,
    ThrottleBandwidth,
    FlapLink,
    BreakLink,
    DelayLink,
    ThrottleLink,
    LoseOnLink,
    LoseMessages,
    DuplicateMessages,
    ReorderMessages,
    CorruptMessages,
    PartitionNetwork,
    IsolateNode,
    CutMinority,
    PartitionRing,
    PartitionBridge,
    CutOneWay,
    LoseDisk,
    SlowDisk,
    FillDisk,
    TearWrites,
    RotBits,
)
"""Every kind of fault that there is here; a field that takes a fault takes one of one's own as well."""

KINDS: dict[str, type[Fault]] = FAULTS.kinds  # type: ignore[assignment]
"""Their classes, by their words."""

AnyFault = Annotated[Fault, FAULTS]
"""A fault; in a file ``kind`` says which."""


def _kind(given: Any) -> Any:
    if isinstance(given, str):
        if given not in KINDS:
            raise ValueError(f"a kind must be one of {list(KINDS)} or a class, got {given!r}{hint(given, KINDS)}")
        return KINDS[given]
    return given


FaultKind = Annotated[type[Fault], BeforeValidator(_kind), PlainSerializer(FAULTS.written)]
"""A kind of fault: its class, or its word in a file."""
