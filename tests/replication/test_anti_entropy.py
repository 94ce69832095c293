"""How copies find out what they have missed: at once, by hints, by Merkle trees, by read repair."""

from collections import Counter
from typing import Any

import pytest

from simcluster import ClusterSpec, NetworkSpec, Scenario, nodes, run
from simcluster.engine import Constant
from simcluster.faults import CrashNode, IsolateNode, LoseMessages, StepClock
from simcluster.replication import Asked, Eventual, LwwRegister, OrSet, Quorum, ReplicatedStore

REPLICAS = ("r-0", "r-1", "r-2", "r-3")
ISOLATED = IsolateNode(node="r-2", begin_s=0.0, end_s=5.0)


class Script:
    """Each client asks what its list says: a time to wait, and an operation."""

    def __init__(self, *clients: list[tuple[float, Any, ...]]) -> None:
        self.clients = clients
        self.asks = tuple(dict.fromkeys(asked[1] for each in clients for asked in each))

    def client(self, number, clients, generator):
        for gap_s, f, key, *value in self.clients[number]:
            yield Asked(f, key, *(value or [None]), gap_s)


def ran(scheme, workload, faults=(), replicas=3, **fields):
    cluster = ClusterSpec(
        nodes=(*nodes("r", 4), *nodes("c", len(workload.clients))), network=NetworkSpec(latency=Constant(value=0.001))
    )
    asked = {"clients": cluster.names[4:], "workload": workload, "retry_s": 0.05, **fields}
    job = ReplicatedStore(scheme=scheme, replicas=REPLICAS[:replicas], **asked)
    return run(Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=60.0), 0)


def results(result):
    return [row["result"] for row in result.trace.rows("complete")]


def applied(result, operation=0):
    """When each copy took an operation in."""
    return {row["node"]: row["time_s"] for row in result.trace.rows("apply") if row["operation"] == operation}


def kinds(result):
    return Counter(row["message_kind"] for row in result.trace.rows("send"))


WRITTEN = Script([(0.1, "write", "k", 1), (10.0, "read", "k")])
ALONE = {"tells": False, "hint_s": None, "gossip_s": None}


def test_a_copy_tells_the_others_at_once():
    result = ran(Eventual(**{**ALONE, "tells": True}), WRITTEN)

    assert applied(result) == {name: pytest.approx(0.1, abs=0.02) for name in REPLICAS[:3]}


def test_without_any_of_these_the_others_never_hear_of_it():
    assert list(applied(ran(Eventual(**ALONE), WRITTEN))) == ["r-0"]


def test_what_a_copy_could_not_be_told_is_handed_over_by_a_hint_when_it_is_back():
    result = ran(Eventual(**{**ALONE, "tells": True, "hint_s": 1.0}), WRITTEN, [ISOLATED])

    assert applied(result)["r-1"] < 1.0
    assert 5.0 < applied(result)["r-2"] < 6.1


def test_a_hint_is_forgotten_with_the_memory_of_who_kept_it_and_not_the_value():
    crash = CrashNode(node="r-0", begin_s=2.0, end_s=3.0)
    hints = ran(Eventual(**{**ALONE, "tells": True, "hint_s": 1.0}), WRITTEN, [ISOLATED, crash])
    gossip = ran(Eventual(gossip_s=1.0), WRITTEN, [ISOLATED, crash])

    assert list(applied(hints)) == ["r-0", "r-1"]
    assert results(hints) == [None, 1]
    assert 5.0 < applied(gossip)["r-2"] < 8.0


def test_a_copy_that_does_not_write_to_its_disk_forgets_with_its_memory_and_hears_it_again_from_others():
    crash = CrashNode(node="r-0", begin_s=2.0, end_s=3.0)

    assert results(ran(Eventual(**ALONE, durable=False), WRITTEN, [crash])) == [None, None]
    assert results(ran(Eventual(**ALONE), WRITTEN, [crash])) == [None, 1]
    assert results(ran(Eventual(durable=False), WRITTEN, [crash])) == [None, 1]


def test_comparing_trees_brings_over_what_differs_and_nothing_else():
    many = [(0.01, "write", f"k{place}", place) for place in range(40)]
    late = [(10.0, "write", "new", 99)]
    result = ran(Eventual(**{**ALONE, "gossip_s": 0.5}), Script([*many, *late], [(30.0, "read", "new")]))
    sent = [row for row in result.trace.rows("send") if row["time_s"] > 10.3]
    brought = [row for row in sent if row["message_kind"] == "store.merge"]

    assert results(result)[-1] == 99
    assert set(applied(result, 40)) == {"r-0", "r-1", "r-2"}
    assert 2 <= len(brought) <= 4
    assert max(row["size_bytes"] for row in brought) < 40 * 20  # one bucket of 64, not all keys


def test_copies_that_are_equal_compare_one_hash():
    result = ran(Eventual(**{**ALONE, "gossip_s": 0.5}), Script([(20.0, "read", "k")]))

    assert set(kinds(result)) == {"store.compare", "store.compare-reply", "store.read", "store.read-reply"}


def test_a_set_that_was_changed_apart_is_one_when_copies_can_reach_each_other():
    apart = Script(
        [(0.1, "add", "s", 1), (1.0, "add", "s", 2), (20.0, "read", "s")],
        [(0.5, "remove", "s", 1), (20.0, "read", "s")],
        [(1.5, "add", "s", 1), (20.0, "read", "s")],
    )
    result = ran(Eventual(data=OrSet()), apart, [IsolateNode(node="r-2", begin_s=0.2, end_s=5.0)])

    assert results(result)[-3:] == [(2, 1)] * 3


def test_by_a_wrong_clock_a_later_write_is_lost_and_by_lamports_it_is_not():
    later = Script([(1.0, "write", "k", "old"), (9.0, "read", "k")], [(2.0, "read", "k"), (0.1, "write", "k", "new")])
    ahead = [StepClock(node="c-0", step_s=50.0, begin_s=0.5)]
    read = {
        clock: results(ran(Eventual(data=LwwRegister(clock=clock)), later, ahead))[-1]
        for clock in ("physical", "hybrid", "lamport")
    }

    assert read == {"physical": "old", "hybrid": "new", "lamport": "new"}


# Quorums


def test_a_read_repairs_the_copies_that_were_behind():
    read = Script([(0.1, "write", "k", 1), (6.0, "read", "k"), (3.0, "read", "k")])
    repaired = ran(Quorum(), read, [ISOLATED])
    left = ran(Quorum(read_repair=False), read, [ISOLATED])

    assert 6.0 < applied(repaired)["r-2"] < 6.3
    assert "r-2" not in applied(left)


@pytest.mark.parametrize("sloppy", [True, False])
def test_another_stands_in_for_a_copy_that_is_gone_only_in_a_sloppy_quorum_and_hands_over(sloppy):
    scheme = Quorum(copies=3, writes=3, sloppy=sloppy, hint_s=0.5)
    homes, (other,) = scheme.places("k", REPLICAS)
    gone = [IsolateNode(node=homes[1], begin_s=0.0, end_s=5.0)]
    written = Script([(0.1, "write", "k", 1), (10.0, "read", "k")])
    result = ran(scheme, written, gone, replicas=4, timeout_s=2.0)
    times_s = applied(result)

    assert [row["status"] for row in result.trace.rows("complete")] == ["ok" if sloppy else "info", "ok"]
    assert (other in times_s) == sloppy
    assert (5.0 < times_s[homes[1]] < 5.7) if sloppy else (homes[1] not in times_s)


def test_who_stood_in_and_crashed_still_hands_over():
    scheme = Quorum(copies=3, writes=3, sloppy=True, hint_s=0.5)
    homes, (other,) = scheme.places("k", REPLICAS)
    faults = [IsolateNode(node=homes[1], begin_s=0.0, end_s=5.0), CrashNode(node=other, begin_s=2.0, end_s=3.0)]
    result = ran(scheme, Script([(0.1, "write", "k", 1), (10.0, "read", "k")]), faults, replicas=4)

    assert 5.0 < applied(result)[homes[1]] < 5.7


def test_keys_lie_on_as_many_nodes_as_there_are_copies_and_are_spread():
    scheme = Quorum(copies=2)
    places = [scheme.places(f"k{place}", REPLICAS) for place in range(200)]

    assert all(len(homes) == 2 and sorted((*homes, *others)) == sorted(REPLICAS) for homes, others in places)
    assert all(30 < sum(homes[0] == name for homes, _ in places) < 70 for name in REPLICAS)


@pytest.mark.parametrize(("asks", "messages"), [("all", 4), ("quorum", 3)])
def test_all_are_asked_or_as_many_as_are_needed(asks, messages):
    scheme = Quorum(asks=asks, reads=3, clock="hybrid", read_repair=False)
    read = Script([(0.1, "read", "k")])

    assert kinds(ran(scheme, read, replicas=4))["store.read"] == messages


def test_as_many_as_are_needed_are_others_when_some_do_not_answer():
    scheme = Quorum(asks="quorum", reads=1, writes=1, clock="hybrid")
    script = Script([(0.1, "write", f"k{place}", place) for place in range(12)])
    result = ran(scheme, script, [IsolateNode(node="r-1", begin_s=0.0, end_s=50.0)])

    assert result.outcome == {"ok": 12}
    assert kinds(result)["store.write"] > 12


def test_what_is_lost_on_the_way_is_asked_for_again():
    lost = [LoseMessages(probability=0.4, begin_s=0.0, end_s=50.0)]
    script = Script([(0.1, "write", "k", place) for place in range(20)], [(0.1, "read", "k")] * 20)
    for scheme in (Quorum(), Eventual(), Quorum(reads=3, writes=3)):
        assert ran(scheme, script, lost, timeout_s=5.0).outcome == {"ok": 40}
