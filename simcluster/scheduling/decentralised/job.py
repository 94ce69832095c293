"""The decentralised task-graph job: workers get tasks from each other or by probes, and a ledger knows what is done."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import model_validator

from simcluster.cluster import Cluster, ClusterSpec, Ran
from simcluster.engine import Count, Event, Name, NodeName, NodeNames, Period, Spec, check_apart, stream
from simcluster.learning import MissingFile
from simcluster.recovery import AnySuspicion, Suspicion, Timeout
from simcluster.scheduling import outputs
from simcluster.scheduling.decentralised import ledger, worker
from simcluster.scheduling.decentralised.schedulers import AnyScheduler
from simcluster.scheduling.decentralised.work_stealing import WorkStealing
from simcluster.scheduling.graph import Output, check_graph
from simcluster.scheduling.uncollected import uncollected
from simcluster.scheduling.work import AnyWork, GridSearch

if TYPE_CHECKING:
    import numpy as np


class DecentralisedJob(Spec):
    """A task graph on ``workers`` that nobody places from above; the event's value is the work's outcome.

    The ``master`` keeps the ledger: which tasks are done, who keeps which output, and which are lost and must be done
    again. Each task has one core of its worker while it fetches what it takes and while it computes.
    """

    kind: Literal["decentralised"] = "decentralised"
    work: AnyWork = GridSearch()
    """What there is to do; each task on one core, with no memory reserved and of no gang."""
    scheduler: AnyScheduler = WorkStealing()
    """How tasks that may begin come to idle cores."""
    master: NodeName
    """The node that keeps the ledger."""
    workers: NodeNames
    """The nodes that compute; under work stealing the first one begins."""
    retry_s: Period = 0.1
    """After how long a request without a reply is sent again, and those tasks are looked for that are under way."""
    attempts: Count = 4
    """How often an output is asked for, each ``retry_s`` and what its bytes take, before it counts as lost."""
    suspicion: AnySuspicion | None = None
    """When a worker that was asked is silent too long: what it kept is done again (``None``: 4 ``retry_s``)."""
    name: Name = "decentralised"
    """What its programs and messages begin with."""

    records: ClassVar = ("task_begin", "task_end", "steal")

    @model_validator(mode="after")
    def _workers_differ(self) -> DecentralisedJob:
        check_apart("master", self.master, "workers", self.workers)
        return self

    @property
    def silence(self) -> Suspicion:
        """The rule by which a worker is suspected."""
        return self.suspicion or Timeout(after_s=min(4 * self.retry_s, sys.float_info.max))

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` for work that makes no task graph, by that of seed 0, or of tasks that need more."""
        with suppress(MissingFile):  # it may be there where this is run
            graph = self.work.graph(0)
            check_graph(graph)
            for name, attributes in graph.nodes.items():
                task = attributes["task"]
                if task.cores > 1 or task.memory_bytes or task.gang:
                    rule = "a task of a decentralised job must have one core, no memory of its own and no gang"
                    got = f"{task.cores} cores, {task.memory_bytes:g} bytes and gang {task.gang!r} for {name!r}"
                    raise ValueError(f"{rule}, got {got}")

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the workers and the ledger; the event's value is the work's outcome."""
        graph, done, boots = uncollected(self.work.graph)(seed), cluster.env.event(), count()

        def finish(outputs: dict[str, Output]) -> None:
            if not done.triggered:
                done.succeed(self.work.outcome(outputs))

        def generator(name: str) -> np.random.Generator:
            return stream(seed, self.name, "worker", name, next(boots))

        for name in self.workers:
            program = partial(worker.work, job=self, graph=graph, generator=generator)
            cluster[name].boot(program, f"{self.name}.worker")
        of_ledger = count()
        program = partial(ledger.keep, job=self, graph=graph, seed=seed, boots=of_ledger, finish=finish)
        cluster[self.master].boot(program, f"{self.name}.master")
        return done

    def metrics(self, result: Ran) -> dict[str, float]:
        """The end of the last task beside its lower bounds, how nodes were used, and how the jobs of a stream fared."""
        return outputs.metrics(self, result)

    def series(self, result: Ran) -> dict[str, Any]:
        """Tables: ``spans``, ``attempts``, ``utilisation``, and ``jobs`` of a stream."""
        return outputs.series(self, result)
