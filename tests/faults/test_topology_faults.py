"""Faults of the links of a topology: which messages they concern, and what they refuse."""

from itertools import pairwise

import pytest

from simcluster.cluster import FatTree, Graph, NetworkSpec, NodeSpec, OneSwitch, Star
from simcluster.cluster.network.topology import Edge
from simcluster.engine import Constant
from simcluster.faults import BreakLink, DelayLink, GilbertElliott, LoseOnLink, Swarm, ThrottleLink
from simcluster.faults.kinds.topology_faults import TopologyFault
from simcluster.faults.search.simpler import size, with_simpler_parts
from tests.faults.conftest import delivered, dropped, links_that_drop


def network(topology, **fields):
    return NetworkSpec(topology=topology, bandwidth_bytes_per_s=None, **{"latency": Constant(value=1.0), **fields})


def test_a_link_that_is_down_concerns_every_route_that_uses_it_and_no_other(make, send):
    hub = network(Star(hub="n-0"))
    cluster = make(BreakLink(link="n-0->n-1", begin_s=0.5, end_s=9), network=hub, count=4)
    for source in range(4):
        for target in range(4):
            send(cluster, 1, source, target, f"{source}{target}")
    send(cluster, 9.5, 2, 1, "after")
    cluster.env.run()

    assert links_that_drop(cluster) == {(0, 1): 1, (2, 1): 1, (3, 1): 1}
    assert set(dropped(cluster).values()) == {"link_down"}
    assert "after" in delivered(cluster)
    assert cluster.at_baseline


def test_both_ways_means_both_links_of_a_cable(make, send):
    cable = BreakLink(link="switch->n-1", both_ways=True, begin_s=0)
    cluster = make(cable, network=network(OneSwitch()))
    for source, target in [(0, 1), (1, 0), (0, 2)]:
        send(cluster, 1, source, target, f"{source}{target}")
    cluster.env.run()

    assert cable.links == ("switch->n-1", "n-1->switch")
    assert set(dropped(cluster)) == {"01", "10"}


def test_routes_do_not_go_round_a_link_that_is_down(make, send):
    edges = tuple(Edge(source=f"n-{one}", target=f"n-{other}") for one, other in [(0, 1), (0, 2), (2, 1)])
    cluster = make(BreakLink(link="n-0->n-1", begin_s=0), network=network(Graph(edges=edges)))
    send(cluster, 1, 0, 1, "straight")
    send(cluster, 1, 0, 2, "beside")
    cluster.env.run()

    assert dropped(cluster) == {"straight": "link_down"}
    assert set(delivered(cluster)) == {"beside"}


def test_of_a_fat_tree_s_cores_only_the_routes_over_one_suffer(make, send):
    tree = network(FatTree(k=4))
    cluster = make(network=tree, count=16)
    pairs = [(0, target) for target in range(4, 16)]
    link = cluster.network.route("n-0", "n-4")[2]
    cluster = make(BreakLink(link=link, begin_s=0), network=tree, count=16)
    for source, target in pairs:
        send(cluster, 1, source, target, "x")
    cluster.env.run()
    over = {pair for pair in pairs if link in cluster.network.route(*(f"n-{place}" for place in pair))}

    assert 0 < len(over) < len(pairs)
    assert set(links_that_drop(cluster)) == over


def test_a_throttle_slows_the_flows_that_are_under_way_on_a_link(make, send):
    shared = network(OneSwitch(bandwidth_bytes_per_s=100.0), fidelity="flow", latency=Constant(value=0.0))
    cluster = make(ThrottleLink(link="switch->n-1", factor=4, begin_s=1, end_s=3), network=shared)
    send(cluster, 0, 0, 1, "through", size_bytes=200)
    send(cluster, 0, 1, 2, "beside", size_bytes=200)
    cluster.env.run()

    # 100 bytes in the first second, 2 × 25 in the next two, and half a second for the last 50.
    assert delivered(cluster) == pytest.approx({"through": 3.5, "beside": 2.0})
    assert cluster.at_baseline


def test_a_throttle_of_a_link_counts_for_what_waits_at_an_interface_when_it_begins_and_when_it_ends(make, send):
    slow = network(OneSwitch(bandwidth_bytes_per_s=100.0), latency=Constant(value=0.0))
    slow = slow.replace(bandwidth_bytes_per_s=1e6)  # interfaces that serve one message at a time
    cluster = make(ThrottleLink(link="switch->n-1", factor=4, begin_s=0.5, end_s=2), network=slow)
    for place in range(3):
        send(cluster, 0, 0, 1, str(place), size_bytes=100)
    cluster.env.run()

    # The first goes on as it began, the second takes 4 s, and the third no longer than without.
    assert delivered(cluster) == pytest.approx({"0": 1, "1": 5, "2": 6})


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
def test_overlapping_throttles_multiply_and_the_narrowest_link_of_the_route_counts(make, send, fidelity):
    slow = network(OneSwitch(bandwidth_bytes_per_s=100.0), fidelity=fidelity, latency=Constant(value=0.0))
    cluster = make(
        ThrottleLink(link="n-0->switch", factor=2, begin_s=10, end_s=40),
        ThrottleLink(link="n-0->switch", factor=5, begin_s=20, end_s=30),
        ThrottleLink(link="switch->n-1", factor=3, begin_s=10, end_s=40),
        network=slow,
    )
    for time_s in (0, 12, 21, 32, 41):
        send(cluster, time_s, 0, 1, f"{time_s}", size_bytes=50)
    cluster.env.run()

    assert delivered(cluster) == pytest.approx({"0": 0.5, "12": 13.5, "21": 26, "32": 33.5, "41": 41.5})
    assert cluster.at_baseline


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
@pytest.mark.parametrize("factor", [5e-324, 1e308])
def test_the_least_and_the_greatest_factor_can_be_multiplied(make, send, fidelity, factor):
    cable = network(OneSwitch(bandwidth_bytes_per_s=100.0), fidelity=fidelity, latency=Constant(value=0.0))
    throttles = [ThrottleLink(link="n-0->switch", factor=factor, begin_s=1, end_s=4 + place) for place in range(3)]
    cluster = make(*throttles, network=cable)
    send(cluster, 0, 0, 1, "first", size_bytes=200)
    send(cluster, 9, 0, 2, "after", size_bytes=50)
    cluster.env.run(1e3)

    assert cluster.at_baseline
    assert set(delivered(cluster)) == {"first", "after"}


def test_a_lossy_link_loses_its_share_of_what_all_routes_bring_in_bursts_that_hit_them_all(make, send):
    lossy = LoseOnLink(
        link="switch->n-0", probability=1, bursts=GilbertElliott(good_to_bad=0.05, bad_to_good=0.2), begin_s=0
    )
    cluster = make(lossy, network=network(OneSwitch()))
    for place in range(4000):
        send(cluster, 1 + place, 1 + place % 2, 0, str(place))
    cluster.env.run()
    gone = set(dropped(cluster))
    lost = [str(place) in gone for place in range(4000)]
    after = [two for one, two in pairwise(lost) if one]

    assert sum(lost) / 4000 == pytest.approx(0.2, abs=0.04)
    # Neighbours come from different nodes: that a loss follows a loss is the link's state, not a sender's.
    assert sum(after) / len(after) == pytest.approx(0.8, abs=0.05)


def test_what_one_link_loses_does_not_depend_on_what_another_carries(make, send):
    def lost(*also):
        faults = [LoseOnLink(link=link, probability=0.5, begin_s=0) for link in ("switch->n-0", "switch->n-2")]
        cluster = make(*faults, network=network(OneSwitch()))
        for place in range(50):
            send(cluster, 1 + place, 1, 0, str(place))
            for target in also:
                send(cluster, 1 + place, 1, target, f"also {place}")
        cluster.env.run()
        return {kind for kind in dropped(cluster) if "also" not in kind}

    assert 10 < len(lost()) < 40
    assert lost(2) == lost()


def test_a_node_that_joins_comes_under_the_faults_of_the_links_of_others(make, send, at):
    cluster = make(DelayLink(link="n-0->switch", extra_s=Constant(value=5), begin_s=0), network=network(OneSwitch()))
    at(cluster, 1, cluster.join, NodeSpec(name="n-9"))
    at(cluster, 2, lambda: cluster["n-0"].send("n-9", "late"))
    at(cluster, 2, lambda: cluster["n-9"].send("n-0", "early"))
    cluster.env.run()

    assert delivered(cluster) == pytest.approx({"early": 3, "late": 8}, abs=1e-5)


def test_shrinking_goes_from_a_cable_to_one_direction():
    cable = (BreakLink(link="switch->n-1", both_ways=True, begin_s=0, end_s=1),)
    one_way = (BreakLink(link="switch->n-1", begin_s=0, end_s=1),)

    assert one_way in list(with_simpler_parts(cable, 0))
    assert size(one_way) < size(cable)


def test_a_swarm_draws_faults_of_the_links_that_it_is_given_and_none_without():
    links = ("switch->n-0", "n-0->switch")
    without = Swarm(nodes=("n-0", "n-1"), horizon_s=100, include=1)
    swarm = without.replace(links=links)
    drawn = [fault for seed in range(5) for fault in swarm.draw(seed)]

    assert {fault.link for fault in drawn if isinstance(fault, TopologyFault)} == set(links)
    assert {type(fault) for fault in drawn} > {BreakLink, DelayLink, ThrottleLink, LoseOnLink}
    assert [fault for fault in swarm.draw(3) if not isinstance(fault, TopologyFault)] == list(without.draw(3))


@pytest.mark.parametrize(
    ("topology", "build", "message"),
    [
        (None, lambda: BreakLink(link="a->b", begin_s=0), "link must be one of a topology, got 'a->b' where there is"),
        (
            OneSwitch(),
            lambda: BreakLink(link="n-0->n-1", begin_s=0),
            r"of the topology's links, as \['n-0->switch'.*1'",
        ),
        (
            Graph(edges=tuple(Edge(source=f"n-{i}", target=f"n-{(i + 1) % 3}", one_way=True) for i in range(3))),
            lambda: DelayLink(link="n-0->n-1", both_ways=True, begin_s=0),
            "got 'n-1->n-0'",
        ),
        (OneSwitch(), lambda: BreakLink(link="switch", begin_s=0), r"(?s)link: .*should match pattern"),
        (OneSwitch(), lambda: ThrottleLink(link="a->b", factor=0, begin_s=0), r"(?s)factor: .*greater than 0"),
    ],
)
def test_a_link_that_does_not_exist_is_refused_before_anything_runs(make, topology, build, message):
    with pytest.raises(ValueError, match=message):
        make(build(), network=network(topology))
