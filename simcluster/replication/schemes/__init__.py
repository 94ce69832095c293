"""Schemes: how copies are kept, one file each, beside the paper that says it."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.replication.protocols import Replication
from simcluster.replication.schemes.abd import Abd
from simcluster.replication.schemes.causal import Causal
from simcluster.replication.schemes.eventual import Eventual
from simcluster.replication.schemes.quorum import Quorum

AnyReplication = Annotated[
    Replication,
    Open(
        Replication,
        Quorum,
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
    "Eventual",
    "Quorum",
]
