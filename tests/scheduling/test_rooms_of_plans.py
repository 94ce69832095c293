"""A plan places tasks only where they fit, and what fits nowhere for now waits alone."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, run
from simcluster.engine import stream
from simcluster.faults import CrashNode
from simcluster.kernels.planning import task_graph, timetable
from simcluster.learning import Call, Cost
from simcluster.scheduling import Heft, NodeView, Task, TaskGraphJob, add_task
from tests.scheduling.test_planners import BY_NAME, PLANNERS

NODES = (NodeSpec(name="small", speed=4.0), NodeSpec(name="wide", cores=4), NodeSpec(name="deep", memory_bytes=8e9))
VIEWS = [
    NodeView(spec.name, spec.cores, spec.cores, 0.0, 0.0, spec.flops_per_s, 1e11, memory_bytes)
    for spec, memory_bytes in zip(NODES, (1e9, 1e9, 8e9), strict=True)
]


class Demanding:
    """Random tasks, some of several cores or with much memory, some of which take outputs of others."""

    def __init__(self, tasks, seed):
        self.tasks, self.seed = tasks, seed

    def graph(self, seed):
        generator, graph = stream(self.seed, "demanding"), nx.DiGraph()
        for place in range(self.tasks):
            cost = Cost(float(generator.uniform(1e7, 1e9)), 0.0)
            cores, memory_bytes = [(1, 0.0), (2, 0.0), (4, 0.0), (1, 4e9)][generator.integers(4)]
            earlier = generator.permutation(place)[: generator.integers(3)].tolist()

            def compute(*parts, cost=cost):
                return Call(lambda: {"value": 1}, cost)

            task = Task(compute, cost, cores=cores, memory_bytes=memory_bytes)
            add_task(graph, str(place), task, tuple((str(each), "value", 1e6) for each in earlier))
        return graph

    def outcome(self, outputs):
        return len(outputs)


def transfer_s(source, target, size_bytes):
    return 0.001 + size_bytes / 1e9


@pytest.mark.parametrize("planner", PLANNERS, ids=BY_NAME)
@given(tasks=st.integers(1, 20), seed=st.integers(0, 2**20))
@settings(max_examples=15, deadline=None)
def test_a_plan_gives_each_task_a_node_where_it_fits(planner, tasks, seed):
    graph = Demanding(tasks, seed).graph(0)
    views = {view.name: view for view in VIEWS}

    for name, (node, _) in planner.plan(graph, VIEWS, transfer_s).items():
        task = graph.nodes[name]["task"]
        assert task.cores <= views[node].cores
        assert task.memory_bytes <= views[node].memory_bytes


@pytest.mark.parametrize("planner", PLANNERS, ids=BY_NAME)
def test_a_run_of_tasks_that_need_much_ends_although_each_node_is_down_for_a_while(planner):
    specs = tuple(spec.replace(memory_bytes=view.memory_bytes) for spec, view in zip(NODES, VIEWS, strict=True))
    job = TaskGraphJob(work=Demanding(15, 3), policy=planner, master="m", workers=("small", "wide", "deep"))
    faults = tuple(
        CrashNode(node=name, begin_s=0.2 * place, end_s=0.2 * place + 3.0)
        for place, name in enumerate(["wide", "small", "deep"])
    )
    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), *specs))

    result = run(Scenario(cluster=cluster, job=job, faults=faults, horizon_s=1000.0), 0)

    assert result.ended == "finished"


def test_nothing_waits_for_a_task_whose_only_node_is_down():
    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="small"), NodeSpec(name="wide", cores=2)))

    class Two:
        def graph(self, seed):
            graph = nx.DiGraph()
            for name, cores in (("wide", 2), ("narrow", 1)):
                cost = Cost(1e9, 0)
                add_task(graph, name, Task(lambda c=cost: Call(lambda: {"value": 1}, c), cost, cores=cores))
            return graph

        def outcome(self, outputs):
            return len(outputs)

    job = TaskGraphJob(work=Two(), policy=Heft(), master="m", workers=("small", "wide"))
    result = run(
        Scenario(cluster=cluster, job=job, faults=(CrashNode(node="wide", begin_s=0.0, end_s=20.0),)), 0
    )
    ends = {row["task"]: (row["node"], row["time_s"]) for row in result.trace.rows("task_end")}

    assert ends["narrow"][0] == "small"
    assert ends["narrow"][1] < 20.0 < ends["wide"][1]


class TooSmall:
    """A planner that takes the smallest node for everything."""

    def plan(self, graph, nodes, transfer_s):
        return {task: (min(nodes, key=lambda node: node.cores).name, 0.0) for task in graph}


def test_a_plan_of_ones_own_that_takes_too_small_a_node_is_refused_with_both_names():
    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), *NODES[:2]))
    job = TaskGraphJob(work=Demanding(8, 5), policy=TooSmall(), master="m", workers=("small", "wide"))
    job = job.replace(work=Gangs([(2, 0.0)], gang=""))

    with pytest.raises(ValueError, match="a node that has its cores and its memory, got 'small' for '0'"):
        run(Scenario(cluster=cluster, job=job), 0)


class Gangs:
    """Tasks of one gang, so many cores and bytes each."""

    def __init__(self, needs, gang="band"):
        self.needs, self.gang = needs, gang

    def graph(self, seed):
        graph = nx.DiGraph()
        for place, (cores, memory_bytes) in enumerate(self.needs):
            compute, cost = (lambda: Call(lambda: {"value": 1}, Cost(1, 0))), Cost(1, 0)
            task = Task(compute, cost, cores=cores, memory_bytes=memory_bytes, gang=self.gang)
            add_task(graph, str(place), task)
        return graph

    def outcome(self, outputs):
        return len(outputs)


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ([(4, 0.0)] * 3, "room for at once, got 3 of at least 4 cores and 0 bytes in 'band', with room for 2"),
        ([(3, 0.0)] * 3, "room for at once, got 3 of at least 3 cores and 0 bytes in 'band', with room for 2"),
        ([(1, 0.0)] * 10, "room for at once, got 10 of at least 1 cores"),
        ([(1, 3e9)] * 3, "got 3 of at least 1 cores and 3e.09 bytes in 'band', with room for 2"),
        ([(1, 0.0)] * 4 + [(2, 0.0)] * 3, "no more cores than all workers together, 9, got 10 in 'band'"),
    ],
)
def test_a_gang_that_never_has_room_is_refused(needs, said):
    workers = NodeSpec(name="a", cores=5, memory_bytes=5e9), NodeSpec(name="b", cores=4, memory_bytes=5e9)
    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), *workers))

    with pytest.raises(ValueError, match=said):
        Scenario(cluster=cluster, job=TaskGraphJob(work=Gangs(needs), master="m", workers=("a", "b")))


def test_a_gang_that_has_just_room_is_taken():
    workers = NodeSpec(name="a", cores=5, memory_bytes=5e9), NodeSpec(name="b", cores=4, memory_bytes=5e9)
    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), *workers))

    for needs in ([(4, 0.0)] * 2, [(1, 0.0)] * 9, [(1, 2e9)] * 4):
        Scenario(cluster=cluster, job=TaskGraphJob(work=Gangs(needs), master="m", workers=("a", "b")))


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_independent_tasks_are_placed_as_by_a_look_at_all_pairs(data):
    n, m = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    factor, largest = data.draw(st.sampled_from([(0.0, False), (1.0, False), (1.0, True)]))
    seconds = generator.integers(1, 5, (n, m)).astype(float)  # whole, with many ties
    allowed = generator.random((n, m)) < 0.6
    allowed[np.arange(n), generator.integers(0, m, n)] = True
    places = generator.permutation(n).astype(float)
    table = timetable(
        task_graph(np.zeros(n + 1, np.int64), np.zeros(0, np.int64), np.zeros(0)), seconds, np.arange(m), allowed
    )
    table.place_when_ready(np.zeros(n), places, factor, largest)

    free, left, expected = [0.0] * m, set(range(n)), []
    while left:
        least = {
            t: min((free[p] + factor * seconds[t, p], free[p] + seconds[t, p], p) for p in range(m) if allowed[t, p])
            for t in sorted(left)
        }
        t = min(least, key=lambda t: (-least[t][0] if largest else least[t][0], places[t]))
        free[least[t][2]] = least[t][1]
        left.discard(t)
        expected.append((t, least[t][2]))
    _, _, processors, placed = table.slots()
    assert [(t, processors[t]) for t in placed.tolist()] == expected
