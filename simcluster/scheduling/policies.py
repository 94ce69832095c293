"""Scheduling policies: functions that say which ready task goes to which node, and when.

A policy is called with the ready tasks, those that have waited longest first, and a view of every node that is
up, in the order of the job's workers. It returns the names of a task and a node, or ``None`` to wait; it is called
again until it waits. Every tie has a rule, so the same views give the same choice.

``fifo`` and ``priority`` bind late: a task goes to a node with an idle core. ``utilisation`` and ``dependency`` bind
early: a node gets its next tasks while it computes, so that their inputs arrive meanwhile, and on an estimate of how
long it will take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx

from simcluster.learning import Cost
from simcluster.scheduling.heft import Slot, heft


@dataclass(frozen=True, slots=True)
class ReadyTask:
    """A task whose predecessors are all done: its name, its declared cost and its user's priority."""

    name: str
    cost: Cost
    priority: float


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as the scheduler knows it.

    ``idle`` of its cores have no task, the last of them since ``idle_since_s``. ``backlog_s`` is how long all its cores
    would take for the tasks that it has been given and has not reported, whole, by their declared costs.
    ``flops_per_s`` and ``memory_bytes_per_s`` are those of one core.
    """

    name: str
    cores: int
    idle: int
    idle_since_s: float
    backlog_s: float
    flops_per_s: float
    memory_bytes_per_s: float

    def seconds(self, cost: Cost) -> float:
        """How long a core of this node is expected to compute something of this cost."""
        return max(cost.flops / self.flops_per_s, cost.bytes / self.memory_bytes_per_s)


Choice = tuple[str, str] | None
Policy = Callable[[Sequence[ReadyTask], Sequence[NodeView]], Choice]


def fifo(ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> Choice:
    """First in, first out: the task that has waited longest goes to the node that has idled longest.

    Ties go to the first in order.
    """
    idle = [node for node in nodes if node.idle]
    if not ready or not idle:
        return None
    return ready[0].name, min(idle, key=lambda node: node.idle_since_s).name


def utilisation(ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> Choice:
    """The task that has waited longest goes to the least utilised node: the one with the smallest backlog.

    It goes at once, whether or not a core is idle; ties go to the first in order.
    """
    if not ready or not nodes:
        return None
    return ready[0].name, min(nodes, key=lambda node: node.backlog_s).name


def priority(ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> Choice:
    """The task of the highest priority goes to the idle node that computes it fastest; ties: the first in order."""
    idle = [node for node in nodes if node.idle]
    if not ready or not idle:
        return None
    task = max(ready, key=lambda task: task.priority)
    return task.name, min(idle, key=lambda node: node.seconds(task.cost)).name


def dependency(graph: nx.DiGraph[Any], latency_s: float, bandwidth_bytes_per_s: float) -> Policy:
    """A policy that follows the HEFT plan for ``graph``: each node gets its tasks in the planned order.

    The plan counts ``2 latency_s`` to order a task and report it, and for a predecessor's output on another node
    the round trip of the request and ``size_bytes / bandwidth_bytes_per_s``. A task goes to its node as soon as it is
    ready and all those that the node shall do before it have gone. When the nodes that are up change, the policy
    plans anew for those that are left; a task that has gone before and is ready again (its node crashed) goes at once.
    """
    plans: dict[tuple[str, ...], dict[str, Slot]] = {}
    left: dict[tuple[str, ...], dict[str, deque[str]]] = {}  # of each plan: each node's tasks that have not gone
    started: set[str] = set()

    def choose(ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> Choice:
        up = tuple(node.name for node in nodes)
        if not ready or not up:
            return None
        if up not in plans:
            plans[up] = planned(graph, nodes, latency_s, bandwidth_bytes_per_s)
            left[up] = {name: deque() for name in up}
            for task, slot in plans[up].items():
                left[up][slot.processor[0]].append(task)  # type: ignore[index]
        for tasks in left[up].values():
            while tasks and tasks[0] in started:
                tasks.popleft()
        heads = {tasks[0] for tasks in left[up].values() if tasks}
        free = [task.name for task in ready if task.name in started or task.name in heads]
        if not free:
            return None
        task = min(free, key=lambda name: plans[up][name].begin_s)
        started.add(task)
        return task, plans[up][task].processor[0]  # type: ignore[index]

    return choose


def planned(
    graph: nx.DiGraph[Any], nodes: Sequence[NodeView], latency_s: float, bandwidth_bytes_per_s: float
) -> dict[str, Slot]:
    """The HEFT plan for ``graph`` on the cores of ``nodes``, by planned begin; a processor is (node, core)."""
    timed: nx.DiGraph[Any] = nx.DiGraph()
    for name in graph.nodes:
        cost = graph.nodes[name]["task"].cost
        expected_s = {node.name: 2 * latency_s + node.seconds(cost) for node in nodes}
        seconds = {(node.name, core): expected_s[node.name] for node in nodes for core in range(node.cores)}
        timed.add_node(name, seconds=seconds)
    for before, after in graph.edges:
        transfer_s = graph.edges[before, after]["size_bytes"] / bandwidth_bytes_per_s
        timed.add_edge(before, after, seconds=2 * latency_s + transfer_s)
    plan = heft(timed, host=lambda processor: processor[0])  # type: ignore[index]
    # The sort is stable: tasks planned to begin together stay in the order of their ranks.
    return dict(sorted(plan.items(), key=lambda item: item[1].begin_s))  # type: ignore[arg-type]
