"""Whoever is behind gives way: running tasks are given up for one that comes before them."""

from __future__ import annotations

from bisect import bisect_left, insort

from simcluster.scheduling.policies.composed import Composed
from simcluster.scheduling.policies.queues import Sorted
from simcluster.scheduling.protocols import Choice, Decision, NodeView, Order, Preempt, ReadyTask

_Entry = tuple[float, int, str, str]


class Preempting(Composed):
    """The first in the order runs at once: where there is no room, in place of tasks that come after it by the order.

    On one node, the one where the last of all such tasks runs that is enough together with others there; of these the
    last by the order goes first, and of equal ones the one that began last, whose loss is least.
    """

    def __init__(self, order: Order, choice: Choice) -> None:
        self._waiting = Sorted(order)
        super().__init__(self._waiting, choice)
        self._order = order
        self._views: dict[str, NodeView] = {}
        self._running: list[_Entry] = []  # order, start, task and node, the last of all at the end
        self._there: dict[str, dict[str, tuple[_Entry, ReadyTask]]] = {}  # by node and task
        self._starts = 0

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """It may have to give way."""
        super().task_started(task, node, now_s)
        self._starts += 1
        entry = self._order(task), self._starts, task.name, node
        self._there.setdefault(node, {})[task.name] = entry, task
        insort(self._running, entry)

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        """It is out of the way."""
        entry, _ = self._there[node].pop(name)
        del self._running[bisect_left(self._running, entry)]

    def node_changed(self, view: NodeView) -> None:
        """What is idle there is taken before what runs."""
        super().node_changed(view)
        self._views[view.name] = view

    def node_gone(self, name: str) -> None:
        """There is nothing to be had."""
        super().node_gone(name)
        self._views.pop(name, None)

    def decide(self, now_s: float) -> Decision | None:
        """The next task and its node, or who gives way."""
        decision = super().decide(now_s)
        first = self._waiting.first() if decision is None else None
        if first is None or not self._running:
            return decision
        rank = self._order(first)
        for behind, _, name, node in reversed(self._running):
            if behind <= rank:
                return None
            if self._makes_room(node, first, rank):
                return Preempt(name)
        return None

    def _makes_room(self, node: str, task: ReadyTask, rank: float) -> bool:
        """Whether there is room on this node once everything there is gone that comes after the task."""
        view = self._views.get(node)
        if view is None:
            return False
        cores, memory_bytes = view.idle, view.free_memory_bytes
        for entry, other in self._there[node].values():
            if entry[0] > rank:
                cores, memory_bytes = cores + other.cores, memory_bytes + other.memory_bytes
        return task.cores <= cores and task.memory_bytes <= memory_bytes
