"""The task-graph job: a master that schedules a graph of real computations on workers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simcluster.cluster import Cluster, ClusterSpec, Ran
from simcluster.engine import Count, Event, Name, NodeName, NodeNames, Period, Spec, check_apart
from simcluster.learning import MissingFile
from simcluster.recovery import AnyRecovery, AnySuspicion, Suspicion, Timeout
from simcluster.scheduling.execution import AnyExecution, Parallel
from simcluster.scheduling.graph import Output
from simcluster.scheduling.master import schedule
from simcluster.scheduling.policies import AnyPolicy, Heft
from simcluster.scheduling.policies.planned import Planned
from simcluster.scheduling.protocols import Policy
from simcluster.scheduling.work import AnyWork, GridSearch
from simcluster.scheduling.worker import work

if TYPE_CHECKING:
    import networkx as nx


class TaskGraphJob(Spec):
    """A task graph on ``workers``, scheduled from ``master``; the event's value is the work's outcome.

    A worker holds at most as many tasks as it has cores; a task fetches each output that it takes from the
    node that keeps it. What a worker kept that is gone is done again.
    """

    kind: Literal["task_graph"] = "task_graph"
    work: AnyWork = GridSearch()
    """What there is to do."""
    policy: AnyPolicy = Heft()
    """Which task goes where, and when."""
    execution: AnyExecution = Parallel()
    """Whether tasks run side by side, one after the other, or in phases; that changes the time, and no answer."""
    master: NodeName
    """The node that decides."""
    workers: NodeNames
    """The nodes that do it."""
    retry_s: Period = 0.1
    """After how long an order without a report is repeated."""
    attempts: Count = 4
    """How often an output is asked for, each ``retry_s``, before it counts as lost."""
    suspicion: AnySuspicion | None = None
    """When a worker that should report is silent too long: its work is done elsewhere (``None``: 4 ``retry_s``)."""
    recovery: AnyRecovery | None = None
    """What survives of the outputs on a worker that crashes, and of what the master knows (``None``: nothing)."""
    name: Name = "task_graph"
    """What its programs and messages begin with."""

    records: ClassVar = ("task_dispatch", "task_begin", "task_end")

    @model_validator(mode="before")
    @classmethod
    def _takes_a_search(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or "search" not in given:
            return given
        if "work" in given:
            rule = "search must not be given beside work, for which it is short"
            raise ValueError(f"{rule}, got {given['search']!r} beside {given['work']!r}")
        return {("work" if name == "search" else name): value for name, value in given.items()}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With the short form."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        job = handler.resolve_ref_schema(schema)
        job["properties"]["search"] = {"anyOf": job["properties"]["work"]["anyOf"], "description": "Short for `work`."}
        job["dependentSchemas"] = {"search": {"not": {"required": ["work"]}}}
        return schema

    def replace(self, **fields: Any) -> Self:
        """The same with other ``fields``, checked like any that is made anew; ``search`` is its work."""
        if "search" in fields and "work" not in fields:
            fields["work"] = fields.pop("search")
        return super().replace(**fields)

    @model_validator(mode="after")
    def _workers_differ(self) -> TaskGraphJob:
        check_apart("master", self.master, "workers", self.workers)
        return self

    @property
    def silence(self) -> Suspicion:
        """The rule by which a worker is suspected."""
        return self.suspicion or Timeout(after_s=min(4 * self.retry_s, sys.float_info.max))

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` for work that makes no task graph, by that of seed 0."""
        with suppress(MissingFile):  # it may be there where this is run
            _ = self._fits

    @cached_property
    def _fits(self) -> bool:
        if not len(self.work.graph(0)):
            raise ValueError(f"work must have at least one task, got none in {self.work!r}")
        return True

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the workers and the master; the event's value is the work's outcome."""
        if self.recovery is not None:
            self.recovery.start(cluster)
        graph = self.work.graph(seed)
        done = cluster.env.event()

        def finish(outputs: dict[str, Output]) -> None:
            if not done.triggered:
                done.succeed(self.work.outcome(outputs))

        for name in self.workers:
            cluster[name].boot(partial(work, job=self, graph=graph), f"{self.name}.worker")
        make_policy = partial(_fresh, self, graph, cluster)
        master = partial(schedule, job=self, graph=graph, make_policy=make_policy, finish=finish)
        cluster[self.master].boot(master, f"{self.name}.master")
        return done

    def metrics(self, result: Ran) -> dict[str, float]:
        """The end of the last task, and how many were done, and done again."""
        from simcluster.measurement.metrics import graph_metrics  # with SciPy's statistics, which no run waits for

        return graph_metrics(result.trace)

    def series(self, result: Ran) -> dict[str, Any]:
        """Every completed computation of a ``task``, on its ``node``, from ``begin_s`` to ``end_s``: a Gantt chart."""
        import pandas as pd

        from simcluster.measurement.makespan import Span, spans

        if not all(result.trace.keeps(kind) for kind in self.records[1:]):
            return {}
        return {"spans": pd.DataFrame(spans(result.trace.rows(*self.records[1:])), columns=list(Span._fields))}


def _fresh(job: TaskGraphJob, graph: nx.DiGraph[Any], cluster: Cluster, done: Sequence[str]) -> Policy:
    """The policy for ``graph`` on ``cluster``, which remembers nothing but which tasks are ``done``."""
    own: Any = deepcopy(job.policy)
    if not hasattr(own, "plan"):
        return own  # type: ignore[no-any-return]
    return Planned(own, graph, cluster.network.expected_s, done, job.execution.phases(graph))
