"""A fault says what cannot be, by field, rule and value, before anything runs."""

import pytest
from pydantic import TypeAdapter

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, FatTree, NetworkSpec, OneSwitch, Racks, nodes
from simcluster.engine import Spec
from simcluster.faults import (
    AnyFault,
    CrashNode,
    KillProgram,
    LoseMessages,
    LoseRack,
    PartitionNetwork,
    PauseNode,
    SlowNode,
    draw_crashes,
)
from tests.strategies import training


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrashNode(node="a", begin_s=2, end_s=1), r"end_s must be after begin_s \(2.0\), got 1.0"),
        (lambda: CrashNode(node="a", begin_s=2, end_s=2), r"end_s must be after begin_s \(2.0\), got 2.0"),
        (lambda: CrashNode(node="a", begin_s=-1), "begin_s: .*greater than or equal to 0"),
        (lambda: CrashNode(node="a", begin_s=float("nan")), "begin_s: .*finite"),
        (lambda: SlowNode(node="a", begin_s=0, factor=0), "factor: .*greater than 0"),
        (lambda: LoseMessages(begin_s=0, probability=1.5), "probability: .*less than or equal to 1"),
        (lambda: PartitionNetwork(begin_s=0, groups=(("a", "b"), ("b",))), r"groups must not overlap, got \['b'\]"),
        (lambda: PauseNode(node="a", begin_s=0, factor=2), "factor: there is no such field"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "fault",
    [
        CrashNode(node="worker-9", begin_s=0),
        PartitionNetwork(groups=(("worker-9",),), begin_s=0),
        LoseMessages(probability=0.1, senders=("worker-9",), begin_s=0),
    ],
)
def test_a_fault_on_an_unknown_node_is_refused_before_the_run(fault):
    with pytest.raises(ValueError, match=r"must name a node of the cluster .*, got 'worker-9'"):
        run(training([fault]), 0)


def test_a_fault_that_never_began_is_said_in_the_result():
    late = CrashNode(node="worker-0", begin_s=1000)

    assert run(training([late]), 0).faults_never_begun == (late,)


def test_a_node_crashed_twice_restarts_when_the_last_crash_ends():
    overlapping = [
        CrashNode(node="worker-0", begin_s=0.02, end_s=0.06),
        CrashNode(node="worker-0", begin_s=0.04, end_s=0.10),
    ]
    rows = [row for row in run(training(overlapping), 0).trace.rows("node") if row["node"] == "worker-0"]

    assert [(row["time_s"], row["state"]) for row in rows] == [(0.02, "down"), (0.10, "up")]


def test_slow_downs_multiply_and_end_at_the_exact_speed():
    overlapping = [
        SlowNode(node="worker-0", factor=3, begin_s=0.02, end_s=0.06),
        SlowNode(node="worker-0", factor=7, begin_s=0.04, end_s=0.10),
    ]
    rows = [row for row in run(training(overlapping), 0).trace.rows("node") if row["node"] == "worker-0"]

    assert [row["speed"] for row in rows] == [1 / 3, pytest.approx(1 / 21), 1 / 7, 1.0]


def test_a_partition_cuts_groups_from_each_other_and_from_the_rest():
    cut = PartitionNetwork(groups=(("worker-0",), ("worker-1",)), begin_s=0, end_s=0.2)
    trace = run(training([cut]), 0).trace
    cut = {frozenset((row["source"], row["target"])) for row in trace.rows("drop") if row["cause"] == "partition"}

    assert cut == {frozenset(("worker-0", "server")), frozenset(("worker-1", "server"))}


def test_only_messages_between_the_named_nodes_are_lost():
    lose = LoseMessages(probability=1, senders=("worker-0",), receivers=("server",), begin_s=0, end_s=0.1)
    trace = run(training([lose]), 0).trace

    assert {(row["source"], row["cause"]) for row in trace.rows("drop")} == {("worker-0", "loss")}


def test_drawn_crashes_keep_a_node_up_for_its_availability():
    horizon_s = 1e6
    crashes = draw_crashes(["a"], mttf_s=90, mttr_s=10, horizon_s=horizon_s, seed=0)
    down_s = sum(min(crash.end_s, horizon_s) - crash.begin_s for crash in crashes)

    # About 10,000 cycles; the relative standard error of the unavailability is about sqrt(2/10000) = 1.4 %.
    assert down_s / horizon_s == pytest.approx(10 / (90 + 10), rel=0.05)


def test_another_node_s_crashes_do_not_shift_when_one_is_added():
    def of_a(nodes):
        return [crash for crash in draw_crashes(nodes, 10, 1, 200, seed=4) if crash.node == "a"]

    assert of_a(["a"]) == of_a(["b", "a", "c"]) != []


def test_a_schedule_survives_json():
    schedule = (CrashNode(node="a", begin_s=0.1, end_s=2), LoseMessages(probability=0.5, begin_s=1 / 3))
    adapter = TypeAdapter(tuple[AnyFault, ...])

    assert adapter.validate_json(adapter.dump_json(schedule)) == schedule


@pytest.mark.parametrize("begin_s", [0.0, 0.5])
def test_a_fault_begins_before_what_else_happens_then(begin_s):
    class Job(Spec):
        def start(self, cluster, seed):
            def say(node):
                if begin_s:
                    yield node.timer(begin_s)
                node.send("n-1", "k")
                yield node.timer(1.0)

            cluster["n-0"].boot(say)
            return cluster.env.event()

    lost = LoseMessages(probability=1.0, begin_s=begin_s)
    for fault in (lost, KillProgram(node="n-0", program="say", begin_s=begin_s)):
        result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 2)), job=Job(), faults=(fault,)), 0)
        assert list(result.trace.rows("deliver")) == []


@pytest.mark.parametrize(
    "topology",
    [Racks(racks=2), FatTree(k=4), OneSwitch(racks={"rack-0": ("n-0", "n-1")})],
    ids=lambda topology: topology.kind,
)
def test_a_rack_of_the_topology_can_be_lost(topology):
    class Job(Spec):
        def start(self, cluster, seed):
            return cluster.env.timeout(2.0)

    cluster = ClusterSpec(nodes=nodes("n", 4), network=NetworkSpec(topology=topology))
    rack = cluster.machines[0].rack
    result = run(Scenario(cluster=cluster, job=Job(), faults=(LoseRack(rack=rack, begin_s=1),)), 0)

    assert {row["node"] for row in result.trace.rows("crash")} == {"n-0", "n-1"}


def test_a_fault_is_written_without_what_it_has_by_default():
    assert repr(CrashNode(node="a", begin_s=1)) == "CrashNode(begin_s=1.0, node='a')"
    assert repr(CrashNode(node="a", begin_s=1, end_s=2, in_flight="drop")) == (
        "CrashNode(begin_s=1.0, end_s=2.0, node='a', in_flight='drop')"
    )


class Talks(Spec):
    """A job that sends a thousand messages."""

    def start(self, cluster, seed):
        def talks(node):
            for _ in range(1000):
                node.send("n-1", "k")
                yield node.timer(0.001)

        cluster["n-0"].boot(talks)
        return cluster.env.event()


def dropped(*faults):
    """The ids of the messages that these take away."""
    spec = ClusterSpec(nodes=nodes("n", 2))
    result = run(Scenario(cluster=spec, job=Talks(), faults=faults, horizon_s=2.0), 0)
    return [row["message"] for row in result.trace.rows("drop")]


def test_two_faults_that_are_equal_draw_each_for_itself():
    lose = LoseMessages(probability=0.5, begin_s=0.0)

    # 0.75 of a thousand, with a standard deviation of 14.
    assert len(dropped(lose)) == pytest.approx(500, abs=64)
    assert len(dropped(lose, lose)) == pytest.approx(750, abs=56)


def test_another_fault_in_the_schedule_shifts_nobody_s_draws():
    lose = LoseMessages(probability=0.5, begin_s=0.0)
    slow = SlowNode(node="n-1", factor=2.0, begin_s=0.0)

    assert dropped(slow, lose) == dropped(lose, slow) == dropped(lose)
