"""How a plan is followed while nodes come and go."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from simcluster.scheduling.policies.planners.planning import fits
from simcluster.scheduling.protocols import NodeView, Planner, ReadyTask, Watcher

if TYPE_CHECKING:
    import networkx as nx

Plan = Mapping[str, tuple[str, float]]


class Planned(Watcher):
    """A policy that gives each node its tasks in the planned order, those of an earlier phase first.

    When the nodes that are up change, it has those that are left planned anew; a task that has gone before and is ready
    again (its node crashed) goes at once, and so would one that is ``done`` when a master begins. A task that fits on
    no node that is up waits for one, and nothing waits for it. Raises ``ValueError`` for a plan that leaves out a task,
    names other nodes, or one that is too small where another is not.
    """

    def __init__(
        self,
        planner: Planner,
        graph: nx.DiGraph[Any],
        transfer_s: Callable[[str, str, float], float],
        done: Sequence[str] = (),
        phases: Mapping[str, int] | None = None,
        nodes: Sequence[NodeView] = (),
    ) -> None:
        self._phases = phases or {}
        self._planner, self._graph, self._transfer_s = planner, graph, transfer_s
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._without: dict[tuple[str, ...], dict[str, None]] = {}  # of each plan: what fits on none of its nodes
        self._lefts: dict[tuple[str, ...], dict[str, deque[str]]] = {}  # of each plan: each node's that have not gone
        self._started: set[str] = set(done)
        self._place = {node.name: place for place, node in enumerate(nodes)}
        self._nodes: dict[str, NodeView] = {}  # that are up
        self._ready: dict[str, int] = {}  # since which change
        self._changes = 0
        # Of the plan that is followed, unless the nodes have changed since:
        self._plan: Plan | None = None
        self._left: dict[str, deque[str]] = {}
        self._free: list[tuple[float, int, str]] = []  # a heap: when it shall begin, since when it is ready, which
        self._homeless: dict[str, None] = {}  # what fits on no node that is up

    def __call__(self, ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> tuple[str, str] | None:
        """The task that is planned first of those that may go."""
        there, tasks = {node.name: node for node in nodes}, {task.name for task in ready}
        for name in [name for name in self._nodes if name not in there]:
            self.node_gone(name)
        for node in nodes:
            self.node_changed(node)
        for name in [name for name in self._ready if name not in tasks]:
            self.task_gone(name)
        for task in ready:
            if task.name not in self._ready:
                self.task_ready(task)
        return self.decide(0.0)

    def task_ready(self, task: ReadyTask) -> None:
        """It may go, when it is the next on its node, or has gone before."""
        self._changes += 1
        self._ready[task.name] = self._changes
        if self._plan is None or task.name in self._homeless:
            return
        if task.name in self._started or self._is_next(task.name):
            self._release(task.name)

    def task_gone(self, name: str) -> None:
        """It may not go."""
        self._ready.pop(name, None)

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """It has gone."""
        self._ready.pop(task.name, None)

    def node_changed(self, view: NodeView) -> None:
        """It is up; a plan is made for those that are."""
        if view.name not in self._nodes:
            self._plan = None
            self._place.setdefault(view.name, len(self._place))
        self._nodes[view.name] = view

    def node_gone(self, name: str) -> None:
        """The plan is followed no more."""
        del self._nodes[name]
        self._plan = None

    def decide(self, now_s: float) -> tuple[str, str] | None:
        """The task that is planned first of those that may go; of several, the one that has waited longest."""
        if not self._ready or not self._nodes:
            return None
        plan = self._plan or self._follow()
        while self._free:
            _, since, task = heappop(self._free)
            if self._ready.get(task) == since:
                del self._ready[task]
                self._started.add(task)
                if (following := self._next(plan[task][0])) in self._ready:
                    self._release(following)
                return task, plan[task][0]
        return None

    def _follow(self) -> Plan:
        """Turn to the plan for the nodes that are up."""
        up = tuple(sorted(self._nodes, key=self._place.__getitem__))
        if up not in self._plans:
            self._make_plan(up, [self._nodes[name] for name in up])
        plan = self._plan = self._plans[up]
        self._left = self._lefts[up]
        heads = {self._next(name) for name in up}
        self._homeless = self._without[up]
        free = [
            task
            for task in self._ready
            if task not in self._homeless and (task in self._started or task in heads)
        ]
        self._free = [(plan[task][1], self._ready[task], task) for task in free]
        heapify(self._free)
        return plan

    def _next(self, node: str) -> str | None:
        """The first on a node that has not gone."""
        tasks = self._left[node]
        while tasks and tasks[0] in self._started:
            tasks.popleft()
        return tasks[0] if tasks else None

    def _is_next(self, task: str) -> bool:
        assert self._plan is not None
        return self._next(self._plan[task][0]) == task

    def _release(self, task: str) -> None:
        assert self._plan is not None
        heappush(self._free, (self._plan[task][1], self._ready[task], task))

    def _make_plan(self, up: tuple[str, ...], nodes: Sequence[NodeView]) -> None:
        plan = self._plans[up] = self._planner.plan(self._graph, nodes, self._transfer_s)
        if not isinstance(plan, Mapping):
            raise TypeError(f"a planner must return a mapping from task to node and time, got {plan!r}")
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
        homeless = self._without[up] = self._check_rooms(plan, {node.name: node for node in nodes})
        # The sort is stable: tasks that are planned to begin together stay in the order in which they were planned.
        for task in sorted(plan, key=lambda task: (self._phases.get(task, 0), plan[task][1])):
            if task not in homeless:
                left[plan[task][0]].append(task)
        self._lefts[up] = left

    def _check_rooms(self, plan: Plan, nodes: Mapping[str, NodeView]) -> dict[str, None]:
        """The tasks that fit on none of the nodes; one that fits on some must be planned on one of these."""
        somewhere: dict[tuple[int, float], bool] = {}
        homeless: dict[str, None] = {}
        for name, attributes in self._graph.nodes.items():
            task = attributes["task"]
            if fits(task, nodes[plan[name][0]]):
                continue
            need = task.cores, task.memory_bytes
            if need not in somewhere:
                somewhere[need] = any(fits(task, node) for node in nodes.values())
            if somewhere[need]:
                got = f"{plan[name][0]!r} for {name!r}"
                raise ValueError(f"a plan must give a task a node that has its cores and its memory, got {got}")
            homeless[name] = None
        return homeless
