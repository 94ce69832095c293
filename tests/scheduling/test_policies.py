"""Each policy chooses the task and the node that its rule names, and breaks ties by order."""

import networkx as nx
import numpy as np
import pytest

from simcluster.learning import Call, Cost
from simcluster.scheduling import Functions, Heft, NodeView, ReadyTask, Task, add_task, fifo, priority, utilisation
from simcluster.scheduling.policies.planned import Planned


def task(name, flops=1e6, urgency=0.0):
    return ReadyTask(name, Cost(flops, 0), urgency)


def node(name, **fields):
    idle = {"cores": 1, "idle": 1, "idle_since_s": 0.0, "backlog_s": 0.0, "memory_bytes_per_s": 1e10}
    return NodeView(**{"name": name, "flops_per_s": 1e9, **idle, **fields})


def test_fifo_joins_the_longest_waits_of_both_sides():
    nodes = [node("a", idle_since_s=2.0), node("b", idle_since_s=1.0), node("c", idle=0)]

    assert fifo([task("first"), task("second")], nodes) == ("first", "b")


def test_utilisation_takes_the_node_with_the_least_to_do_even_if_it_is_busy():
    nodes = [node("a", idle=0, backlog_s=3.0), node("b", idle=0, backlog_s=2.0), node("c", idle=0, backlog_s=2.0)]

    assert utilisation([task("first"), task("second")], nodes) == ("first", "b")


def test_priority_gives_the_most_urgent_task_the_fastest_idle_node():
    ready = [task("long wait"), task("urgent", urgency=2.0), task("as urgent", urgency=2.0)]
    nodes = [node("slow"), node("fast", flops_per_s=4e9), node("fastest", flops_per_s=9e9, idle=0)]

    assert priority(ready, nodes) == ("urgent", "fast")


def test_a_task_bound_by_memory_goes_to_the_node_with_the_faster_memory():
    ready = [ReadyTask("copy", Cost(flops=1, bytes=1e9), 0.0)]
    nodes = [node("much arithmetic", flops_per_s=9e9), node("much memory", memory_bytes_per_s=1e11)]

    assert priority(ready, nodes) == ("copy", "much memory")


@pytest.mark.parametrize("policy", [fifo, priority])
def test_late_binding_waits_for_an_idle_core(policy):
    assert policy([task("first")], [node("a", idle=0)]) is None


@pytest.mark.parametrize("policy", [fifo, utilisation, priority, Planned(Heft(), nx.DiGraph(), None)])
def test_without_tasks_or_without_nodes_every_policy_waits(policy):
    assert policy([], [node("a")]) is None
    assert policy([task("first")], []) is None


def transfer_s(source, target, size_bytes):
    return size_bytes / 1e9


def dependency(graph):
    return Planned(Heft(), graph, transfer_s)


def fork():
    """One task, then a long and two short ones that take its output."""
    graph = nx.DiGraph()
    for name, flops, takes in [("root", 1e6, ()), ("long", 9e6, ("root",)), ("short", 1e6, ("root",))]:
        add_task(graph, name, Task(lambda: None, Cost(flops, 0)), tuple((before, "", 8) for before in takes))
    return graph


def test_dependency_follows_the_plan_task_by_task():
    graph, nodes = fork(), [node("slow"), node("fast", flops_per_s=3e9)]
    plan = Heft().plan(graph, nodes, transfer_s)
    policy = dependency(graph)

    chosen = [policy([task("root")], nodes)]
    assert policy([], nodes) is None
    chosen += [policy([task("short"), task("long")], nodes), policy([task("short")], nodes)]

    assert chosen == [(name, plan[name][0]) for name in sorted(plan, key=lambda name: plan[name][1])]
    assert chosen == [("root", "fast"), ("long", "fast"), ("short", "slow")]


def test_dependency_plans_anew_for_the_nodes_that_are_left():
    graph, nodes = fork(), [node("slow"), node("fast", flops_per_s=3e9)]
    policy = dependency(graph)
    assert policy([task("root")], nodes) == ("root", "fast")

    # "fast" has crashed, and the output of the first task with it.
    assert policy([task("root")], nodes[:1]) == ("root", "slow")
    assert policy([task("long"), task("short")], nodes[:1]) == ("long", "slow")


def test_a_graph_takes_no_name_twice_and_no_predecessor_that_it_does_not_have():
    graph = fork()
    done = Task(lambda: Call(dict, Cost(0, 0)), Cost(0, 0))

    with pytest.raises(ValueError, match="name must be new to its graph, got 'root'"):
        add_task(graph, "root", done)
    with pytest.raises(ValueError, match="predecessor must be added before 'x', got 'y'"):
        add_task(graph, "x", done, (("y", "", 8),))
    with pytest.raises(ValueError, match="size_bytes must be finite and at least 0, got -8 from 'root' to 'x'"):
        add_task(graph, "x", done, (("root", "", -8),))
    assert set(graph) == {"root", "long", "short"}


def test_dependency_starts_no_task_before_those_that_its_node_shall_do_first():
    # The longer task has the higher rank; "second", ready alone, waits for its planned place behind it.
    graph = nx.DiGraph()
    add_task(graph, "first", Task(lambda: None, Cost(4e9, 0)))
    add_task(graph, "second", Task(lambda: None, Cost(2e9, 0)))
    policy = dependency(graph)

    assert policy([task("second")], [node("only")]) is None
    assert policy([task("first"), task("second")], [node("only")]) == ("first", "only")
    assert policy([task("second")], [node("only")]) == ("second", "only")


def test_dependency_gives_every_node_its_own_next_task():
    graph = nx.DiGraph()
    for name in ("one", "two"):
        add_task(graph, name, Task(lambda: None, Cost(4e9, 0)))
    nodes = [node("a"), node("b")]

    alone = [dependency(graph)([task(name)], nodes) for name in ("one", "two")]
    assert {choice[0] for choice in alone} == {"one", "two"}
    assert {choice[1] for choice in alone} == {"a", "b"}


def test_dependency_waits_when_no_node_is_up_although_a_task_is_ready():
    graph = fork()
    assert dependency(graph)([task("root")], []) is None


def test_heft_counts_an_order_a_report_and_the_mean_transfer():
    graph, nodes = fork(), [node("a"), node("b"), node("far", flops_per_s=1.0)]
    far = {("a", "b"): 1.0, ("b", "a"): 3.0}

    def transfer_s(source, target, size_bytes):
        return far.get((source, target), 2.0) + size_bytes / 4.0

    plan = Heft().plan(graph, nodes, transfer_s)

    # A message takes 2 s on average, so an order and a report 4 s beside 1 ms of computing.
    root, long, short = (plan[name] for name in ("root", "long", "short"))
    assert root == ("a", 0.0)
    assert long == ("a", pytest.approx(4.001))
    # Elsewhere it would begin after a request and its 8 bytes, at 10.001 s: later than behind the other one here.
    assert short == ("a", pytest.approx(4.001 + 4.009))


NEVER = {"root": ("a", float("nan")), "long": ("a", 1.0), "short": ("a", 1.0)}


@pytest.mark.parametrize("plan", [{}, {"root": ("a", 0.0), "long": ("b", 1.0), "short": ("a", 1.0)}, NEVER])
def test_a_plan_that_leaves_out_a_task_or_names_another_node_is_refused(plan):
    class Mine:
        def plan(self, graph, nodes, transfer_s):
            return plan

    with pytest.raises(ValueError, match=r"a plan must give each task one of the nodes \['a'\] and a time, got .* for"):
        Planned(Mine(), fork(), transfer_s)([task("root")], [node("a")])


def test_a_graph_of_functions_must_have_functions_and_no_cycle():
    graph = nx.DiGraph([("a", "b"), ("b", "a")])
    with pytest.raises(ValueError, match="a task graph must not have a cycle, got"):
        Functions(graph)
    with pytest.raises(ValueError, match="a task must have a function, got None for 'a'"):
        Functions(nx.DiGraph([("a", "b")]))


def test_functions_get_the_results_before_them_and_cost_what_is_said_or_estimated():
    graph = nx.DiGraph()
    graph.add_node("sum", function=np.add, flops=7.0, bytes=9.0, priority=2.0)
    graph.add_node("left", function=lambda: np.arange(3.0))
    graph.add_node("right", function=lambda: np.ones(3))
    graph.add_edge("left", "sum", size_bytes=24)
    graph.add_edge("right", "sum")
    graph.add_node("mean", function=np.mean)
    graph.add_edge("sum", "mean")

    made = Functions(graph).graph(0)
    left, right = (made.nodes[name]["task"].run()()["value"] for name in ("left", "right"))
    added = made.nodes["sum"]["task"]
    total = added.run(left, right)
    mean = made.nodes["mean"]["task"].run(total()["value"])

    assert (added.cost, added.priority) == (Cost(7.0, 9.0), 2.0)
    assert total.cost == Cost(7.0, 9.0)
    assert mean() == {"value": 2.0}
    assert mean.cost == Cost(flops=6.0, bytes=24.0)
    assert made.edges["left", "sum"]["size_bytes"] == 24
    assert Functions(graph).outcome({"mean": mean()}) == {"mean": 2.0}


def test_a_plan_of_what_is_no_task_is_refused():
    class Mine:
        def plan(self, graph, nodes, transfer_s):
            return {"ghost": ("a", 0.0), **dict.fromkeys(graph, ("a", 1.0))}

    with pytest.raises(ValueError, match="a plan must be of the graph's tasks, got 'ghost'"):
        Planned(Mine(), fork(), transfer_s)([task("root")], [node("a")])


@pytest.mark.parametrize("graph", [nx.Graph([("a", "b")]), nx.MultiDiGraph([("a", "b"), ("a", "b")])])
def test_a_graph_of_functions_has_directions_and_single_edges(graph):
    with pytest.raises(ValueError, match=f"a task graph must be a DiGraph, got a {type(graph).__name__}"):
        Functions(graph)
