"""A stream of jobs: each is a graph of its own, has a user, and comes in its time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.engine import (
    AnyDistribution,
    Count,
    Exponential,
    Finite,
    Name,
    Positive,
    Spec,
    check_differ,
    stream,
)
from simcluster.scheduling.graph import Output, Task, add_task
from simcluster.scheduling.work.graphs import AnyGraph
from simcluster.scheduling.work.streams.rigid import Rigid

if TYPE_CHECKING:
    import networkx as nx

BETWEEN = "/"
"""What stands between the name of a job and that of its task."""


class JobClass(Spec):
    """Jobs of one kind: what each of them does, whose they are, and how urgent."""

    name: Name
    """What its jobs are called, before their number."""
    work: AnyGraph = Rigid()
    """What each job does; what is random about it is drawn anew for each."""
    share: Positive = 1.0
    """How many of the jobs are of this class, in proportion to the shares of the others."""
    users: Annotated[tuple[Name, ...], Field(min_length=1)] = ("user-0",)
    """Whose they are: each job is of one of these users, each as likely as the next."""
    priority: Finite | None = None
    """How urgent their tasks are (``None``: as the work says)."""
    deadline_s: Positive | None = None
    """How long after its arrival a job should be done (``None``: whenever it is)."""


class JobStream(Spec):
    """Jobs that come one after the other, each of one of the ``classes``: an open system, whose load does not wait.

    The tasks of a job are called by its name, a stroke and their own names: "batch-17/task-3". They are released as the
    job comes. The outcome has that of each job, by its name.
    """

    kind: Literal["stream"] = "stream"
    jobs: Count = 20
    """How many jobs come."""
    between: AnyDistribution = Exponential(mean=10.0)
    """Seconds from one arrival to the next, and to the first; exponential ones make a Poisson process."""
    classes: Annotated[tuple[JobClass, ...], Field(min_length=1)] = (JobClass(name="job"),)
    """What kinds of jobs there are."""

    @model_validator(mode="after")
    def _names_tell_jobs_apart(self) -> JobStream:
        check_differ("names of classes", [each.name for each in self.classes])
        for each in self.classes:
            if BETWEEN in each.name:
                raise ValueError(f"name must not hold {BETWEEN!r}, which ends the name of a job, got {each.name!r}")
        return self

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The graphs of all jobs, side by side, in the order of their arrivals."""
        import networkx as nx

        arrivals, kinds, users = (stream(seed, "scheduling", "stream", what) for what in ("times", "classes", "users"))
        shares = np.array([each.share for each in self.classes])
        chosen = kinds.choice(len(self.classes), self.jobs, p=shares / shares.sum())
        made: nx.DiGraph[Any] = nx.DiGraph()
        release_s = 0.0
        for number, place in enumerate(chosen.tolist()):
            release_s += self.between.sample(arrivals)
            kind = self.classes[place]
            user = kind.users[int(users.integers(len(kind.users)))]
            own = int(stream(seed, "scheduling", "stream", "job", number).integers(2**63))
            self._add(made, kind, f"{kind.name}-{number}", kind.work.graph(own), user, release_s)
        return made

    def _add(
        self, made: nx.DiGraph[Any], kind: JobClass, job: str, graph: nx.DiGraph[Any], user: str, release_s: float
    ) -> None:
        own: dict[str, Any] = {"user": user, "job": job}
        if kind.priority is not None:
            own["priority"] = kind.priority
        if kind.deadline_s is not None:
            own["deadline_s"] = release_s + kind.deadline_s
        made.graph.update(graph.graph)
        for name, node in graph.nodes.items():
            task: Task = node["task"]
            gang = f"{job}{BETWEEN}{task.gang}" if task.gang else ""
            changed = replace(task, **own, release_s=release_s + task.release_s, gang=gang)
            takes = tuple(
                (f"{job}{BETWEEN}{before}", edge["part"], edge["size_bytes"])
                for before, edge in graph.pred[name].items()
            )
            add_task(made, f"{job}{BETWEEN}{name}", changed, takes)

    def outcome(self, outputs: Mapping[str, Output]) -> dict[str, Any]:
        """What each job gave, by its name."""
        by_job: dict[str, dict[str, Output]] = {}
        for name, output in outputs.items():
            job, _, task = name.partition(BETWEEN)
            by_job.setdefault(job, {})[task] = output
        works = {each.name: each.work for each in self.classes}
        return {job: works[job.rpartition("-")[0]].outcome(given) for job, given in by_job.items()}
