"""Waiting rules: who waits for whom."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.protocols import Waiting
from simcluster.training.waiting.bounded_staleness import BoundedStaleness
from simcluster.training.waiting.client_sampling import ClientSampling
from simcluster.training.waiting.dynamic_backups import DynamicBackups
from simcluster.training.waiting.in_turn import InTurn
from simcluster.training.waiting.k_batch_sync import KBatchSync
from simcluster.training.waiting.k_sync import KSync
from simcluster.training.waiting.rennala import Rennala
from simcluster.training.waiting.ringmaster import Ringmaster
from simcluster.training.waiting.sampled_staleness import SampledStaleness
from simcluster.training.waiting.staleness_aware import StalenessAware

AnyWaiting = Annotated[
    Waiting,
    Open(
        Waiting,
        BoundedStaleness,
        ClientSampling,
        InTurn,
        KSync,
        KBatchSync,
        DynamicBackups,
        SampledStaleness,
        StalenessAware,
        Rennala,
        Ringmaster,
    ),
]
"""One of the rules above, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyWaiting",
    "BoundedStaleness",
    "ClientSampling",
    "DynamicBackups",
    "InTurn",
    "KBatchSync",
    "KSync",
    "Rennala",
    "Ringmaster",
    "SampledStaleness",
    "StalenessAware",
]
