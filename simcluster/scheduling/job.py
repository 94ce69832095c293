"""The task-graph job: a master that schedules a graph of real computations on workers."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import networkx as nx
from pydantic import Field, model_validator

from simcluster.cluster import Cluster
from simcluster.engine import Event, NodeName, NodeNames, Positive, Spec
from simcluster.scheduling.graph import Output
from simcluster.scheduling.grid_search import GridSearch
from simcluster.scheduling.master import schedule
from simcluster.scheduling.policies import Policy, dependency, fifo, priority, utilisation
from simcluster.scheduling.worker import work

PolicyName = Literal["fifo", "utilisation", "priority", "dependency"]


class TaskGraphJob(Spec):
    """A grid search as a task graph on ``workers``, scheduled by ``policy`` from ``master``.

    A worker holds at most as many tasks as it has cores; a task fetches each output that it takes from the
    node that keeps it. Orders without a report are repeated after ``retry_s``, and a worker that is silent for
    ``patience`` of these times is suspected and its work done elsewhere. The event's value is ``Searched``.
    """

    kind: Literal["task_graph"] = "task_graph"
    search: GridSearch = GridSearch()
    master: NodeName
    workers: NodeNames
    policy: PolicyName = "dependency"
    retry_s: Positive = 0.1
    patience: Annotated[int, Field(ge=1)] = 4

    @model_validator(mode="after")
    def _workers_differ(self) -> TaskGraphJob:
        if len(set(self.workers)) < len(self.workers):
            raise ValueError(f"workers must differ, got {list(self.workers)}")
        if self.master in self.workers:
            raise ValueError(f"master must be none of the workers, got {self.master!r}")
        return self

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the workers and the master; the event's value is what the search found."""
        graph = self.search.graph(seed)
        done = cluster.env.event()

        def finish(outputs: dict[str, Output]) -> None:
            if not done.triggered:
                done.succeed(self.search.outcome(outputs))

        for name in self.workers:
            cluster[name].boot(partial(work, job=self, graph=graph))
        make_policy = partial(policy, self.policy, graph, cluster)
        cluster[self.master].boot(partial(schedule, job=self, graph=graph, make_policy=make_policy, finish=finish))
        return done


def policy(name: PolicyName, graph: nx.DiGraph[Any], cluster: Cluster) -> Policy:
    """The policy of this name for ``graph`` on ``cluster``; it remembers nothing of any other run."""
    if name == "dependency":
        network = cluster.spec.network
        return dependency(graph, network.latency.mean, network.bandwidth_bytes_per_s or float("inf"))
    policies: dict[str, Policy] = {"fifo": fifo, "utilisation": utilisation, "priority": priority}
    return policies[name]
