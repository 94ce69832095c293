"""Replication: a key-value store with copies or shards on several nodes, and a history of what clients saw."""

from simcluster.replication.answers import Answers, ask_quorum
from simcluster.replication.job import ReplicatedStore
from simcluster.replication.locks import Counted, LockedCounter
from simcluster.replication.protocols import (
    Asked,
    DataType,
    Operation,
    Refused,
    Replicas,
    Replication,
    Session,
    Workload,
)
from simcluster.replication.scheme_store import SchemeStore
from simcluster.replication.schemes import (
    Abd,
    AnyReplication,
    Causal,
    ChainReplication,
    Change,
    Craq,
    Eventual,
    MultiPaxos,
    PrimaryBackup,
    Quorum,
    Raft,
    Views,
)
from simcluster.replication.serve import ask_in_turn, serve
from simcluster.replication.shelf import Shelf
from simcluster.replication.transactions import (
    AnyIsolation,
    Isolation,
    Saga,
    ShardedStore,
    Transaction,
    read_committed,
    serializable,
    snapshot_isolation,
)
from simcluster.replication.types import AnyDataType, GCounter, LwwRegister, MvRegister, OrSet, PnCounter
from simcluster.replication.workload import AnyWorkload, Mix, TransactionMix

__all__ = [
    "Abd",
    "Answers",
    "AnyDataType",
    "AnyIsolation",
    "AnyReplication",
    "AnyWorkload",
    "Asked",
    "Causal",
    "ChainReplication",
    "Change",
    "Counted",
    "Craq",
    "DataType",
    "Eventual",
    "GCounter",
    "Isolation",
    "LockedCounter",
    "LwwRegister",
    "Mix",
    "MultiPaxos",
    "MvRegister",
    "Operation",
    "OrSet",
    "PnCounter",
    "PrimaryBackup",
    "Quorum",
    "Raft",
    "Refused",
    "Replicas",
    "ReplicatedStore",
    "Replication",
    "Saga",
    "SchemeStore",
    "Session",
    "ShardedStore",
    "Shelf",
    "Transaction",
    "TransactionMix",
    "Views",
    "Workload",
    "ask_in_turn",
    "ask_quorum",
    "read_committed",
    "serializable",
    "serve",
    "snapshot_isolation",
]
