"""A queue and a choice of node, which together are a policy."""

from __future__ import annotations

from simcluster.scheduling.policies.queues import Queue
from simcluster.scheduling.protocols import Choice, Decision, NodeView, ReadyTask, Watcher


class Composed(Watcher):
    """Who is next by the queue goes where the choice says."""

    def __init__(self, queue: Queue, choice: Choice) -> None:
        self._queue, self._choice = queue, choice

    def task_ready(self, task: ReadyTask) -> None:
        """It waits."""
        self._queue.add(task)

    def task_gone(self, name: str) -> None:
        """It waits no more."""
        self._queue.remove(name)

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """It waits no more."""
        self._queue.remove(task.name)

    def node_changed(self, view: NodeView) -> None:
        """The choice has to know."""
        self._choice.node_changed(view)

    def node_gone(self, name: str) -> None:
        """The choice has to know."""
        self._choice.node_gone(name)

    def decide(self, now_s: float) -> Decision | None:
        """The next task and its node."""
        task = self._queue.next(self._choice.has_room)
        node = None if task is None else self._choice.choose(task)
        return None if task is None or node is None else (task.name, node)
