"""What every speculation does: follows another policy, and starts copies where that leaves cores idle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simcluster.scheduling.protocols import Decision, NodeView, ReadyTask, Speculate, Wait, Watcher


@dataclass(slots=True)
class Running:
    """A task under way on one node: since when, and its share that was done when that was reported last."""

    task: ReadyTask
    node: str
    since_s: float
    progress: float = 0.0
    heard_s: float = 0.0

    @property
    def rate(self) -> float:
        """The share that it has done per second, by its last report; 0 before the first."""
        return self.progress / (self.heard_s - self.since_s) if self.heard_s > self.since_s else 0.0


class Copies(Watcher):
    """Where the other policy starts nothing although a core is idle and no task waits, ``late`` says what is copied.

    A task of a gang is not, nor one that has a copy, nor one of which a copy was lost until it begins anew: what it
    takes may be lost, and while any copy is under way nobody makes that again. What a decision costs grows with the
    tasks that run, and not with those that wait, for then there is none.
    """

    def __init__(self, watcher: Watcher, progress_s: float | None = None) -> None:
        self._watcher = watcher
        inner_s = watcher.progress_s
        self.progress_s = progress_s if inner_s is None or (progress_s or inner_s) < inner_s else inner_s
        self.running: dict[str, dict[str, Running]] = {}  # by task and node
        self.views: dict[str, NodeView] = {}
        self.idle: dict[str, None] = {}
        self._waiting: dict[str, None] = {}
        self._once_lost: dict[str, None] = {}  # what was lost on one node, and is still under way on another
        self.copies = 0  # that are under way

    def late(self, alone: Iterable[Running], now_s: float) -> Iterable[Running]:
        """Those of the tasks without a copy that should have one, the most urgent first."""
        raise NotImplementedError

    def may_copy(self) -> bool:
        """Whether there may be one more copy."""
        return True

    def trusts(self, node: str) -> bool:
        """Whether a copy may go to this node."""
        return True

    def look_again_s(self, now_s: float) -> float | None:
        """By when ``late`` may say something else although nothing has changed."""
        return None

    def task_ready(self, task: ReadyTask) -> None:
        """There is something better to do."""
        self._waiting[task.name] = None
        self._watcher.task_ready(task)

    def task_gone(self, name: str) -> None:
        """It waits no more."""
        self._waiting.pop(name, None)
        self._watcher.task_gone(name)

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """It is under way, as the first or as a copy."""
        self._waiting.pop(task.name, None)
        there = self.running.setdefault(task.name, {})
        self.copies += bool(there)
        there[node] = Running(task, node, now_s, heard_s=now_s)
        self._watcher.task_started(task, node, now_s)

    def task_progressed(self, name: str, node: str, progress: float, now_s: float) -> None:
        """How far it is."""
        run = self.running.get(name, {}).get(node)
        if run is not None:
            run.progress, run.heard_s = progress, now_s
        self._watcher.task_progressed(name, node, progress, now_s)

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        """It is under way no more, there."""
        there = self.running[name]
        del there[node]
        self.copies -= bool(there)
        if not there:
            del self.running[name]
            self._once_lost.pop(name, None)
        elif why == "lost":
            self._once_lost[name] = None
        self._watcher.task_stopped(name, node, why, now_s)

    def node_changed(self, view: NodeView) -> None:
        """It may be idle."""
        self.views[view.name] = view
        if view.idle:
            self.idle[view.name] = None
        else:
            self.idle.pop(view.name, None)
        self._watcher.node_changed(view)

    def node_gone(self, name: str) -> None:
        """It is not to be had."""
        self.views.pop(name, None)
        self.idle.pop(name, None)
        self._watcher.node_gone(name)

    def decide(self, now_s: float) -> Decision | None:
        """What the other policy decides, or a copy."""
        decision = self._watcher.decide(now_s)
        if not (decision is None or isinstance(decision, Wait)) or self._waiting or not self.idle or not self.running:
            return decision
        if self.may_copy():
            alone = [next(iter(there.values())) for there in self.running.values() if len(there) == 1]
            for run in self.late([run for run in alone if self._may_have_a_copy(run)], now_s):
                node = self._place(run)
                if node is not None:
                    return Speculate(run.task.name, node)
        again_s = self.look_again_s(now_s)
        if again_s is None or (isinstance(decision, Wait) and decision.until_s <= again_s):
            return decision
        return Wait(again_s)

    def _may_have_a_copy(self, run: Running) -> bool:
        return not run.task.gang and run.task.name not in self._once_lost

    def _place(self, run: Running) -> str | None:
        """The idle node for a copy that computes it fastest, of several the one that has been idle longest."""
        views = [self.views[name] for name in self.idle if name != run.node]
        fit = [view for view in views if view.has_room(run.task) and self.trusts(view.name)]
        return min(fit, key=lambda view: view.seconds(run.task.cost)).name if fit else None
