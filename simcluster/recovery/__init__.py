"""Recovery: what any job may use to survive."""

from simcluster.recovery.checkpoint import Checkpoint
from simcluster.recovery.checkpoints import AnyRecovery, AnyStore, Checkpoints
from simcluster.recovery.detectors import (
    AnyDetector,
    AnySuspicion,
    ExpectedArrival,
    HealthChecks,
    Heartbeats,
    PhiAccrual,
    Timeout,
    Watch,
)
from simcluster.recovery.intervals import Adaptive, AnyInterval, Daly, Fixed, Young, daly_s, stretch, young_s
from simcluster.recovery.protocols import Detector, Interval, Keeper, Observed, Preloads, Recovery, Store, Suspicion
from simcluster.recovery.retry import ask, ask_all
from simcluster.recovery.stores.distributed_store import DistributedStore
from simcluster.recovery.stores.local_store import LocalStore
from simcluster.recovery.stores.remote_store import RemoteStore

__all__ = [
    "Adaptive",
    "AnyDetector",
    "AnyInterval",
    "AnyRecovery",
    "AnyStore",
    "AnySuspicion",
    "Checkpoint",
    "Checkpoints",
    "Daly",
    "Detector",
    "DistributedStore",
    "ExpectedArrival",
    "Fixed",
    "HealthChecks",
    "Heartbeats",
    "Interval",
    "Keeper",
    "LocalStore",
    "Observed",
    "PhiAccrual",
    "Preloads",
    "Recovery",
    "RemoteStore",
    "Store",
    "Suspicion",
    "Timeout",
    "Watch",
    "Young",
    "ask",
    "ask_all",
    "daly_s",
    "stretch",
    "young_s",
]
