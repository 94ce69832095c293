"""Policies: which task goes where, and when."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.policies.greedy import fifo, priority, utilisation
from simcluster.scheduling.policies.heft import Heft
from simcluster.scheduling.protocols import Planner, Policy, WatchingPolicy

AnyPolicy = Annotated[
    Policy | Planner | WatchingPolicy,
    Open((Policy, Planner, WatchingPolicy), Heft, fifo=fifo, utilisation=utilisation, priority=priority),
]
"""A policy or a planner of this folder, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyPolicy", "Heft", "fifo", "priority", "utilisation"]
