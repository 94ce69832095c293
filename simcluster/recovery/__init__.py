"""Recovery: what any job may use to survive."""

from simcluster.recovery.checkpoint import Checkpoint
from simcluster.recovery.checkpoints import AnyRecovery, AnyStore, Checkpoints
from simcluster.recovery.detectors import (
    AnyDetector,
    AnySuspicion,
    ExpectedArrival,
    Heartbeats,
    PhiAccrual,
    Timeout,
    Watch,
)
from simcluster.recovery.distributed_store import DistributedStore
from simcluster.recovery.local_store import LocalStore
from simcluster.recovery.protocols import Detector, Keeper, Preloads, Recovery, Store, Suspicion
from simcluster.recovery.remote_store import RemoteStore
from simcluster.recovery.retry import ask, ask_all

__all__ = [
    "AnyDetector",
    "AnyRecovery",
    "AnyStore",
    "AnySuspicion",
    "Checkpoint",
    "Checkpoints",
    "Detector",
    "DistributedStore",
    "ExpectedArrival",
    "Heartbeats",
    "Keeper",
    "LocalStore",
    "PhiAccrual",
    "Preloads",
    "Recovery",
    "RemoteStore",
    "Store",
    "Suspicion",
    "Timeout",
    "Watch",
    "ask",
    "ask_all",
]
