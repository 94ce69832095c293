"""Tasks side by side, one after the other, and something between: one answer, and the time that a formula says."""

import re
from functools import cache

import networkx as nx
import numpy as np
import pytest

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec
from simcluster.engine import Constant, Spec, stream
from simcluster.faults import CrashNode
from simcluster.learning import Call, Cost
from simcluster.scheduling import (
    Execution,
    Functions,
    Heft,
    Mixed,
    Parallel,
    RandomForest,
    Serial,
    Task,
    TaskGraphJob,
    add_task,
)
from tests.scheduling.by_hand import crashes, same, scenario

LATENCY_S = 0.01
#: Three levels of four tasks between a first and a last one; flops by level, differing within it.
WIDTH, LEVELS = 4, ([1e6, 2e6, 3e6, 4e6], [4e6, 1e6, 2e6, 3e6], [2e6, 2e6, 1e6, 1e6])
MODES = {
    "parallel": Parallel(),
    "serial": Serial(),
    "by level": Mixed(),
    "two at once": Mixed(by_level=False, at_once=2),
    "both": Mixed(at_once=2),
}
WORK = RandomForest(trees=6, tasks=6, random_state=0)


def ladder():
    graph = nx.DiGraph()
    graph.add_node("first", function=lambda: 1.0, flops=1e6)
    for level, row in enumerate(LEVELS):
        for place, flops in enumerate(row):
            name, before = f"{level}-{place}", f"{level - 1}-{place}" if level else "first"
            graph.add_node(name, function=lambda each, by=place: each * 1.1 + by, flops=flops)
            graph.add_edge(before, name)
    graph.add_node("last", function=lambda *each: np.asarray(each), flops=1e6)
    for place in range(WIDTH):
        graph.add_edge(f"{len(LEVELS) - 1}-{place}", "last")
    return Functions(graph)


def laddered(execution, policy="fifo", speeds=(1.0,) * WIDTH, faults=(), retry_s=100.0, cores=1):
    """The ladder on workers of a million operations a second, over links that have latency alone."""
    workers = (
        NodeSpec(name=f"w-{place}", flops_per_s=1e6, speed=speed, cores=cores) for place, speed in enumerate(speeds)
    )
    network = NetworkSpec(latency=Constant(value=LATENCY_S), bandwidth_bytes_per_s=None)
    cluster = ClusterSpec(nodes=(NodeSpec(name="master"), *workers), network=network)
    job = TaskGraphJob(
        work=ladder(), policy=policy, execution=execution, master="master", workers=cluster.names[1:], retry_s=retry_s
    )
    return run(Scenario(cluster=cluster, job=job, faults=faults), 0)


def alone():
    """What the ladder comes to without any cluster."""
    row = np.ones(WIDTH)
    for _ in LEVELS:
        row = row * 1.1 + np.arange(WIDTH)
    return row


@pytest.mark.parametrize("policy", ["fifo", "utilisation", "priority", Heft()])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_same_answer_to_the_last_bit(mode, policy):
    result = laddered(MODES[mode], policy, speeds=(1.0, 2.0, 4.0, 8.0))

    assert result.ended == "finished"
    np.testing.assert_array_equal(result.outcome["last"], alone())


@pytest.mark.parametrize("cores", [1, 3])
def test_one_after_the_other_takes_the_sum_of_all_on_the_fastest_and_two_messages_each(cores):
    tasks, work_s = 3 * WIDTH + 2, (2e6 + sum(map(sum, LEVELS))) / 8e6
    result = laddered(Serial(), cores=cores, speeds=(1.0, 8.0, 8.0, 2.0))

    # And two messages for the last output, which the master asks for.
    assert result.ended_s == pytest.approx(work_s + 2 * LATENCY_S * (tasks + 1), rel=1e-12)
    assert {row["node"] for row in result.trace.rows("task_begin")} == {"w-1"}


def onward(ready, nodes):
    """A policy that lets what a task of the ladder takes lie elsewhere: each level one node further."""
    level, _, place = ready[0].name.partition("-")
    return ready[0].name, nodes[(int(level) + int(place) + 2) % len(nodes) if place else 0].name


def test_level_by_level_takes_the_longest_task_of_each():
    """An order, a request for what the task takes, its reply, the task itself, a report; the first takes nothing."""
    longest_s = [1.0, *(max(row) / 1e6 for row in LEVELS), 1.0]
    ways = 2 + 4 * (len(longest_s) - 1) + 2

    assert laddered(Mixed(), onward).ended_s == pytest.approx(sum(longest_s) + ways * LATENCY_S, rel=1e-12)


def test_side_by_side_each_chain_goes_its_own_way():
    """On as many equal workers as there are chains, the longest chain decides; HEFT lets its outputs lie."""
    chains_s = [sum(row[place] for row in LEVELS) / 1e6 for place in range(WIDTH)]
    result = laddered(Parallel(), Heft())

    least_s = 2.0 + max(chains_s)
    assert least_s < result.ended_s <= least_s + 4 * (len(LEVELS) + 2) * LATENCY_S
    assert result.ended_s < laddered(Mixed()).ended_s < laddered(Serial()).ended_s


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_more_tasks_run_at_once_than_there_may_be(count):
    at_once, seen = 0, []
    for row in laddered(Mixed(by_level=False, at_once=count)).trace.rows("task_begin", "task_end"):
        at_once += 1 if row["kind"] == "task_begin" else -1
        seen.append(at_once)

    assert max(seen) == count


@pytest.mark.parametrize("policy", ["fifo", "utilisation", Heft()])
def test_no_task_begins_before_the_levels_below_are_over(policy):
    level = {task: place for place, tasks in enumerate(nx.topological_generations(ladder().graph(0))) for task in tasks}
    begun = [level[row["task"]] for row in laddered(Mixed(), policy).trace.rows("task_begin")]

    assert begun == sorted(begun)
    begun = [level[row["task"]] for row in laddered(Parallel(), policy).trace.rows("task_begin")]
    assert begun != sorted(begun)


def test_when_the_fastest_crashes_the_next_goes_on_alone_until_it_is_back():
    crash = CrashNode(node="w-3", begin_s=2.0, end_s=8.0)
    result = laddered(Serial(), speeds=(1.0, 1.0, 2.0, 8.0), faults=(crash,), retry_s=0.5)
    nodes = [row["node"] for row in result.trace.rows("task_begin")]

    np.testing.assert_array_equal(result.outcome["last"], alone())
    assert [node for node, before in zip(nodes, ["", *nodes], strict=False) if node != before] == ["w-3", "w-2", "w-3"]


@cache
def calm(mode):
    base = scenario(WORK)
    return run(base.replace(job=base.job.replace(execution=MODES[mode])), 0)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("policy", ["heft", "fifo"])
def test_crashes_change_no_bit_in_any_mode(mode, policy):
    base = scenario(WORK, policy)
    job = base.job.replace(execution=MODES[mode], retry_s=0.05)
    for faults in crashes(10, stream(4, mode, policy), calm(mode).ended_s):
        result = run(base.replace(job=job, faults=faults), 0)

        assert result.ended == "finished"
        assert same(result.outcome, calm("parallel").outcome)


class Alternating(Spec):
    """An execution of one's own: at most as many tasks as nodes, and only on every other node."""

    def phases(self, graph):
        return {}

    def narrow(self, ready, nodes, under_way):
        return () if under_way >= len(nodes[::2]) else ready, nodes[::2]


def test_an_execution_may_be_one_s_own():
    execution: Execution = Alternating()
    result = laddered(execution)

    np.testing.assert_array_equal(result.outcome["last"], alone())
    assert {row["node"] for row in result.trace.rows("task_begin")} == {"w-0", "w-2"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"by_level": False}, "at_once must be a number where by_level is false, or nothing is mixed, got None"),
        ({"at_once": 0}, "at_once: "),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Mixed(**fields)


def test_an_execution_that_is_none_is_refused():
    with pytest.raises(ValueError, match="phases"):
        scenario(WORK).job.replace(execution=object())


def gang(sizes, after=()):
    """A gang of each size; the last task of each of ``after`` takes what a task outside gives."""
    class Gangs:
        def graph(self, seed):
            cost, graph = Cost(1e6, 0), nx.DiGraph()
            add_task(graph, "first", Task(lambda: Call(lambda: {"x": 1.0}, cost), cost))
            for which, size in enumerate(sizes):
                for place in range(size):
                    takes = (("first", "x", 8.0),) if which in after and place == size - 1 else ()
                    task = Task(lambda *parts: Call(lambda: {"x": 1.0}, cost), cost, gang=f"g-{which}")
                    add_task(graph, f"{which}-{place}", task, takes)
            return graph

        def outcome(self, outputs):
            return len(outputs)

    return Gangs()


@pytest.mark.parametrize(("execution", "work", "message"), [
    (Serial(), gang([1, 2]), "a gang must have no more tasks than the 1 that the execution lets be under way at once, "
     "got 2 of 'g-1'"),
    (Mixed(by_level=False, at_once=2), gang([2, 3]), "than the 2 that the execution lets be under way at once, got 3"),
    (Mixed(), gang([2, 2], after=(1,)), "tasks of one gang must be of one phase of the execution, got "
     "{'1-0': 0, '1-1': 1} of 'g-1'"),
])  # fmt: skip
def test_a_gang_that_an_execution_never_lets_begin_is_refused(execution, work, message):
    specs = [NodeSpec(name=name, cores=4) for name in ("m", "w-0", "w-1")]
    job = TaskGraphJob(work=work, policy="gang", master="m", workers=("w-0", "w-1"))
    cluster = ClusterSpec(nodes=specs)
    with pytest.raises(ValueError, match=re.escape(message)):
        Scenario(cluster=cluster, job=job.replace(execution=execution))
    assert run(Scenario(cluster=cluster, job=job), seed=0).ended == "finished"
    ones = job.replace(execution=execution, work=gang([1, 1]))
    assert run(Scenario(cluster=cluster, job=ones), seed=0).ended == "finished"
