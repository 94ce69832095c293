"""One message alone in a network takes what a closed form says, whatever the topology, the fidelity and the fault.

Topologies are random trees, so that the path between two nodes is the only one, and is found without the package.
"""

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster import Cluster, ClusterSpec, Graph, NetworkSpec, NodeSpec
from simcluster.cluster.network.topology import Edge
from simcluster.engine import Constant, Environment, Trace
from simcluster.faults import BreakLink, DelayLink, Injector, LoseOnLink, SlowLink, SpikeLatency, ThrottleLink

rates = st.floats(10.0, 1e6)
seconds = st.floats(0.0, 1.0)
factors = st.floats(1.0, 1000.0)


@dataclass(frozen=True)
class Journey:
    """A message of ``size_bytes`` from one end of a tree's path to another."""

    fidelity: str
    order: str
    size_bytes: float
    latency_s: float
    interfaces: dict[str, float]
    tree: nx.DiGraph
    path: tuple[str, ...]

    @property
    def hops(self):
        return list(pairwise(self.path))

    def takes_s(self, throttled=(), factor=1.0):
        """Latencies add, and the narrowest limits."""
        limits = [self.interfaces[self.path[0]], self.interfaces[self.path[-1]]]
        limits += [self.tree.edges[hop]["rate"] / (factor if hop in throttled else 1.0) for hop in self.hops]
        latency_s = self.latency_s + sum(self.tree.edges[hop]["latency_s"] for hop in self.hops)
        return latency_s + self.size_bytes / min(limits)

    def arrives_s(self, *faults):
        """When a message that is sent at 1 s arrives, ``None`` if it never does."""
        env, (source, target) = Environment(), (self.path[0], self.path[-1])
        machines = tuple(NodeSpec(name=name, nic_bytes_per_s=rate) for name, rate in self.interfaces.items())
        edges = tuple(
            Edge(
                source=one, target=other, bandwidth_bytes_per_s=data["rate"], latency_s=data["latency_s"], one_way=True
            )
            for one, other, data in self.tree.edges(data=True)
        )
        network = NetworkSpec(
            fidelity=self.fidelity,
            order=self.order,
            topology=Graph(edges=edges),
            latency=Constant(value=self.latency_s),
        )
        cluster = Cluster(env, ClusterSpec(nodes=machines, network=network), 0, Trace(env))
        Injector(cluster, faults)
        env.call_later(1.0, lambda _: cluster[source].send(target, "x", size_bytes=self.size_bytes))
        env.run()
        return next((row["time_s"] for row in cluster.trace.rows("deliver")), None)


@st.composite
def journeys(draw):
    """A tree of up to eight nodes and switches whose links differ in each direction."""
    names = [f"n-{place}" for place in range(draw(st.integers(2, 8)))]
    tree = nx.DiGraph()
    for place, name in enumerate(names[1:]):
        other = names[draw(st.integers(0, place))]
        for pair in ((name, other), (other, name)):
            tree.add_edge(*pair, rate=draw(rates), latency_s=draw(seconds))
    switches = draw(st.sets(st.sampled_from(names), max_size=len(names) - 2))
    nodes = [name for name in names if name not in switches]
    ends = draw(st.permutations(nodes))[:2]
    return Journey(
        fidelity=draw(st.sampled_from(["latency", "nic", "flow"])),
        order=draw(st.sampled_from(["datagram", "fifo"])),
        size_bytes=draw(st.floats(1.0, 1e4)),
        latency_s=draw(seconds),
        interfaces={name: draw(rates) for name in nodes},
        tree=tree,
        path=tuple(nx.shortest_path(tree, *ends)),
    )


@st.composite
def journeys_and_links(draw):
    """A journey, any link, whether its way back is meant too, and whether the message passes what is meant."""
    journey = draw(journeys())
    one, other = draw(st.sampled_from(list(journey.tree.edges)))
    both_ways = draw(st.booleans())
    meant = {(one, other), (other, one)} if both_ways else {(one, other)}
    fields = {"link": f"{one}->{other}", "both_ways": both_ways, "begin_s": 0.5}
    return journey, fields, meant & set(journey.hops)


@given(journeys(), factors)
def test_on_a_slow_link_a_message_takes_factor_times_as_long(journey, factor):
    slow = SlowLink(senders=(journey.path[0],), factor=factor, begin_s=0)
    back = SlowLink(senders=(journey.path[-1],), factor=factor, begin_s=0)

    assert journey.arrives_s() - 1 == pytest.approx(journey.takes_s())
    assert journey.arrives_s(back) == journey.arrives_s()
    assert journey.arrives_s(slow) - 1 == pytest.approx(factor * journey.takes_s())


@given(journeys_and_links(), factors)
def test_a_throttled_link_counts_where_it_is_on_the_route_and_narrowest(drawn, factor):
    journey, fields, meant = drawn
    throttle = ThrottleLink(factor=factor, **fields)
    again = ThrottleLink(factor=2.0, **fields)

    assert journey.arrives_s(throttle) - 1 == pytest.approx(journey.takes_s(meant, factor))
    assert journey.arrives_s(throttle, again) - 1 == pytest.approx(journey.takes_s(meant, 2 * factor))
    over = ThrottleLink(factor=factor, **{**fields, "begin_s": 0.2}, end_s=0.9)
    assert journey.arrives_s(over) == journey.arrives_s()


@given(journeys_and_links(), seconds)
def test_a_link_with_more_latency_delays_exactly_the_messages_that_pass_it(drawn, extra_s):
    journey, fields, meant = drawn
    late = journey.arrives_s(DelayLink(extra_s=Constant(value=extra_s), **fields))
    spike = journey.arrives_s(SpikeLatency(extra_s=Constant(value=extra_s), begin_s=0.5))

    assert late == (spike if meant else journey.arrives_s())


@given(journeys_and_links(), st.sampled_from(["drop", "hold"]))
def test_a_broken_link_stops_exactly_the_messages_that_pass_it(drawn, crossing):
    journey, fields, meant = drawn
    arrives_s = journey.arrives_s(BreakLink(crossing=crossing, end_s=3.0, **fields))

    if meant and crossing == "hold":
        assert arrives_s == pytest.approx(3.0 + journey.takes_s())
    else:
        assert arrives_s == (None if meant else journey.arrives_s())


@given(journeys_and_links(), st.floats(0.05, 0.95), st.sampled_from(["deliver", "drop", "hold"]))
def test_a_link_that_breaks_while_a_message_is_under_way_does_to_it_what_in_flight_says(drawn, share, in_flight):
    journey, fields, meant = drawn
    begin_s, end_s = 1 + share * journey.takes_s(), 2 + journey.takes_s()
    fields = {**fields, "begin_s": begin_s, "end_s": end_s}
    arrives_s = journey.arrives_s(BreakLink(in_flight=in_flight, **fields))

    if not meant or in_flight == "deliver":
        assert arrives_s == journey.arrives_s()
    elif in_flight == "drop":
        assert arrives_s is None
    else:
        assert arrives_s >= end_s


@given(journeys_and_links(), st.sampled_from([0.0, 1.0]))
def test_a_lossy_link_loses_only_what_passes_it(drawn, probability):
    journey, fields, meant = drawn
    arrives_s = journey.arrives_s(LoseOnLink(probability=probability, **fields))

    assert arrives_s == (None if meant and probability else journey.arrives_s())
