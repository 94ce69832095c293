"""Fabric: the directed links between the nodes of a cluster, and the route from each node to each other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from simcluster.cluster.groups import Members

if TYPE_CHECKING:
    import networkx as nx

_HOP = 1 << 96
_FEMTOSECONDS = 1e15


class Link(NamedTuple):
    """One direction of a cable: from a node or switch to the next."""

    source: str
    target: str
    bandwidth_bytes_per_s: float
    latency_s: float

    @property
    def name(self) -> str:
        """What faults and traces call it."""
        return f"{self.source}->{self.target}"


def both_ways(one: str, other: str, bandwidth_bytes_per_s: float, latency_s: float) -> tuple[Link, Link]:
    """A full-duplex cable."""
    return (
        Link(one, other, bandwidth_bytes_per_s, latency_s),
        Link(other, one, bandwidth_bytes_per_s, latency_s),
    )


class Fabric:
    """Nodes, links, and routes of fewest hops, or of least latency (``by_latency``).

    Of routes with equal hops the one of less latency is taken, and the other way round. Where several next hops
    are still equal, in the order of ``links``, the place of the target among ``nodes`` chooses, one digit per
    choice: so the routes of a fat tree spread over all its spines (D-mod-k: Leiserson et al., The network
    architecture of the Connection Machine CM-5, 1992), and a node that is added last moves no route between the others.
    Routes are static: none goes round a link or a node that is down.

    ``routes`` gives some routes by hand, as the nodes and switches that they pass. Raises ``ValueError`` for a
    link given twice or from a node to itself, nodes that cannot reach each other, and routes by hand that are
    cyclic, pass a link that does not exist, or do not run from node to node.
    """

    def __init__(
        self,
        nodes: Iterable[str],
        links: Iterable[Link],
        racks: Members | None = None,
        zones: Members | None = None,
        routes: Iterable[tuple[str, ...]] = (),
        by_latency: bool = False,
    ) -> None:
        import networkx as nx

        self.nodes = tuple(nodes)
        self.links = tuple(links)
        self.racks: Members = dict(racks or {})
        self.zones: Members = dict(zones or {})
        self.index: dict[str, int] = {}
        """The place of each link among ``links``, by name."""
        self._place = {name: place for place, name in enumerate(self.nodes)}
        # Turned around: a search from the target finds what every node is away from it.
        self._graph: nx.DiGraph[str] = nx.DiGraph()
        self._graph.add_nodes_from(self.nodes)
        self._by_latency = by_latency
        for place, link in enumerate(self.links):
            if link.source == link.target:
                raise ValueError(f"a link must join two nodes or switches, got {link.name}")
            if link.name in self.index:
                raise ValueError(f"a link must be given once, got {link.name} twice")
            self._lay(place, link)
        self._distances: dict[str, dict[str, int]] = {}
        self._next: dict[str, list[tuple[str, int, int]]] = {}
        self._routes: dict[tuple[str, str], tuple[int, ...]] = {}
        self._groups = tuple(
            {name: group for group, members in reversed(groups.items()) for name in members}
            for groups in (self.racks, self.zones)
        )
        self._check_reachable()
        for route in routes:
            self._routes[route[0], route[-1]] = self._given(route)

    @property
    def capacities_bytes_per_s(self) -> tuple[float, ...]:
        """The bandwidth of each link."""
        return tuple(link.bandwidth_bytes_per_s for link in self.links)

    def route(self, source: str, target: str) -> tuple[int, ...]:
        """The links from one node to another, as places among ``links``; none from a node to itself."""
        found = self._routes.get((source, target))
        if found is None:
            found = self._routes[source, target] = self._search(source, target)
        return found

    def latency_s(self, source: str, target: str) -> float:
        """The sum of the latencies of the route's links."""
        return math.fsum(self.links[place].latency_s for place in self.route(source, target))

    def bandwidth_bytes_per_s(self, source: str, target: str) -> float | None:
        """What a transfer alone in the network gets: the least bandwidth of the route, ``None`` without a link."""
        return min((self.links[place].bandwidth_bytes_per_s for place in self.route(source, target)), default=None)

    def join(
        self, node: str, links: Iterable[Link], rack: str | None = None, zone: str | None = None
    ) -> tuple[Link, ...]:
        """A node joins, as the last, at ``links``, in a rack and a zone if these are given; the links.

        One that is known has the given bandwidth from now on. Routes between the others are as they were, if no link
        makes a shorter one. Raises ``ValueError`` for a name that a node or a switch has.
        """
        if node in self._graph:
            raise ValueError(f"the name of a new node must be neither a node's nor a switch's, got {node!r}")
        given = tuple(links)
        laid = list(self.links)
        self._place[node] = len(self.nodes)
        self.nodes += (node,)
        for link in given:
            place = self.index.get(link.name)
            if place is None:
                self._lay(len(laid), link)
                laid.append(link)
            else:
                laid[place] = link
        self.links = tuple(laid)
        for groups, group_of, group in zip((self.racks, self.zones), self._groups, (rack, zone), strict=True):
            if group is not None:
                groups[group] = (*groups.get(group, ()), node)
                group_of[node] = group
        self._distances.clear()
        self._next.clear()
        return given

    def require(self, field: str, link: str) -> None:
        """Raise ``ValueError`` unless there is a link of this name."""
        if link not in self.index:
            known = list(self.index)[:12]
            raise ValueError(f"{field} must be one of the topology's links, as {known}, got {link!r}")

    def links_of(self, name: str) -> tuple[int, ...]:
        """The links that begin or end at a node or switch."""
        if name not in self._graph:
            raise ValueError(f"name must be that of a node or switch, got {name!r}")
        return tuple(place for place, link in enumerate(self.links) if name in (link.source, link.target))

    def rack_of(self, node: str) -> str | None:
        """The rack that a node is in."""
        return self._groups[0].get(node)

    def zone_of(self, node: str) -> str | None:
        """The zone that a node is in."""
        return self._groups[1].get(node)

    def _lay(self, place: int, link: Link) -> None:
        self.index[link.name] = place
        cost = round(link.latency_s * _FEMTOSECONDS)
        cost = cost * _HOP + 1 if self._by_latency else _HOP + cost
        self._graph.add_edge(link.target, link.source, link=place, cost=cost)

    def _search(self, source: str, target: str) -> tuple[int, ...]:
        import networkx as nx

        for name, value in (("source", source), ("target", target)):
            if value not in self._place:
                raise ValueError(f"{name} must be a node of the cluster, got {value!r}")
        distances = self._distances.get(target)
        if distances is None:
            lengths = nx.single_source_dijkstra_path_length(self._graph, target, weight="cost")
            distances = self._distances[target] = {name: int(cost) for name, cost in lengths.items()}
        route: list[int] = []
        at, digits = source, self._place[target]
        while at != target:
            left = distances[at]
            equal = [
                (after, place)
                for after, place, cost in self._onward(at)
                if after in distances and distances[after] + cost == left
            ]
            digits, digit = divmod(digits, len(equal))
            at, place = equal[digit]
            route.append(place)
        return tuple(route)

    def _onward(self, at: str) -> list[tuple[str, int, int]]:
        """The next hops from a node or switch in the order of ``links``: name, link, cost."""
        found = self._next.get(at)
        if found is None:
            found = [(after, data["link"], data["cost"]) for after, _, data in self._graph.in_edges(at, data=True)]
            found.sort(key=lambda hop: hop[1])
            self._next[at] = found
        return found

    def _check_reachable(self) -> None:
        """Every node reaches every other if all reach the first and the first reaches all."""
        import networkx as nx

        if not self.nodes:
            return
        first = self.nodes[0]
        reaching = nx.descendants(self._graph, first) | {first}
        reached = nx.ancestors(self._graph, first) | {first}
        for name in self.nodes:
            for found, source, target in ((reaching, name, first), (reached, first, name)):
                if name not in found:
                    raise ValueError(f"every node must have a route to every other, got none from {source} to {target}")

    def _given(self, route: tuple[str, ...]) -> tuple[int, ...]:
        shown = " -> ".join(route)
        for end in (route[0], route[-1]):
            if end not in self._place:
                raise ValueError(f"a route must run from node to node, got {end!r} in {shown}")
        for place, name in enumerate(route):
            if name in route[:place]:
                raise ValueError(f"a route must not be cyclic, got {name!r} twice in {shown}")
        steps = [f"{one}->{after}" for one, after in pairwise(route)]
        for step in steps:
            if step not in self.index:
                raise ValueError(f"a route must follow links, got {step} in {shown}, which is none")
        if (route[0], route[-1]) in self._routes:
            raise ValueError(f"a route must be given once, got two from {route[0]} to {route[-1]}")
        return tuple(self.index[step] for step in steps)
