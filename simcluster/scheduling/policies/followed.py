"""The policies that another one may follow: all that watch and decide by themselves."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.policies.batch import ConservativeBackfilling, EasyBackfilling, GangScheduling
from simcluster.scheduling.policies.delay import DelayScheduling
from simcluster.scheduling.policies.fairness import Capacity, DominantResource, FairShare
from simcluster.scheduling.policies.greedy import (
    EarliestDeadline,
    Fifo,
    Greedy,
    NodesInTurn,
    Priority,
    RandomNodes,
    Shortest,
    Utilisation,
)
from simcluster.scheduling.protocols import WatchingPolicy

GREEDY = (Fifo, Shortest, Priority, EarliestDeadline, Utilisation, NodesInTurn, RandomNodes, Greedy)
FOLLOWED = (
    *GREEDY, DelayScheduling, FairShare, Capacity, DominantResource,
    GangScheduling, EasyBackfilling, ConservativeBackfilling,
)  # fmt: skip
AnyFollowed = Annotated[WatchingPolicy, Open(WatchingPolicy, *FOLLOWED)]
"""One of these, or one's own that watches."""
