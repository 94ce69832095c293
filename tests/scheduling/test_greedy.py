"""Orders and places: each policy decides as a look at everything would, and keeps what theory says of it."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.scheduling import (
    AtRandom,
    EachInTurn,
    EarliestDeadline,
    Fastest,
    Fifo,
    Greedy,
    LongestIdle,
    NodesInTurn,
    Parallel,
    Priority,
    RandomNodes,
    Shortest,
    Utilisation,
)
from simcluster.scheduling.watching import Asked
from tests.scheduling.ideal import Ideal, task, view

EQUAL = [Fifo(), Shortest(), Priority(), EarliestDeadline(), NodesInTurn(), RandomNodes(), Greedy()]
PREEMPTING = [Shortest(preempts=True), Priority(preempts=True), EarliestDeadline(preempts=True)]


# Each rule once more, as a function of everything


def fifo(ready, nodes):
    idle = [node for node in nodes if node.idle]
    return (ready[0].name, min(idle, key=lambda node: node.idle_since_s).name) if ready and idle else None


def utilisation(ready, nodes):
    return (ready[0].name, min(nodes, key=lambda node: node.backlog_s).name) if ready and nodes else None


def priority(ready, nodes):
    idle = [node for node in nodes if node.idle]
    if not ready or not idle:
        return None
    first = max(ready, key=lambda task: task.priority)
    return first.name, min(idle, key=lambda node: node.seconds(first.cost)).name


def shortest(ready, nodes):
    idle = [node for node in nodes if node.idle]
    if not ready or not idle:
        return None
    first = min(ready, key=lambda task: task.cost.flops)
    return first.name, min(idle, key=lambda node: node.idle_since_s).name


def deadline(ready, nodes):
    idle = [node for node in nodes if node.idle]
    if not ready or not idle:
        return None
    first = min(ready, key=lambda task: task.deadline_s)
    return first.name, min(idle, key=lambda node: node.idle_since_s).name


class Function:
    """A policy that a function is: asked with all that is ready and all nodes."""

    def __init__(self, function):
        self.function = function

    def begin(self, setting):
        return Asked(self.function, Parallel(), setting)


TASK = st.tuples(st.integers(1, 6), st.integers(0, 12), st.integers(0, 3), st.integers(1, 30))
NODE = st.tuples(st.integers(1, 3), st.sampled_from([1.0, 2.0, 4.0]))


def drawn(tasks, nodes):
    return (
        [
            task(f"t{i}", float(flops), release_s=float(comes), priority=float(urgency), deadline_s=float(due))
            for i, (flops, comes, urgency, due) in enumerate(tasks)
        ],
        [view(f"n{i}", cores, speed) for i, (cores, speed) in enumerate(nodes)],
    )


@pytest.mark.parametrize(
    ("policy", "function"),
    [
        (Fifo(), fifo), (Shortest(), shortest), (Priority(), priority), (EarliestDeadline(), deadline),
        (Utilisation(), utilisation),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
@given(st.lists(TASK, min_size=1, max_size=20), st.lists(NODE, min_size=1, max_size=4))
def test_what_watches_decides_as_a_function_of_everything_would(policy, function, tasks, nodes):
    runs = []
    for each in (policy, Function(function)):
        ideal = Ideal(each, drawn(tasks, nodes)[1], drawn(tasks, nodes)[0], early=function is utilisation)
        ideal.run()
        runs.append(ideal.starts)

    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    "policy",
    [*EQUAL, *PREEMPTING, Utilisation(), *(Greedy(place=each) for each in (Fastest(), EachInTurn(), AtRandom()))],
    ids=repr,
)
@settings(max_examples=25, deadline=None)
@given(st.lists(TASK, min_size=1, max_size=20), st.lists(NODE, min_size=1, max_size=4), st.integers(0, 3))
def test_every_task_is_done_once(policy, tasks, nodes, seed):
    tasks, nodes = drawn(tasks, nodes)
    ideal = Ideal(policy, nodes, tasks, early=isinstance(policy, Utilisation), seed=seed)
    ideal.run()

    assert Counter(name for name, _, why, _ in ideal.ends if why == "done") == Counter(each.name for each in tasks)


@pytest.mark.theory
@pytest.mark.parametrize("policy", EQUAL, ids=repr)
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), st.integers(1, 4))
def test_on_equal_nodes_no_order_takes_longer_than_two_minus_one_mth_times_the_best(policy, flops, nodes):
    """Graham 1969, against the best of all assignments of a few independent tasks."""
    ideal = Ideal(policy, [view(f"n{i}") for i in range(nodes)], [task(f"t{i}", float(f)) for i, f in enumerate(flops)])
    ideal.run()
    best = {(0.0,) * nodes}
    for each in flops:
        best = {tuple(sorted((*loads[:i], loads[i] + each, *loads[i + 1 :]))) for loads in best for i in range(nodes)}

    assert ideal.makespan_s <= (2 - 1 / nodes) * min(loads[-1] for loads in best) + 1e-9


@pytest.mark.theory
def test_shortest_first_has_the_least_mean_wait_of_all_orders_on_one_core():
    """Smith 1956: against all orders of six tasks."""
    flops = [5.0, 2.0, 9.0, 1.0, 4.0, 4.0]
    ideal = Ideal(Shortest(), [view("n")], [task(f"t{i}", f) for i, f in enumerate(flops)])
    began = ideal.run()

    least = min(sum(np.cumsum((0.0, *order[:-1]))) for order in permutations(flops))
    assert sum(began.values()) == least


@pytest.mark.theory
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 20)), min_size=1, max_size=6))
def test_the_earliest_deadline_first_is_least_late_of_all_orders_on_one_core(tasks):
    """Jackson 1955: it has the least maximal lateness where all come at once."""
    given_tasks = [task(f"t{i}", float(f), deadline_s=float(d)) for i, (f, d) in enumerate(tasks)]
    ideal = Ideal(EarliestDeadline(), [view("n")], given_tasks)
    ideal.run()
    due = {f"t{i}": d for i, (_, d) in enumerate(tasks)}
    late = max(end_s - due[name] for name, _, _, end_s in ideal.ends)

    def lateness(order):
        now, worst = 0, -math.inf
        for flops, deadline_s in order:
            now += flops
            worst = max(worst, now - deadline_s)
        return worst

    assert late == min(map(lateness, permutations(tasks)))


def test_an_urgent_task_takes_the_place_of_the_least_urgent_that_began_last():
    tasks = [
        task("low-0", 10.0, priority=1.0), task("low-1", 10.0, priority=1.0), task("lower", 10.0),
        task("urgent", 1.0, priority=9.0, release_s=2.0), task("urgent too", 1.0, priority=9.0, release_s=2.5),
        task("as low", 1.0, priority=1.0, release_s=2.6),
    ]  # fmt: skip
    ideal = Ideal(Priority(preempts=True), [view("a", 2), view("b")], tasks)
    began = ideal.run()

    given_up = [(name, end_s) for name, _, why, end_s in ideal.ends if why == "preempted"]
    assert given_up == [("lower", 2.0), ("low-1", 2.5)]
    assert (began["urgent"], began["urgent too"], began["as low"]) == (2.0, 2.5, 3.5)  # behind low-1, which came before
    assert {name for name, _, why, _ in ideal.ends if why == "done"} == {each.name for each in tasks}


def test_without_preemption_an_urgent_task_waits():
    tasks = [task("low", 10.0), task("urgent", 1.0, priority=9.0, release_s=2.0)]

    assert Ideal(Priority(), [view("a")], tasks).run()["urgent"] == 10.0
    assert Ideal(Priority(preempts=True), [view("a")], tasks).run()["urgent"] == 2.0


def test_room_for_several_cores_is_made_on_one_node():
    tasks = [
        *(task(f"low-{place}", 10.0 + place) for place in range(4)),
        task("urgent", 1.0, cores=2, priority=1.0, release_s=1.0),
    ]
    ideal = Ideal(Priority(preempts=True), [view("a", 2, 2.0), view("b", 2)], tasks)
    began = ideal.run()

    assert began["urgent"] == 1.0
    assert len({node for _, node, why, _ in ideal.ends if why == "preempted"}) == 1


def test_the_first_waits_for_as_many_cores_as_it_needs_and_nobody_passes_it():
    tasks = [task("one", 4.0), task("wide", 1.0, cores=2, release_s=1.0), task("narrow", 1.0, release_s=2.0)]

    assert Ideal(Fifo(), [view("a", 2)], tasks).run() == {"one": 0.0, "wide": 4.0, "narrow": 5.0}


def test_memory_that_is_taken_is_no_room():
    tasks = [task(name, 4.0, memory_bytes=6.0) for name in ("first", "second")]

    assert Ideal(Fifo(), [view("a", 4, memory_bytes=10.0)], tasks).run() == {"first": 0.0, "second": 4.0}
    assert Ideal(Fifo(), [view("a", 4, memory_bytes=12.0)], tasks).run() == {"first": 0.0, "second": 0.0}


@pytest.mark.parametrize("place", [LongestIdle(), Fastest(), EachInTurn(), AtRandom()], ids=repr)
def test_a_place_finds_memory_where_there_is_some(place):
    nodes = [view("small", 4, memory_bytes=1.0), view("large", 1, memory_bytes=9.0)]
    ideal = Ideal(Greedy(place=place), nodes, [task(f"t{i}", memory_bytes=5.0) for i in range(3)])
    ideal.run()

    assert {node for _, node, _ in ideal.starts} == {"large"}


def test_round_robin_takes_each_node_in_turn():
    tasks = [task(f"t{place}", 1.0, release_s=10.0 * place) for place in range(7)]
    ideal = Ideal(NodesInTurn(), [view(name) for name in "abc"], tasks)
    ideal.run()

    assert [node for _, node, _ in ideal.starts] == list("abcabca")


def test_random_takes_each_node_as_often_and_by_its_seed():
    tasks = [task(f"t{place}", 1.0, release_s=10.0 * place) for place in range(3000)]
    seen = []
    for seed in (0, 0, 1):
        ideal = Ideal(RandomNodes(), [view(name) for name in "abc"], tasks, seed=seed)
        ideal.run()
        seen.append([node for _, node, _ in ideal.starts])

    assert seen[0] == seen[1] != seen[2]
    for node in "abc":  # binomial, mean 1000 and deviation 26: four of them
        assert abs(seen[0].count(node) - 1000) < 104
