"""Replication: a key-value store with copies on several nodes, by a scheme, and a history of what clients saw."""

from simcluster.replication.answers import Answers
from simcluster.replication.job import ReplicatedStore
from simcluster.replication.protocols import Asked, Operation, Refused, Replicas, Replication, Session, Workload
from simcluster.replication.schemes import (
    AnyReplication,
    ChainReplication,
    Change,
    Craq,
    PrimaryBackup,
    Quorum,
    Raft,
    Views,
)
from simcluster.replication.workload import AnyWorkload, Mix

__all__ = [
    "Answers",
    "AnyReplication",
    "AnyWorkload",
    "Asked",
    "ChainReplication",
    "Change",
    "Craq",
    "Mix",
    "Operation",
    "PrimaryBackup",
    "Quorum",
    "Raft",
    "Refused",
    "Replicas",
    "ReplicatedStore",
    "Replication",
    "Session",
    "Views",
    "Workload",
]
