"""Announcements: what a policy is told of tasks that become ready, when their predecessors, phase and release allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from simcluster.scheduling.graph import Task
from simcluster.scheduling.lineage import Lineage
from simcluster.scheduling.protocols import ReadyTask, Watcher

if TYPE_CHECKING:
    import networkx as nx


class Announcements:
    """The tasks that a policy knows to be ready, in the order in which they became so."""

    def __init__(
        self,
        graph: nx.DiGraph[Any],
        tasks: Mapping[str, Task],
        phases: Mapping[str, int],
        lineage: Lineage,
        gangs: Mapping[str, Sequence[str]],
        watcher: Watcher,
    ) -> None:
        self._phases, self._lineage, self._gangs, self._watcher = phases, lineage, gangs, watcher
        self._before, self._tasks = graph.pred, tasks
        self._place = {task: place for place, task in enumerate(graph)}
        self.begun = dict.fromkeys(lineage.holders, 0)  # how often each was started, of those that were, or were done
        self._phase = 0
        self._other: dict[str, None] = {}  # what could begin, but in another phase
        self._later: list[tuple[float, int, str]] = []  # a heap: what could begin, but is released later
        self.ready: dict[str, ReadyTask] = {}

    @property
    def next_release_s(self) -> float | None:
        """When the next task is released that could begin otherwise."""
        return self._later[0][0] if self._later else None

    def tell(self, now_s: float) -> None:
        """Tell of what has changed."""
        changed = self._lineage.changed
        while self._later and self._later[0][0] <= now_s:
            changed[heappop(self._later)[2]] = None
        if self._phases and self._phase != self._lineage.phase:
            self._turn(now_s)
        if not changed:
            return
        ready, can_begin_of = self.ready, self._lineage.can_begin
        for task in sorted(changed, key=self._place.__getitem__) if len(changed) > 1 else changed:
            known, can_begin = task in ready, can_begin_of(task)
            if self._phases:
                self._other.pop(task, None)
                if can_begin and self._phases.get(task, 0) != self._phase:
                    self._other[task], can_begin = None, False
            if known and not can_begin:
                del self.ready[task]
                self._watcher.task_gone(task)
            elif can_begin and not known:
                self._announce(task, now_s)
        if self._gangs:
            self._count_anew({self._tasks[task].gang: None for task in changed})
        changed.clear()

    def start(self, task: ReadyTask) -> None:
        """One that is ready is started, and ready no more."""
        del self.ready[task.name]
        self.begun[task.name] = task.attempt + 1

    def view(self, name: str) -> ReadyTask:
        """A task as a policy sees it."""
        task = self._tasks[name]
        inputs: tuple[tuple[str, float], ...] = ()
        if name in self._lineage.before:
            holders = self._lineage.holders
            inputs = tuple(
                (holders[before], edge["size_bytes"])
                for before, edge in self._before[name].items()
                if before in holders
            )
        gang = len([*filter(self._lineage.is_wanted, self._gangs[task.gang])]) if task.gang else 1
        return ReadyTask(
            name, task.cost, task.priority, task.release_s, task.user, task.job, task.deadline_s, task.cores,
            task.memory_bytes, task.gang, task.estimate_s, inputs, gang, self.begun.get(name, 0),
        )  # fmt: skip

    def _announce(self, task: str, now_s: float) -> None:
        release_s = self._tasks[task].release_s
        if release_s > now_s:
            heappush(self._later, (release_s, self._place[task], task))
            return
        view = self.ready[task] = self.view(task)
        self._watcher.task_ready(view)

    def _count_anew(self, gangs: Iterable[str]) -> None:
        """Tell anew of the tasks of gangs of which another one is done meanwhile, or is to be done again."""
        for gang in gangs:
            for task in self._gangs.get(gang, ()):
                if task in self.ready and (view := self.view(task)).gang_size != self.ready[task].gang_size:
                    self._watcher.task_gone(task)
                    self.ready[task] = view
                    self._watcher.task_ready(view)

    def _turn(self, now_s: float) -> None:
        """Another phase has begun: its tasks are ready, the others not."""
        phase = self._phase = self._lineage.phase
        for task in [task for task in self.ready if self._phases.get(task, 0) != phase]:
            del self.ready[task]
            self._other[task] = None
            self._watcher.task_gone(task)
        for task in [task for task in self._other if self._phases.get(task, 0) == phase]:
            del self._other[task]
            if self._lineage.can_begin(task):
                self._announce(task, now_s)
