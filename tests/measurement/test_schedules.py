"""What records written by hand say of a schedule, and what bounds are against every schedule that there is."""

import math

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import NodeSpec
from simcluster.kernels import Cost
from simcluster.measurement.schedules import (
    JobRun,
    attempts,
    bounded_slowdown,
    deadline_misses,
    fairness,
    jain,
    jobs,
    locality,
    lower_bounds,
    makespan_s,
    node_utilisation,
    slowdown,
    spans,
    wasted_share,
)
from simcluster.scheduling import Task


def row(time_s, kind, task, node):
    return {"time_s": time_s, "kind": kind, "task": task, "node": node}


ROWS = [
    row(0.0, "task_begin", "a", "n0"),
    row(1.0, "task_begin", "b", "n1"),
    row(2.0, "task_end", "a", "n0"),
    row(2.0, "task_begin", "c", "n0"),  # n0 crashes: it is done again on n1
    row(3.0, "task_end", "b", "n1"),
    row(3.0, "task_begin", "c", "n1"),
    row(4.0, "task_end", "c", "n1"),
]


def test_each_completed_computation_is_a_span():
    assert spans(ROWS) == [("a", "n0", 0.0, 2.0), ("b", "n1", 1.0, 3.0), ("c", "n1", 3.0, 4.0)]


def test_the_makespan_is_the_end_of_the_last_task():
    assert makespan_s(ROWS) == 4.0
    assert makespan_s([]) == 0.0


def test_utilisation_is_the_share_of_core_seconds_spent_on_completed_tasks():
    cores = {"n1": 1, "n0": 2, "idle": 1}

    assert node_utilisation(ROWS, cores) == {"n1": 0.75, "n0": 0.25, "idle": 0.0}
    assert node_utilisation([], cores) == dict.fromkeys(cores, 0.0)


def test_a_task_on_an_unnamed_node_is_refused():
    with pytest.raises(ValueError, match=r"nodes must be among \['n0'\], got 'n1'"):
        node_utilisation(ROWS, {"n0": 1})


def test_a_task_that_holds_two_cores_keeps_both_busy():
    assert node_utilisation(ROWS, {"n0": 2, "n1": 1}, {"a": 2}) == {"n0": 0.5, "n1": 0.75}


# Attempts


def abandoned(time_s, node, begin_s):
    return {"time_s": time_s, "kind": "abandoned", "node": node, "begin_s": begin_s}


def crash(time_s, node):
    return {"time_s": time_s, "kind": "crash", "node": node}


def test_an_attempt_is_done_repeated_or_lost():
    rows = [
        row(0.0, "task_begin", "a", "n0"),
        row(0.0, "task_begin", "b", "n1"),
        row(1.0, "task_begin", "c", "n0"),
        row(1.5, "task_begin", "b", "n2"),  # a copy
        row(2.0, "task_end", "a", "n0"),
        abandoned(3.0, "n0", 1.0),
        crash(3.0, "n0"),
        row(3.5, "task_end", "b", "n2"),
        abandoned(3.6, "n1", 0.0),
        row(3.6, "task_cancel", "b", "n1"),
        row(4.0, "task_begin", "c", "n2"),
        row(5.0, "task_end", "c", "n2"),
        row(5.0, "task_begin", "a", "n2"),  # its output is gone
        row(7.0, "task_end", "a", "n2"),
        row(7.0, "task_begin", "d", "n2"),  # is under way when the run ends
    ]

    found = attempts(rows)

    assert found == [
        ("a", "n0", 0.0, 2.0, "done"),
        ("c", "n0", 1.0, 3.0, "lost"),
        ("b", "n2", 1.5, 3.5, "done"),
        ("b", "n1", 0.0, 3.6, "lost"),
        ("c", "n2", 4.0, 5.0, "done"),
        ("a", "n2", 5.0, 7.0, "repeated"),
    ]
    assert wasted_share(found) == pytest.approx((2.0 + 3.6 + 2.0) / (2.0 + 2.0 + 2.0 + 3.6 + 1.0 + 2.0))
    assert wasted_share(found, {"b": 3}) == pytest.approx((2.0 + 3 * 3.6 + 2.0) / (5.0 + 2.0 + 3 * 5.6))
    assert wasted_share([]) == 0.0


def test_what_was_killed_with_its_program_is_lost_when_its_core_was_taken_away():
    rows = [
        row(0.0, "task_begin", "a", "n0"),
        abandoned(1.5, "n0", 0.0),
        row(4.0, "task_begin", "a", "n0"),
        row(6.0, "task_end", "a", "n0"),
    ]

    assert attempts(rows) == [("a", "n0", 0.0, 1.5, "lost"), ("a", "n0", 4.0, 6.0, "done")]


# Lower bounds


def graph_of(costs, edges=(), **fields):
    """Tasks of so many operations."""
    graph = nx.DiGraph()
    for name, flops in costs.items():
        graph.add_node(name, task=Task(lambda: None, Cost(flops, 0), **{k: v[name] for k, v in fields.items()}))
    graph.add_edges_from(edges, size_bytes=0.0)
    return graph


def machines(*speeds, cores=1):
    return [NodeSpec(name=f"n{i}", flops_per_s=1.0, speed=speed, cores=cores) for i, speed in enumerate(speeds)]


def test_the_longest_way_is_that_on_the_fastest_node_and_all_work_is_shared_by_all():
    graph = graph_of({"a": 4.0, "b": 6.0, "c": 2.0}, [("a", "b")])

    assert lower_bounds(graph, machines(1.0)) == (10.0, 12.0)
    assert lower_bounds(graph, machines(1.0, 2.0)) == (5.0, 4.0)
    assert lower_bounds(graph, machines(1.0, cores=4)) == (10.0, 3.0)
    assert lower_bounds(graph, machines(1.0)).makespan_s == 12.0


def test_what_comes_late_is_not_done_before():
    late = {"a": 0.0, "b": 50.0, "c": 50.0}
    graph = graph_of({"a": 4.0, "b": 6.0, "c": 2.0}, release_s=late)

    assert lower_bounds(graph, machines(1.0)) == (56.0, 58.0)


def test_a_task_counts_for_each_core_that_it_holds():
    assert lower_bounds(graph_of({"a": 6.0, "b": 2.0}, cores={"a": 2, "b": 1}), machines(1.0, cores=2)) == (6.0, 7.0)


def test_the_bytes_that_tasks_move_bind_too():
    graph = nx.DiGraph()
    graph.add_node("a", task=Task(lambda: None, Cost(1.0, 30.0)))
    slow = NodeSpec(name="n", flops_per_s=1.0, memory_bytes_per_s=3.0, cores=2)

    assert lower_bounds(graph, [slow]) == (10.0, 5.0)


def test_bounds_are_of_a_machine_and_of_no_cycle():
    with pytest.raises(ValueError, match=r"^there must be at least one machine, got none$"):
        lower_bounds(graph_of({"a": 1.0}), [])
    with pytest.raises(ValueError, match="a task graph must not have a cycle, got "):
        lower_bounds(graph_of({"a": 1.0, "b": 1.0}, [("a", "b"), ("b", "a")]), machines(1.0))


@pytest.mark.theory
@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=5),
    st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=2),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=5),
    st.lists(st.sampled_from([0.0, 1.0, 4.0]), min_size=5, max_size=5),
)
@settings(max_examples=40, deadline=None)
def test_the_best_schedule_of_all_takes_no_less_than_its_bounds(flops, speeds, pairs, releases):
    names = "abcde"[: len(flops)]
    edges = [(names[i], names[j]) for i, j in pairs if i < j < len(flops)]
    release = dict(zip(names, releases, strict=False))
    graph = graph_of(dict(zip(names, map(float, flops), strict=True)), edges, release_s=release)

    def best(done, free, ends):
        if len(done) == len(names):
            return max(ends.values())
        found = math.inf
        for name in names:
            if name in done or any(before not in done for before in graph.pred[name]):
                continue
            for place, speed in enumerate(speeds):
                begin = max([free[place], release[name], *(ends[before] for before in graph.pred[name])])
                end = begin + graph.nodes[name]["task"].cost.flops / speed
                then = (*free[:place], end, *free[place + 1 :])
                found = min(found, best(done | {name}, then, {**ends, name: end}))
        return found

    bounds = lower_bounds(graph, machines(*speeds))

    assert max(bounds) <= best(frozenset(), (0.0,) * len(speeds), {}) * (1 + 1e-12)


@pytest.mark.theory
@pytest.mark.parametrize("m", [2, 3, 5])
def test_the_bound_is_met_by_grahams_case_in_which_a_list_is_nearly_twice_as_long(m):
    """m (m - 1) tasks of 1 and one of m: the best schedule takes m, as the bounds say; the list as given 2 m - 1."""
    graph = graph_of({**{f"short-{i}": 1.0 for i in range(m * (m - 1))}, "long": float(m)})

    assert lower_bounds(graph, machines(*[1.0] * m)) == (m, m)


# Jobs


def ended(job, user="u", release_s=0.0, end_s=10.0, least_s=5.0, deadline_s=math.inf):
    return JobRun(job, user, release_s, end_s, least_s, deadline_s)


def test_a_job_takes_from_its_release_to_the_end_of_its_last_task():
    graph = graph_of(
        {"a": 4.0, "b": 6.0, "c": 2.0}, [("a", "b")], job={"a": "one", "b": "one", "c": "two"},
        user={"a": "u", "b": "u", "c": "v"}, release_s={"a": 1.0, "b": 1.0, "c": 3.0},
        deadline_s={"a": 30.0, "b": 30.0, "c": 3.5},
    )  # fmt: skip
    rows = [row(6.0, "task_end", "a", "n0"), row(7.0, "task_end", "c", "n0"), row(9.0, "task_end", "a", "n0")]

    assert jobs(rows, graph, machines(1.0, 2.0)) == [
        ("one", "u", 1.0, math.inf, 5.0, 30.0), ("two", "v", 3.0, 7.0, 1.0, 3.5),
    ]  # fmt: skip
    one, two = jobs([*rows, row(11.0, "task_end", "b", "n0")], graph, machines(1.0, 2.0))
    assert (one.sojourn_s, slowdown(one), slowdown(two)) == (10.0, 2.0, 4.0)
    assert deadline_misses([one, two]) == 1
    assert jobs(rows, graph_of({"a": 4.0}), machines(1.0)) == []  # of no stream


def test_a_short_job_weighs_no_more_than_one_of_the_threshold():
    assert bounded_slowdown(ended("a", end_s=100.0, least_s=1.0)) == 10.0
    assert bounded_slowdown(ended("a", end_s=100.0, least_s=1.0), threshold_s=50.0) == 2.0
    assert bounded_slowdown(ended("a", end_s=2.0, least_s=1.0)) == 1.0
    assert slowdown(ended("a", end_s=0.0, least_s=0.0)) == 1.0
    assert slowdown(ended("a", end_s=1.0, least_s=0.0)) == math.inf


@pytest.mark.theory
@given(st.integers(1, 20), st.integers(1, 20), st.floats(1e-300, 1e300))
def test_jains_index_is_the_share_of_those_who_have_anything(some, none, share):
    assert jain([share] * some + [0.0] * none) == pytest.approx(some / (some + none))


@pytest.mark.theory
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(1e-3, 1e3))
def test_jains_index_is_between_one_of_n_and_one_whatever_the_unit(shares, unit):
    index = jain(shares)

    assert 1 / len(shares) * (1 - 1e-9) <= index <= 1 + 1e-9
    assert jain([unit * share for share in shares]) == pytest.approx(index)


@pytest.mark.parametrize("shares", [[], [-1.0, 2.0], [math.nan], [math.inf, 1.0]])
def test_a_share_is_finite_and_not_negative(shares):
    with pytest.raises(ValueError, match=r"^shares must be finite and at least 0, and not none, got "):
        jain(shares)


def test_users_are_as_fair_as_the_speeds_that_they_had():
    ran = [
        ended("a", "u"), ended("b", "u", end_s=20.0), ended("c", "v", end_s=5.0), ended("d", "w", end_s=math.inf),
    ]  # fmt: skip

    assert fairness(ran) == pytest.approx(jain([(0.5 + 0.25) / 2, 1.0, 0.0]))
    assert math.isnan(fairness([]))


# Locality


def test_what_a_node_has_made_itself_is_local_until_it_crashes():
    graph = graph_of({name: 1.0 for name in "abcd"}, [("a", "c"), ("b", "c"), ("a", "d")])
    for edge, size_bytes in zip((("a", "c"), ("b", "c"), ("a", "d")), (3.0, 1.0, 4.0), strict=True):
        graph.edges[edge]["size_bytes"] = size_bytes
    rows = [
        row(1.0, "task_end", "a", "n0"), row(1.0, "task_end", "b", "n1"), row(2.0, "task_begin", "c", "n0"),
        row(3.0, "task_begin", "d", "n0"),
    ]  # fmt: skip

    assert locality(rows, graph) == pytest.approx(7 / 8)
    assert locality([*rows[:2], crash(1.5, "n0"), *rows[2:]], graph) == 0.0
    assert math.isnan(locality(rows[:2], graph))
