"""What a run of a task graph says: figures and tables, from its records and from its graph, which is made anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simcluster.cluster import NodeSpec, Ran
from simcluster.learning import MissingFile
from simcluster.scheduling.uncollected import uncollected

if TYPE_CHECKING:
    import networkx as nx

    from simcluster.measurement.schedules import JobRun
    from simcluster.scheduling.decentralised import DecentralisedJob
    from simcluster.scheduling.job import TaskGraphJob

ATTEMPTS = ("task_begin", "task_end", "task_cancel", "crash", "abandoned")
"""The kinds of records that attempts are made of."""


def graph_of(job: TaskGraphJob | DecentralisedJob, result: Ran) -> nx.DiGraph[Any] | None:
    """The graph that was run; ``None`` where a file that it was made of is gone."""
    try:
        return uncollected(job.work.graph)(result.seed)
    except MissingFile:
        return None


def metrics(job: TaskGraphJob | DecentralisedJob, result: Ran) -> dict[str, float]:
    """Flat figures: what the trace says, the lower bounds, and for the jobs of a stream how they fared."""
    from simcluster.measurement.metrics import graph_metrics  # with SciPy's statistics, which no run waits for
    from simcluster.measurement.schedules import (
        attempts,
        bounded_slowdown,
        deadline_misses,
        fairness,
        locality,
        lower_bounds,
        node_utilisation,
        slowdown,
        wasted_share,
    )

    found = graph_metrics(result.trace)
    graph = graph_of(job, result) if found else None
    if graph is None:
        return found
    machines, held = machines_of(job, result), held_of(graph)
    rows = list(result.trace.rows(*ATTEMPTS))
    if graph.graph.get("costs") != "at most" and all(machine.jitter is None for machine in machines):
        bounds = lower_bounds(graph, machines)
        found |= {"critical_path_s": bounds.critical_path_s, "area_s": bounds.area_s}
    used = node_utilisation(rows, {machine.name: machine.cores for machine in machines}, held)
    found["utilisation_mean"] = _mean(list(used.values()))
    if all(result.trace.keeps(kind) for kind in ATTEMPTS):
        found["wasted_share"] = wasted_share(attempts(rows), held)
    if result.trace.keeps("crash"):
        found["locality"] = locality(rows, graph)
    ran = jobs_of(job, result, graph)
    if ran:
        done = [each for each in ran if each.end_s < math.inf]
        found |= {
            "jobs_done": len(done),
            "slowdown_mean": _mean([slowdown(each) for each in done]),
            "bounded_slowdown_mean": _mean([bounded_slowdown(each) for each in done]),
            "job_s_mean": _mean([each.sojourn_s for each in done]),
            "fairness": fairness(ran),
            "deadline_misses": deadline_misses(ran),
        }
    return found


def series(job: TaskGraphJob | DecentralisedJob, result: Ran) -> dict[str, Any]:
    """Tables: completed computations, every attempt with its job and user, the use of nodes, and a stream's jobs."""
    import pandas as pd

    from simcluster.measurement.schedules import JobRun, Span, attempts, node_utilisation, slowdown, spans

    if not (result.trace.keeps("task_begin") and result.trace.keeps("task_end")):
        return {}
    rows = list(result.trace.rows(*ATTEMPTS))
    found = {"spans": pd.DataFrame(spans(rows), columns=list(Span._fields))}
    graph = graph_of(job, result)
    if graph is None:
        return found
    cores = {machine.name: machine.cores for machine in machines_of(job, result)}
    used = node_utilisation(rows, cores, held_of(graph))
    found["utilisation"] = pd.DataFrame({"node": list(used), "utilisation": list(used.values())})
    if all(result.trace.keeps(kind) for kind in ATTEMPTS):
        tried = [
            (*attempt, task.job, task.user)
            for attempt in attempts(rows)
            for task in [graph.nodes[attempt.task]["task"]]
        ]
        columns = ["task", "node", "begin_s", "end_s", "state", "job", "user"]
        found["attempts"] = pd.DataFrame(tried, columns=columns)
    if ran := jobs_of(job, result, graph):
        table = pd.DataFrame(ran, columns=list(JobRun._fields))
        table["sojourn_s"] = [each.sojourn_s for each in ran]
        table["slowdown"] = [slowdown(each) for each in ran]
        found["jobs"] = table
    return found


def machines_of(job: TaskGraphJob | DecentralisedJob, result: Ran) -> list[NodeSpec]:
    """The workers, as they were ordered."""
    return [spec for spec in result.cluster.nodes if spec.name in job.workers]


def held_of(graph: nx.DiGraph[Any]) -> dict[str, int]:
    """How many cores each task holds that holds several."""
    tasks = ((name, node["task"].cores) for name, node in graph.nodes.items())
    return {name: cores for name, cores in tasks if cores > 1}


def jobs_of(job: TaskGraphJob | DecentralisedJob, result: Ran, graph: nx.DiGraph[Any]) -> list[JobRun]:
    """The jobs of a stream, none of a graph that is none."""
    from simcluster.measurement.schedules import jobs

    return jobs(result.trace.rows("task_end"), graph, machines_of(job, result))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
