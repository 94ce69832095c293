"""Rigid jobs: a task by itself, or a gang, whose tasks begin together or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from simcluster.scheduling.policies.orders import usual_s
from simcluster.scheduling.protocols import ReadyTask

Shape = tuple[tuple[int, float], ...]
"""The cores and the memory of each of a job's tasks."""


@dataclass(frozen=True)
class RigidJob:
    """Tasks that begin together. ``width`` is how many cores they hold, ``length_s`` how long the longest claims to."""

    name: str
    tasks: tuple[ReadyTask, ...]

    @cached_property
    def width(self) -> int:
        """How many cores they hold together."""
        return width_of(self.shape)

    @cached_property
    def length_s(self) -> float:
        """How long it takes, by what its user claims, or its costs on a usual node."""
        return max(usual_s(task) for task in self.tasks)

    @cached_property
    def shape(self) -> Shape:
        """What it needs: two jobs of one shape fit into the same gaps."""
        return tuple(sorted((task.cores, task.memory_bytes) for task in self.tasks))


def width_of(shape: Shape) -> int:
    """How many cores a shape holds."""
    return sum(cores for cores, _ in shape)


@dataclass
class _Gang:
    ready: dict[str, ReadyTask] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    left: int = 0  # of its tasks to be done, by the last that was said to be ready


class RigidJobs:
    """Makes jobs of tasks as they become ready: a gang is one when all of its tasks are that are still to be done."""

    def __init__(self) -> None:
        self._gangs: dict[str, _Gang] = {}
        self._waiting: dict[str, ReadyTask] = {}

    def ready(self, task: ReadyTask) -> RigidJob | None:
        """The job that a task completes, if it does."""
        self._waiting[task.name] = task
        if not task.gang:
            return RigidJob(task.name, (task,))
        gang = self._gangs.setdefault(task.gang, _Gang())
        gang.ready[task.name] = task
        gang.running.discard(task.name)
        gang.left = task.gang_size
        return self._whole(task.gang, gang)

    def gone(self, name: str) -> str | None:
        """A task waits no more: the name of the job that it was of."""
        task = self._waiting.pop(name, None)
        if task is None:
            return None
        if task.gang:
            self._gangs[task.gang].ready.pop(name, None)
        return task.gang or name

    def started(self, task: ReadyTask) -> None:
        """A task runs."""
        self.gone(task.name)
        if task.gang:
            self._gangs.setdefault(task.gang, _Gang()).running.add(task.name)

    def stopped(self, task: ReadyTask, why: str) -> RigidJob | None:
        """A task runs no more: the job that need not wait for it any longer, if there is one."""
        if not task.gang:
            return None
        gang = self._gangs[task.gang]
        gang.running.discard(task.name)
        gang.left -= why == "done"
        return self._whole(task.gang, gang)

    def _whole(self, name: str, gang: _Gang) -> RigidJob | None:
        """The gang, when nobody is missing; those who run already need not begin."""
        if not gang.ready or len(gang.ready) + len(gang.running) < gang.left:
            return None
        return RigidJob(name, tuple(gang.ready.values()))
