"""Timetables against lists that are searched from the beginning, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.kernels.planning import mean_seconds, task_graph, timetable

SHARED = 3  # processors that tasks share; each has one more, for what it takes


def apart(count):
    """Tasks that take nothing of each other."""
    return task_graph(np.zeros(count + 1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


def fed(count):
    """Tasks 0 … n−1, each of which hands something to one of n … 2n−1 at once."""
    starts = np.minimum(np.arange(2 * count + 1), count)
    return task_graph(starts, np.arange(count) + count, np.zeros(count))


def first_gap(slots, ready, duration):
    """Where so long a task begins among slots (begin, end), looked for one after the other."""
    begin = ready
    for taken, freed in sorted(slots):
        if begin + duration <= taken:
            break
        begin = max(begin, freed)
    return begin


DURATIONS = st.sampled_from([0.0, 1.0, 2.0, 5.0, 1e-20])
STEPS = st.lists(st.tuples(st.integers(0, 12), DURATIONS, st.integers(0, SHARED - 1), st.booleans()), max_size=30)


@given(STEPS)
def test_a_task_begins_in_the_first_gap_that_is_long_enough_whatever_was_placed_and_removed(steps):
    count = len(steps)
    seconds = np.zeros((2 * count, SHARED + count))
    for i, (ready, duration, _, _) in enumerate(steps):
        seconds[i], seconds[count + i] = ready, duration
    table = timetable(fed(count), seconds, np.arange(SHARED + count))
    rows = [[] for _ in range(SHARED)]
    for i, (ready, duration, there, stays) in enumerate(steps):
        assert table.place(i, SHARED + i) == ready
        begins = [first_gap(row, ready, duration) for row in rows]
        for _ in range(2):  # what was removed has left nothing behind
            assert table.finishes(count + i)[:SHARED].tolist() == [begin + duration for begin in begins]
            table.place(count + i, there)
            if stays:
                break
            table.remove_last()
        if stays:
            rows[there].append((begins[there], begins[there] + duration))


def test_what_is_not_placed_is_not_waited_for():
    table = timetable(fed(2), np.full((4, 2), 3.0), np.arange(2))

    assert table.finishes(2).tolist() == [3.0, 3.0]
    table.place(0, 1)
    assert table.finishes(2).tolist() == [6.0, 6.0]


def test_a_mean_of_tenths_is_the_tenth():
    assert mean_seconds(np.full((1, 10), 0.1)).tolist() == [0.1]
    assert mean_seconds(np.array([[1e100, 1.0, -1e100]])).tolist() == [1 / 3]


def test_no_priority_comes_before_what_it_depends_on():
    graph = task_graph(np.array([0, 1, 2, 2]), np.array([1, 2]), np.zeros(2))

    assert graph.order_by(np.array([1.0, 2.0, 3.0])).tolist() == [0, 1, 2]
    assert apart(3).order_by(np.array([1.0, 2.0, 2.0])).tolist() == [1, 2, 0]


def test_a_cycle_leaves_its_tasks_out_of_the_order():
    graph = task_graph(np.array([0, 1, 2, 3]), np.array([1, 2, 1]), np.zeros(3))

    assert graph.topological_order().tolist() == [0]


def test_no_task_and_no_processor_are_left_out_of_what_is_checked():
    empty = timetable(apart(0), np.zeros((0, 2)), np.arange(2))
    empty.place_in_order(np.zeros(0, dtype=np.int64))
    empty.place_when_ready(np.zeros(0), np.zeros(0), 1.0, False)
    assert empty.n_placed == 0
    with pytest.raises(ValueError, match="seconds must have at least one of its columns, got 0"):
        timetable(apart(1), np.zeros((1, 0)), np.arange(0))


EDGES = (np.array([0, 1, 1]), np.array([1]), np.array([0.5]))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, np.array([1, 1, 1]), r"starts must run from 0 to 1, the length of after, got \[1 1 1\]"),
        (0, np.array([0, 2, 1]), "starts must not decrease, got 2 before 1 at 1"),
        (0, np.array([], dtype=np.int64), "starts must have at least one of its elements, got 0"),
        (1, np.array([2]), r"after must be within \[0, 1\], got 2 at index 0"),
        (2, np.array([np.nan]), "transfers must be finite and at least 0, got nan at index 0"),
        (2, np.array([-1.0]), "transfers must be finite and at least 0, got -1.0 at index 0"),
        (2, np.zeros(2), "transfers must have 1 elements, as after has, got 2"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(place, value, message):
    with pytest.raises(ValueError, match=message):
        task_graph(*EDGES[:place], value, *EDGES[place + 1 :])


@pytest.mark.parametrize(
    ("seconds", "hosts", "message"),
    [
        (np.zeros((3, 2)), np.arange(2), "seconds must have 2 rows, as graph has, got 3"),
        (np.full((2, 2), np.inf), np.arange(2), "seconds must be finite and at least 0, got inf"),
        (np.zeros((2, 2)), np.array([0, 2]), r"hosts must be within \[0, 1\], got 2 at index 1"),
        (np.zeros((2, 2)), np.array([0, -1]), r"hosts must be within \[0, 1\], got -1 at index 1"),
        (np.zeros((2, 2)), np.arange(1), "hosts must have 2 elements, as seconds has, got 1"),
    ],
)
def test_a_timetable_that_cannot_be_is_refused(seconds, hosts, message):
    with pytest.raises(ValueError, match=message):
        timetable(task_graph(*EDGES), seconds, hosts)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda table: table.place(0, 0), "a task must be placed once, got 0 again"),
        (lambda table: table.place(2, 0), r"task must be within \[0, 1\], got 2"),
        (lambda table: table.place(1, 2), r"processor must be within \[0, 1\], got 2"),
        (lambda table: table.finishes(0), "a task must be placed once, got 0 again"),
        (lambda table: table.place_in_order(np.array([0])), "a task must be placed once, got 0 again"),
        (lambda table: table.place_in_order(np.array([1]), fixed=np.array([0, 2])), r"fixed must be within \[-1, 1\]"),
        (lambda table: table.place_when_ready(np.zeros(2), np.zeros(2), 1.0, True), "no task must be placed yet, got"),
        (lambda table: [table.remove_last(), table.remove_last()], "must have been placed before one is removed"),
    ],
)
def test_what_a_timetable_cannot_do_is_refused(wrong, message):
    table = timetable(task_graph(*EDGES), np.ones((2, 2)), np.arange(2))
    table.place(0, 1)

    with pytest.raises(ValueError, match=message):
        wrong(table)


def test_another_graph_and_other_types_are_refused():
    with pytest.raises(TypeError, match="graph must be a TaskGraph, got str"):
        timetable("graph", np.ones((2, 2)), np.arange(2))
    with pytest.raises(TypeError, match="after must be int64, got float64"):
        task_graph(EDGES[0], np.array([1.0]), EDGES[2])
