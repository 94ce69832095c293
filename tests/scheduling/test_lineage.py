"""What is wanted of a graph, kept by counts, beside the definition; exact sums; room that is given in order."""

import math
from fractions import Fraction

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import Environment
from simcluster.scheduling.attempts import ExactSum
from simcluster.scheduling.lineage import Lineage
from simcluster.scheduling.room import Room

NODES = ("a", "b")


@st.composite
def graphs(draw):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(draw(st.integers(1, 7))))
    graph.add_edges_from((i, j) for j in graph for i in range(j) if draw(st.booleans()))
    return graph


def wanted(graph, holders, under_way):
    """The definition, from the last task on."""
    found = set()
    for task in reversed(list(nx.topological_sort(graph))):
        after = set(graph.adj[task])
        if task not in holders and (not after or any(each in found and each not in under_way for each in after)):
            found.add(task)
    return found


@given(graphs(), st.data())
def test_after_any_change_what_is_wanted_and_may_begin_is_what_the_definition_says(graph, data):
    phases = {task: level for level, tasks in enumerate(nx.topological_generations(graph)) for task in tasks}
    holders = {task: "a" for task in graph if data.draw(st.booleans())}
    lineage, under_way, could = Lineage(graph, phases, holders.items()), {}, set()
    for _ in range(data.draw(st.integers(0, 30))):
        now = wanted(graph, holders, under_way)
        can = {task for task in now if task not in under_way and all(each in holders for each in graph.pred[task])}
        assert bool(lineage) == bool(now)
        assert {task for task in graph if lineage.is_wanted(task)} == now
        assert {task for task in graph if lineage.can_begin(task)} == can
        assert not now or lineage.phase == min(phases[task] for task in now)
        assert can ^ could <= set(lineage.changed)
        could = can
        lineage.changed.clear()
        task = data.draw(st.sampled_from(list(graph)))
        what = data.draw(st.sampled_from(["begin", "keep", "lose", "stop", "crash"]))
        if what == "begin" and task in can:
            lineage.begin(task)
            under_way[task] = None
            could.discard(task)  # whoever began it knows
        elif what == "stop" and task in under_way:
            lineage.stop(task)
            del under_way[task]
        elif what == "keep" and task not in holders:
            holders[task] = data.draw(st.sampled_from(NODES))
            lineage.keep(task, holders[task])
        elif what == "lose" and task in holders:
            lineage.lose(task, holders.pop(task))
        elif what == "crash":
            lineage.lose_all("a")
            holders = {task: holder for task, holder in holders.items() if holder != "a"}


@given(st.lists(st.floats(-1e12, 1e12), max_size=30), st.data())
def test_a_sum_from_which_numbers_are_taken_again_is_that_of_the_rest_rounded_once(numbers, data):
    total, left = ExactSum(), []
    for number in numbers:
        total.add(number)
        left.append(number)
        while left and data.draw(st.booleans()):
            total.add(-left.pop(data.draw(st.integers(0, len(left) - 1))))
        assert total.value == math.fsum(left) == float(sum(map(Fraction, left)))


@given(
    st.integers(1, 4), st.lists(st.tuples(st.integers(1, 4), st.sampled_from([0.0, 0.1, 0.7])), max_size=12), st.data()
)
def test_room_goes_to_whoever_asked_first_but_for_those_ahead_and_never_to_more_than_there_is(cores, asked, data):
    room, waiting, inside, ahead = Room(Environment(), cores, 1.0), [], [], []
    for number, size_bytes in asked:
        if number > cores:
            continue
        first = data.draw(st.booleans())
        turn = room.ask(number, size_bytes, first)
        before = [each for each in waiting if each in ahead or not first]
        assert turn.given is not None or not before
        ahead += [turn] if first else []
        if turn.given is None:
            inside.append(turn)
        else:
            waiting.insert(len(before), turn)
        while (there := waiting + inside) and data.draw(st.booleans()):
            turn = data.draw(st.sampled_from(there))
            room.leave(turn)
            (waiting if turn in waiting else inside).remove(turn)
            given_now = [each for each in waiting if each.given.triggered]
            assert given_now == waiting[: len(given_now)]
            inside += given_now
            del waiting[: len(given_now)]
        used = sum(each.cores for each in inside), math.fsum(each.memory_bytes for each in inside)
        assert used[0] <= cores
        assert used[1] <= 1.0
        first = waiting[0] if waiting else None
        assert first is None or used[0] + first.cores > cores or used[1] + first.memory_bytes > 1.0
