"""Policies: which task goes where, and when."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.policies.batch import ConservativeBackfilling, EasyBackfilling, GangScheduling
from simcluster.scheduling.policies.delay import DelayScheduling
from simcluster.scheduling.policies.fairness import Capacity, DominantResource, FairShare, progressive_filling
from simcluster.scheduling.policies.followed import FOLLOWED, AnyFollowed
from simcluster.scheduling.policies.greedy import (
    EarliestDeadline,
    Fifo,
    Greedy,
    NodesInTurn,
    Priority,
    RandomNodes,
    Shortest,
    Utilisation,
    fifo,
    priority,
    utilisation,
)
from simcluster.scheduling.policies.planners import (
    Cpop,
    DynamicLevel,
    Heft,
    ListScheduling,
    LookAhead,
    Lpt,
    MaxMin,
    MinMin,
    Peft,
)
from simcluster.scheduling.policies.speculation import Hedged, Late, NaiveSpeculation
from simcluster.scheduling.protocols import Planner, Policy, WatchingPolicy

AnyPolicy = Annotated[
    Policy | Planner | WatchingPolicy,
    Open(
        (Policy, Planner, WatchingPolicy),
        ListScheduling, Lpt, Heft, Cpop, Peft, LookAhead, DynamicLevel, MinMin, MaxMin,
        *FOLLOWED, NaiveSpeculation, Late, Hedged,
    ),
]
"""A policy or a planner of this folder, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyFollowed",
    "AnyPolicy",
    "Capacity",
    "ConservativeBackfilling",
    "Cpop",
    "DelayScheduling",
    "DominantResource",
    "DynamicLevel",
    "EarliestDeadline",
    "EasyBackfilling",
    "FairShare",
    "Fifo",
    "GangScheduling",
    "Greedy",
    "Hedged",
    "Heft",
    "Late",
    "ListScheduling",
    "LookAhead",
    "Lpt",
    "MaxMin",
    "MinMin",
    "NaiveSpeculation",
    "NodesInTurn",
    "Peft",
    "Priority",
    "RandomNodes",
    "Shortest",
    "Utilisation",
    "fifo",
    "priority",
    "progressive_filling",
    "utilisation",
]
