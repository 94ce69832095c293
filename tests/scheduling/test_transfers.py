"""However long outputs are under way, repeats do not fill the links, and nobody who sends them counts as down."""

import math

import networkx as nx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes, run
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import stream
from simcluster.learning import Call, Cost
from simcluster.scheduling import DecentralisedJob, Heft, Sparrow, Task, TaskGraphJob, WorkStealing, add_task, fifo
from simcluster.scheduling.transfers import Transfers

BYTES_PER_S = 1e8


class Large:
    """A random graph of tasks that take up to a few seconds, as do the bytes that they take of each other."""

    def __init__(self, tasks, seed):
        self.tasks, self.seed = tasks, seed

    def graph(self, seed):
        generator, graph = stream(self.seed, "large"), nx.DiGraph()
        for place in range(self.tasks):
            size_bytes = float(10 ** generator.uniform(5, 8.5))
            cost = Cost(float(10 ** generator.uniform(7, 10)), 0.0)
            earlier = generator.permutation(place)[: generator.integers(0, 4)].tolist()

            def compute(*parts, cost=cost, size_bytes=size_bytes):
                return Call(lambda: {"value": Sealed(1, size_bytes)}, cost)

            takes = tuple((str(each), "value", graph.nodes[str(each)]["bytes"]) for each in earlier)
            add_task(graph, str(place), Task(compute, cost), takes)
            graph.nodes[str(place)]["bytes"] = size_bytes
        return graph

    def outcome(self, outputs):
        return len(outputs)


def fetched(result, graph):
    """How often an output was asked for, and how many tasks take one of another node; of those that were done once."""
    where = {row["task"]: row["node"] for row in result.trace.rows("task_end")}
    asked = [row for row in result.trace.rows("send") if row["message_kind"].endswith(".output")]
    away = [(before, after) for before, after in graph.edges if where[before] != where[after]]
    return len([row for row in asked if row["source"] in where.values()]), len(away)


def ran(work, retry_s, fidelity, **job):
    cluster = ClusterSpec(
        nodes=(NodeSpec(name="master"), *nodes("w", 3, cores=2, flops_per_s=1e10)),
        network=NetworkSpec(bandwidth_bytes_per_s=BYTES_PER_S, fidelity=fidelity),
    )
    where = {"work": work, "master": "master", "workers": cluster.names[1:], "retry_s": retry_s}
    made = DecentralisedJob(**where, **job) if "scheduler" in job else TaskGraphJob(**where, **job)
    return run(Scenario(cluster=cluster, job=made, horizon_s=1e6), 0)


JOBS = st.sampled_from(
    [{"policy": Heft()}, {"policy": fifo}, {"scheduler": WorkStealing()}, {"scheduler": Sparrow(late_binding=True)}]
)


@given(
    tasks=st.integers(2, 25),
    seed=st.integers(0, 2**20),
    retry_s=st.floats(math.log(0.03), math.log(30.0)).map(math.exp),
    fidelity=st.sampled_from(["latency", "nic", "flow"]),
    job=JOBS,
)
@example(tasks=18, seed=240, retry_s=1.0, fidelity="nic", job={"scheduler": Sparrow()})
@example(tasks=18, seed=321339, retry_s=0.16, fidelity="nic", job={"policy": fifo})
@example(tasks=25, seed=1, retry_s=0.1, fidelity="nic", job={"policy": Heft()})
@example(tasks=25, seed=1, retry_s=0.1, fidelity="nic", job={"scheduler": WorkStealing()})
@settings(max_examples=60, deadline=None)
def test_where_nothing_fails_repeats_do_not_fill_the_links(tasks, seed, retry_s, fidelity, job):
    work = Large(tasks, seed)
    result = ran(work, retry_s, fidelity, **job)
    asked, away = fetched(result, work.graph(0))

    assert result.outcome is not None
    # Nobody knows of all that will be under way: a few ask once more, in one run of a hundred.
    assert asked <= 1.5 * away + 3
    if "policy" in job:
        assert not list(result.trace.rows("suspect"))
        assert len(list(result.trace.rows("task_begin"))) == tasks


class Fork:
    """A task, whose output others take that cost nothing."""

    def __init__(self, others, size_bytes):
        self.others, self.size_bytes = others, size_bytes

    def graph(self, seed):
        graph, size_bytes = nx.DiGraph(), self.size_bytes
        add_task(graph, "root", Task(lambda: Call(lambda: {"value": Sealed(1, size_bytes)}, Cost(0, 0)), Cost(0, 0)))
        for place in range(self.others):
            run = Task(lambda part: Call(lambda: {"value": 1}, Cost(0, 0)), Cost(0, 0))
            add_task(graph, f"leaf-{place}", run, (("root", "value", size_bytes),))
        return graph

    def outcome(self, outputs):
        return len(outputs)


@pytest.mark.parametrize("retry_s", [0.1, 1.0, 100.0])
@pytest.mark.parametrize(("fidelity", "more"), [("nic", 0.01), ("flow", 0.25)])
def test_what_many_take_of_one_node_does_not_fill_its_interface_with_repeats(retry_s, fidelity, more):
    others, seconds = 20, 1.0
    cluster = ClusterSpec(
        nodes=(NodeSpec(name="master"), *nodes("w", others)),
        network=NetworkSpec(bandwidth_bytes_per_s=BYTES_PER_S, fidelity=fidelity),
    )
    job = TaskGraphJob(
        work=Fork(others, seconds * BYTES_PER_S), policy=fifo, master="master", workers=cluster.names[1:],
        retry_s=retry_s,
    )  # fmt: skip
    result = run(Scenario(cluster=cluster, job=job), 0)

    # One of the others is done where the output lies; the rest leaves one interface, one after the other. Where all
    # share it at once, the first that asked did not know of the others, and a few ask again.
    end_s = max(row["time_s"] for row in result.trace.rows("task_end"))
    assert end_s == pytest.approx((others - 1) * seconds, rel=more)


@given(changes=st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2)), max_size=30))
def test_a_load_is_what_is_under_way_to_and_from_a_node(changes):
    graph = nx.DiGraph()
    sizes = [1e6 * (2 + place) for place in range(5)]
    for place, size_bytes in enumerate(sizes):
        graph.add_edge("before", place, size_bytes=size_bytes)
    transfers = Transfers(graph.pred, lambda source, target, size_bytes: 0.5 + size_bytes / BYTES_PER_S)
    there = {}
    for task, begins, node in changes:
        if begins:
            transfers.begin(task, task, f"w-{node}", ["w-0"])
            there[task] = node
        else:
            transfers.end(task)
            there.pop(task, None)

    for node in range(3):
        passing = [sizes[task] for task, at in there.items() if at and node in (0, at)]
        assert transfers.load_s(f"w-{node}") == pytest.approx(math.fsum(passing) / BYTES_PER_S)
