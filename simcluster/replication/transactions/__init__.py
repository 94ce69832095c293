"""Transactions over keys of several shards: two-phase commit, levels of isolation, sagas."""

from simcluster.replication.transactions.isolation import (
    AnyIsolation,
    Saga,
    read_committed,
    serializable,
    snapshot_isolation,
)
from simcluster.replication.transactions.job import ShardedStore
from simcluster.replication.transactions.protocols import Isolation
from simcluster.replication.transactions.transaction import Transaction

__all__ = [
    "AnyIsolation",
    "Isolation",
    "Saga",
    "ShardedStore",
    "Transaction",
    "read_committed",
    "serializable",
    "snapshot_isolation",
]
