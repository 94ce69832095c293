"""What theory says of schedules that never idle while something is ready, and of gangs, on a whole cluster."""

import math

import networkx as nx
import pytest

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Constant, stream
from simcluster.learning import Call, Cost
from simcluster.measurement.schedules.makespan import makespan_s
from simcluster.scheduling import Task, TaskGraphJob, add_task
from tests.built_ins import one, words

pytestmark = pytest.mark.theory

FLOPS_PER_S = 1e6
NETWORK = NetworkSpec(latency=Constant(value=1e-9), bandwidth_bytes_per_s=None)
#: They bind a task to a node that may be busy, or let nodes idle for a while, or plan.
MAY_IDLE = {"utilisation", "delay"}
GREEDY = [word for word in words("Policy") if hasattr(one("Policy", word), "begin") and word not in MAY_IDLE]


class Given:
    """Tasks of (seconds, predecessors), by name; what they say does not matter."""

    def __init__(self, tasks, **fields):
        self.tasks, self.fields = tasks, fields

    def graph(self, seed):
        graph = nx.DiGraph()
        for name, (seconds, before) in self.tasks.items():
            cost = Cost(seconds * FLOPS_PER_S, 0.0)
            task = Task(lambda *parts, cost=cost: Call(lambda: {"": 0}, cost), cost, **self.fields.get(name, {}))
            add_task(graph, name, task, tuple((each, "", 0.0) for each in before))
        return graph

    def outcome(self, outputs):
        return len(outputs)


def scheduled(work, policy, workers, horizon_s=1e4):
    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), *nodes("w", workers, flops_per_s=FLOPS_PER_S)), network=NETWORK)
    job = TaskGraphJob(work=work, policy=policy, master="m", workers=cluster.names[1:])
    return run(Scenario(cluster=cluster, job=job, horizon_s=horizon_s), 0)


def drawn(seed, count=24):
    generator = stream(seed, "graham")
    tasks = {}
    for place in range(count):
        before = generator.integers(place, size=int(generator.integers(3))).tolist() if place else []
        tasks[f"t{place}"] = float(generator.integers(1, 9)), sorted({f"t{each}" for each in before})
    return tasks


def longest_s(tasks):
    """The critical path."""
    ends: dict[str, float] = {}
    for name, (seconds, before) in tasks.items():
        ends[name] = seconds + max((ends[each] for each in before), default=0.0)
    return max(ends.values())


@pytest.mark.parametrize("word", GREEDY)
@pytest.mark.parametrize("workers", [2, 5])
def test_a_greedy_schedule_is_at_most_two_minus_one_mth_times_as_long_as_the_best(word, workers):
    """Graham 1969: at most W/m + (1 − 1/m) L, and so (2 − 1/m) times the larger of both bounds of any schedule."""
    for seed in range(3):
        tasks = drawn(seed)
        area_s, path_s = math.fsum(seconds for seconds, _ in tasks.values()) / workers, longest_s(tasks)
        took_s = makespan_s(scheduled(Given(tasks), one("Policy", word), workers).trace.rows())

        assert max(area_s, path_s) <= took_s + 1e-9
        assert took_s <= area_s + (1 - 1 / workers) * path_s + 1e-5  # an order and a report for each task
        assert took_s <= (2 - 1 / workers) * max(area_s, path_s) + 1e-5


@pytest.mark.parametrize("word", ["fifo", "shortest", "fair_share", "easy"])
def test_graham_s_bound_is_tight(word):
    """m (m − 1) tasks of 1 and one of m that comes last: 2m − 1 where m was possible, 5 and 3 for m = 3."""
    tasks = {f"t{place}": (1.0, ()) for place in range(6)} | {"long": (3.0, ())}

    assert makespan_s(scheduled(Given(tasks), one("Policy", word), 3).trace.rows()) == pytest.approx(5.0, abs=1e-6)


TWO_GANGS = {f"{gang}{place}": (1.0, ()) for place in (0, 1) for gang in "ab"}
OF_GANGS = {name: {"gang": name[0]} for name in TWO_GANGS}


@pytest.mark.parametrize("word", ["fifo", "round_robin", "fair_share"])
def test_task_by_task_two_gangs_of_two_on_two_nodes_wait_for_each_other_for_ever(word):
    """Each holds a node and waits for the other's."""
    result = scheduled(Given(TWO_GANGS, **OF_GANGS), one("Policy", word), 2, horizon_s=100.0)

    assert result.ended == "horizon"
    assert {row["task"] for row in result.trace.rows("task_dispatch")} >= {"a0", "b0"}
    assert list(result.trace.rows("task_begin")) == []


@pytest.mark.parametrize("word", ["gang", "easy", "conservative"])
def test_as_gangs_they_run_one_after_the_other(word):
    result = scheduled(Given(TWO_GANGS, **OF_GANGS), one("Policy", word), 2)
    began = {row["task"]: row["time_s"] for row in result.trace.rows("task_begin")}

    assert result.ended == "finished"
    assert result.ended_s == pytest.approx(2.0, abs=1e-5)
    assert began["a0"] == pytest.approx(began["a1"], abs=1e-6)
    assert began["b0"] == pytest.approx(began["a0"] + 1.0, abs=1e-5)
