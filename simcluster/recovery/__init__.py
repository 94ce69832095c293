"""Recovery: what any job may use to survive."""

from simcluster.recovery.checkpoint import Checkpoint
from simcluster.recovery.checkpoints import AnyRecovery, Checkpoints
from simcluster.recovery.detectors import (
    AnyDetector,
    AnySuspicion,
    ExpectedArrival,
    Heartbeats,
    PhiAccrual,
    Timeout,
)
from simcluster.recovery.distributed_store import DistributedStore
from simcluster.recovery.protocols import Detector, Keeper, Recovery, Suspicion
from simcluster.recovery.remote_store import RemoteStore
from simcluster.recovery.retry import ask

__all__ = [
    "AnyDetector",
    "AnyRecovery",
    "AnySuspicion",
    "Checkpoint",
    "Checkpoints",
    "Detector",
    "DistributedStore",
    "ExpectedArrival",
    "Heartbeats",
    "Keeper",
    "PhiAccrual",
    "Recovery",
    "RemoteStore",
    "Suspicion",
    "Timeout",
    "ask",
]
