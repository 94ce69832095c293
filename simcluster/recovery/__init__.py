"""Recovery: what any job may use to survive."""

from simcluster.recovery.checkpoint import Checkpoint
from simcluster.recovery.checkpoints import AnyRecovery, Checkpoints
from simcluster.recovery.distributed_store import DistributedStore
from simcluster.recovery.protocols import Keeper, Recovery
from simcluster.recovery.remote_store import RemoteStore
from simcluster.recovery.retry import ask

__all__ = ["AnyRecovery", "Checkpoint", "Checkpoints", "DistributedStore", "Keeper", "Recovery", "RemoteStore", "ask"]
