"""Topologies: what joins the nodes of a cluster, by name, as frozen data that builds a Fabric for given nodes.

Every cable is full-duplex, two links of ``bandwidth_bytes_per_s`` and ``latency_s`` each, unless it says otherwise.
Links from a node to itself do not exist: what a node sends to itself passes none. A node may join while the cluster
runs where the topology says by itself where it belongs: then its links are as if it had been there from the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from pydantic import Field

from simcluster.cluster.groups import Members, check_groups, check_nodes, circle, runs
from simcluster.cluster.network.fabric import Fabric, Link, both_ways
from simcluster.engine import NUMBER, Count, Name, Open, Positive, Seconds, Spec

if TYPE_CHECKING:
    import networkx as nx

Latency = Annotated[Seconds, Field(le=1e9)]
"""Seconds of one cable: thirty years at most, so that those of a route, in femtoseconds, count less than a hop."""


class Topology(Protocol):
    """What joins the nodes of a cluster."""

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes."""
        ...

    def join(self, fabric: Fabric, node: str, rack: str | None = None, zone: str | None = None) -> tuple[Link, ...]:
        """Join a node to the fabric that this has built; the links that are new, or have another bandwidth now.

        Raises ``ValueError`` where there is no place for it, with the reason.
        """
        ...


class _Joinable(Spec):
    _no_place: ClassVar[str] = ""  # why no node can join

    def join(self, fabric: Fabric, node: str, rack: str | None = None, zone: str | None = None) -> tuple[Link, ...]:
        """Join a node to the fabric that this has built; the links that are new, or have another bandwidth now.

        Raises ``ValueError`` where there is no place for it, with the reason.
        """
        raise ValueError(f"{self._no_place}, so no node can join it, got {node!r}")


class _Cables(_Joinable):
    bandwidth_bytes_per_s: Positive = 1.25e8
    """Bytes per second of a cable in each direction."""
    latency_s: Latency = 0.0
    """Seconds from one end of a cable to the other."""

    def _cable(self, one: str, other: str, times: float = 1.0) -> tuple[Link, Link]:
        return both_ways(one, other, self.bandwidth_bytes_per_s * times, self.latency_s)


class _Placed(_Cables):
    """A topology without racks and zones of its own: both may be given, and leave out nodes."""

    racks: Members = Field(default_factory=dict)
    """Names of racks, each with its nodes."""
    zones: Members = Field(default_factory=dict)
    """Names of zones, each with its nodes."""

    def _fabric(self, nodes: Sequence[str], links: Sequence[Link]) -> Fabric:
        for kind, groups in (("racks", self.racks), ("zones", self.zones)):
            check_groups(kind, groups, nodes)
        return Fabric(nodes, links, self.racks, self.zones)

    def _join(self, fabric: Fabric, node: str, hub: str, rack: str | None, zone: str | None) -> tuple[Link, ...]:
        """A cable to the hub, and a place in the groups that the topology names."""
        rack, zone = rack if rack in self.racks else None, zone if zone in self.zones else None
        return fabric.join(node, self._cable(node, hub), rack, zone)


class OneSwitch(_Placed):
    """One switch that all nodes are joined to, and that never limits them."""

    kind: Literal["one_switch"] = "one_switch"

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes."""
        check_nodes(nodes, "switch")
        return self._fabric(nodes, [link for node in nodes for link in self._cable(node, "switch")])

    def join(self, fabric: Fabric, node: str, rack: str | None = None, zone: str | None = None) -> tuple[Link, ...]:
        """One more cable to the switch."""
        return self._join(fabric, node, "switch", rack, zone)


class Star(_Placed):
    """One node, the hub, that all others are joined to and that forwards between them."""

    kind: Literal["star"] = "star"
    hub: Name
    """The name of that node."""

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes. Raises ``ValueError`` when the hub is none of them."""
        check_nodes(nodes)
        if self.hub not in nodes:
            raise ValueError(f"hub must be a node of the cluster, got {self.hub!r}")
        return self._fabric(nodes, [link for node in nodes if node != self.hub for link in self._cable(node, self.hub)])

    def join(self, fabric: Fabric, node: str, rack: str | None = None, zone: str | None = None) -> tuple[Link, ...]:
        """One more cable to the hub, which forwards even when it is down or has left."""
        return self._join(fabric, node, self.hub, rack, zone)


class Ring(_Placed):
    """Every node joined to the next, and the last to the first; they forward the shorter way round."""

    kind: Literal["ring"] = "ring"
    _no_place = "a new node of a ring would cut a cable in two and move the routes of others"

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes."""
        check_nodes(nodes)
        cables = circle(list(nodes))
        return self._fabric(nodes, [link for pair in cables for link in self._cable(*pair)])


class Torus(_Placed):
    """Nodes in a grid, row by row, that wraps around: each forwards to its four neighbours."""

    kind: Literal["torus"] = "torus"
    _no_place = "a torus has a node at every place of its grid"
    rows: Count
    """How many rows the grid has."""
    columns: Count
    """How many nodes a row has."""

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes. Raises ``ValueError`` when the grid does not hold them exactly."""
        check_nodes(nodes)
        if len(nodes) != self.rows * self.columns:
            raise ValueError(
                f"rows * columns must be the number of nodes, {len(nodes)}, got {self.rows} * {self.columns}"
            )
        grid = [list(nodes[row * self.columns : (row + 1) * self.columns]) for row in range(self.rows)]
        lines = [*grid, *([line[column] for line in grid] for column in range(self.columns))]
        return self._fabric(nodes, [link for line in lines for pair in circle(line) for link in self._cable(*pair)])


class Racks(_Cables):
    """Racks of nodes, each with a switch, under one core switch that they reach over one uplink each."""

    kind: Literal["racks"] = "racks"
    racks: Members | Count
    """Names of racks, each with its nodes, or a number: then rack-0, rack-1, ... take equal runs of them in order."""
    oversubscription: Positive = 1.0
    """What the sum of a rack's bandwidths is divided by to give its uplink's."""
    zones: Members = Field(default_factory=dict)
    """Names of zones, each with its racks."""

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes. Raises ``ValueError`` unless each is in one rack."""
        racks = self.racks if isinstance(self.racks, dict) else runs(nodes, self.racks)
        check_groups("racks", racks, nodes, all_of_them=True)
        check_groups("zones", self.zones, list(racks), "rack")
        check_nodes(nodes, "core", *(f"{rack}.switch" for rack in racks))
        links: list[Link] = []
        for rack, members in racks.items():
            for node in members:
                links += self._cable(node, f"{rack}.switch")
            links += self._uplink(rack, len(members))
        zones = {zone: tuple(n for rack in members for n in racks[rack]) for zone, members in self.zones.items()}
        return Fabric(nodes, links, racks, zones)

    def join(self, fabric: Fabric, node: str, rack: str | None = None, zone: str | None = None) -> tuple[Link, ...]:
        """A cable to its rack's switch, whose uplink becomes wider. Raises ``ValueError`` for an unknown rack."""
        if rack is None or rack not in fabric.racks:
            raise ValueError(f"rack of a new node must be one of {list(fabric.racks)[:12]}, got {rack!r}")
        links = (*self._cable(node, f"{rack}.switch"), *self._uplink(rack, len(fabric.racks[rack]) + 1))
        return fabric.join(node, links, rack, next((zone for zone, racks in self.zones.items() if rack in racks), None))

    def _uplink(self, rack: str, n_nodes: int) -> tuple[Link, Link]:
        return self._cable(f"{rack}.switch", "core", n_nodes / self.oversubscription)


class FatTree(_Cables):
    """A k-ary fat tree: k pods of k/2 edge and k/2 aggregation switches under (k/2)² cores, all cables alike.

    It holds up to k³/4 nodes, in order; those of an edge switch are a rack (rack-0, ...), those of a pod a zone
    (pod-0, ...). Routes spread over the cores by target. Source: Al-Fares et al., A scalable, commodity data
    center network architecture, SIGCOMM 2008.
    """

    kind: Literal["fat_tree"] = "fat_tree"
    k: Annotated[int, Field(ge=2, le=100, multiple_of=2), NUMBER]
    """How many ports a switch has, an even number; at most 100, for 250,000 nodes."""

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes. Raises ``ValueError`` for more nodes than the tree holds."""
        half, pods = self.k // 2, range(self.k)
        most = self.k * half * half
        if len(nodes) > most:
            raise ValueError(f"k must allow for {len(nodes)} nodes, got {self.k}, which allows for {most}")
        racks = {f"rack-{r}": tuple(nodes[r * half : (r + 1) * half]) for r in range(self.k * half)}
        upper = [[f"pod-{pod}.switch-{a}" for a in range(half)] for pod in pods]
        cores = [f"core-{core}" for core in range(half * half)]
        check_nodes(nodes, *(f"{rack}.switch" for rack in racks), *(name for pod in upper for name in pod), *cores)
        links: list[Link] = []
        for r, (rack, members) in enumerate(racks.items()):
            for end in (*members, *upper[r // half]):
                links += self._cable(end, f"{rack}.switch")
        for pod in pods:
            for place, core in enumerate(cores):
                links += self._cable(upper[pod][place // half], core)
        zones = {f"pod-{p}": tuple(nodes[p * half * half : (p + 1) * half * half]) for p in pods}
        return Fabric(
            nodes,
            links,
            {rack: members for rack, members in racks.items() if members},
            {zone: members for zone, members in zones.items() if members},
        )

    def join(self, fabric: Fabric, node: str, rack: str | None = None, zone: str | None = None) -> tuple[Link, ...]:
        """The next free port, whatever rack it asks for. Raises ``ValueError`` when the tree is full."""
        half, place = self.k // 2, len(fabric.nodes)
        if place == self.k * half * half:
            raise ValueError(f"a fat tree of k = {self.k} holds {place} nodes, so no other can join it, got {node!r}")
        edge = place // half
        return fabric.join(node, self._cable(node, f"rack-{edge}.switch"), f"rack-{edge}", f"pod-{edge // half}")


class WideArea(_Joinable):
    """Zones of nodes far from each other: each pair of zones has a link in each direction."""

    kind: Literal["wide_area"] = "wide_area"
    zones: Members
    """Names of zones, each with its nodes; every node is in one."""
    latency_s: dict[str, dict[str, Latency]]
    """At [a][b] the seconds of the whole way from a node in zone a to one in b; [a][a], if not given, is 0."""
    bandwidth_bytes_per_s: Positive = 1.25e8
    """Bytes per second at which a node is joined to its zone, in each direction."""
    between_bytes_per_s: Positive = 1.25e7
    """Bytes per second of a link between two zones."""
    racks: Members = Field(default_factory=dict)
    """Names of racks, each with its nodes; they may leave out nodes."""

    def model_post_init(self, _: object) -> None:
        """Refuse a matrix that has another zone, or lacks one."""
        for row, latencies in self.latency_s.items():
            for zone in (row, *latencies):
                if zone not in self.zones:
                    raise ValueError(f"latency_s must be between zones ({', '.join(self.zones)}), got {zone!r}")
        for one in self.zones:
            for other in self.zones:
                if one != other and other not in self.latency_s.get(one, {}):
                    raise ValueError(f"latency_s must be given from each zone to each, got none from {one} to {other}")

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes. Raises ``ValueError`` unless each is in one zone."""
        check_groups("zones", self.zones, nodes, all_of_them=True)
        check_groups("racks", self.racks, nodes)
        check_nodes(nodes, *(f"{zone}.{way}" for zone in self.zones for way in ("out", "in")))
        links: list[Link] = []
        for zone, members in self.zones.items():
            for node in members:
                links += self._cables(node, zone)
            if members:
                links.append(self._within(zone, len(members)))
            for other in self.zones:
                if other != zone:
                    way_out, far = f"{zone}.out", f"{other}.in"
                    links.append(Link(way_out, far, self.between_bytes_per_s, self.latency_s[zone][other]))
        return Fabric(nodes, links, self.racks, self.zones)

    def join(self, fabric: Fabric, node: str, rack: str | None = None, zone: str | None = None) -> tuple[Link, ...]:
        """Cables to its zone, which becomes wider within. Raises ``ValueError`` for an unknown zone."""
        if zone is None or zone not in self.zones:
            raise ValueError(f"zone of a new node must be one of {list(self.zones)[:12]}, got {zone!r}")
        links = (*self._cables(node, zone), self._within(zone, len(fabric.zones[zone]) + 1))
        return fabric.join(node, links, rack if rack in self.racks else None, zone)

    def _cables(self, node: str, zone: str) -> tuple[Link, Link]:
        rate = self.bandwidth_bytes_per_s
        return Link(node, f"{zone}.out", rate, 0.0), Link(f"{zone}.in", node, rate, 0.0)

    def _within(self, zone: str, n_nodes: int) -> Link:
        within_s = self.latency_s.get(zone, {}).get(zone, 0.0)
        return Link(f"{zone}.out", f"{zone}.in", self.bandwidth_bytes_per_s * n_nodes, within_s)


class Edge(Spec):
    """One cable of a graph."""

    source: Name
    """The node or switch at one end."""
    target: Name
    """The node or switch at the other."""
    bandwidth_bytes_per_s: Positive | None = None
    """Bytes per second in each direction (``None``: the graph's)."""
    latency_s: Latency | None = None
    """Seconds from end to end (``None``: the graph's)."""
    one_way: bool = False
    """Whether it leads from source to target only."""


class Graph(_Placed):
    """Any graph, by its edges; a name that no node has is a switch."""

    kind: Literal["graph"] = "graph"
    _no_place = "the edges of a graph are all given beforehand"
    edges: tuple[Edge, ...]
    """The cables."""
    routing: Literal["hops", "latency"] = "hops"
    """Whether routes are those of fewest hops or of least latency; where several are equal the other decides."""
    routes: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()
    """Routes by hand: each the names of what it passes, from node to node, for that direction only."""

    @classmethod
    def from_networkx(cls, graph: nx.Graph[Any], **fields: Any) -> Graph:
        """The topology of a networkx graph whose edges may have the attributes of an ``Edge``.

        An edge of a DiGraph is one-way; names are made strings. Raises ``ValueError`` for a multigraph and for
        an attribute that breaks its rule. ``fields`` are the topology's other fields.
        """
        if graph.is_multigraph():
            raise ValueError(f"graph must have at most one edge between two nodes, got a {type(graph).__name__}")
        kept = ("bandwidth_bytes_per_s", "latency_s")
        edges = tuple(
            Edge(
                source=str(one),
                target=str(other),
                one_way=graph.is_directed(),
                **{name: data[name] for name in kept if name in data},
            )
            for one, other, data in graph.edges(data=True)
        )
        return cls(edges=edges, **fields)

    def fabric(self, nodes: Sequence[str]) -> Fabric:
        """The links and routes between these nodes. Raises ``ValueError`` where a node has no edge or no route."""
        check_nodes(nodes)
        for kind, groups in (("racks", self.racks), ("zones", self.zones)):
            check_groups(kind, groups, nodes)
        links: list[Link] = []
        for edge in self.edges:
            rate = edge.bandwidth_bytes_per_s or self.bandwidth_bytes_per_s
            latency_s = self.latency_s if edge.latency_s is None else edge.latency_s
            pair = both_ways(edge.source, edge.target, rate, latency_s)
            links += pair[:1] if edge.one_way else pair
        return Fabric(nodes, links, self.racks, self.zones, self.routes, by_latency=self.routing == "latency")


AnyTopology = Annotated[Topology, Open(Topology, OneSwitch, Star, Ring, Torus, Racks, FatTree, WideArea, Graph)]
"""One of the topologies above, or one's own; in a file ``kind`` says which."""
