"""Conservative backfilling."""

from __future__ import annotations

import math
from itertools import islice
from typing import Literal

from simcluster.engine import Count, Spec
from simcluster.scheduling.policies.batch.batch import Batch
from simcluster.scheduling.policies.batch.jobs import RigidJob
from simcluster.scheduling.policies.batch.profile import Profile
from simcluster.scheduling.policies.orders import usual_s
from simcluster.scheduling.policies.places import AnyPlace, LongestIdle
from simcluster.scheduling.protocols import Choice, NodeView, ReadyTask, Setting, Watcher


class ConservativeBackfilling(Spec):
    """First come, first served, but others may pass who delay nobody before them.

    Each job gets, when it comes, the first gap that is wide and long enough by the users' estimates, and begins then at
    the latest. When something is over before its estimate, the jobs are moved forward one by one, in the order in which
    they came (Mu'alem and Feitelson 2001). What runs longer than its estimate is taken to be done after twice the time,
    and so on, and all gaps are sought anew, as they are when nodes come or go.
    """

    kind: Literal["conservative"] = "conservative"
    depth: Count | None = 100
    """How many jobs of the queue have a gap, so that a decision does not cost more the more wait (``None``: all)."""
    place: AnyPlace = LongestIdle()
    """Where a task goes."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return _Conservative(self.place.begin(setting), self.depth)


class _Conservative(Batch):
    """Keeps a profile of the cores, from which running tasks and the gaps of waiting jobs are taken."""

    def __init__(self, choice: Choice, depth: int | None) -> None:
        super().__init__(choice)
        self._depth = depth
        self._profile = Profile(0)
        self._begins_s: dict[str, float] = {}  # of the jobs that have a gap, in their order
        self._started: dict[tuple[str, str], tuple[float, float, int]] = {}  # begin, end, cores of what runs
        self._anew = self._forward = False

    def job_gone(self, name: str) -> None:
        job, begin_s = self.waiting.get(name), self._begins_s.pop(name, None)
        super().job_gone(name)
        if job is not None and begin_s is not None:
            self._profile.take(-job.width, begin_s, begin_s + job.length_s)
            self._forward = True

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        forward = self._forward
        super().task_started(task, node, now_s)
        self._forward = forward  # it has the place of its gap
        end_s = now_s + usual_s(task)
        self._started[task.name, node] = now_s, end_s, task.cores
        self._profile.take(task.cores, now_s, end_s)

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        _, end_s, cores = self._started.pop((name, node))
        if now_s < end_s:
            self._profile.take(-cores, now_s, end_s)
            self._forward = True
        super().task_stopped(name, node, why, now_s)

    def node_changed(self, view: NodeView) -> None:
        before = self.cores
        super().node_changed(view)
        self._anew |= self.cores != before

    def node_gone(self, name: str) -> None:
        super().node_gone(name)
        self._anew = True

    def next_job(self, now_s: float) -> RigidJob | None:
        self._correct(now_s)
        if self._anew:
            self._seek_anew(now_s)
        elif self._forward:
            self._move_forward(now_s)
        self._anew = self._forward = False
        self._profile.forget(now_s)
        if len(self._begins_s) < min(len(self.waiting), self._depth or math.inf):
            self._seek(now_s)
        for name, begin_s in self._begins_s.items():
            if begin_s <= now_s and self.room(self.waiting[name]) is not None:
                return self.waiting[name]
        return None

    def _seek(self, now_s: float) -> None:
        """Find gaps for those who have none and may have one."""
        for job in islice(self.waiting.values(), self._depth):
            if job.name not in self._begins_s:
                self._place(job, now_s)

    def _seek_anew(self, now_s: float) -> None:
        self._profile = Profile(self.cores)
        for _, end_s, cores in self._started.values():
            self._profile.take(cores, now_s, end_s)
        self._begins_s.clear()
        self._seek(now_s)

    def _move_forward(self, now_s: float) -> None:
        for name, begin_s in self._begins_s.items():
            job = self.waiting[name]
            self._profile.take(-job.width, begin_s, begin_s + job.length_s)
            self._place(job, now_s)

    def _place(self, job: RigidJob, now_s: float) -> None:
        begin_s = self._begins_s[job.name] = self._profile.earliest_s(job.width, job.length_s, now_s)
        self._profile.take(job.width, begin_s, begin_s + job.length_s)

    def _correct(self, now_s: float) -> None:
        """What should be over by now takes twice as long."""
        for what, (begin_s, end_s, cores) in self._started.items():
            if end_s < now_s:
                end_s = max(begin_s + 2 * (end_s - begin_s), math.nextafter(now_s, math.inf))
                self._started[what] = begin_s, end_s, cores
                self._anew = True
