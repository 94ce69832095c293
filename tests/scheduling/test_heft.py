"""HEFT against its paper, against exhaustive facts about schedules, and against bad input."""

import math

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.scheduling import heft, upward_ranks

SECONDS = {
    1: (14, 16, 9), 2: (13, 19, 18), 3: (11, 13, 19), 4: (13, 8, 17), 5: (12, 13, 10),
    6: (13, 16, 9), 7: (7, 15, 11), 8: (5, 11, 14), 9: (18, 12, 20), 10: (21, 7, 16),
}  # fmt: skip
EDGES = {
    (1, 2): 18, (1, 3): 12, (1, 4): 9, (1, 5): 11, (1, 6): 14, (2, 8): 19, (2, 9): 16, (3, 7): 23,
    (4, 8): 27, (4, 9): 23, (5, 9): 13, (6, 8): 15, (7, 10): 17, (8, 10): 11, (9, 10): 13,
}  # fmt: skip


def timed(tasks, edges):
    """A graph of tasks that take these seconds on three processors, with edges that take these."""
    graph = nx.DiGraph()
    for task, seconds in tasks.items():
        graph.add_node(task, seconds=dict(zip("PQR", seconds, strict=True)))
    for (before, after), seconds in edges.items():
        graph.add_edge(before, after, seconds=seconds)
    return graph


def canonical():
    """The ten tasks on three processors of Topcuoglu, Hariri and Wu (2002), figure 2."""
    return timed(SECONDS, EDGES)


@st.composite
def task_graphs(draw):
    """Random acyclic graphs of up to a dozen tasks on up to four processors, zero times included."""
    tasks = draw(st.integers(1, 12))
    processors = [f"p{i}" for i in range(draw(st.integers(1, 4)))]
    times = st.integers(0, 9)
    graph = nx.DiGraph()
    for task in range(tasks):
        graph.add_node(task, seconds={p: float(draw(times)) for p in processors})
    for after in range(tasks):
        for before in range(after):
            if draw(st.booleans()):
                graph.add_edge(before, after, seconds=float(draw(times)))
    return graph


def test_the_ranks_are_those_of_the_paper():
    expected = {1: 108, 2: 77, 3: 80, 4: 80, 5: 69, 6: 190 / 3, 7: 128 / 3, 8: 107 / 3, 9: 133 / 3, 10: 44 / 3}

    assert upward_ranks(canonical()) == pytest.approx(expected)


def test_the_canonical_ten_tasks_finish_at_80():
    plan = heft(canonical())

    assert max(slot.end_s for slot in plan.values()) == 80
    assert list(plan) == [1, 3, 4, 2, 5, 6, 9, 7, 8, 10]


@given(task_graphs())
def test_no_processor_does_two_tasks_at_once(graph):
    plan = heft(graph)

    for task, slot in plan.items():
        assert slot.end_s == slot.begin_s + graph.nodes[task]["seconds"][slot.processor]
        for other, taken in plan.items():
            if other != task and taken.processor == slot.processor:
                assert taken.end_s <= slot.begin_s or slot.end_s <= taken.begin_s


@given(task_graphs())
def test_every_input_is_there_before_its_task_begins(graph):
    plan = heft(graph)

    assert set(plan) == set(graph)
    for before, after, edge in graph.edges(data=True):
        transfer_s = edge["seconds"] if plan[before].processor != plan[after].processor else 0
        assert plan[before].end_s + transfer_s <= plan[after].begin_s


@given(task_graphs())
def test_a_single_processor_is_never_idle(graph):
    for attributes in graph.nodes.values():
        attributes["seconds"] = {"p0": attributes["seconds"]["p0"]}

    plan = heft(graph)

    total_s = sum(attributes["seconds"]["p0"] for attributes in graph.nodes.values())
    assert max(slot.end_s for slot in plan.values()) == total_s


def test_cores_of_one_host_exchange_data_for_nothing():
    graph = nx.DiGraph()
    graph.add_node("a", seconds={("n", 0): 1.0, ("n", 1): 9.0})
    graph.add_node("b", seconds={("n", 0): 9.0, ("n", 1): 1.0})
    graph.add_edge("a", "b", seconds=100.0)

    assert heft(graph, host=lambda processor: processor[0])["b"].end_s == 2.0
    assert heft(graph)["b"].end_s == 10.0


def test_a_cycle_is_refused():
    graph = canonical()
    graph.add_edge(10, 1, seconds=1)

    with pytest.raises(ValueError, match="must not have a cycle"):
        heft(graph)


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_a_time_that_is_no_time_is_refused(seconds):
    graph = canonical()
    graph.nodes[4]["seconds"]["Q"] = seconds

    with pytest.raises(ValueError, match=rf"seconds must be finite and at least 0, got {seconds} for 4"):
        heft(graph)


def test_tasks_that_name_other_processors_are_refused():
    graph = canonical()
    graph.nodes[4]["seconds"] = {"S": 1.0}

    with pytest.raises(ValueError, match=r"all tasks must name the processors .* got \['S'\] for 4"):
        heft(graph)


def test_a_short_task_is_put_into_an_idle_gap_before_a_longer_one():
    # "late" waits on p for data that takes 10 s from q, and has the higher rank; "short" fits into the gap before it.
    graph = nx.DiGraph()
    graph.add_node("source", seconds={"p": 99.0, "q": 1.0})
    graph.add_node("late", seconds={"p": 5.0, "q": 90.0})
    graph.add_node("short", seconds={"p": 3.0, "q": 50.0})
    graph.add_edge("source", "late", seconds=10.0)

    plan = heft(graph)

    assert plan["late"] == (11.0, 16.0, "p")
    assert list(plan) == ["source", "late", "short"]
    assert plan["short"] == (0.0, 3.0, "p")


def test_of_processors_that_finish_together_the_first_is_taken():
    graph = nx.DiGraph()
    graph.add_node("a", seconds={"p": 2.0, "q": 2.0})

    assert heft(graph)["a"].processor == "p"
