"""The ledger of a run: every second of every node is in one column, and in the right one."""

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.strategies
from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, Spec, nodes, run
from simcluster.engine import Constant, Trace
from simcluster.faults import CrashNode, IsolateNode, PauseNode
from simcluster.kernels import Call, Cost
from simcluster.measurement import ledger
from simcluster.measurement.ledger import COLUMNS
from simcluster.report import ledgers
from simcluster.scheduling import Bag, Preempt, Speculate, TaskGraphJob, Wait, Watcher
from tests.strategies import training

NETWORK = NetworkSpec(latency=Constant(value=1.0), bandwidth_bytes_per_s=None)


class Once(Spec):
    """One node computes for two seconds and says so to the other."""

    def start(self, cluster, seed):
        def program(node):
            yield node.compute(Call(lambda: None, Cost(flops=200.0, bytes=0.0)))
            node.send("n-1", "word", size_bytes=8)
            yield node.timer(2.0)
            done.succeed()

        done = cluster.env.event()
        cluster["n-0"].boot(program)
        return done


def once(*faults, **cluster):
    spec = ClusterSpec(nodes=nodes("n", 2, flops_per_s=100.0, **cluster), network=NETWORK)
    return run(Scenario(cluster=spec, job=Once(), faults=faults), seed=0)


def row(result, node):
    found = result.ledger.loc[node]
    return {column: float(found[column]) for column in COLUMNS if found[column]}


def test_a_node_computes_communicates_and_waits():
    result = once()

    assert row(result, "n-0") == {"compute_s": 2.0, "communication_s": 1.0, "waiting_s": 1.0}
    assert row(result, "n-1") == {"communication_s": 1.0, "waiting_s": 3.0}


@pytest.mark.parametrize("discipline", ["fcfs", "ps"])
def test_what_a_crash_takes_away_is_lost_and_so_is_the_time_until_the_restart(discipline):
    result = once(CrashNode(node="n-0", begin_s=1.0, end_s=1.5), discipline=discipline)

    assert row(result, "n-0") == {"compute_s": 2.0, "lost_s": 1.5, "communication_s": 1.0, "waiting_s": 1.0}


def test_a_pause_is_waiting():
    result = once(PauseNode(node="n-0", begin_s=1.0, end_s=1.5))

    assert row(result, "n-0") == {"compute_s": 2.0, "communication_s": 1.0, "waiting_s": 1.5}


def test_a_message_that_is_held_is_not_under_way():
    result = once(IsolateNode(node="n-1", crossing="hold", begin_s=1.5, end_s=2.5))

    assert row(result, "n-0") == {"compute_s": 2.0, "communication_s": 1.0, "waiting_s": 1.0}
    assert [each["time_s"] for each in result.trace.rows("deliver")] == [3.5]


def test_the_end_of_a_run_takes_away_what_is_under_way():
    spec = ClusterSpec(nodes=nodes("n", 2, flops_per_s=100.0), network=NETWORK)
    result = run(Scenario(cluster=spec, job=Once(), horizon_s=1.5), seed=0)

    assert row(result, "n-0") == {"lost_s": 1.5}


@given(st.lists(tests.strategies.faults(), max_size=4), st.sampled_from([0, 1]), st.sampled_from([0, 2, math.inf]))
@settings(max_examples=25, deadline=None)
def test_every_second_of_every_node_is_in_one_column(faults, backups, staleness):
    waiting = {"backup_workers": backups, "staleness": staleness} if not (backups and staleness) else {}
    result = run(training(faults, **waiting), seed=1)
    table = result.ledger

    assert list(table.index) == list(result.scenario.cluster.names)
    assert (table >= 0).all(axis=None)
    np.testing.assert_allclose(table.sum(axis=1), result.ended_s, rtol=1e-15 * len(COLUMNS))


def test_without_faults_what_is_computed_is_what_cores_were_busy_with():
    result = run(training(staleness=math.inf), seed=1)
    lost_s = math.fsum(each["time_s"] - each["begin_s"] for each in result.trace.rows("abandoned"))

    computed = result.ledger[["compute_s", "redundant_s", "stale_s"]].to_numpy().sum()
    assert computed == pytest.approx(result.metrics["computing_s"], rel=1e-12)
    assert result.ledger["lost_s"].sum() == pytest.approx(lost_s, rel=1e-12)


def test_backup_workers_compute_some_of_it_too_late():
    refused = run(training(backup_workers=1, steps=30), seed=1)
    steps = [each for each in refused.trace.rows("contribution") if not each["accepted"]]

    each_s = refused.metrics["computing_s"] / refused.metrics["computations"]
    assert len(steps) > 5
    assert 0 < refused.ledger["stale_s"].sum() <= len(steps) * 20 * each_s
    assert run(training(steps=30), seed=1).ledger["stale_s"].sum() == 0.0


def test_a_step_that_is_done_again_after_it_counted_is_redundant():
    rows = [
        {"time_s": 0.0, "kind": "step", "worker": "w", "clock": 0},
        {"time_s": 1.0, "kind": "compute", "node": "w", "begin_s": 0.0},
        {"time_s": 2.0, "kind": "contribution", "worker": "w", "clock": 0, "accepted": True},
        {"time_s": 2.0, "kind": "step", "worker": "w", "clock": 0},
        {"time_s": 5.0, "kind": "compute", "node": "w", "begin_s": 2.0},
        {"time_s": 6.0, "kind": "contribution", "worker": "w", "clock": 0, "accepted": False},
    ]
    found = ledger(Trace.of(rows), ["w"], 7.0).loc["w"]

    assert found.to_dict() == dict.fromkeys(COLUMNS, 0.0) | {"compute_s": 1.0, "redundant_s": 3.0, "waiting_s": 3.0}


def test_tasks_that_are_done_twice_are_redundant_once():
    workers = ClusterSpec(nodes=nodes("n", 4, flops_per_s=1e7))
    job = TaskGraphJob(master="n-0", workers=workers.names[1:], retry_s=1.0)
    plain = run(Scenario(cluster=workers, job=job), seed=0)
    fault = CrashNode(node="n-1", begin_s=plain.ended_s * 0.4, end_s=plain.ended_s * 0.5)
    crashed = run(Scenario(cluster=workers, job=job, faults=(fault,)), seed=0)

    assert plain.ledger["redundant_s"].sum() == 0.0
    assert plain.ledger["lost_s"].sum() == 0.0
    assert crashed.ledger["lost_s"].sum() > 0.0
    repeated = crashed.ledger["redundant_s"].sum()
    assert (repeated > 0) == (crashed.metrics["tasks_repeated"] > 0)


def test_a_ledger_needs_its_records_and_an_end():
    result = run(training(kinds=("loss",), steps=2), seed=0)

    with pytest.raises(ValueError, match=r"trace_kinds must be None or have .* got none of \['compute', "):
        _ = result.ledger
    with pytest.raises(ValueError, match="end_s must be at least 0, got -1"):
        ledger(Trace.of([]), [], -1)


def test_ledgers_are_drawn_side_by_side_and_a_seed_each_is_their_mean():
    one, two = (run(training(steps=4), seed=seed).ledger for seed in (0, 1))

    drawn = ledgers({"one": one, "both": [one, two]})

    widths = [bar.get_width() for bar in drawn.axes[0].patches]
    totals = [one.to_numpy().sum(), (one.to_numpy().sum() + two.to_numpy().sum()) / 2]
    assert [math.fsum(widths[:6]), math.fsum(widths[6:])] == pytest.approx(totals)
    for wrong, said in (({}, "at least one ledger, got none"), ({"a": []}, "at least one ledger of 'a', got none")):
        with pytest.raises(ValueError, match=said):
            ledgers(wrong)


class Scripted:
    """A policy that starts the task on the slow node and does one thing more, at a second."""

    def __init__(self, what):
        self.what = what

    def begin(self, setting):
        return Script(self.what)


class Script(Watcher):
    def __init__(self, what):
        self.what, self.ready, self.then = what, {}, False

    def task_ready(self, task):
        self.ready[task.name] = task
        self.name = task.name

    def task_started(self, task, node, now_s):
        self.ready.pop(task.name, None)

    def decide(self, now_s):
        if self.ready:
            return next(iter(self.ready)), "fast" if self.then else "slow"
        if self.then:
            return None
        if now_s < 1.0:
            return Wait(1.0)
        self.then = True
        return Preempt(self.name) if self.what == "preempt" else Speculate(self.name, "fast")


class Named:
    """A bag of one task of that name."""

    def __init__(self, name):
        self.name = name

    def graph(self, seed):
        return nx.relabel_nodes(Bag(tasks=1).graph(seed), {"task-0": self.name})

    def outcome(self, outputs):
        return len(outputs)


@pytest.mark.parametrize("name", ["task-0", 7, ("fast", 1)])
@pytest.mark.parametrize(("what", "column"), [("preempt", "lost_s"), ("speculate", "redundant_s")])
def test_what_is_preempted_is_lost_and_a_copy_that_came_second_was_redundant(what, column, name):
    cluster = ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="slow", speed=0.1), NodeSpec(name="fast")))
    job = TaskGraphJob(work=Named(name), policy=Scripted(what), master="m", workers=("slow", "fast"))
    result = run(Scenario(cluster=cluster, job=job), 0)
    found = result.ledger

    assert result.metrics["makespan_s"] == pytest.approx(2.0, abs=0.1)
    assert found.loc["fast", "compute_s"] == pytest.approx(1.0)
    assert found.loc["slow", column] == pytest.approx(1.0 if what == "preempt" else 2.0, abs=0.1)
    assert found.loc["slow", [each for each in COLUMNS[:4] if each != column]].sum() == 0
    assert result.metrics["wasted_share"] == pytest.approx(0.5 if what == "preempt" else 2 / 3, abs=0.05)
    assert found.sum(axis=1).to_list() == pytest.approx([result.ended_s] * 3)
