"""Recovery: what any job may use to survive."""

from simcluster.recovery.checkpoint import Checkpoint
from simcluster.recovery.distributed_store import DistributedStore
from simcluster.recovery.remote_store import RemoteStore
from simcluster.recovery.retry import ask

__all__ = ["Checkpoint", "DistributedStore", "RemoteStore", "ask"]
