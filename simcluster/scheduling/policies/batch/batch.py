"""What every policy for rigid jobs does: keeps them in the order in which they came, and starts each as a whole."""

from __future__ import annotations

from collections import OrderedDict

from simcluster.scheduling.policies.batch.jobs import RigidJob, RigidJobs
from simcluster.scheduling.policies.places.known import choose_all
from simcluster.scheduling.protocols import Choice, Decision, Gang, NodeView, ReadyTask, Watcher


class Batch(Watcher):
    """Jobs that wait; ``next_job`` says which of them begins now, which is for the policy to say."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._views: dict[str, NodeView] = {}
        self._jobs = RigidJobs()
        self._names: dict[str, str] = {}  # of the job that each task which runs belongs to
        self._running: dict[tuple[str, str], ReadyTask] = {}
        self.cores = 0
        self.waiting: OrderedDict[str, RigidJob] = OrderedDict()  # a plain dictionary would look for its first

    def job_ready(self, job: RigidJob) -> None:
        """A job waits from now on, last of all."""
        self.waiting[job.name] = job

    def job_gone(self, name: str) -> None:
        """It waits no more, if it did."""
        self.waiting.pop(name, None)

    def next_job(self, now_s: float) -> RigidJob | None:
        """The job that shall begin now, for which there is room; or none."""
        raise NotImplementedError

    def room(self, job: RigidJob) -> tuple[tuple[str, str], ...] | None:
        """Where its tasks would go now, (task, node) each; or ``None`` where there is no room for all."""
        return choose_all(self._choice, self._views, job.tasks)

    def task_ready(self, task: ReadyTask) -> None:
        """Its job may be ready."""
        job = self._jobs.ready(task)
        if job is not None:
            self.job_gone(job.name)
            self.job_ready(job)

    def task_gone(self, name: str) -> None:
        """Its job is not ready."""
        job = self._jobs.gone(name)
        if job is not None:
            self.job_gone(job)

    def task_started(self, task: ReadyTask, node: str, now_s: float) -> None:
        """Its job has begun."""
        self.job_gone(task.gang or task.name)
        self._jobs.started(task)
        self._running[task.name, node] = task

    def task_stopped(self, name: str, node: str, why: str, now_s: float) -> None:
        """Who waited for it waits no more."""
        job = self._jobs.stopped(self._running.pop((name, node)), why)
        if job is not None and job.name not in self.waiting:
            self.job_ready(job)

    def node_changed(self, view: NodeView) -> None:
        """There may be room."""
        self.cores += view.cores - (self._views[view.name].cores if view.name in self._views else 0)
        self._views[view.name] = view
        self._choice.node_changed(view)

    def node_gone(self, name: str) -> None:
        """There is less room."""
        view = self._views.pop(name, None)
        self.cores -= view.cores if view is not None else 0
        self._choice.node_gone(name)

    def decide(self, now_s: float) -> Decision | None:
        """The next job, and where its tasks go."""
        job = self.next_job(now_s)
        starts = None if job is None else self.room(job)
        if starts is None:
            return None
        return starts[0] if len(starts) == 1 else Gang(starts)
