"""The levels of isolation, one file each."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.replication.transactions.protocols import Isolation
from simcluster.replication.transactions.read_committed import read_committed
from simcluster.replication.transactions.saga import Saga
from simcluster.replication.transactions.serializable import serializable
from simcluster.replication.transactions.snapshot_isolation import snapshot_isolation

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
