"""Waiting rules: who waits for whom."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.protocols import Waiting
from simcluster.training.waiting.bounded_staleness import BoundedStaleness

AnyWaiting = Annotated[Waiting, Open(Waiting, BoundedStaleness)]
"""One of the rules above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyWaiting", "BoundedStaleness"]
