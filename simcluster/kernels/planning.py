"""Task graphs by numbers, and their timetables on unequal processors: what a planner asks of them and fills."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

import simcluster.kernels._task_graph as _task_graph
import simcluster.kernels._timetable as _timetable
from simcluster.kernels.reference import Floats, Integers


class TaskGraph(Protocol):
    """n tasks, by number, and how long what one hands to another takes between two hosts."""

    n: int

    def successors(self, task: int) -> list[int]:
        """What takes something of this task."""
        ...

    def topological_order(self) -> Integers:
        """Kahn's order: what has been ready longest comes first. Shorter than n where a cycle is in the way."""
        ...

    def order_by(self, priorities: Floats) -> Integers:
        """A topological order in which next comes what has the highest of ``priorities`` (n,) of all that is ready.

        Ties: by Kahn's order.
        """
        ...

    def upward_ranks(self, weights: Floats, transfer_factor: float) -> Floats:
        """The longest way from each task to an end (n,): ``weights`` (n,) on it and transfers times the factor."""
        ...

    def downward_ranks(self, weights: Floats) -> Floats:
        """The longest way from a beginning to each task (n,), itself not included."""
        ...

    def optimistic_costs(self, seconds: Floats, hosts: Integers) -> Floats:
        """PEFT's table (n, m): the longest way behind a task that is on a processor, all that follows at its best.

        *seconds* (n, m) and *hosts* (m,) as ``timetable`` takes them.
        """
        ...


class Timetable(Protocol):
    """A graph of n tasks on m processors, and when each task begins and ends there, as far as it is placed.

    Tasks and processors are numbers. A task begins on a processor when its inputs can be there, from those of its
    predecessors that are placed: one from another host comes the transfer after the end of its task.
    """

    n_placed: int

    def finishes(self, task: int) -> Floats:
        """When the task would end on each processor (m,), in the first gap there that is long enough."""
        ...

    def place(self, task: int, processor: int) -> float:
        """Let the task run there, in the first gap that is long enough, and say when it ends."""
        ...

    def remove_last(self) -> None:
        """Take away what was placed last."""
        ...

    def place_in_order(self, order: Integers, handicaps: Floats | None = None, fixed: Integers | None = None) -> None:
        """Place each of ``order`` in a gap where its end and its handicap (n, m) there are least together.

        Where ``fixed`` (n,) is not −1 it says the processor. Ties: the first processor.
        """
        ...

    def place_when_ready(self, bonuses: Floats, positions: Floats, duration_factor: float, largest: bool) -> None:
        """Place all tasks, each behind what its processor does already, and none before its predecessors.

        Of all pairs of a ready task and a processor it takes again and again the one with the least begin +
        ``duration_factor`` × seconds − ``bonuses``; ``largest``: each task's least is taken, and of these the largest.
        Ties: the task with the lowest of ``positions``, on the processor where it ends first.
        """
        ...

    def slots(self) -> tuple[Floats, Floats, Integers, Integers]:
        """Begin, end and processor of each task (n,), and the tasks in the order in which they were placed."""
        ...


def task_graph(starts: Integers, after: Integers, transfers: Floats) -> TaskGraph:
    """A graph of n tasks.

    The successors of task i are ``after[starts[i]:starts[i + 1]]``, *starts* (n + 1,) and *after* int64, and what it
    hands to each of them takes so many *transfers*, seconds between two hosts, finite and at least 0. Raises TypeError
    for another dtype, ValueError for other times, for a task that there is not, and for starts that do not run from 0
    up to the length of after.
    """
    return _task_graph.TaskGraph(starts, after, transfers)  # type: ignore[no-any-return]


def mean_seconds(seconds: Floats) -> Floats:
    """The mean of each row (n,) of *seconds* (n, m), summed with what rounding loses (Neumaier 1974)."""
    return _task_graph.mean_rows(seconds)  # type: ignore[no-any-return]


def timetable(
    graph: TaskGraph, seconds: Floats, hosts: Integers, allowed: NDArray[np.bool_] | None = None
) -> Timetable:
    """An empty timetable of a graph that ``task_graph`` made.

    *seconds* (n, m) of each task on each processor, finite and at least 0; *hosts* (m,) int64, the number of each
    processor's host, below m. Where *allowed* (n, m) is false a task is never placed; it finishes there at infinity
    (``None``: all may run everywhere). Raises TypeError for another dtype or graph, ValueError for other times, shapes
    and numbers, and for a task that is allowed nowhere.
    """
    return _timetable.Timetable(graph, seconds, hosts, allowed)  # type: ignore[no-any-return]
