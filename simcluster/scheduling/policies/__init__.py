"""Policies: which task goes where, and when."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.policies.greedy import fifo, priority, utilisation
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
from simcluster.scheduling.protocols import Planner, Policy, WatchingPolicy

AnyPolicy = Annotated[
    Policy | Planner | WatchingPolicy,
    Open(
        (Policy, Planner, WatchingPolicy),
        ListScheduling, Lpt, Heft, Cpop, Peft, LookAhead, DynamicLevel, MinMin, MaxMin,
        fifo=fifo, utilisation=utilisation, priority=priority,
    ),
]
"""A policy or a planner of this folder, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyPolicy",
    "Cpop",
    "DynamicLevel",
    "Heft",
    "ListScheduling",
    "LookAhead",
    "Lpt",
    "MaxMin",
    "MinMin",
    "Peft",
    "fifo",
    "priority",
    "utilisation",
]
