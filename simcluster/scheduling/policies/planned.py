"""How a plan is followed while nodes come and go."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simcluster.scheduling.protocols import NodeView, Planner, ReadyTask

if TYPE_CHECKING:
    import networkx as nx

Plan = Mapping[str, tuple[str, float]]


class Planned:
    """A policy that gives each node its tasks in the planned order, those of an earlier phase first.

    When the nodes that are up change, it has those that are left planned anew; a task that has gone before and is ready
    again (its node crashed) goes at once, and so would one that is ``done`` when a master begins. Raises ``ValueError``
    for a plan that leaves out a task or names other nodes.
    """

    def __init__(
        self,
        planner: Planner,
        graph: nx.DiGraph[Any],
        transfer_s: Callable[[str, str, float], float],
        done: Sequence[str] = (),
        phases: Mapping[str, int] | None = None,
    ) -> None:
        self._phases = phases or {}
        self._planner, self._graph, self._transfer_s = planner, graph, transfer_s
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._left: dict[tuple[str, ...], dict[str, deque[str]]] = {}  # of each plan: each node's that have not gone
        self._started: set[str] = set(done)

    def __call__(self, ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> tuple[str, str] | None:
        """The task that is planned first of those that may go."""
        up = tuple(node.name for node in nodes)
        if not ready or not up:
            return None
        if up not in self._plans:
            self._make_plan(up, nodes)
        plan, left = self._plans[up], self._left[up]
        for tasks in left.values():
            while tasks and tasks[0] in self._started:
                tasks.popleft()
        heads = {tasks[0] for tasks in left.values() if tasks}
        free = [task.name for task in ready if task.name in self._started or task.name in heads]
        if not free:
            return None
        task = min(free, key=lambda name: plan[name][1])
        self._started.add(task)
        return task, plan[task][0]

    def _make_plan(self, up: tuple[str, ...], nodes: Sequence[NodeView]) -> None:
        plan = self._plans[up] = self._planner.plan(self._graph, nodes, self._transfer_s)
        left: dict[str, deque[str]] = {name: deque() for name in up}
        strange = [task for task in plan if task not in self._graph]
        if strange:
            raise ValueError(f"a plan must be of the graph's tasks, got {strange[0]!r}")
        for task in self._graph:
            if task not in plan or plan[task][0] not in left or math.isnan(plan[task][1]):
                raise ValueError(
                    f"a plan must give each task one of the nodes {list(up)} and a time, "
                    f"got {plan.get(task)} for {task!r}"
                )
        # The sort is stable: tasks that are planned to begin together stay in the order in which they were planned.
        for task in sorted(plan, key=lambda task: (self._phases.get(task, 0), plan[task][1])):
            left[plan[task][0]].append(task)
        self._left[up] = left
