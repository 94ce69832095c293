from itertools import permutations

import pytest

from simcluster.faults import (
    CutMinority,
    CutOneWay,
    IsolateNode,
    PartitionBridge,
    PartitionNetwork,
    PartitionRing,
)
from tests.faults.conftest import delivered, dropped, links_that_drop


def cut(make, send, fault, count=5):
    """The links that are cut, when everybody sends to everybody while the fault lasts."""
    cluster = make(fault, count=count)
    for source, target in permutations(range(count), 2):
        send(cluster, fault.begin_s + 0.1, source, target)
    for node in range(count):
        send(cluster, fault.begin_s + 0.1, node, node, "self")
    cluster.env.run()
    assert set(dropped(cluster).values()) <= {"partition"}
    assert "self" in delivered(cluster)
    return set(links_that_drop(cluster))


def both_ways(*pairs):
    return {link for here, there in pairs for link in ((here, there), (there, here))}


WHEN = {"begin_s": 1, "end_s": 2}


def test_groups_hear_only_themselves_and_the_rest_is_one_more_group(make, send):
    fault = PartitionNetwork(groups=(("rack-0",), ("n-2",)), **WHEN)

    assert cut(make, send, fault) == both_ways(
        *[(here, there) for here in (0, 1) for there in (2, 3, 4)], (2, 3), (2, 4)
    )


def test_an_isolated_node_is_alone_and_each_of_an_isolated_rack_is(make, send):
    assert cut(make, send, IsolateNode(node="n-1", **WHEN), 3) == both_ways((1, 0), (1, 2))
    assert cut(make, send, IsolateNode(node="rack-0", **WHEN), 3) == both_ways((0, 1), (1, 2), (0, 2))


def test_a_minority_is_cut_from_the_majority(make, send):
    fault = CutMinority(minority=("n-0", "n-3"), **WHEN)

    assert cut(make, send, fault) == both_ways(*[(here, there) for here in (0, 3) for there in (1, 2, 4)])


@pytest.mark.parametrize("count", range(4, 10))
def test_in_a_ring_each_node_hears_a_majority_and_no_two_the_same(make, send, count):
    links = cut(make, send, PartitionRing(**WHEN), count)
    seen = [frozenset(there for there in range(count) if (there, here) not in links) for here in range(count)]

    assert all(len(group) > count / 2 for group in seen)
    assert len(set(seen)) == count
    assert links == {(there, here) for here, there in links}


def test_only_the_bridge_hears_both_sides(make, send):
    fault = PartitionBridge(sides=(("n-0", "n-1"), ("n-3", "n-4")), **WHEN)

    assert cut(make, send, fault) == both_ways((0, 3), (0, 4), (1, 3), (1, 4))


def test_a_one_way_cut_lets_the_other_way_through(make, send):
    fault = CutOneWay(senders=("rack-0",), receivers=("n-1", "n-2"), **WHEN)

    assert cut(make, send, fault, 3) == {(0, 1), (0, 2), (1, 2)}


@pytest.mark.parametrize("in_flight", ["deliver", "drop", "hold"])
def test_what_is_under_way_across_is_delivered_dropped_or_held(make, send, in_flight):
    cluster = make(PartitionNetwork(groups=(("n-0",),), begin_s=0.5, end_s=4, in_flight=in_flight))
    send(cluster, 0, 0, 1, "across")
    send(cluster, 0, 1, 2, "within")
    cluster.env.run()

    across = {"deliver": {"across": 1}, "drop": {}, "hold": {"across": 5}}[in_flight]
    assert delivered(cluster) == {"within": 1, **across}
    assert cluster.at_baseline


def test_a_partition_that_holds_delivers_after_healing_in_the_order_of_sending(make, send):
    cluster = make(IsolateNode(node="n-0", begin_s=0, end_s=9, crossing="hold"))
    for time_s in (1, 2, 3):
        send(cluster, time_s, 0, 1, str(time_s))
    cluster.env.run()

    assert list(delivered(cluster).items()) == [("1", 10), ("2", 10), ("3", 10)]


def test_overlapping_partitions_cut_what_either_cuts(make, send):
    cluster = make(
        IsolateNode(node="n-0", begin_s=0, end_s=4), PartitionNetwork(groups=(("n-2",),), begin_s=2, end_s=6)
    )
    for time_s in (1, 3, 5, 7):
        send(cluster, time_s, 0, 1, f"0-1 at {time_s}")
        send(cluster, time_s, 1, 2, f"1-2 at {time_s}")
    cluster.env.run()

    assert set(dropped(cluster)) == {"0-1 at 1", "0-1 at 3", "1-2 at 3", "1-2 at 5"}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda: PartitionNetwork(groups=(("n-0",), ("rack-0",)), **WHEN), r"groups must not overlap, got \['n-0'\]"),
        (lambda: PartitionBridge(sides=(("n-0",), ("n-0", "n-1")), **WHEN), r"sides must not overlap, got \['n-0'\]"),
        (lambda: PartitionBridge(sides=(("rack-0",), ("n-2", "n-3")), **WHEN), "must leave one of 4 nodes as the"),
        (lambda: CutMinority(minority=("rack-0",), **WHEN), r"fewer than half of 4 nodes, got \['n-0', 'n-1'\]"),
        (lambda: CutMinority(minority=("n-0", "n-1", "n-2"), **WHEN), "fewer than half of 4 nodes"),
        (
            lambda: CutMinority(minority=("n-0",), among=("n-1", "n-2", "n-3"), **WHEN),
            r"must be among \['n-1', 'n-2', 'n-3'\], got \['n-0'\]",
        ),
        (lambda: PartitionRing(nodes=("n-0", "n-1", "n-2"), **WHEN), r"at least 4, got \['n-0', 'n-1', 'n-2'\]"),
        (lambda: IsolateNode(node="m-*", **WHEN), r"targets must name a node .*, got 'm-\*'"),
        (lambda: CutOneWay(senders=(), receivers=("n-0",), **WHEN), "senders: .*at least 1 item"),
    ],
)
def test_a_partition_that_cannot_be_is_refused_before_the_run(make, fault, message):
    with pytest.raises(ValueError, match=message):
        make(fault(), count=4)
