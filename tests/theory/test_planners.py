"""Plans by their papers: makespans that are printed there, plans by an independent program, tight cases, bounds."""

import itertools
import math
from fractions import Fraction

import networkx as nx
import pytest

from simcluster.engine import stream
from simcluster.scheduling import (
    Cpop,
    DynamicLevel,
    Heft,
    ListScheduling,
    LookAhead,
    Lpt,
    Peft,
    Slot,
    slots,
    upward_ranks,
)
from simcluster.scheduling.policies.planners.planning import itself, timed
from tests.scheduling.test_heft import canonical
from tests.scheduling.test_heft import timed as three_processors

pytestmark = pytest.mark.theory

#: The example of Arabnejad and Barbosa (2014): seconds on three processors, and what edges take.
SECONDS = {
    1: (22, 21, 36), 2: (22, 18, 18), 3: (32, 27, 43), 4: (7, 10, 4), 5: (29, 27, 35),
    6: (26, 17, 24), 7: (14, 25, 30), 8: (29, 23, 36), 9: (15, 21, 8), 10: (13, 16, 33),
}  # fmt: skip
EDGES = {
    (1, 2): 17, (1, 3): 31, (1, 4): 29, (1, 5): 13, (1, 6): 7, (2, 8): 3, (2, 9): 30, (3, 7): 16,
    (4, 8): 11, (4, 9): 7, (5, 9): 57, (6, 8): 5, (7, 10): 9, (8, 10): 42, (9, 10): 7,
}  # fmt: skip
#: The optimistic costs that are printed there.
OPTIMISTIC = {
    1: (64, 68, 86), 2: (42, 39, 42), 3: (27, 41, 43), 4: (42, 39, 50), 5: (28, 37, 28),
    6: (42, 39, 44), 7: (13, 16, 22), 8: (13, 16, 33), 9: (13, 16, 20), 10: (0, 0, 0),
}  # fmt: skip


def ten_tasks():
    """The example of the paper on PEFT."""
    return three_processors(SECONDS, EDGES)


def makespan_s(plan):
    return max(slot.end_s for slot in plan.values())


# What is printed


@pytest.mark.parametrize(("planner", "printed_s"), [(Heft(), 80), (Cpop(), 86), (DynamicLevel(), 91)])
def test_the_canonical_graph_takes_what_its_paper_prints(planner, printed_s):
    assert makespan_s(slots(planner, canonical())) == printed_s


def test_the_priorities_of_the_critical_path_are_the_length_of_the_whole():
    """Table 3 of the paper: upward and downward rank together are 108 for tasks 1, 2, 9 and 10, and less for others."""
    graph = canonical()
    up = upward_ranks(graph)
    down = upward_ranks(graph.reverse())
    mean = {task: sum(data["seconds"].values()) / 3 for task, data in graph.nodes(data=True)}

    through = {task: up[task] + down[task] - mean[task] for task in graph}
    assert [task for task in graph if through[task] > 108 - 1e-9] == [1, 2, 9, 10]
    assert max(through.values()) == pytest.approx(108)


@pytest.mark.parametrize(("planner", "printed_s"), [(Peft(), 122), (LookAhead(), 127), (Heft(), 133)])
def test_the_example_of_peft_takes_what_its_paper_prints(planner, printed_s):
    assert makespan_s(slots(planner, ten_tasks())) == printed_s


def test_the_optimistic_costs_of_the_example_are_those_of_its_table():
    assert {task: tuple(row) for task, row in optimistic(ten_tasks()).items()} == OPTIMISTIC
    graph = ten_tasks()
    instance = timed(graph, itself)
    found = instance.graph.optimistic_costs(instance.seconds, instance.hosts)
    assert dict(zip(graph, map(tuple, found.tolist()), strict=True)) == OPTIMISTIC


# An independent program, from the papers, in whole numbers and fractions


def place(graph, order, handicap):
    """Each of ``order`` where its end and its handicap there are least together, in the first gap; ties: the first."""
    slots_of, plan = {}, {}
    for task in order(plan):
        choices = []
        for number, (p, duration) in enumerate(graph.nodes[task]["seconds"].items()):
            ready = max(
                (
                    plan[before].end_s + (0 if plan[before].processor == p else edge["seconds"])
                    for before, edge in graph.pred[task].items()
                ),
                default=0,
            )
            taken = sorted(slots_of.get(p, []))
            # Candidates: at once, or as soon as something else has ended.
            for begin in [ready, *(end for _, end in taken if end > ready)]:
                if all(begin + duration <= other or end <= begin for other, end in taken):
                    choices.append((begin + duration + handicap(task, number), number, begin, p, duration))
                    break
        _, _, begin, p, duration = min(choices)
        plan[task] = Slot(begin, begin + duration, p)
        slots_of.setdefault(p, []).append((begin, begin + duration))
    return plan


def heft_of_the_paper(graph):
    place_in_order = {task: i for i, task in enumerate(nx.topological_sort(graph))}
    ranks = {}
    for task in reversed(list(place_in_order)):
        times = list(graph.nodes[task]["seconds"].values())
        onward = [Fraction(edge["seconds"]) + ranks[after] for after, edge in graph.adj[task].items()]
        ranks[task] = sum(map(Fraction, times)) / len(times) + max(onward, default=Fraction(0))
    order = sorted(graph, key=lambda task: (-ranks[task], place_in_order[task]))
    return place(graph, lambda plan: order, lambda task, number: 0)


def optimistic(graph):
    """OCT, equation 3 of the paper on PEFT."""
    table = {}
    for task in reversed(list(nx.topological_sort(graph))):
        count = len(graph.nodes[task]["seconds"])
        table[task] = [
            max(
                (
                    min(
                        table[after][q] + seconds + (0 if p == q else edge["seconds"])
                        for q, seconds in enumerate(graph.nodes[after]["seconds"].values())
                    )
                    for after, edge in graph.adj[task].items()
                ),
                default=0,
            )
            for p in range(count)
        ]
    return table


def peft_of_the_paper(graph):
    table = optimistic(graph)
    rank = {task: sum(map(Fraction, row)) / len(row) for task, row in table.items()}
    place_in_order = {task: i for i, task in enumerate(nx.topological_sort(graph))}

    def order(plan):
        while len(plan) < len(graph):
            ready = [task for task in graph if task not in plan and all(before in plan for before in graph.pred[task])]
            yield min(ready, key=lambda task: (-rank[task], place_in_order[task]))

    return place(graph, order, lambda task, number: table[task][number])


def drawn(number):
    """Up to twenty tasks on up to five processors; whole seconds, so that ties are many, or as they are drawn."""
    generator = stream(number, "planners")
    tasks, processors = int(generator.integers(1, 21)), int(generator.integers(1, 6))
    whole = bool(number % 2)

    def time(most):
        return int(generator.integers(0, most)) if whole else float(generator.uniform(0, most))

    density, graph = generator.uniform(0.05, 0.6), nx.DiGraph()
    for task in generator.permutation(tasks).tolist():
        graph.add_node(task, seconds={f"p{p}": time(10) for p in range(processors)})
    for before, after in itertools.combinations(range(tasks), 2):
        if generator.random() < density:
            graph.add_edge(before, after, seconds=time(20))
    return graph


@pytest.mark.parametrize(("planner", "by_the_paper"), [(Heft(), heft_of_the_paper), (Peft(), peft_of_the_paper)])
def test_500_plans_are_those_of_an_independent_program(planner, by_the_paper):
    for number in range(500):
        graph = drawn(number)
        ours, theirs = slots(planner, graph), by_the_paper(graph)
        assert list(ours) == list(theirs), number
        assert ours == theirs, number


# Tight cases and bounds


def alike(tasks, m):
    """Independent tasks on m alike processors."""
    graph = nx.DiGraph()
    for i, length in enumerate(tasks):
        graph.add_node(i, seconds=dict.fromkeys(range(m), float(length)))
    return graph


def best_s(tasks, m):
    """The shortest makespan of independent tasks, by trying all assignments."""
    found = math.inf
    for where in itertools.product(range(m), repeat=len(tasks)):
        loads = [0.0] * m
        for task, p in zip(tasks, where, strict=True):
            loads[p] += task
        found = min(found, max(loads))
    return found


@pytest.mark.parametrize("m", [2, 3])
def test_a_list_may_take_2_minus_1_over_m_times_the_best(m):
    """Graham's case: m (m − 1) tasks of length 1 before one of length m."""
    tasks = [1] * (m * (m - 1)) + [m]

    found_s, least_s = makespan_s(slots(ListScheduling(), alike(tasks, m))), best_s(tasks, m)

    assert (found_s, least_s) == (2 * m - 1, m)
    assert found_s / least_s == pytest.approx(2 - 1 / m)


@pytest.mark.parametrize(
    ("tasks", "m", "found_s", "least_s"), [((3, 3, 2, 2, 2), 2, 7, 6), ((5, 5, 4, 4, 3, 3, 3), 3, 11, 9)]
)
def test_longest_first_may_take_4_thirds_minus_1_over_3m_times_the_best(tasks, m, found_s, least_s):
    assert makespan_s(slots(Lpt(), alike(tasks, m))) == found_s
    assert best_s(tasks, m) == least_s
    assert found_s / least_s == pytest.approx(4 / 3 - 1 / (3 * m))


def test_no_list_is_worse_than_grahams_bounds():
    for number in range(60):
        generator = stream(number, "bags")
        m, tasks = int(generator.integers(2, 4)), generator.integers(1, 10, int(generator.integers(1, 8))).tolist()
        graph, least_s = alike(tasks, m), best_s(tasks, m)
        assert makespan_s(slots(ListScheduling(), graph)) <= (2 - 1 / m) * least_s + 1e-9
        assert makespan_s(slots(Lpt(), graph)) <= (4 / 3 - 1 / (3 * m)) * least_s + 1e-9


def graham(graph, m):
    """Begins of tasks by Graham's rule, step by step: at each whole second, idle processors take what is first."""
    ends, running, clock = {}, [None] * m, 0
    begins = {}
    while len(ends) < len(graph):
        for p, task in enumerate(running):
            if task is not None and ends_at(graph, begins, task) <= clock:
                ends[task], running[p] = clock, None
        for p in range(m):
            if running[p] is None:
                ready = [t for t in graph if t not in begins and all(before in ends for before in graph.pred[t])]
                if ready:
                    running[p], begins[ready[0]] = ready[0], clock
        clock += 1
    return begins


def ends_at(graph, begins, task):
    return begins[task] + graph.nodes[task]["seconds"][0]


def test_list_scheduling_begins_every_task_when_grahams_rule_does():
    for number in range(60):
        generator = stream(number, "graphs")
        m = int(generator.integers(1, 4))
        graph = alike(generator.integers(1, 6, int(generator.integers(1, 15))).tolist(), m)
        for before, after in itertools.combinations(list(graph), 2):
            if generator.random() < 0.2:
                graph.add_edge(before, after, seconds=0.0)
        plan = slots(ListScheduling(), graph)
        assert {task: slot.begin_s for task, slot in plan.items()} == graham(graph, m), number
