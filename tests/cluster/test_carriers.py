"""The three fidelities differ in who waits for whom, and in nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import Cluster, ClusterSpec, Hold, NetworkSpec, NodeSpec, Racks, nodes
from simcluster.engine import Constant, Environment, Trace


def arrivals(fidelity, sends, count=4, rate=1e6, latency_s=0.1, events=()):
    """Arrival times of messages given as (time, source, target, bytes), in the order in which they were sent."""
    env = Environment()
    network = NetworkSpec(fidelity=fidelity, latency=Constant(value=latency_s), bandwidth_bytes_per_s=rate)
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", count), network=network), 0, Trace(env))
    sent = {}

    def send(_, i, source, target, size_bytes):
        sent[cluster[f"n-{source}"].send(f"n-{target}", "x", size_bytes=size_bytes).id] = i

    for i, (time_s, *message) in enumerate(sends):
        env.call_later(time_s, lambda _, i=i, message=message: send(_, i, *message))
    for time_s, event in events:
        env.call_later(time_s, lambda _, event=event: event(cluster))
    env.run()
    times = {sent[row["message"]]: row["time_s"] for row in cluster.trace.rows("deliver")}
    return [times[i] for i in range(len(sends))]


TWO_TO_ONE = [(0, 0, 2, 1e6), (0, 1, 2, 1e6)]


@pytest.mark.parametrize(
    ("fidelity", "times"),
    [("latency", [1.1, 1.1]), ("nic", [1.1, 2.1]), ("flow", [2.1, 2.1])],
)
def test_two_messages_into_one_node(fidelity, times):
    assert arrivals(fidelity, TWO_TO_ONE) == pytest.approx(times)


def test_a_flow_gets_the_whole_link_when_the_other_has_ended():
    # Half each until the smaller has sent its 0.5 MB at 1 s; the larger then has 0.5 MB left at the full rate.
    assert arrivals("flow", [(0, 0, 2, 1e6), (0, 1, 2, 5e5)]) == pytest.approx([1.6, 1.1])


def test_the_bottleneck_moves_when_a_flow_ends():
    # Into node 3 come three flows (1/3 each); node 0 also sends to node 1, with what is left of its own link (2/3).
    sends = [(0, 0, 3, 1e6), (0, 1, 3, 1e6), (0, 2, 3, 1e6), (0, 0, 1, 1e6)]
    # The fourth ends at 1.5 s; the others have sent 0.5 MB each and go on at 1/3 until 3 s.
    assert arrivals("flow", sends) == pytest.approx([3.1, 3.1, 3.1, 1.6])


def test_a_throttle_slows_the_flows_under_way():
    slow = (0.5, lambda cluster: cluster.network.throttle("fault", ("n-2",), 2.0))
    fast = (1.0, lambda cluster: cluster.network.unthrottle("fault"))

    assert arrivals("flow", [(0, 0, 2, 1e6)], events=[slow, fast]) == pytest.approx([1.35])


def test_a_node_that_joins_can_be_reached_by_flows_and_disturbs_none():
    got = []

    def join(cluster):
        cluster.join(NodeSpec(name="new"))
        got.append(cluster["n-1"].send("new", "x", size_bytes=5e5).id)

    env = Environment()
    network = NetworkSpec(fidelity="flow", latency=Constant(value=0.1), bandwidth_bytes_per_s=1e6)
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3), network=network), 0, Trace(env))
    cluster["n-0"].send("n-1", "x", size_bytes=1e6)
    env.call_later(0.25, lambda _: join(cluster))
    env.run()

    assert [row["time_s"] for row in cluster.trace.rows("deliver")] == pytest.approx([0.85, 1.1])


RACKS = Racks(racks=2, bandwidth_bytes_per_s=1e6, oversubscription=4.0, latency_s=0.05)


def with_topology(fidelity, sends, throttled=()):
    env = Environment()
    network = NetworkSpec(
        fidelity=fidelity, topology=RACKS, latency=Constant(value=0.0), bandwidth_bytes_per_s=1e6
    )
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 4), network=network), 0, Trace(env))
    for link in throttled:
        cluster.network.throttle_link("fault", link, 2.0)
    for source, target, size_bytes in sends:
        cluster[f"n-{source}"].send(f"n-{target}", "x", size_bytes=size_bytes)
    env.run()
    return cluster, [row["time_s"] for row in cluster.trace.rows("deliver")]


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
def test_a_route_has_its_latency_and_its_bottleneck(fidelity):
    cluster, inside = with_topology(fidelity, [(0, 1, 1e6)])
    _, across = with_topology(fidelity, [(0, 2, 1e6)])

    # Inside a rack two links of 0.05 s and the node's own 1 MB/s; across, four, and an uplink of 2 × 1 MB/s / 4.
    assert inside == pytest.approx([1.1])
    assert across == pytest.approx([2.2])
    assert cluster.names_of("rack-1") == ("n-2", "n-3")


def test_flows_share_an_uplink_and_a_throttle_halves_it():
    sends = [(0, 2, 1e6), (1, 3, 1e6)]
    cluster, times = with_topology("flow", sends)
    uplink = next(link.name for link in cluster.spec.fabric().links if link.target == "core")

    assert times == pytest.approx([4.2, 4.2])
    assert with_topology("flow", sends, [uplink])[1] == pytest.approx([8.2, 8.2])


def test_a_topology_that_does_not_fit_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="racks must be at most the number of nodes, 1, got 2"):
        ClusterSpec(nodes=nodes("n", 1), network=NetworkSpec(topology=RACKS))


message = st.tuples(st.floats(0, 3), st.integers(0, 2), st.integers(0, 2), st.floats(0, 1e6))


@settings(max_examples=100, deadline=None)
@given(st.lists(message, min_size=1, max_size=10))
def test_no_fidelity_is_faster_than_the_one_in_which_nobody_waits(sends):
    sends = [send for send in sends if send[1] != send[2]]
    alone = arrivals("latency", sends)

    for fidelity in ("nic", "flow"):
        assert all(time_s >= alone_s - 1e-9 for time_s, alone_s in zip(arrivals(fidelity, sends), alone, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(message, min_size=1, max_size=10))
def test_all_agree_when_one_message_is_under_way_at_a_time(sends):
    spaced = [(2.0 * i, *send[1:]) for i, send in enumerate(sends) if send[1] != send[2]]
    alone = arrivals("latency", spaced)

    for fidelity in ("nic", "flow"):
        assert arrivals(fidelity, spaced) == pytest.approx(alone, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(message, min_size=2, max_size=12))
def test_a_link_never_carries_more_than_its_capacity(sends):
    """What has come in by any arrival is at most rate × time since the first send to that node."""
    sends = [send for send in sends if send[1] != send[2]]
    for fidelity in ("nic", "flow"):
        times = arrivals(fidelity, sends, latency_s=0.0)
        for node in range(3):
            into = sorted((t, s[3], s[0]) for t, s in zip(times, sends, strict=True) if s[2] == node)
            for begin_s in {entry[2] for entry in into}:
                total = 0.0
                for time_s, size_bytes, sent_s in into:
                    if sent_s >= begin_s:
                        total += size_bytes
                        assert total <= 1e6 * (time_s - begin_s) + 1e-3


def test_who_waits_at_an_interface_to_be_sent_and_who_to_be_taken_in():
    env = Environment()
    network = NetworkSpec(fidelity="nic", latency=Constant(value=0.1), bandwidth_bytes_per_s=1e6)
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3), network=network), 0, Trace(env))
    for source, target in [(0, 2), (1, 2), (2, 0), (2, 0), (2, 0), (2, 0)]:
        cluster[f"n-{source}"].send(f"n-{target}", "x", size_bytes=1e6)
    seen = []
    cluster.network.add(lambda message: Hold() if message.kind == "held" else None)
    cluster["n-0"].send("n-1", "held")
    # One is held in the network. n-2 sends one of its four at a time; n-1's, whose first bit comes when n-0's does, is
    # taken in after that.
    for time_s in (0.05, 0.1, 0.5, 1.05, 1.5, 2.5):
        env.call_later(time_s, lambda _: seen.append(cluster.network.waiting))
    env.run()

    assert [waiting - 1 for waiting in seen] == [3, 3 + 1, 3 + 1, 2 + 1, 2, 1]
