"""Policies that look at what is ready and who is idle, and no further.

``fifo`` and ``priority`` bind late: a task goes to a node with an idle core. ``utilisation`` binds early: a node gets
its next tasks while it computes, so that their inputs arrive meanwhile, on an estimate of how long it will take.
"""

from __future__ import annotations

from collections.abc import Sequence

from simcluster.scheduling.protocols import NodeView, ReadyTask


def fifo(ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> tuple[str, str] | None:
    """First in, first out: the task that has waited longest goes to the node that has idled longest.

    Ties go to the first in order.
    """
    idle = [node for node in nodes if node.idle]
    if not ready or not idle:
        return None
    return ready[0].name, min(idle, key=lambda node: node.idle_since_s).name


def utilisation(ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> tuple[str, str] | None:
    """The task that has waited longest goes to the least utilised node: the one with the smallest backlog.

    It goes at once, whether or not a core is idle; ties go to the first in order.
    """
    if not ready or not nodes:
        return None
    return ready[0].name, min(nodes, key=lambda node: node.backlog_s).name


def priority(ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> tuple[str, str] | None:
    """The task of the highest priority goes to the idle node that computes it fastest; ties: the first in order."""
    idle = [node for node in nodes if node.idle]
    if not ready or not idle:
        return None
    task = max(ready, key=lambda task: task.priority)
    return task.name, min(idle, key=lambda node: node.seconds(task.cost)).name
