"""Messages take the time that two interfaces and a link take, and each has one fate."""

import numpy as np
import pytest

from simcluster.cluster import Drop, Failure, LinkDown, NetworkSpec, NodeDown, Overloaded, Partitioned, TimedOut
from simcluster.engine import Constant, Exponential


def arrivals(cluster):
    return [(row["target"], row["time_s"]) for row in cluster.trace.rows("deliver")]


def test_three_megabytes_over_one_megabyte_per_second_arrive_one_after_the_other(make):
    cluster = make()
    for _ in range(3):
        cluster["n-0"].send("n-1", "x", size_bytes=1e6)
    cluster.env.run()

    assert [time_s for _, time_s in arrivals(cluster)] == pytest.approx([1.1, 2.1, 3.1], rel=1e-15)


def test_three_senders_to_one_receiver_queue_at_its_interface(make):
    cluster = make(4)
    for name in ("n-0", "n-1", "n-2"):
        cluster[name].send("n-3", "x", size_bytes=1e6)
    cluster.env.run()

    assert [time_s for _, time_s in arrivals(cluster)] == pytest.approx([1.1, 2.1, 3.1], rel=1e-15)


def test_a_message_holds_both_interfaces_at_the_slower_one_s_rate(make):
    from simcluster.cluster import Cluster, ClusterSpec, NodeSpec
    from simcluster.engine import Environment, Trace

    env = Environment()
    spec = ClusterSpec(
        nodes=(NodeSpec(name="a"), NodeSpec(name="slow", nic_bytes_per_s=5e5), NodeSpec(name="b")),
        network=NetworkSpec(latency=Constant(value=0), bandwidth_bytes_per_s=1e6),
    )
    cluster = Cluster(env, spec, 0, Trace(env))
    cluster["a"].send("slow", "x", size_bytes=1e6)
    cluster["a"].send("b", "x", size_bytes=1e6)
    env.run()

    assert arrivals(cluster) == [("slow", 2.0), ("b", 3.0)]


def test_an_array_in_a_body_is_read_only_and_the_sender_s_is_not(make):
    cluster = make()
    array = np.zeros(3)
    message = cluster["n-0"].send("n-1", "x", {"weights": [array]})
    array[0] = 1

    with pytest.raises(ValueError, match="read-only"):
        message.body["weights"][0][0] = 1
    assert message.body["weights"][0].tolist() == [0, 0, 0]
    with pytest.raises(TypeError):
        message.body["weights"] = None
    assert message.size_bytes == 64 + 24 + len("weights")


def test_a_view_in_a_body_cannot_be_changed_through_its_base(make):
    cluster = make()
    base = np.zeros(4)
    message = cluster["n-0"].send("n-1", "x", base[:2])
    base[0] = 1

    assert message.body[0] == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("n-9", "x"), "target must be a node of the cluster, got 'n-9'"),
        (("n-1", "x", None, -1), "size_bytes must be finite and at least 0, got -1"),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused(make, arguments, error):
    with pytest.raises(ValueError, match=error):
        make()["n-0"].send(*arguments)


def test_a_body_that_could_change_is_refused(make):
    with pytest.raises(TypeError, match="got object"):
        make()["n-0"].send("n-1", "x", object())


def test_the_kth_message_of_a_link_meets_the_same_latency_whatever_else_is_sent(make):
    def latencies(others):
        cluster = make(network=NetworkSpec(latency=Exponential(mean=0.1), bandwidth_bytes_per_s=None))
        for i in range(5):
            for _ in range(others):
                cluster["n-0"].send("n-2", "x")
            cluster["n-0"].send("n-1", "x", body=i)
        cluster.env.run()
        return [time_s for target, time_s in arrivals(cluster) if target == "n-1"]

    assert latencies(0) == latencies(3)


def test_messages_that_wait_at_the_interface_die_with_their_sender(make):
    cluster = make()
    for _ in range(3):
        cluster["n-0"].send("n-1", "x", size_bytes=1e6)
    cluster.env.run(until=0.5)
    cluster["n-0"].crash()
    cluster.env.run()

    assert [time_s for _, time_s in arrivals(cluster)] == pytest.approx([1.1])
    assert [(row["time_s"], row["cause"]) for row in cluster.trace.rows("drop")] == [(0.5, "source_down")] * 2


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        (lambda cluster: cluster["n-1"].crash(), NodeDown),
        (lambda cluster: cluster.leave("n-1"), NodeDown),
        (lambda cluster: cluster.network.add(lambda _: Drop("partition")), Partitioned),
        (lambda cluster: cluster.network.add(lambda _: Drop("link_down")), LinkDown),
        (lambda cluster: [cluster["n-2"].send("n-1", "x", size_bytes=0) for _ in range(2)], Overloaded),
        (lambda cluster: cluster.network.add(lambda _: Drop("loss")), TimedOut),
    ],
)
def test_a_request_that_the_network_drops_fails_with_its_cause_where_failures_are_reported(make, trouble, failure):
    latency = Constant(value=0.1)
    reported = make(network=NetworkSpec(latency=latency, failures="reported"), inbox_messages=2)
    silent = make(network=NetworkSpec(latency=latency), inbox_messages=2)
    log = []

    def asks(node):
        yield node.timer(0.05)
        try:
            yield node.request("n-1", "ask", timeout_s=9.0)
        except Failure as cause:
            log.append((type(cause), node.env.now))

    for cluster in (reported, silent):
        trouble(cluster)
        cluster["n-0"].boot(asks)
        cluster.env.run()

    assert log[0][0] is failure
    assert (log[0][1] < 1.0) is (failure is not TimedOut)
    assert log[1] == (TimedOut, pytest.approx(9.05))
