"""Places: which node gets a task."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.policies.places.fastest import Fastest
from simcluster.scheduling.policies.places.loads import LeastBacklog, LongestIdle
from simcluster.scheduling.policies.places.turns import AtRandom, EachInTurn
from simcluster.scheduling.protocols import Place

AnyPlace = Annotated[Place, Open(Place, LongestIdle, LeastBacklog, Fastest, EachInTurn, AtRandom)]
"""One of this folder, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyPlace", "AtRandom", "EachInTurn", "Fastest", "LeastBacklog", "LongestIdle"]
