"""EASY backfilling."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Literal

from simcluster.engine import Spec
from simcluster.scheduling.policies.batch.batch import Batch
from simcluster.scheduling.policies.batch.jobs import RigidJob, Shape, width_of
from simcluster.scheduling.policies.batch.shortlist import Shortlist
from simcluster.scheduling.policies.orders import usual_s
from simcluster.scheduling.policies.places import AnyPlace, LongestIdle
from simcluster.scheduling.protocols import Choice, ReadyTask, Setting, Watcher


class EasyBackfilling(Spec):
    """First come, first served, but others may pass who do not delay the first in the queue.

    By the users' estimates the first can begin at its shadow time, when enough of what runs is over. A later job may
    begin before if it is over by then, or needs no more than the cores that are left over then, of those the first that
    came (Lifka 1995; Mu'alem and Feitelson 2001, "Utilization, predictability, workloads, and user runtime estimates in
    scheduling the IBM SP2 with backfilling"). What runs longer than its estimate is taken to be done after twice the
    time, and so on. A decision costs a logarithm of the jobs that wait, for each shape that they have.
    """

    kind: Literal["easy"] = "easy"
    place: AnyPlace = LongestIdle()
    """Where a task goes."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return _Easy(self.place.begin(setting))


def reservation(free: int, ends: Iterable[tuple[float, int]], width: int) -> tuple[float, int]:
    """When a job of that width can begin that cannot now, as (end, cores) come free in their order, and what is left.

    It is infinite where that is never.
    """
    at_s = -math.inf
    for end_s, cores in ends:
        if free >= width and end_s > at_s > -math.inf:
            break
        free, at_s = free + cores, end_s
    return (at_s, free - width) if free >= width and at_s > -math.inf else (math.inf, free)


class _Easy(Batch):
    """Keeps what runs by its end, and of each shape of job a list in which the first is found that is short enough."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(choice)
        self._shapes: dict[Shape, Shortlist] = {}
        self._arrivals: dict[str, int] = {}
        self._count = 0
        self._ends: list[tuple[float, int, float, tuple[str, str]]] = []  # end, cores, begin, task and node
        self._entries: dict[tuple[str, str], tuple[float, int, float, tuple[str, str]]] = {}
        self._busy = 0

    def job_ready(self, job: RigidJob) -> None:
        super().job_ready(job)
        self._count += 1
        self._arrivals[job.name] = self._count
        self._shapes.setdefault(job.shape, Shortlist()).add(job.name, job.length_s)

    def job_gone(self, name: str) -> None:
        job = self.waiting.get(name)
        super().job_gone(name)
        if job is not None:
            del self._arrivals[name]
            self._shapes[job.shape].remove(name)
            if not len(self._shapes[job.shape]):
                del self._shapes[job.shape]

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        super().task_started(task, node, now_s)
        self._busy += task.cores
        self._runs((now_s + usual_s(task), task.cores, now_s, (task.name, node)))

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        entry = self._entries.pop((name, node))
        del self._ends[bisect_left(self._ends, entry)]
        self._busy -= entry[1]
        super().task_stopped(name, node, why, now_s)

    def next_job(self, now_s: float) -> RigidJob | None:
        first = next(iter(self.waiting.values()), None)
        if first is None or self.room(first) is not None:
            return first
        self._correct(now_s)
        free = self.cores - self._busy
        shadow_s, extra = reservation(free, ((end_s, cores) for end_s, cores, _, _ in self._ends), first.width)
        found: list[tuple[int, RigidJob]] = []
        for shape, listed in self._shapes.items():
            width = width_of(shape)
            if width > free or shape == first.shape:
                continue
            name = listed.first(math.inf if width <= extra else shadow_s - now_s)
            if name is not None and self.room(self.waiting[name]) is not None:
                found.append((self._arrivals[name], self.waiting[name]))
        return min(found, key=lambda each: each[0])[1] if found else None

    def _runs(self, entry: tuple[float, int, float, tuple[str, str]]) -> None:
        self._entries[entry[3]] = entry
        insort(self._ends, entry)

    def _correct(self, now_s: float) -> None:
        """What should be over by now takes twice as long."""
        while self._ends and self._ends[0][0] < now_s:
            end_s, cores, begin_s, what = self._ends.pop(0)
            self._runs((max(begin_s + 2 * (end_s - begin_s), math.nextafter(now_s, math.inf)), cores, begin_s, what))
