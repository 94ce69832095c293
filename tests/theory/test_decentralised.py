"""Decentralised scheduling by its papers: how long work stealing takes, and who waits under Sparrow."""

import functools

import networkx as nx
import numpy as np
import pytest

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, run
from simcluster.engine import Constant, stream
from simcluster.learning import Call, Cost
from simcluster.scheduling import DecentralisedJob, Functions, Sparrow, Task, WorkStealing, add_task

pytestmark = pytest.mark.theory

LATENCY_S = 0.0005
FLOPS_PER_S = 1e9


def nodes(count):
    names = tuple(f"w-{i}" for i in range(count))
    specs = (NodeSpec(name="m"), *(NodeSpec(name=name, flops_per_s=FLOPS_PER_S) for name in names))
    return ClusterSpec(nodes=specs, network=NetworkSpec(latency=Constant(value=LATENCY_S), bandwidth_bytes_per_s=None))


def result(work, scheduler, count, seed):
    names = tuple(f"w-{i}" for i in range(count))
    job = DecentralisedJob(work=work, scheduler=scheduler, master="m", workers=names, retry_s=100.0)
    kinds = ("task_begin", "task_end", "steal")
    return run(Scenario(cluster=nodes(count), job=job, trace_kinds=kinds), seed)


def fork_join(depth, seed):
    """A binary tree that forks, and one that joins it: unequal tasks of 5 to 15 ms."""
    generator, graph = stream(seed, "tree"), nx.DiGraph()
    tree = nx.balanced_tree(2, depth, create_using=nx.DiGraph)
    for node in tree:
        for side in ("fork", "join"):
            graph.add_node((side, node), function=lambda *parts: 0, flops=float(generator.uniform(5e6, 15e6)))
    for before, after in tree.edges:
        graph.add_edge(("fork", before), ("fork", after), size_bytes=8)
        graph.add_edge(("join", after), ("join", before), size_bytes=8)
    graph.add_edges_from(((("fork", node), ("join", node)) for node in tree if not tree.adj[node]), size_bytes=8)
    return graph


@pytest.mark.parametrize("share", ["one", "half"])
@pytest.mark.parametrize("count", [1, 2, 4, 8, 16, 32])
def test_work_stealing_ends_after_the_work_by_the_processors_and_a_constant_times_the_longest_way(count, share):
    """T_P ≤ T₁ / P + c T∞ (Blumofe and Leiserson 1999, theorem 13, in expectation), here with c = 1.5.

    A task on the longest way counts what it may wait for: a report and a steal, and an output that it fetches, each
    there and back, and the pause of a thief, which is a millisecond. Every one of five seeds keeps to it.
    """
    for seed in range(5):
        graph = fork_join(6, seed)
        seconds = {task: data["flops"] / FLOPS_PER_S for task, data in graph.nodes(data=True)}
        around_s = 6 * LATENCY_S + 0.001
        way = {}
        for task in reversed(list(nx.topological_sort(graph))):
            way[task] = seconds[task] + around_s + max((way[after] for after in graph.adj[task]), default=0.0)
        rule = WorkStealing(share=share, pause_most_s=0.001)
        ended = result(Functions(graph), rule, count, seed).trace.rows("task_end")
        found_s = max(row["time_s"] for row in ended)
        assert found_s >= sum(seconds.values()) / count
        assert found_s <= sum(seconds.values()) / count + 1.5 * max(way.values())


def test_steals_are_as_few_as_the_longest_way_by_the_processors():
    """O(P T∞) in expectation (theorem 13): with a longest way of 14 tasks and P = 8, at most 8 × 14 that succeed."""
    for seed in range(10):
        graph = fork_join(6, seed)
        found = result(Functions(graph), WorkStealing(pause_most_s=0.001), 8, seed)
        assert len(list(found.trace.rows("steal"))) <= 8 * 14


class Jobs:
    """Poisson arrivals of jobs, each so many tasks of exponential length, at a load of 0.8."""

    def __init__(self, jobs, tasks, workers, mean_s=0.1):
        self.jobs, self.tasks, self.workers, self.mean_s = jobs, tasks, workers, mean_s

    def graph(self, seed):
        generator, graph = stream(seed, "jobs"), nx.DiGraph()
        between_s = self.tasks * self.mean_s / (0.8 * self.workers)
        releases = np.cumsum(generator.exponential(between_s, self.jobs)).tolist()
        for j, release_s in enumerate(releases):
            for k, seconds in enumerate(generator.exponential(self.mean_s, self.tasks).tolist()):
                cost = Cost(seconds * FLOPS_PER_S, 0)
                task = Task(lambda cost=cost: Call(dict, cost), cost, release_s=release_s, job=f"{j}")
                add_task(graph, (j, k), task)
        return graph

    def outcome(self, outputs):
        return len(outputs)


RULES = {
    "per task": Sparrow(sampling="per_task", late_binding=False),
    "batch": Sparrow(late_binding=False),
    "late": Sparrow(),
}
SEEDS = range(5)


@functools.cache
def waits(rule, seed):
    """Mean wait of a task from its release to its begin, and of the last task of a job."""
    work = Jobs(jobs=100, tasks=10, workers=40)
    graph = work.graph(seed)
    begins = {row["task"]: row["time_s"] for row in result(work, RULES[rule], 40, seed).trace.rows("task_begin")}
    waited = np.array([[begins[j, k] - graph.nodes[j, k]["task"].release_s for k in range(10)] for j in range(100)])
    return waited.mean(), waited.max(axis=1).mean()


@pytest.mark.parametrize(("better", "worse"), [("batch", "per task"), ("late", "batch")])
def test_batch_sampling_waits_less_than_per_task_sampling_and_late_binding_less_than_both(better, worse):
    """Ousterhout et al. (2013), sections 3.3 and 3.4: for every seed, by tasks and by jobs, at a load of 0.8."""
    for seed in SEEDS:
        assert waits(better, seed)[0] < waits(worse, seed)[0]
        assert waits(better, seed)[1] < waits(worse, seed)[1]


def test_one_probe_for_each_task_is_a_random_worker_which_waits_as_an_m_m_1_queue():
    """With jobs of one task and one probe the workers are M/M/1 at 0.8: a mean wait of 0.8 / 0.2 service times.

    The last two thirds of 3,000 tasks on 20 workers, which begin empty. The means of seeds have a standard deviation of
    some 19 %, so that of their mean over six is some 8 %.
    """
    means = []
    for seed in range(6):
        work = Jobs(jobs=3000, tasks=1, workers=20, mean_s=0.1)
        graph = work.graph(seed)
        rule = Sparrow(probes=1, sampling="per_task", late_binding=False)
        begins = {row["task"]: row["time_s"] for row in result(work, rule, 20, seed).trace.rows("task_begin")}
        waited = [begins[task] - graph.nodes[task]["task"].release_s for task in list(graph)[1000:]]
        means.append(np.mean(waited) - 3 * LATENCY_S)

    assert np.mean(means) == pytest.approx(4 * 0.1, rel=0.15)
