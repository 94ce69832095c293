"""The levels of isolation, one file each."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.replication.transactions.isolation.read_committed import read_committed
from simcluster.replication.transactions.isolation.saga import Saga
from simcluster.replication.transactions.isolation.serializable import serializable
from simcluster.replication.transactions.isolation.snapshot_isolation import snapshot_isolation
from simcluster.replication.transactions.protocols import Isolation

AnyIsolation = Annotated[
    Isolation,
    Open(
        Isolation,
        Saga,
        read_committed=read_committed,
        snapshot_isolation=snapshot_isolation,
        serializable=serializable,
    ),
]
"""A level that is here, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyIsolation",
    "Saga",
    "read_committed",
    "serializable",
    "snapshot_isolation",
]
