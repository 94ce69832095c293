"""Policies: which task goes where, and when."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.policies.batch import ConservativeBackfilling, EasyBackfilling, GangScheduling
from simcluster.scheduling.policies.fairness import Capacity, DominantResource, FairShare, progressive_filling
from simcluster.scheduling.policies.greedy import (
    EarliestDeadline,
    Fifo,
    Greedy,
    Priority,
    Random,
    RoundRobin,
    Shortest,
    Utilisation,
    fifo,
    priority,
    utilisation,
)
from simcluster.scheduling.policies.heft import Heft
from simcluster.scheduling.protocols import Planner, Policy, WatchingPolicy

GREEDY = (Fifo, Shortest, Priority, EarliestDeadline, Utilisation, RoundRobin, Random, Greedy)
FAIR = (FairShare, Capacity, DominantResource)
BATCH = (GangScheduling, EasyBackfilling, ConservativeBackfilling)
AnyPolicy = Annotated[
    Policy | Planner | WatchingPolicy, Open((Policy, Planner, WatchingPolicy), Heft, *GREEDY, *FAIR, *BATCH)
]
"""A policy or a planner of this folder, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyPolicy",
    "Capacity",
    "ConservativeBackfilling",
    "DominantResource",
    "EarliestDeadline",
    "EasyBackfilling",
    "FairShare",
    "Fifo",
    "GangScheduling",
    "Greedy",
    "Heft",
    "Priority",
    "Random",
    "RoundRobin",
    "Shortest",
    "Utilisation",
    "fifo",
    "priority",
    "progressive_filling",
    "utilisation",
]
