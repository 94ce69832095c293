"""Transactions over keys of several shards: two-phase commit, levels of isolation, sagas."""

from simcluster.replication.transactions.job import ShardedStore
from simcluster.replication.transactions.levels import AnyIsolation
from simcluster.replication.transactions.protocols import Isolation
from simcluster.replication.transactions.read_committed import read_committed
from simcluster.replication.transactions.saga import Saga
from simcluster.replication.transactions.serializable import serializable
from simcluster.replication.transactions.snapshot_isolation import snapshot_isolation
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
