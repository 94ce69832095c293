"""Topologies: the links and routes of each, and what they refuse."""

from itertools import permutations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from simcluster.cluster.network.topology import (
    AnyTopology,
    Edge,
    FatTree,
    Graph,
    OneSwitch,
    Racks,
    Ring,
    Star,
    Torus,
    WideArea,
)

NODES = tuple(f"node-{i}" for i in range(16))
EUROPE, AMERICA = NODES[:8], NODES[8:]
WIDE = WideArea(
    zones={"europe": EUROPE, "america": AMERICA},
    latency_s={"europe": {"america": 0.04, "europe": 0.001}, "america": {"europe": 0.05}},
)
ALL = [
    OneSwitch(latency_s=1e-6),
    Star(hub="node-3"),
    Ring(latency_s=1e-6),
    Torus(rows=4, columns=4),
    Racks(racks=3, oversubscription=4.0, zones={"hall": ("rack-0", "rack-2")}),
    FatTree(k=4),
    WIDE,
    Graph(edges=tuple(Edge(source=NODES[i // 2], target=NODES[i]) for i in range(1, 16))),
]
each = pytest.mark.parametrize("topology", ALL, ids=lambda topology: topology.kind)


def passed(fabric, source, target):
    return [source, *(fabric.links[place].target for place in fabric.route(source, target))]


@each
def test_a_route_is_a_chain_of_links_from_source_to_target_that_passes_nothing_twice(topology):
    fabric = topology.fabric(NODES)
    for source, target in permutations(NODES, 2):
        links = [fabric.links[place] for place in fabric.route(source, target)]
        names = [source, *(link.target for link in links)]
        assert [link.source for link in links] == names[:-1]
        assert names[-1] == target
        assert len(set(names)) == len(names)
        assert fabric.latency_s(source, target) == pytest.approx(sum(link.latency_s for link in links))


@each
def test_a_route_has_as_few_hops_as_any(topology):
    fabric = topology.fabric(NODES)
    graph = nx.DiGraph([(link.source, link.target) for link in fabric.links])
    for source, lengths in nx.all_pairs_shortest_path_length(graph):
        for target in NODES:
            if source in NODES:
                assert len(fabric.route(source, target)) == lengths[target]


@each
def test_two_fabrics_of_one_topology_have_the_same_routes_in_whatever_order_they_are_asked(topology):
    one, other = topology.fabric(NODES), topology.fabric(NODES)
    pairs = list(permutations(NODES, 2))
    forth = {pair: one.route(*pair) for pair in pairs}
    assert {pair: other.route(*pair) for pair in reversed(pairs)} == forth


@each
def test_a_topology_survives_the_way_to_a_file_and_back(topology):
    assert TypeAdapter(AnyTopology).validate_json(topology.model_dump_json()) == topology


@each
def test_a_node_reaches_itself_over_no_link(topology):
    fabric = topology.fabric(NODES)
    assert fabric.route("node-5", "node-5") == ()
    assert fabric.latency_s("node-5", "node-5") == 0
    assert fabric.bandwidth_bytes_per_s("node-5", "node-5") is None


@each
def test_link_names_are_unique_and_lead_to_the_link(topology):
    fabric = topology.fabric(NODES)
    assert [fabric.index[link.name] for link in fabric.links] == list(range(len(fabric.links)))
    assert set(fabric.links_of("node-0")) == {
        place for place, link in enumerate(fabric.links) if "node-0" in link.name.split("->")
    }


@given(st.integers(2, 16), st.integers(2, 16))
def test_a_node_added_last_moves_no_route_of_a_fat_tree_between_the_others(fewer, more):
    fewer, more = sorted((fewer, more))
    small, large = FatTree(k=4).fabric(NODES[:fewer]), FatTree(k=4).fabric(NODES[:more])
    for pair in permutations(NODES[:fewer], 2):
        assert passed(small, *pair) == passed(large, *pair)


@pytest.mark.parametrize("shift", range(1, 16))
def test_a_fat_tree_carries_any_shift_without_two_flows_on_a_link(shift):
    fabric = FatTree(k=4).fabric(NODES)
    used = [place for i in range(16) for place in fabric.route(NODES[i], NODES[(i + shift) % 16])]
    assert len(used) == len(set(used))


def test_edge_switches_are_racks_and_pods_are_zones_of_a_fat_tree():
    fabric = FatTree(k=4).fabric(NODES[:6])
    assert fabric.racks == {"rack-0": NODES[:2], "rack-1": NODES[2:4], "rack-2": NODES[4:6]}
    assert fabric.zones == {"pod-0": NODES[:4], "pod-1": NODES[4:6]}
    assert (fabric.rack_of("node-5"), fabric.zone_of("node-5")) == ("rack-2", "pod-1")


def test_pods_of_any_fat_tree_are_runs_of_as_many_nodes_as_their_edge_switches_hold():
    nodes = [f"node-{place}" for place in range(54)]
    fabric = FatTree(k=6).fabric(nodes)
    assert fabric.zones == {f"pod-{pod}": tuple(nodes[9 * pod : 9 * pod + 9]) for pod in range(6)}


def test_an_uplink_carries_its_racks_bandwidth_divided_by_the_oversubscription():
    racks = {"a": NODES[:2], "b": NODES[2:10]}
    fabric = Racks(racks=racks, oversubscription=4, bandwidth_bytes_per_s=100).fabric(NODES[:10])
    assert fabric.links[fabric.index["b.switch->core"]].bandwidth_bytes_per_s == 200
    assert fabric.bandwidth_bytes_per_s("node-0", "node-2") == 50
    assert fabric.bandwidth_bytes_per_s("node-2", "node-3") == 100
    assert fabric.racks == racks


def test_racks_by_number_take_runs_of_nodes_and_zones_take_racks():
    fabric = Racks(racks=3, zones={"hall": ("rack-0", "rack-2")}).fabric(NODES[:7])
    assert fabric.racks == {"rack-0": NODES[:2], "rack-1": NODES[2:4], "rack-2": NODES[4:7]}
    assert fabric.zones == {"hall": (*NODES[:2], *NODES[4:7])}
    assert fabric.zone_of("node-2") is None


def test_a_wide_area_has_exactly_the_latencies_of_its_matrix():
    fabric = WIDE.fabric(NODES)
    assert fabric.latency_s("node-0", "node-8") == 0.04
    assert fabric.latency_s("node-8", "node-0") == 0.05
    assert fabric.latency_s("node-0", "node-1") == 0.001
    assert fabric.latency_s("node-8", "node-9") == 0
    assert fabric.bandwidth_bytes_per_s("node-0", "node-8") == 1.25e7
    for zone, members in fabric.zones.items():  # nobody waits for anybody within a zone
        within = fabric.links[fabric.index[f"{zone}.out->{zone}.in"]].bandwidth_bytes_per_s
        assert within == len(members) * WIDE.bandwidth_bytes_per_s


def test_a_ring_goes_the_shorter_way_round():
    fabric = Ring().fabric(NODES[:5])
    assert passed(fabric, "node-0", "node-4") == ["node-0", "node-4"]
    assert passed(fabric, "node-0", "node-2") == ["node-0", "node-1", "node-2"]


def test_a_torus_wraps_around():
    fabric = Torus(rows=4, columns=4).fabric(NODES)
    assert passed(fabric, "node-0", "node-3") == ["node-0", "node-3"]
    assert len(fabric.route("node-0", "node-10")) == 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (2, 2), (1, 4), (2, 3)])
def test_a_torus_of_any_shape_has_each_cable_once(shape):
    Torus(rows=shape[0], columns=shape[1]).fabric(NODES[: shape[0] * shape[1]])


def test_a_graph_routes_by_hops_or_by_latency():
    edges = (
        Edge(source="a", target="b", latency_s=0.5),
        Edge(source="a", target="middle", latency_s=0.1),
        Edge(source="middle", target="b", latency_s=0.1, bandwidth_bytes_per_s=10),
    )
    assert passed(Graph(edges=edges).fabric(("a", "b")), "a", "b") == ["a", "b"]
    fastest = Graph(edges=edges, routing="latency").fabric(("a", "b"))
    assert passed(fastest, "a", "b") == ["a", "middle", "b"]
    assert fastest.bandwidth_bytes_per_s("a", "b") == 10


def test_of_equal_latencies_the_fewer_hops_count_although_their_sums_round_differently():
    three = [0.1, 0.2, 0.3]
    edges = [Edge(source="abcd"[i], target="abcd"[i + 1], latency_s=three[i]) for i in range(3)]
    fabric = Graph(edges=(*edges, Edge(source="a", target="d", latency_s=0.6)), routing="latency").fabric(tuple("abcd"))
    assert 0.1 + 0.2 + 0.3 != 0.6
    assert passed(fabric, "a", "d") == ["a", "d"]


@pytest.mark.parametrize("names", list(permutations("abc")))
def test_of_equal_latencies_the_fewer_hops_count_wherever_the_target_stands(names):
    edges = [("a", "b", 0.1), ("b", "c", 0.2), ("a", "c", 0.3)]
    edges = tuple(Edge(source=one, target=other, latency_s=latency_s) for one, other, latency_s in edges)
    fabric = Graph(edges=edges, routing="latency").fabric(names)
    assert passed(fabric, "a", "c") == ["a", "c"]
    assert passed(fabric, "c", "a") == ["c", "a"]


def test_a_route_by_hand_counts_for_its_direction():
    edges = tuple(Edge(source=a, target=b) for a, b in ["ab", "bc", "ac"])
    fabric = Graph(edges=edges, routes=(("a", "b", "c"),)).fabric(tuple("abc"))
    assert passed(fabric, "a", "c") == ["a", "b", "c"]
    assert passed(fabric, "c", "a") == ["c", "a"]


def test_a_networkx_graph_is_a_topology_with_its_attributes():
    graph = nx.Graph()
    graph.add_edge(0, 1, bandwidth_bytes_per_s=5.0, latency_s=0.25, colour="red")
    both = Graph.from_networkx(graph, racks={"r": ("0",)}).fabric(("0", "1"))
    assert both.latency_s("1", "0") == 0.25
    assert both.capacities_bytes_per_s == (5.0, 5.0)
    assert both.rack_of("0") == "r"
    directed = Graph.from_networkx(nx.cycle_graph(3, create_using=nx.DiGraph)).fabric(("0", "1", "2"))
    assert passed(directed, "1", "0") == ["1", "2", "0"]
    with pytest.raises(ValueError, match="at most one edge between two nodes, got a MultiGraph"):
        Graph.from_networkx(nx.MultiGraph())


AB = (Edge(source="a", target="b"),)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneSwitch(bandwidth_bytes_per_s=0), r"(?s)bandwidth_bytes_per_s.*greater than 0.*got 0"),
        (lambda: OneSwitch(latency_s=-1), r"(?s)latency_s.*greater than or equal to 0.*got -1"),
        (lambda: FatTree(k=5), r"(?s)k: .*multiple of 2.*got 5"),
        (lambda: Edge(source="a", target="b", bandwidth_bytes_per_s=-2), r"(?s)bandwidth_bytes_per_s.*greater than 0"),
        (lambda: OneSwitch().fabric(("a", "a")), r"name of a node must be unique, got 'a' twice"),
        (lambda: OneSwitch().fabric(("a", "switch")), r"must not be that of a switch, got 'switch'"),
        (lambda: FatTree(k=2).fabric(("a", "core-0")), r"must not be that of a switch, got 'core-0'"),
        (lambda: FatTree(k=2).fabric(tuple("abc")), r"k must allow for 3 nodes, got 2, which allows for 2"),
        (lambda: FatTree(k=4).fabric(tuple(map(str, range(17)))), r"allow for 17 nodes, got 4, which allows for 16"),
        (lambda: Star(hub="c").fabric(("a", "b")), r"hub must be a node of the cluster, got 'c'"),
        (lambda: Torus(rows=2, columns=2).fabric(tuple("abc")), r"must be the number of nodes, 3, got 2 \* 2"),
        (lambda: Racks(racks=3).fabric(("a", "b")), r"racks must be at most the number of nodes, 2, got 3"),
        (lambda: Racks(racks={"r": ("a", "x")}).fabric(("a",)), r"racks must hold nodes of the cluster, got 'x' in r"),
        (lambda: Racks(racks={"r": ("a",)}).fabric(("a", "b")), r"racks must hold every node, got none that holds 'b'"),
        (
            lambda: Racks(racks={"r": ("a",), "s": ("b", "a")}).fabric(("a", "b")),
            r"racks must not overlap, got 'a' in r and s",
        ),
        (
            lambda: Racks(racks=1, zones={"z": ("rack-7",)}).fabric(("a",)),
            r"zones must hold racks of the cluster, got 'rack-7' in z",
        ),
        (
            lambda: OneSwitch(zones={"z": ("a", "x")}).fabric(("a",)),
            r"zones must hold nodes of the cluster, got 'x' in z",
        ),
        (
            lambda: WideArea(zones={"z": ("a",), "y": ("b",)}, latency_s={"z": {"y": 1}}),
            r"latency_s must be given from each zone to each, got none from y to z",
        ),
        (
            lambda: WideArea(zones={"z": ("a",), "y": ("b",)}, latency_s={"y": {"z": 1}}),
            r"latency_s must be given from each zone to each, got none from z to y",
        ),
        (
            lambda: WideArea(zones={"z": ("a",)}, latency_s={"z": {"y": 1}}),
            r"latency_s must be between zones \(z\), got 'y'",
        ),
        (lambda: Graph(edges=AB).fabric(tuple("abc")), r"route to every other, got none from c to a"),
        (
            lambda: Graph(edges=(Edge(source="a", target="b", one_way=True),)).fabric(("a", "b")),
            r"route to every other, got none from b to a",
        ),
        (lambda: Graph(edges=(*AB, *AB)).fabric(("a", "b")), r"link must be given once, got a->b twice"),
        (
            lambda: Graph(edges=(Edge(source="a", target="a"),)).fabric(("a",)),
            r"link must join two nodes or switches, got a->a",
        ),
        (
            lambda: Graph(edges=AB, routes=(("a", "b", "a"),)).fabric(("a", "b")),
            r"route must not be cyclic, got 'a' twice in a -> b -> a",
        ),
        (
            lambda: Graph(edges=AB, routes=(("a", "x", "b"),)).fabric(("a", "b")),
            r"route must follow links, got a->x in a -> x -> b, which is none",
        ),
        (
            lambda: Graph(edges=AB, routes=(("a", "y"),)).fabric(("a", "b")),
            r"route must run from node to node, got 'y' in a -> y",
        ),
        (
            lambda: Graph(edges=AB, routes=(("a", "b"), ("a", "b"))).fabric(("a", "b")),
            r"route must be given once, got two from a to b",
        ),
        (lambda: Graph(edges=AB, routes=(("a",),)), r"(?s)routes\.0.*at least 2 items"),
        (
            lambda: Graph(edges=AB).fabric(("a", "b")).route("a", "c"),
            r"target must be a node of the cluster, got 'c'",
        ),
        (
            lambda: Graph(edges=AB).fabric(("a", "b")).links_of("c"),
            r"name must be that of a node or switch, got 'c'",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_rule_and_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()
