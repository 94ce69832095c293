"""The task-graph job: a master that schedules a graph of real computations on workers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simcluster.cluster import Cluster, ClusterSpec, Ran
from simcluster.engine import NUMBER, Count, Event, Name, NodeName, NodeNames, Period, Spec, check_apart, stream
from simcluster.learning import MissingFile
from simcluster.recovery import AnyRecovery, AnySuspicion, Suspicion, Timeout
from simcluster.scheduling import outputs
from simcluster.scheduling.attempts import view_of
from simcluster.scheduling.execution import AnyExecution, Parallel
from simcluster.scheduling.gangs import check_gang
from simcluster.scheduling.graph import Output, Task, check_gangs, check_graph, parts_taken
from simcluster.scheduling.master import Ends, schedule
from simcluster.scheduling.policies import AnyPolicy, Heft
from simcluster.scheduling.policies.planned import Planned
from simcluster.scheduling.protocols import Setting, Watcher
from simcluster.scheduling.uncollected import uncollected
from simcluster.scheduling.watching import narrowed, watching
from simcluster.scheduling.work import AnyWork, GridSearch
from simcluster.scheduling.worker import work

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class GaveUp:
    """The outcome of a job that has given up: a ``task`` was ``lost`` more often with its node than its retries allow.

    ``done`` tasks were done then, whose outputs were still kept.
    """

    task: str
    lost: int
    done: int


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
    """How often an output is asked for, each ``retry_s`` and what its bytes take, before it counts as lost."""
    suspicion: AnySuspicion | None = None
    """When a worker that should report is silent too long: its work is done elsewhere (``None``: 4 ``retry_s``)."""
    recovery: AnyRecovery | None = None
    """What survives of the outputs on a worker that crashes, and of what the master knows (``None``: nothing)."""
    retries: Annotated[int, Field(ge=0, le=10**9), NUMBER] | None = None
    """How often a task is done again that was lost with its node, before the job gives up (``None``: always)."""
    name: Name = "task_graph"
    """What its programs and messages begin with."""

    records: ClassVar = (
        "task_dispatch",
        "task_begin",
        "task_end",
        "task_cancel",
        "task_preempt",
        "task_speculate",
    )

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
        """Raise ``ValueError`` for work that makes no task graph, by that of seed 0, or none that workers can do."""
        with suppress(MissingFile):  # it may be there where this is run
            self._check_room(*self._needs, cluster)

    @cached_property
    def _needs(self) -> tuple[dict[tuple[int, float], str], dict[str, list[Task]]]:
        graph = self.work.graph(0)
        check_graph(graph)
        check_gangs(graph, self.execution.phases(graph), getattr(self.execution, "at_once", None))
        return _needs_of(dict(graph.nodes(data="task")))

    def _check_room(
        self, needs: Mapping[tuple[int, float], str], gangs: Mapping[str, list[Task]], cluster: ClusterSpec
    ) -> None:
        specs = [spec for spec in cluster.nodes if spec.name in self.workers]
        for (cores, memory_bytes), name in needs.items():
            if specs and not any(
                cores <= spec.cores and (spec.memory_bytes is None or memory_bytes <= spec.memory_bytes)
                for spec in specs
            ):
                rule = "work: a task must have no more cores and memory than one of the workers"
                raise ValueError(f"{rule}, got {cores} cores and {memory_bytes:g} bytes for {name!r}")
        for gang, tasks in gangs.items():
            check_gang(gang, tasks, specs)

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the workers and the master; the event's value is the work's outcome.

        Raises ``ValueError`` for a graph of this seed that the workers have no room for.
        """
        if self.recovery is not None:
            self.recovery.start(cluster)
        graph = uncollected(self.work.graph)(seed)
        tasks: dict[str, Task] = dict(graph.nodes(data="task"))
        self._check_room(*_needs_of(tasks), cluster.spec)
        before = {task: dict(graph.pred[task]) for task in dict.fromkeys(after for _, after in graph.edges)}
        done, numbers, taken = cluster.env.event(), count(), parts_taken(graph)

        def finish(outputs: dict[str, Output]) -> None:
            if not done.triggered:
                done.succeed(self.work.outcome(outputs))

        def give_up(task: str, lost: int, of: int, tasks: int) -> None:
            if not done.triggered:
                said = f"{self.name} gave up after {of} of {tasks} tasks: {task!r} was lost {lost} times with its node"
                cluster.trace.verdict("gave up", said)
                done.succeed(GaveUp(task, lost, of))

        for name in self.workers:
            program = partial(work, job=self, before=before, taken=taken, tasks=tasks, numbers=numbers)
            cluster[name].boot(program, f"{self.name}.worker")
        make_watcher, ends = partial(_fresh, self, graph, cluster, seed), Ends(finish, give_up)
        master = partial(
            schedule, job=self, graph=graph, tasks=tasks, make_watcher=make_watcher, numbers=numbers, ends=ends
        )
        cluster[self.master].boot(master, f"{self.name}.master")
        return done

    def metrics(self, result: Ran) -> dict[str, float]:
        """The end of the last task beside its lower bounds, how nodes were used, and how the jobs of a stream fared."""
        return outputs.metrics(self, result)

    def series(self, result: Ran) -> dict[str, Any]:
        """Tables: ``spans``, ``attempts``, ``utilisation``, and ``jobs`` of a stream."""
        return outputs.series(self, result)


def _needs_of(tasks: Mapping[str, Task]) -> tuple[dict[tuple[int, float], str], dict[str, list[Task]]]:
    """What each kind of task needs, cores and bytes of memory, with the name of one, and the tasks of each gang."""
    needs: dict[tuple[int, float], str] = {}
    gangs: dict[str, list[Task]] = {}
    for name, task in tasks.items():
        needs.setdefault((task.cores, task.memory_bytes), name)
        if task.gang:
            gangs.setdefault(task.gang, []).append(task)
    return needs, gangs


def _fresh(job: TaskGraphJob, graph: nx.DiGraph[Any], cluster: Cluster, seed: int, done: Sequence[str]) -> Watcher:
    """What watches for the policy, which remembers nothing but which tasks are ``done``."""
    own: Any = deepcopy(job.policy)
    views = tuple(view_of(cluster[name].spec) for name in job.workers)
    transfer_s, generator = cluster.network.expected_s, stream(seed, job.name, "policy")
    setting = Setting(graph, views, transfer_s, generator, tuple(done))
    if not hasattr(own, "begin") and hasattr(own, "plan"):
        planned = Planned(own, graph, transfer_s, done, job.execution.phases(graph), views)
        return narrowed(planned, job.execution, setting)
    return watching(own, job.execution, setting)
