"""Schemes: how copies are kept, one file each, beside the paper that says it."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.replication.protocols import Replication
from simcluster.replication.schemes.abd import Abd
from simcluster.replication.schemes.causal import Causal
from simcluster.replication.schemes.chain import ChainReplication
from simcluster.replication.schemes.craq import Craq
from simcluster.replication.schemes.eventual import Eventual
from simcluster.replication.schemes.multi_paxos import MultiPaxos
from simcluster.replication.schemes.primary_backup import PrimaryBackup
from simcluster.replication.schemes.quorum import Quorum
from simcluster.replication.schemes.raft import Change, Raft
from simcluster.replication.schemes.views import Views

AnyReplication = Annotated[
    Replication,
    Open(
        Replication,
        Quorum,
        Raft,
        MultiPaxos,
        PrimaryBackup,
        ChainReplication,
        Craq,
        Eventual,
        Causal,
        Abd,
    ),
]
"""A scheme that is here, or one's own; in a file ``kind`` says which."""

__all__ = [
    "Abd",
    "AnyReplication",
    "Causal",
    "ChainReplication",
    "Change",
    "Craq",
    "Eventual",
    "MultiPaxos",
    "PrimaryBackup",
    "Quorum",
    "Raft",
    "Views",
]
