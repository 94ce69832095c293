"""What rules say of a message is what happens to it."""

import pytest

from simcluster.cluster import Corrupt, Delay, Drop, Duplicate, Hold, NetworkSpec, NodeSpec, Rewrite
from simcluster.engine import Constant, Exponential


def deliveries(cluster):
    return [(row["message"], pytest.approx(row["time_s"])) for row in cluster.trace.rows("deliver")]


def drops(cluster):
    return [row["cause"] for row in cluster.trace.rows("drop")]


def sent(cluster, *rules, size_bytes=0):
    for rule in rules:
        cluster.network.add(rule)
    return cluster["n-0"].send("n-1", "x", body=(1, 2), size_bytes=size_bytes).id


def test_delays_add(make):
    cluster = make()
    ident = sent(cluster, lambda _: Delay(1.0), lambda _: Delay(2.0))
    cluster.env.run()

    assert deliveries(cluster) == [(ident, 3.1)]


def test_a_duplicate_arrives_once_more(make):
    cluster = make()
    ident = sent(cluster, lambda _: Duplicate(0.5))
    cluster.env.run()

    assert deliveries(cluster) == [(ident, 0.1), (ident, 0.6)]


def test_the_first_drop_decides_and_every_rule_is_asked(make):
    asked = []
    cluster = make()
    sent(cluster, lambda _: Drop("one"), lambda m: asked.append(m) or Drop("two"))
    cluster.env.run()

    assert drops(cluster) == ["one"]
    assert len(asked) == 1


def test_held_messages_go_on_in_order_when_the_rule_is_removed(make):
    cluster = make()

    def hold(_):
        return Hold()

    first = sent(cluster, hold)
    second = cluster["n-0"].send("n-1", "x", size_bytes=0).id
    cluster.env.run(until=5)
    assert cluster.network.held == 2
    cluster.network.remove(hold)
    cluster.env.run()

    assert deliveries(cluster) == [(first, 5.1), (second, 5.1)]
    assert cluster.at_baseline


def test_a_corrupt_message_takes_its_time_and_is_thrown_away(make):
    cluster = make()
    sent(cluster, lambda _: Corrupt(), size_bytes=1e6)
    cluster.env.run()

    assert [(row["time_s"], row["cause"]) for row in cluster.trace.rows("drop")] == [(1.1, "corrupted")]


def test_a_rewritten_message_has_another_body(make):
    cluster, got = make(), []

    def receiver(node):
        got.append((yield node.receive()).body)

    cluster["n-1"].boot(receiver)
    sent(cluster, lambda message: Rewrite((message.body[0] + 1, 0)))
    cluster.env.run()

    assert got == [(2, 0)]


@pytest.mark.parametrize(("in_flight", "times"), [("deliver", [1.1]), ("drop", []), ("hold", [3.1])])
def test_a_fault_says_what_becomes_of_messages_in_flight(make, in_flight, times):
    cluster = make()
    sent(cluster, size_bytes=1e6)
    cluster.env.run(until=0.5)

    def rule(_):
        return None

    cluster.network.add(rule)
    cluster.network.recall(lambda message: message.target == "n-1", rule, in_flight, "partition")
    cluster.env.run(until=3)
    cluster.network.remove(rule)
    cluster.env.run()

    # A released message begins its way anew; it has no size here on its last stretch but its own.
    assert [time_s for _, time_s in deliveries(cluster)] == (times if in_flight != "hold" else [4.1])
    assert drops(cluster) == (["partition"] if in_flight == "drop" else [])


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
@pytest.mark.parametrize("order", ["datagram", "fifo"])
def test_a_message_is_recalled_once_with_all_its_copies(make, fidelity, order):
    spec = NetworkSpec(fidelity=fidelity, order=order, latency=Constant(value=0.1), bandwidth_bytes_per_s=1e6)
    cluster = make(network=spec)
    sent(cluster, lambda _: Duplicate(0.5) if cluster.env.now == 0 else None, size_bytes=1e5)
    for time_s in (0.05, 0.06):
        cluster.env.run(until=time_s)
        cluster.network.recall(lambda _: True, lambda _: None, "drop", "link_down")
    last = cluster["n-0"].send("n-1", "x", size_bytes=0).id
    cluster.env.run()

    assert drops(cluster) == ["link_down"] * 2
    assert [ident for ident, _ in deliveries(cluster)] == [last]


def test_a_stream_delivers_in_order_and_a_datagram_does_not(make):
    def order(order):
        spec = NetworkSpec(order=order, latency=Exponential(mean=1.0), bandwidth_bytes_per_s=None)
        cluster = make(network=spec)
        for _ in range(20):
            cluster["n-0"].send("n-1", "x")
        cluster.env.run()
        return [row["message"] for row in cluster.trace.rows("deliver")]

    assert order("fifo") == sorted(order("fifo"))
    assert len(order("fifo")) == 20
    assert order("datagram") != sorted(order("datagram"))


def test_a_lost_message_does_not_hold_up_the_stream(make):
    cluster = make(network=NetworkSpec(order="fifo", latency=Exponential(mean=1.0), bandwidth_bytes_per_s=None))
    cluster.network.add(lambda message: Drop("loss") if message.id == 2 else Corrupt() if message.id == 4 else None)
    for _ in range(8):
        cluster["n-0"].send("n-1", "x")
    cluster.env.run()

    assert [row["message"] for row in cluster.trace.rows("deliver")] == [0, 1, 3, 5, 6, 7]


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
def test_all_fidelities_agree_on_one_message_at_a_time(make, fidelity):
    spec = NetworkSpec(fidelity=fidelity, latency=Constant(value=0.1), bandwidth_bytes_per_s=1e6)
    cluster = make(network=spec)
    sent(cluster, size_bytes=5e5)
    cluster.env.run()

    assert [row["time_s"] for row in cluster.trace.rows("deliver")] == [0.6]


def test_a_throttled_interface_is_slower_until_it_is_not(make):
    cluster = make()
    cluster.network.throttle("fault", ("n-1",), 4.0)
    sent(cluster, size_bytes=1e6)
    cluster.env.run()
    cluster.network.unthrottle("fault")
    sent(cluster, size_bytes=1e6)
    cluster.env.run()

    assert [time_s for _, time_s in deliveries(cluster)] == [4.1, 5.2]
    assert cluster.at_baseline


def test_a_node_may_join_and_leave(make):
    cluster, got = make(), []

    def receiver(node):
        got.append((yield node.receive()).source)

    cluster.join(NodeSpec(name="new")).boot(receiver)
    cluster["n-0"].send("new", "x")
    cluster.env.run()
    cluster.leave("new")
    cluster["n-0"].send("new", "x")
    cluster.env.run()

    assert got == ["n-0"]
    assert drops(cluster) == ["target_left"]
    with pytest.raises(ValueError, match="a new node must have a new name, got 'new'"):
        cluster.join(NodeSpec(name="new"))


def test_a_target_is_a_node_a_rack_a_zone_or_a_pattern(make):
    cluster = make(4, rack="r", zone="z")

    assert cluster.names_of("n-2") == ("n-2",)
    assert cluster.names_of("-".join("n2")) == ("n-2",)  # a text of its own
    assert cluster.names_of("r") == cluster.names_of("z") == cluster.names_of("n-*") == ("n-0", "n-1", "n-2", "n-3")
    with pytest.raises(ValueError, match="a rack, a zone or a pattern, got 'm-1'"):
        cluster.names_of("m-1")


@pytest.mark.parametrize("in_flight", ["deliver", "hold"])
def test_a_message_that_was_held_shifts_no_other_message_s_latency(make, in_flight):
    def latencies(hold_until_s):
        cluster = make(network=NetworkSpec(latency=Exponential(mean=0.1), bandwidth_bytes_per_s=None))
        sent = {}

        def send(_):
            sent[cluster["n-0"].send("n-1", "x").id] = cluster.env.now

        def rule(_):
            return Hold() if cluster.env.now < hold_until_s else None

        for place in range(20):
            cluster.env.call_later(place, send)
        cluster.env.call_later(0.0, lambda _: cluster.network.add(rule))
        cluster.env.call_later(0.001, lambda _: cluster.network.recall(lambda _: True, rule, in_flight, "cut"))
        cluster.env.call_later(4.5, lambda _: cluster.network.remove(rule))
        cluster.env.run()
        rows = [row for row in cluster.trace.rows("deliver") if sent[row["message"]] > 4.5]
        return [(sent[row["message"]], row["time_s"]) for row in rows]

    assert len(latencies(4.5)) == 15
    assert latencies(4.5) == latencies(0.0)


def test_a_rule_that_is_in_force_is_refused_a_second_time(make):
    network, rule = make().network, lambda _: None
    network.add(rule)
    with pytest.raises(ValueError, match="a rule must be removed before it is added again, got"):
        network.add(rule)
    network.remove(rule)
    network.add(rule)
