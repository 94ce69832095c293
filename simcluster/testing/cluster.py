"""Clusters: machines that may differ, any network between them, and any topology that holds them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec
from simcluster.cluster.network.topology import FatTree, OneSwitch, Racks, Ring, Star, Topology, Torus, WideArea
from simcluster.testing.values import Fields, distributions


def networks(latency_s: float = 0.0005, nodes: Sequence[str] = ()) -> SearchStrategy[NetworkSpec]:
    """Networks of each fidelity, order and way to report failures, with and without limit of bandwidth.

    Latency is constant or random with mean ``latency_s``. ``nodes`` are those that a topology, if one is drawn, joins.
    """
    return st.builds(
        NetworkSpec,
        latency=distributions(latency_s),
        bandwidth_bytes_per_s=st.sampled_from([None, 1.25e8, 1.25e6]),
        fidelity=st.sampled_from(["nic", "latency", "flow"]),
        order=st.sampled_from(["datagram", "fifo"]),
        failures=st.sampled_from(["silent", "reported"]),
        topology=topologies(nodes) if nodes else st.none(),
    )


def links(cluster: ClusterSpec) -> SearchStrategy[str]:
    """The names of the links of a cluster's topology, for the field ``link`` of faults.

    Raises ``ValueError`` where it has no topology, or one without a link.
    """
    fabric = cluster.fabric()
    if fabric is None or not fabric.index:
        raise ValueError(f"cluster must have a topology with links, got {cluster.network.topology!r}")
    return st.sampled_from(list(fabric.index))


def topologies(nodes: Sequence[str]) -> SearchStrategy[Topology | None]:
    """None, or any kind of topology that holds these nodes and no others, with the bandwidth of its cables as it is."""
    count = len(nodes)
    shapes = [(rows, count // rows) for rows in range(1, count + 1) if count % rows == 0]
    trees = (k for k in itertools.count(2, 2) if k**3 // 4 >= count)
    zones = st.integers(1, count).map(lambda near: {"near": tuple(nodes[:near]), "far": tuple(nodes[near:])})
    ways = {"near": {"far": 0.001}, "far": {"near": 0.002}}
    kinds: list[SearchStrategy[Topology | None]] = [
        st.none(),
        st.just(OneSwitch()),
        st.builds(Star, hub=st.sampled_from(list(nodes))),
        st.just(Ring()),
        st.sampled_from([Torus(rows=rows, columns=columns) for rows, columns in shapes]),
        st.builds(Racks, racks=st.integers(1, count), oversubscription=st.sampled_from([1.0, 4.0])),
        st.just(FatTree(k=next(trees))),
        st.builds(partial(WideArea, latency_s=ways), zones=zones),
    ]
    return st.one_of(kinds)


@st.composite
def clusters(
    draw: DrawFn,
    min_nodes: int = 1,
    max_nodes: int = 5,
    prefix: str = "node",
    network: SearchStrategy[NetworkSpec] | None = None,
    fields: Fields | None = None,
) -> ClusterSpec:
    """Clusters of nodes ``prefix-0``, ``prefix-1``, … that may differ in cores, speed and jitter.

    ``network`` draws what joins them, by default any network with any topology that holds them. ``fields`` gives
    strategies for fields of ``NodeSpec``. Shrinks to few nodes as they are by default.
    """
    if not 1 <= min_nodes <= max_nodes:
        raise ValueError(f"min_nodes must be within [1, max_nodes = {max_nodes}], got {min_nodes}")
    usual: Fields = {
        "cores": st.sampled_from([1, 2, 4]),
        "speed": st.sampled_from([1.0, 0.5, 2.0]),
        "jitter": st.none() | distributions(1.0),
    }
    nodes = tuple(
        NodeSpec(name=f"{prefix}-{place}", **{name: draw(of) for name, of in {**usual, **(fields or {})}.items()})
        for place in range(draw(st.integers(min_nodes, max_nodes)))
    )
    names = tuple(node.name for node in nodes)
    return ClusterSpec(nodes=nodes, network=draw(networks(nodes=names) if network is None else network))
