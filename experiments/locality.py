"""How long should a task wait for the machine that keeps its data?

Sixteen machines keep four blocks of data each (64 kB, on links of 1 MB/s), and jobs come that query blocks: each task
adds up the squares of one, and has to fetch it when it runs elsewhere, which takes as long as the task. Small jobs need
a block of one machine in sixteen, larger ones of four, or of every second one; the tasks are as many in all. Jobs are
served in the order in which they come, and a job that has no block on the machine that offers a core lets that pass, up
to so many times, and later jobs start there (delay scheduling).

Expected: where a share p of the machines keep a block of a job, and offers come from any of them, all D offers pass in
vain with (1 − p)^D (Zaharia et al., "Delay scheduling: a simple technique for achieving locality and fairness in
cluster scheduling", 2010, section 4.1), the thin lines. So a few offers are enough for large jobs, and small ones need
more than there are machines. What is local travels nowhere, so that all are done sooner; but who waits for long lets
machines idle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes
from simcluster.engine import stream
from simcluster.experiment import Experiment, decided
from simcluster.learning import Array, Call, Cost
from simcluster.report import Panel, curves, legend
from simcluster.scenario import Result
from simcluster.scheduling import DelayScheduling, Task, TaskGraphJob, add_task
from simcluster.study import Crossed

QUESTION = "How long should a task wait for the machine that keeps its data?"
MACHINES = 16
BLOCKS = 4 * MACHINES
NUMBERS = 8000  # of a block, of eight bytes each
BANDWIDTH_BYTES_PER_S = 1e6
QUERY = Cost(2.0 * NUMBERS, 8.0 * NUMBERS)
LOAD = Cost(2.0 * NUMBERS, 8.0 * NUMBERS)
FLOPS_PER_S = QUERY.flops / 0.064  # a query takes as long as its block on a link
QUERIES = 512
READY_S = 1.0  # when all blocks are where they stay
OFFERS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
JOBS = {"1/16": 1, "1/4": 4, "1/2": 8}  # the share of machines that keep a block of a job, and its tasks
CLUSTER = ClusterSpec(
    nodes=(NodeSpec(name="master"), *nodes("machine", MACHINES, flops_per_s=FLOPS_PER_S)),
    network=NetworkSpec(bandwidth_bytes_per_s=BANDWIDTH_BYTES_PER_S),
)


@dataclass(frozen=True)
class Queries:
    """Blocks that are made at the beginning, and jobs of so many queries, each of a block of another machine."""

    tasks: int

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The tasks "block-i", and of job j "query-j-i"; jobs come at random, nine tenths of what machines can do."""
        graph: nx.DiGraph[Any] = nx.DiGraph()
        for block in range(BLOCKS):
            add_task(graph, f"block-{block}", Task(partial(_block, seed, block), LOAD))
        generator = stream(seed, "queries", self.tasks)
        every_s = self.tasks * QUERY.flops / FLOPS_PER_S / MACHINES / 0.9
        comes_s = READY_S
        for job in range(QUERIES // self.tasks):
            comes_s += float(generator.exponential(every_s))
            machines = generator.permutation(MACHINES)[: self.tasks]
            for place, machine in enumerate(machines.tolist()):
                block = machine + MACHINES * int(generator.integers(BLOCKS // MACHINES))
                query = Task(_query, QUERY, release_s=comes_s, job=f"job-{job}")
                add_task(graph, f"query-{job}-{place}", query, ((f"block-{block}", "block", 8.0 * NUMBERS),))
        return graph

    def outcome(self, outputs: Mapping[str, Any]) -> float:
        """The mean of all answers."""
        return math.fsum(output["sum"] for output in outputs.values() if "sum" in output) / QUERIES


def _block(seed: int, block: int) -> Call[Any]:
    return Call(lambda: {"block": stream(seed, "block", block).random(NUMBERS)}, LOAD)


def _query(block: Array) -> Call[Any]:
    return Call(lambda: {"sum": float(np.dot(block, block))}, QUERY)


def scenario(jobs: str, offers: int) -> Scenario:
    """Jobs of one size, which let so many offers pass."""
    policy = DelayScheduling(offers=offers, every_s=0.01)
    job = TaskGraphJob(work=Queries(JOBS[jobs]), policy=policy, master="master", workers=CLUSTER.names[1:], retry_s=1.0)
    return Scenario(cluster=CLUSTER, job=job, trace_kinds=("task_begin", "task_end"))


def measure(result: Result) -> dict[str, Any]:
    """The share of queries that began where their block lay, how long they took in all, and a job in the mean."""
    job: Any = result.scenario.job
    graph = job.work.graph(result.seed)
    made: dict[str, str] = {}
    local, last_s = [], {}
    for row in result.trace.rows("task_begin", "task_end"):
        task, node = row["task"], row["node"]
        (block,) = [*graph.pred[task]] or [None]
        if row["kind"] == "task_begin" and block is not None:
            local.append(made[block] == node)
        elif block is None:
            made[task] = node
        else:
            last_s[graph.nodes[task]["task"].job] = row["time_s"]
    came_s = {graph.nodes[task]["task"].job: graph.nodes[task]["task"].release_s for task in graph}
    return {
        "local_share": len([each for each in local if each]) / len(local),
        "makespan_s": max(last_s.values()) - READY_S,
        "job_s": math.fsum(end_s - came_s[each] for each, end_s in last_s.items()) / len(last_s),
    }


def draw(table: pd.DataFrame) -> Figure:
    """Locality, makespan and the time of a job against the offers that it lets pass."""
    x_label = "offers that a job lets pass"
    panels = (
        Panel("offers", "local_share", x_label, "queries where their block lies (%)", unit=0.01),
        Panel("offers", "makespan_s", x_label, "time of all queries (s)"),
        Panel("offers", "job_s", x_label, "time of a job (s)"),
    )
    about = f"{QUERIES} queries of blocks on {MACHINES} machines, by the share of machines that keep a block of a job"
    drawn, axes = curves(table, "jobs", panels, QUESTION, about)
    for each in axes:
        each.set_xscale("symlog", linthresh=1, base=2)
        each.set_xticks(sorted(table["offers"].unique()), [str(offers) for offers in sorted(table["offers"].unique())])
        each.set_ylim(bottom=0)
    for place, tasks in enumerate(JOBS.values()):
        expected = [100 * (1 - (1 - tasks / MACHINES) ** (offers + 1)) for offers in sorted(table["offers"].unique())]
        name = "offers from any machine" if not place else None
        axes[0].plot(sorted(table["offers"].unique()), expected, color="0.3", linewidth=1.0, label=name)
    legend(axes[0])
    return drawn


experiment = Experiment(
    name="locality",
    question=QUESTION,
    scenarios=Crossed(scenario, {"jobs": tuple(JOBS), "offers": OFFERS}, small={"offers": OFFERS[:7:3]}),
    measure=measure,
    figure=draw,
    score=decided("offers", "makespan_s", {"jobs": "1/4"}),
    quantity="time of all queries where a quarter of the machines keep a block of a job",
    unit="s",
)

if __name__ == "__main__":
    experiment.main()
