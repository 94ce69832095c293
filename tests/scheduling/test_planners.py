"""Every planner's plan is one that can be carried out, whatever the graph, and follows its rule."""

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from simcluster import ClusterSpec, NodeSpec, Scenario, run
from simcluster.engine import stream
from simcluster.faults import CrashNode
from simcluster.learning import Call, Cost
from simcluster.scheduling import (
    Cpop,
    DynamicLevel,
    Functions,
    Heft,
    ListScheduling,
    LookAhead,
    Lpt,
    MaxMin,
    MinMin,
    NodeView,
    Peft,
    Slot,
    Task,
    TaskGraphJob,
    add_task,
    slots,
)
from simcluster.scheduling.policies.planners.planning import mean_transfer
from tests.scheduling.test_heft import canonical, task_graphs

PLANNERS = [Heft(), Cpop(), Peft(), LookAhead(), DynamicLevel(), MinMin(), MaxMin(), ListScheduling(), Lpt()]
BY_NAME = {type(planner).__name__: planner for planner in PLANNERS}
#: Rules that look again at all that is ready, and put nothing into gaps.
DYNAMIC = ("DynamicLevel", "MinMin", "MaxMin", "ListScheduling", "Lpt")


def bag(*seconds, processors="pq"):
    """Independent tasks on alike processors."""
    graph = nx.DiGraph()
    for i, each in enumerate(seconds):
        graph.add_node(i, seconds=dict.fromkeys(processors, float(each)))
    return graph


def makespan_s(plan):
    return max(slot.end_s for slot in plan.values())


def by_pairs(graph, name):
    """The plan of a dynamic rule by looking at all pairs of a ready task and a processor each time."""
    order = list(graph)
    processors = list(graph.nodes[order[0]]["seconds"])
    w = {task: graph.nodes[task]["seconds"] for task in graph}
    median = {task: float(np.median(list(w[task].values()))) for task in graph}
    level = {}
    for task in reversed(list(nx.topological_sort(graph))):
        level[task] = median[task] + max((level[after] for after in graph.adj[task]), default=0.0)
    mean = {task: math.fsum(w[task].values()) / len(processors) for task in graph}
    listed = sorted(order, key=lambda task: -mean[task]) if name == "Lpt" else order
    place = {task: i for i, task in enumerate(listed)}
    plan, free = {}, dict.fromkeys(processors, 0.0)
    while len(plan) < len(order):
        pairs = []
        for task in order:
            if task in plan or any(before not in plan for before in graph.pred[task]):
                continue
            mine = []
            for number, p in enumerate(processors):
                arrivals = [
                    plan[before].end_s + (0.0 if plan[before].processor == p else edge["seconds"])
                    for before, edge in graph.pred[task].items()
                ]
                begin = max([free[p], *arrivals])
                score = {
                    "DynamicLevel": begin - level[task] - (median[task] - w[task][p]),
                    "MinMin": begin + w[task][p],
                    "MaxMin": begin + w[task][p],
                }.get(name, begin)
                mine.append((score, begin + w[task][p], number, begin, p))
            best = min(mine)
            pairs.append((-best[0] if name == "MaxMin" else best[0], place[task], task, best))
        _, _, task, (_, end, _, begin, p) = min(pairs, key=lambda pair: pair[:2])
        plan[task] = Slot(begin, end, p)
        free[p] = end
    return plan


@pytest.mark.parametrize("name", BY_NAME)
@given(task_graphs())
def test_a_plan_can_be_carried_out_and_is_no_shorter_than_its_bounds(name, graph):
    plan = slots(BY_NAME[name], graph)

    assert sorted(plan) == sorted(graph)
    for before, after, edge in graph.edges(data=True):
        transfer_s = edge["seconds"] if plan[before].processor != plan[after].processor else 0
        assert plan[before].end_s + transfer_s <= plan[after].begin_s
    rows = {}
    for task, slot in plan.items():
        assert slot.end_s == slot.begin_s + graph.nodes[task]["seconds"][slot.processor]
        rows.setdefault(slot.processor, []).append(slot)
    for row in rows.values():
        for one, other in zip(sorted(row), sorted(row)[1:], strict=False):
            assert one.end_s <= other.begin_s
    least = {task: min(data["seconds"].values()) for task, data in graph.nodes(data=True)}
    way = {}
    for task in reversed(list(nx.topological_sort(graph))):
        way[task] = least[task] + max((way[after] for after in graph.adj[task]), default=0)
    processors = len(graph.nodes[0]["seconds"])
    assert makespan_s(plan) >= max(max(way.values()), math.fsum(least.values()) / processors)


@pytest.mark.parametrize("name", DYNAMIC)
@given(task_graphs())
def test_what_is_looked_at_anew_is_enough(name, graph):
    assert slots(BY_NAME[name], graph) == by_pairs(graph, name)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_graph_without_tasks_has_a_plan_without_slots(name):
    assert slots(BY_NAME[name], nx.DiGraph()) == {}


@pytest.mark.parametrize("name", BY_NAME)
def test_of_processors_that_finish_together_the_first_is_taken(name):
    plan = slots(BY_NAME[name], bag(2, processors="pqr"))

    assert plan == {0: Slot(0.0, 2.0, "p")}


def test_min_min_begins_with_the_shortest_and_max_min_with_the_longest():
    graph = bag(3, 1, 2, 6)

    assert list(slots(MinMin(), graph)) == [1, 2, 0, 3]
    assert list(slots(MaxMin(), graph)) == [3, 0, 2, 1]
    assert (makespan_s(slots(MinMin(), graph)), makespan_s(slots(MaxMin(), graph))) == (8.0, 6.0)


def test_list_scheduling_follows_the_users_priorities_and_then_the_graph():
    graph = nx.DiGraph()
    for name, urgency in (("a", 0.0), ("b", 2.0), ("c", 0.0), ("d", 2.0)):
        add_task(graph, name, Task(lambda: Call(dict, Cost(0, 0)), Cost(1e9, 0), urgency))
    plan = ListScheduling().plan(graph, [NodeView("n", 1, 1, 0.0, 0.0, 1e9, 1e9)], lambda *pair: 0.0)

    assert sorted(plan, key=lambda task: plan[task][1]) == ["b", "d", "a", "c"]


def test_list_scheduling_never_idles_while_something_can_begin():
    # "long" is first of the list, but ready only at 4; meanwhile "short" ones run, and it begins then.
    graph = bag(4, 3, 1, 1)
    graph.add_edge(0, 1, seconds=0.0)

    plan = slots(ListScheduling(), graph)

    assert plan[1] == Slot(4.0, 7.0, "p")
    assert (plan[2], plan[3]) == (Slot(0.0, 1.0, "q"), Slot(1.0, 2.0, "q"))


def test_the_critical_path_stays_on_one_processor():
    graph = canonical()

    plan = slots(Cpop(), graph)

    assert {plan[task].processor for task in (1, 2, 9, 10)} == {"Q"}


def test_looking_ahead_puts_a_task_where_its_successor_is_fast():
    # Alone "first" ends on p at 1; but "second" takes 9 there, and its data as long to q.
    graph = nx.DiGraph()
    graph.add_node("first", seconds={"p": 1.0, "q": 2.0})
    graph.add_node("second", seconds={"p": 9.0, "q": 1.0})
    graph.add_edge("first", "second", seconds=8.0)

    assert makespan_s(slots(Heft(), graph)) == 10.0
    for planner in (LookAhead(), Peft()):
        assert makespan_s(slots(planner, graph)) == 3.0


def test_a_level_of_medians_counts_the_way_behind_a_task():
    graph = bag(2, 3, 6)
    graph.add_edge(0, 2, seconds=0.0)

    assert list(slots(DynamicLevel(), graph)) == [0, 2, 1]


def test_the_mean_transfer_between_many_nodes_needs_few_pairs_and_is_that_of_all():
    """Racks of twenty on unequal links; a sample of 4,096 of a million pairs, of which 2 % stay in a rack."""
    nodes = [NodeView(f"{i}", 1, 1, 0.0, 0.0, 1e9, 1e9) for i in range(1000)]
    rates = stream(0, "rates").uniform(1e8, 1e9, len(nodes))
    asked = []

    def transfer_s(source, target, size_bytes):
        asked.append((source, target))
        a, b = int(source), int(target)
        return (1e-5 if a // 20 == b // 20 else 1e-3) + size_bytes / min(rates[a], rates[b])

    per_message_s, per_byte_s = mean_transfer(nodes, transfer_s)

    assert len(asked) <= 2 * 5000
    assert all(source != target for source, target in asked)
    assert per_message_s == pytest.approx(1e-3 - (1e-3 - 1e-5) * 19 / 999, rel=0.005)
    slower = np.minimum.outer(1 / rates, 1 / rates).max(), np.maximum.outer(1 / rates, 1 / rates)
    exact = (slower[1].sum() - (1 / rates).sum()) / (1000 * 999)
    assert per_byte_s == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_the_mean_transfer_between_few_nodes_is_over_all_pairs(count):
    nodes = [NodeView(f"{i}", 1, 1, 0.0, 0.0, 1e9, 1e9) for i in range(count)]
    asked = []

    mean_transfer(nodes, lambda *pair: asked.append(pair[:2]) or 1.0)

    assert asked[::2] == asked[1::2] == [(a.name, b.name) for a in nodes for b in nodes if a is not b]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_plan_is_carried_out_although_nodes_crash(name):
    graph = nx.gn_graph(30, seed=1, create_using=nx.DiGraph).reverse()
    for task in graph:
        graph.nodes[task]["function"] = lambda *parts: 1 + sum(parts)
        graph.nodes[task]["flops"] = 1e6 * (1 + task % 7)
    workers = ("w-0", "w-1", "w-2")
    specs = (NodeSpec(name="m"), *(NodeSpec(name=each, cores=2, flops_per_s=1e8) for each in workers))
    job = TaskGraphJob(work=Functions(graph), policy=BY_NAME[name], master="m", workers=workers, retry_s=0.02)
    faults = (CrashNode(node="w-1", begin_s=0.05, end_s=0.2), CrashNode(node="w-2", begin_s=0.12))

    result = run(Scenario(cluster=ClusterSpec(nodes=specs), job=job, faults=faults, horizon_s=60), 0)

    expected = {}
    for task in nx.topological_sort(graph):
        expected[task] = 1 + sum(expected[before] for before in graph.pred[task])
    assert result.ended == "finished"
    assert result.outcome == {task: expected[task] for task in graph if not graph.adj[task]}
