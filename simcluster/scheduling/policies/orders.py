"""Orders of tasks: a number each, of which the smallest is next; of equal ones the task that came first."""

from __future__ import annotations

from typing import Annotated

from simcluster.cluster import NodeSpec
from simcluster.engine import Open
from simcluster.scheduling.protocols import Order, ReadyTask

_USUAL = NodeSpec(name="usual")


def usual_s(task: ReadyTask) -> float:
    """How long its user claims that a task takes, else how long its cost does on a node that only has a name."""
    return _USUAL.seconds(task.cost) if task.estimate_s is None else task.estimate_s


def arrival(task: ReadyTask) -> float:
    """First come, first served."""
    return 0.0


def shortest(task: ReadyTask) -> float:
    """The task that is over first, by ``usual_s``: of all orders the one with the least mean wait (Smith 1956)."""
    return usual_s(task)


def urgent(task: ReadyTask) -> float:
    """The task of the highest priority."""
    return -task.priority


def deadline(task: ReadyTask) -> float:
    """The task that should be done first (Jackson 1955; Liu and Layland 1973); those without a deadline come last."""
    return task.deadline_s


AnyOrder = Annotated[Order, Open(Order, arrival=arrival, shortest=shortest, urgent=urgent, deadline=deadline)]
"""One of the orders above, or one's own: a function."""
