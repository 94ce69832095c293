"""How a master asks any policy: what watches is told of changes, and a function is shown the world, in one place.

Both see what the job's execution leaves to choose from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

from simcluster.scheduling.execution import Parallel
from simcluster.scheduling.protocols import Decision, Execution, NodeView, Policy, ReadyTask, Setting, Watcher

T = TypeVar("T")


def watching(policy: Any, execution: Execution, setting: Setting) -> Watcher:
    """What watches a run for ``policy``: what the policy begins, or the function that it is."""
    if not hasattr(policy, "begin"):
        return Asked(policy, execution, setting)
    watcher = policy.begin(setting)
    if not hasattr(watcher, "decide"):
        raise TypeError(f"policy must begin a Watcher, which has decide(now_s), got {watcher!r}")
    return narrowed(watcher, execution, setting)


def narrowed(watcher: Watcher, execution: Execution, setting: Setting) -> Watcher:
    """A watcher that sees what the execution leaves; one that leaves everything stands in nobody's way."""
    return watcher if type(execution) is Parallel else Narrowed(watcher, execution, setting)


class Asked(Watcher):
    """A function of all that is ready and all nodes that are up, which is shown both whenever something may go."""

    def __init__(self, function: Policy, execution: Execution, setting: Setting) -> None:
        self._function, self._execution = function, execution
        self._order = [node.name for node in setting.nodes]
        self._ready: dict[str, ReadyTask] = {}
        self._nodes: dict[str, NodeView] = {}
        self._running: dict[str, int] = {}  # on how many nodes

    def task_ready(self, task: ReadyTask) -> None:
        """It waits behind the others."""
        self._ready[task.name] = task

    def task_gone(self, name: str) -> None:
        """It waits no more."""
        del self._ready[name]

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """It is under way."""
        self._ready.pop(task.name, None)
        self._running[task.name] = self._running.get(task.name, 0) + 1

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        """It is under way no more, there."""
        self._running[name] -= 1
        if not self._running[name]:
            del self._running[name]

    def node_changed(self, view: NodeView) -> None:
        """It is up."""
        self._nodes[view.name] = view

    def node_gone(self, name: str) -> None:
        """It is not."""
        del self._nodes[name]

    def decide(self, now_s: float) -> Decision | None:
        """What the function says of what the execution leaves."""
        if not self._ready:
            return None
        nodes = [self._nodes[name] for name in self._order if name in self._nodes]
        ready, there = self._execution.narrow(list(self._ready.values()), nodes, len(self._running))
        if not ready:
            return None
        choice: Any = self._function(ready, there)
        if there is not nodes and isinstance(choice, tuple) and choice[1:] not in [(node.name,) for node in there]:
            raise ValueError(f"policy must return one of the nodes that it is shown, got {choice!r}")
        return choice  # type: ignore[no-any-return]


class Narrowed(Asked):
    """A watcher that is told of what its job's execution leaves: of everything, as a rule, and then at once.

    An execution that gives back the very sequences that it was given leaves everything, which costs nothing more.
    """

    def __init__(self, watcher: Watcher, execution: Execution, setting: Setting) -> None:
        self._watcher, self._execution = watcher, execution
        self.progress_s = watcher.progress_s
        self._ready: dict[str, ReadyTask] = {}
        self._nodes: dict[str, NodeView] = {}
        self._running: dict[str, int] = {}
        self._all = _Values(self._ready), _Values(self._nodes, [node.name for node in setting.nodes])
        self._told: tuple[dict[str, ReadyTask], dict[str, NodeView]] | None = None  # None: of everything
        self.task_progressed = watcher.task_progressed  # type: ignore[method-assign]

    def task_ready(self, task: ReadyTask) -> None:
        """At once, or when it is left."""
        self._ready[task.name] = task
        if self._told is None:
            self._watcher.task_ready(task)

    def task_gone(self, name: str) -> None:
        """At once, where it was told of."""
        del self._ready[name]
        if self._told is None or self._told[0].pop(name, None) is not None:
            self._watcher.task_gone(name)

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """At once."""
        name, running = task.name, self._running
        self._ready.pop(name, None)
        running[name] = running.get(name, 0) + 1
        if self._told is not None:
            self._told[0].pop(name, None)
        self._watcher.task_started(task, node, now_s)

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        """At once."""
        super().task_stopped(name, node, why, now_s)
        self._watcher.task_stopped(name, node, why, now_s)

    def node_changed(self, view: NodeView) -> None:
        """At once, or when it is left."""
        self._nodes[view.name] = view
        if self._told is None:
            self._watcher.node_changed(view)

    def node_gone(self, name: str) -> None:
        """At once, where it was told of."""
        del self._nodes[name]
        if self._told is None or self._told[1].pop(name, None) is not None:
            self._watcher.node_gone(name)

    def decide(self, now_s: float) -> Decision | None:
        """What the watcher says, unless nothing is left."""
        ready, nodes = self._execution.narrow(*self._all, len(self._running))
        if ready is self._all[0] and nodes is self._all[1]:
            if self._told is not None:
                self._tell(self._ready, self._nodes)
                self._told = None
        elif not ready or not nodes:
            return None
        else:
            if self._told is None:
                self._told = dict(self._ready), dict(self._nodes)
            self._tell({task.name: task for task in ready}, {node.name: node for node in nodes})
        return self._watcher.decide(now_s)

    def _tell(self, ready: Mapping[str, ReadyTask], nodes: Mapping[str, NodeView]) -> None:
        """Tell of what differs from what was told."""
        assert self._told is not None
        tasks, there = self._told
        for name in [name for name in tasks if name not in ready]:
            del tasks[name]
            self._watcher.task_gone(name)
        for name in [name for name in there if name not in nodes]:
            del there[name]
            self._watcher.node_gone(name)
        for name, view in nodes.items():
            if there.get(name) is not view:
                there[name] = view
                self._watcher.node_changed(view)
        for name, task in ready.items():
            if tasks.get(name) is not task:
                tasks[name] = task
                self._watcher.task_ready(task)


class _Values(Sequence[T]):
    """The values of a dictionary, in its order or in that of ``names``, as they are when somebody looks."""

    def __init__(self, of: Mapping[str, T], names: Sequence[str] | None = None) -> None:
        self._of, self._names = of, names

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[T]:
        if self._names is None:
            return iter(self._of.values())
        return (self._of[name] for name in self._names if name in self._of)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        return list(self)[place]
