"""Delay scheduling."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from simcluster.engine import Period, Spec
from simcluster.scheduling.protocols import Decision, NodeView, ReadyTask, Setting, Wait, Watcher


class DelayScheduling(Spec):
    """A job lets pass up to ``offers`` nodes that keep nothing of what its tasks take, for one that does.

    A node offers a core when one is freed, and each idle node again every ``every_s``, as heartbeats do. Jobs are asked
    in the order in which they came. One with a task whose inputs lie there starts it, or one that takes nothing; one
    that has let pass enough starts any. Where offers come from nodes at random, of which a share p keep an input, all
    pass in vain with probability (1 − p)^offers (Zaharia et al. 2010, "Delay scheduling: a simple technique for
    achieving locality and fairness in cluster scheduling", algorithm 2 and section 4.1).
    """

    kind: Literal["delay"] = "delay"
    offers: Annotated[int, Field(ge=0)] = 10
    """How many offers a job lets pass at most, one after the other; 0 takes any."""
    every_s: Period = 0.1
    """How often idle nodes offer their cores again while tasks wait."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return _Delay(self.offers, self.every_s)


@dataclass
class _Job:
    """The tasks of a job that wait: all in their order, those that take nothing, and by node those it keeps most for.

    A plain dictionary would look for its first among all that it has lost.
    """

    waiting: OrderedDict[str, ReadyTask] = field(default_factory=OrderedDict)
    anywhere: OrderedDict[str, None] = field(default_factory=OrderedDict)
    on: dict[str, OrderedDict[str, None]] = field(default_factory=dict)
    passed: int = 0  # offers, since it last started a task


class _Delay(Watcher):
    def __init__(self, offers: int, every_s: float) -> None:
        self._offers, self._every_s = offers, every_s
        self._jobs: OrderedDict[str, _Job] = OrderedDict()  # in the order in which they came, with tasks that wait
        self._of: dict[str, str] = {}  # the job of each task that waits
        self._views: dict[str, NodeView] = {}
        self._offering: deque[str] = deque()
        self._offers_now: set[str] = set()
        self._idle: dict[str, None] = {}
        self._offer_all = False
        self._next_s: float | None = None  # when idle nodes offer again

    def task_ready(self, task: ReadyTask) -> None:
        job = self._jobs.setdefault(task.job, _Job())
        self._of[task.name] = task.job
        job.waiting[task.name] = task
        nodes = _keepers(task)
        if not nodes:
            job.anywhere[task.name] = None
            self._offer_all = True
        for node in nodes:
            job.on.setdefault(node, OrderedDict())[task.name] = None
            self._offer(node)

    def task_gone(self, name: str) -> None:
        self._remove(name)

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        self._remove(task.name)

    def node_changed(self, view: NodeView) -> None:
        before = self._views.get(view.name)
        self._views[view.name] = view
        if not view.idle:
            self._idle.pop(view.name, None)
            return
        self._idle[view.name] = None
        if before is None or view.idle > before.idle:
            self._offer(view.name)

    def node_gone(self, name: str) -> None:
        self._views.pop(name, None)
        self._idle.pop(name, None)

    def decide(self, now_s: float) -> Decision | None:
        if self._offer_all or (self._next_s is not None and now_s >= self._next_s):
            self._offer_all, self._next_s = False, None
            for node in self._idle:
                self._offer(node)
        while self._offering and self._jobs:
            node = self._offering[0]
            task = self._take(self._views[node]) if node in self._idle else None
            if task is not None:
                return task.name, node
            self._offering.popleft()
            self._offers_now.discard(node)
        if not self._jobs or not self._idle:
            return None
        if self._next_s is None:
            self._next_s = now_s + self._every_s
        return Wait(self._next_s)

    def _offer(self, node: str) -> None:
        if node in self._idle and node not in self._offers_now:
            self._offers_now.add(node)
            self._offering.append(node)

    def _take(self, view: NodeView) -> ReadyTask | None:
        """The task that this offer goes to; the jobs that let it pass count that."""
        for job in self._jobs.values():
            local = job.on.get(view.name) or job.anywhere
            name = next(iter(local), None)
            if name is not None and view.has_room(job.waiting[name]):
                job.passed = 0
                return job.waiting[name]
            first = next(iter(job.waiting.values()))
            if job.passed >= self._offers and view.has_room(first):
                return first
            job.passed += 1
        return None

    def _remove(self, name: str) -> None:
        of = self._of.pop(name, None)
        if of is None:
            return
        job = self._jobs[of]
        task = job.waiting.pop(name)
        job.anywhere.pop(name, None)
        for node in _keepers(task):
            job.on[node].pop(name, None)
            if not job.on[node]:
                del job.on[node]
        if not job.waiting:
            del self._jobs[of]


def _keepers(task: ReadyTask) -> list[str]:
    """The nodes that keep as much of what it takes as any other does."""
    kept: dict[str, float] = {}
    for node, size_bytes in task.inputs:
        kept[node] = kept.get(node, 0.0) + size_bytes
    most = max(kept.values(), default=0.0)
    return [node for node, size_bytes in kept.items() if size_bytes == most > 0]
