"""Makespan and utilisation, from records written by hand."""

import pytest

from simcluster.measurement.schedules.makespan import makespan_s, node_utilisation, spans


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
