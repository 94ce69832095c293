"""Attempts: which task has been sent where, what that leaves of the nodes, and how a policy sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from simcluster.cluster import NodeSpec
from simcluster.scheduling.graph import Task
from simcluster.scheduling.protocols import NodeView


class Attempt:
    """A task on a node, as the master knows it.

    ``number`` tells it from all others of the run, later ones being greater. One of a gang is ``in_place`` when it
    waits there for the others, and ``released`` when they have been told to begin. It is expected to take a core of
    its node ``work_s`` at speed 1.
    """

    __slots__ = ("in_place", "node", "number", "released", "since_s", "task", "work_s")

    def __init__(self, task: str, node: str, number: int, since_s: float) -> None:
        self.task, self.node, self.number, self.since_s = task, node, number, since_s
        self.in_place = self.released = False
        self.work_s = 0.0


class Attempts:
    """Every attempt that is under way, by its task and by its node."""

    def __init__(self, tasks: Mapping[str, Task], specs: Sequence[NodeSpec], now_s: float) -> None:
        self._tasks = tasks
        self._of: dict[str, list[Attempt]] = {}
        self._rooms = {spec.name: _Room(spec, now_s) for spec in specs}

    def of(self, task: str) -> Sequence[Attempt]:
        """Those of a task, in the order in which they were made."""
        return self._of.get(task, ())

    def on(self, node: str) -> Mapping[str, Attempt]:
        """Those on a node, by task, in the order in which they were made."""
        return self._rooms[node].attempts

    def add(self, attempt: Attempt) -> None:
        """One has been made."""
        task = attempt.task
        if task in self._of:
            self._of[task].append(attempt)
        else:
            self._of[task] = [attempt]
        self._rooms[attempt.node].add(attempt, self._tasks[task])

    def remove(self, attempt: Attempt, now_s: float) -> bool:
        """One is over; whether it was the last of its task."""
        task, of = attempt.task, self._of[attempt.task]
        self._rooms[attempt.node].remove(attempt, self._tasks[task], now_s)
        if len(of) > 1:
            of.remove(attempt)
            return False
        del self._of[task]
        return True

    def could_fit(self, task: Task, node: str) -> bool:
        """Whether a node that has nothing to do has the cores and the memory of a task."""
        return self._rooms[node].could_fit(task)

    def view(self, node: str) -> NodeView:
        """A node as a policy sees it."""
        return self._rooms[node].view()


class _Room:
    """What a node has, and what its attempts leave of it."""

    def __init__(self, spec: NodeSpec, now_s: float) -> None:
        self._spec = spec
        self._all_cores, self._speed = spec.cores, spec.cores * spec.speed
        self._flops_per_s = spec.flops_per_s * spec.speed
        self._memory_bytes_per_s = spec.memory_bytes_per_s * spec.speed
        self._memory_bytes = math.inf if spec.memory_bytes is None else spec.memory_bytes
        self.attempts: dict[str, Attempt] = {}
        self._cores = 0  # that are held; more than there are where tasks wait on the node
        self._reserved_bytes = ExactSum()
        self._backlog_s = ExactSum()
        self._idle_since_s = now_s

    def add(self, attempt: Attempt, task: Task) -> None:
        self.attempts[attempt.task] = attempt
        attempt.work_s = self._spec.seconds(task.cost) * task.cores
        self._cores += task.cores
        self._backlog_s.add(attempt.work_s)
        if task.memory_bytes:
            self._reserved_bytes.add(task.memory_bytes)

    def remove(self, attempt: Attempt, task: Task, now_s: float) -> None:
        del self.attempts[attempt.task]
        self._cores -= task.cores
        self._backlog_s.add(-attempt.work_s)
        if task.memory_bytes:
            self._reserved_bytes.add(-task.memory_bytes)
        self._idle_since_s = now_s

    def could_fit(self, task: Task) -> bool:
        return task.cores <= self._spec.cores and task.memory_bytes <= self._memory_bytes

    def view(self) -> NodeView:
        spec, cores, left = self._spec, self._all_cores, self._all_cores - self._cores
        reserved, free_bytes = self._reserved_bytes, self._memory_bytes
        if reserved:
            free_bytes = max(0.0, free_bytes - reserved.value)
        return tuple.__new__(  # what the class does itself, in a fifth of the time: it is asked twice for each task
            NodeView,
            (
                spec.name,
                cores,
                left if left > 0 else 0,
                self._idle_since_s,
                self._backlog_s.value / self._speed,
                self._flops_per_s,
                self._memory_bytes_per_s,
                self._memory_bytes,
                free_bytes,
            ),
        )


def view_of(spec: NodeSpec) -> NodeView:
    """A node as a policy sees it that has nothing to do, from the beginning on."""
    return _Room(spec, 0.0).view()


class ExactSum:
    """A sum to which numbers are added and taken from again without any error, so that the order does not count.

    What is kept are numbers that do not overlap, whose sum is exact. Source: J. R. Shewchuk, "Adaptive precision
    floating-point arithmetic and fast robust geometric predicates", Discrete & Computational Geometry 18, 1997.
    """

    __slots__ = ("_partials",)

    def __init__(self) -> None:
        self._partials: list[float] = []

    def add(self, number: float) -> None:
        """Add a finite number."""
        if not self._partials:
            if number:
                self._partials = [number]
            return
        partials, x = [], number
        for y in self._partials:
            if abs(x) < abs(y):
                x, y = y, x
            high = x + y
            low = y - (high - x)
            if low:
                partials.append(low)
            x = high
        if x:
            partials.append(x)
        self._partials = partials

    def __bool__(self) -> bool:
        """Whether it is anything but 0."""
        return bool(self._partials)

    @property
    def value(self) -> float:
        """The sum, rounded once."""
        partials = self._partials
        return math.fsum(partials) if len(partials) > 1 else partials[0] if partials else 0.0
