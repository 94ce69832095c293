"""Recovery: what any job may use to survive."""

from simcluster.recovery.checkpoint import Checkpoint
from simcluster.recovery.checkpoints import AnyRecovery, AnyStore, Checkpoints
from simcluster.recovery.codes import Lost, ReedSolomon, Xor, decode, encode
from simcluster.recovery.detectors import (
    AnyDetector,
    AnySuspicion,
    ExpectedArrival,
    HealthChecks,
    Heartbeats,
    Lifeguard,
    PhiAccrual,
    Swim,
    Timeout,
    Watch,
    suspicion_s,
)
from simcluster.recovery.intervals import Adaptive, AnyInterval, Daly, Fixed, Young, daly_s, stretch, young_s
from simcluster.recovery.protocols import (
    Detector,
    ErasureCode,
    Interval,
    Keeper,
    Observed,
    Preloads,
    Recovery,
    Store,
    Suspicion,
)
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
    "ErasureCode",
    "ExpectedArrival",
    "Fixed",
    "HealthChecks",
    "Heartbeats",
    "Interval",
    "Keeper",
    "Lifeguard",
    "LocalStore",
    "Lost",
    "Observed",
    "PhiAccrual",
    "Preloads",
    "Recovery",
    "ReedSolomon",
    "RemoteStore",
    "Store",
    "Suspicion",
    "Swim",
    "Timeout",
    "Watch",
    "Xor",
    "Young",
    "ask",
    "ask_all",
    "daly_s",
    "decode",
    "encode",
    "stretch",
    "suspicion_s",
    "young_s",
]
