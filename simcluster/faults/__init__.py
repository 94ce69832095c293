"""Faults: what goes wrong, when, and how it is made to happen."""

from simcluster.faults.fault import (
    AnyFault,
    CrashNode,
    Fault,
    LoseMessages,
    PartitionNetwork,
    PauseNode,
    SlowNode,
)
from simcluster.faults.injector import Injector
from simcluster.faults.schedule import draw_crashes

__all__ = [
    "AnyFault",
    "CrashNode",
    "Fault",
    "Injector",
    "LoseMessages",
    "PartitionNetwork",
    "PauseNode",
    "SlowNode",
    "draw_crashes",
]
