"""Placement: where rows lie before workers learn from them."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.placement.in_memory import InMemory
from simcluster.training.placement.stored import Stored
from simcluster.training.protocols import Placement

AnyPlacement = Annotated[Placement, Open(Placement, InMemory, Stored)]
"""One of the placements above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyPlacement", "InMemory", "Stored"]
