"""Nodes that join and leave a topology while it runs: as if they had been there from the beginning."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster import (
    Cluster,
    ClusterSpec,
    FatTree,
    Graph,
    NetworkSpec,
    NodeSpec,
    OneSwitch,
    Racks,
    Ring,
    Star,
    Torus,
    WideArea,
)
from simcluster.cluster.network.topology import Edge
from simcluster.engine import Constant, Environment, Trace

GROUPS = ("east", "west")
MATRIX = {"east": {"west": 0.5, "east": 0.01}, "west": {"east": 0.25, "west": 0.02}}
RATES = {"bandwidth_bytes_per_s": 1000.0}


def members(group_of):
    return {group: tuple(node for node, its in group_of.items() if its == group) for group in GROUPS}


KINDS = {
    "one_switch": lambda group_of: OneSwitch(latency_s=0.1, racks=members(group_of), **RATES),
    "star": lambda group_of: Star(hub="n-0", latency_s=0.1, zones=members(group_of), **RATES),
    "racks": lambda group_of: Racks(
        racks=members(group_of), zones={"hall": ("west",)}, oversubscription=3, latency_s=0.1, **RATES
    ),
    "fat_tree": lambda group_of: FatTree(k=4, latency_s=0.1, **RATES),
    "wide_area": lambda group_of: WideArea(
        zones=members(group_of), latency_s=MATRIX, between_bytes_per_s=700.0, **RATES
    ),
}


def passed(fabric, source, target):
    return [fabric.links[place].name for place in fabric.route(source, target)]


@given(st.sampled_from(list(KINDS)), st.lists(st.sampled_from(GROUPS), min_size=2, max_size=10), st.data())
def test_a_topology_that_nodes_have_joined_is_that_which_would_have_been_built_with_them(kind, groups, data):
    group_of = {f"n-{place}": group for place, group in enumerate(groups)}
    n_before = data.draw(st.integers(1, len(groups) - 1))
    before = dict(list(group_of.items())[:n_before])
    topology, whole = KINDS[kind](before), KINDS[kind](group_of).fabric(list(group_of))
    fabric = topology.fabric(list(before))
    asked = {pair: passed(fabric, *pair) for pair in permutations(before, 2) if data.draw(st.booleans())}
    for node, group in list(group_of.items())[n_before:]:
        topology.join(fabric, node, group, group)

    assert fabric.nodes == whole.nodes
    assert sorted(fabric.links) == sorted(whole.links)
    assert (fabric.racks, fabric.zones) == (whole.racks, whole.zones)
    for pair in permutations(group_of, 2):
        assert passed(fabric, *pair) == passed(whole, *pair)
    assert all(passed(fabric, *pair) == route for pair, route in asked.items())


def talking(fidelity, topology, n_nodes, joining=(), throttled=()):
    """All nodes send to all at 1 s, those that join at 0.5 s too; when each pair's message arrives."""
    env = Environment()
    machines = [NodeSpec(name=f"n-{place}", rack=GROUPS[place % 2], zone=GROUPS[place % 2]) for place in range(n_nodes)]
    first = tuple(machine for machine in machines if machine.name not in joining)
    network = NetworkSpec(
        fidelity=fidelity, topology=topology, latency=Constant(value=0.001), bandwidth_bytes_per_s=2000.0
    )
    cluster = Cluster(env, ClusterSpec(nodes=first, network=network), 0, Trace(env))
    if joining:
        # Something is under way when they join, and over by the time at which all talk.
        cluster["n-0"].send("n-1", "before", size_bytes=600)
    for link in throttled:
        cluster.network.throttle_link("fault", link, 4.0)
    for machine in machines[len(first) :]:
        env.call_later(0.5, lambda _, machine=machine: cluster.join(machine))
    for source, target in permutations([machine.name for machine in machines], 2):
        env.call_later(5, lambda _, ends=(source, target): cluster[ends[0]].send(ends[1], "x", size_bytes=100))
    env.run()
    return cluster, {
        (row["source"], row["target"]): row["time_s"]
        for row in cluster.trace.rows("deliver")
        if row["message_kind"] == "x"
    }


@pytest.mark.parametrize("fidelity", ["latency", "nic", "flow"])
@pytest.mark.parametrize("kind", KINDS)
def test_messages_take_as_long_as_if_the_node_had_been_there_from_the_beginning(kind, fidelity):
    group_of = {f"n-{place}": GROUPS[place % 2] for place in range(6)}
    before = dict(list(group_of.items())[:4])
    throttled = {"racks": ["west.switch->core"], "wide_area": ["west.out->west.in"]}.get(kind, [])
    joined, times = talking(fidelity, KINDS[kind](before), 6, ("n-4", "n-5"), throttled)
    whole, expected = talking(fidelity, KINDS[kind](group_of), 6, (), throttled)

    assert times == pytest.approx(expected)
    assert len(times) == 30
    for name in ("n-4", "n-5"):
        assert joined[name].spec == whole[name].spec


def test_a_node_that_leaves_takes_no_route_of_others_with_it():
    cluster, _ = talking("nic", Star(hub="n-0"), 4)
    cluster.leave("n-0")
    cluster["n-1"].send("n-2", "through the hub")
    cluster.join(NodeSpec(name="new"))
    cluster["n-1"].send("new", "to the new one")
    cluster.env.run()

    assert cluster.network.route("n-1", "n-2") == ("n-1->n-0", "n-0->n-2")
    kinds = [row["message_kind"] for row in cluster.trace.rows("deliver")]
    assert kinds[-2:] == ["through the hub", "to the new one"]


def test_a_route_is_told_by_the_names_of_its_links():
    cluster, _ = talking("flow", OneSwitch(), 3)
    plain, _ = talking("flow", None, 3)

    assert cluster.network.route("n-0", "n-2") == ("n-0->switch", "switch->n-2")
    assert cluster.network.route("n-1", "n-1") == ()
    assert plain.network.route("n-0", "n-2") == ()
    for network in (cluster.network, plain.network):
        with pytest.raises(ValueError, match="target must be a node of the cluster, got 'switch'"):
            network.route("n-0", "switch")


TRIANGLE = tuple(Edge(source=f"n-{one}", target=f"n-{other}") for one, other in [(0, 1), (1, 2)])


@pytest.mark.parametrize(
    ("topology", "n_nodes", "node", "message"),
    [
        (Ring(), 3, NodeSpec(name="new"), "of a ring would cut a cable .* no node can join it, got 'new'"),
        (Torus(rows=1, columns=3), 3, NodeSpec(name="new"), "a torus has a node at every place .*, got 'new'"),
        (Graph(edges=TRIANGLE), 3, NodeSpec(name="new"), "the edges of a graph are all given .*, got 'new'"),
        (FatTree(k=2), 2, NodeSpec(name="new"), "a fat tree of k = 2 holds 2 nodes, so no other .*, got 'new'"),
        (Racks(racks=2), 3, NodeSpec(name="new", rack="r"), r"rack .* one of \['rack-0', 'rack-1'\], got 'r'"),
        (Racks(racks=2), 3, NodeSpec(name="new"), r"rack .* one of \['rack-0', 'rack-1'\], got None"),
        (
            WideArea(zones={"z": ("n-0", "n-1")}, latency_s={}),
            2,
            NodeSpec(name="new"),
            r"zone of a new node must be one of \['z'\], got None",
        ),
        (OneSwitch(), 2, NodeSpec(name="switch"), "neither a node's nor a switch's, got 'switch'"),
        (OneSwitch(), 2, NodeSpec(name="n-1"), "a new node must have a new name, got 'n-1'"),
    ],
)
def test_a_node_for_which_there_is_no_place_is_refused_with_the_reason_and_changes_nothing(
    topology, n_nodes, node, message
):
    cluster, _ = talking("flow", topology, n_nodes)
    links = cluster.network.links.fabric.links
    with pytest.raises(ValueError, match=message):
        cluster.join(node)

    assert cluster.network.links.fabric.links == links
    assert list(cluster.nodes) == [f"n-{place}" for place in range(n_nodes)]
