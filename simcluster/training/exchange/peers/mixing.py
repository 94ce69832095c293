"""Whom a worker averages with, and at which weights: graphs and their mixing matrices."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import BeforeValidator, Field

from simcluster.engine import Open, Spec
from simcluster.learning import Array

if TYPE_CHECKING:
    import networkx as nx  # which only what makes or judges a graph waits for

Place = Annotated[int, Field(ge=0)]


class CommunicationGraph(Protocol):
    """Who is linked with whom; a plain function serves."""

    def __call__(self, members: int) -> nx.Graph[Any]:
        """A connected graph whose nodes are the places of the workers, 0 to ``members`` − 1."""
        ...


class Mixing(Protocol):
    """At which weights neighbours average; a plain function serves."""

    def __call__(self, graph: nx.Graph[Any]) -> Array:
        """W (n, n): each row and each column adds up to 1, and it is zero where there is no edge."""
        ...


class Edges(Spec):
    """A graph by its edges."""

    kind: Literal["edges"] = "edges"
    edges: tuple[tuple[Place, Place], ...]
    """Pairs of places of workers."""

    def __call__(self, members: int) -> nx.Graph[Any]:
        """The graph."""
        import networkx as nx

        graph: nx.Graph[Any] = nx.empty_graph(members)
        graph.add_edges_from(self.edges)
        return graph


def ring(members: int) -> nx.Graph[Any]:
    """Each with the next and the one before."""
    import networkx as nx

    graph: nx.Graph[Any] = nx.empty_graph(members)
    graph.add_edges_from((place, (place + 1) % members) for place in range(members if members > 1 else 0))
    return graph


def complete(members: int) -> nx.Graph[Any]:
    """Each with each other one."""
    import networkx as nx

    graph: nx.Graph[Any] = nx.complete_graph(members)
    return graph


def metropolis(graph: nx.Graph[Any]) -> Array:
    """w_ij = 1/(1 + max(d_i, d_j)), the rest w_ii (Xiao, Boyd & Kim, J. Parallel Distrib. Comput. 67, 2007)."""
    degrees = [degree for _, degree in sorted(graph.degree)]
    return _filled(graph, lambda i, j: 1 / (1 + max(degrees[i], degrees[j])))


def uniform(graph: nx.Graph[Any]) -> Array:
    """w_ij = 1/(1 + the greatest degree), the rest w_ii: on a ring each of three has a third."""
    greatest = max(degree for _, degree in graph.degree)
    return _filled(graph, lambda i, j: 1 / (1 + greatest))


def reason(graph: Any, weights: Any, members: int) -> str | None:
    """Why workers cannot average so, or ``None``."""
    import networkx as nx

    if not isinstance(graph, nx.Graph) or graph.is_directed() or sorted(graph) != list(range(members)):
        return f"graph must be undirected, of the places 0 to {members - 1} of the workers, got {graph!r}"
    if not nx.is_connected(graph):
        return f"graph must be connected, or workers never agree, got {nx.number_connected_components(graph)} parts"
    if not isinstance(weights, np.ndarray) or weights.shape != (members, members):
        return f"mixing must give an array ({members}, {members}), got {weights!r}"
    if max(np.abs(weights.sum(axis=axis) - 1).max() for axis in (0, 1)) > 1e-9:
        return f"mixing must have rows and columns that add up to 1, got {weights.tolist()}"
    linked = nx.to_numpy_array(graph, nodelist=range(members)) + np.eye(members) > 0
    if weights[~linked].any():
        return f"mixing must be 0 where there is no edge, got {weights.tolist()}"
    return None


def _filled(graph: nx.Graph[Any], weight: Any) -> Array:
    weights = np.zeros((len(graph), len(graph)))
    for i, j in graph.edges:
        if i != j:
            weights[i, j] = weights[j, i] = weight(i, j)
    weights[np.diag_indices(len(graph))] = 1 - weights.sum(axis=1)
    return weights


def _edges(given: Any) -> Any:
    """A networkx graph as its edges, in a scenario that can be written to a file."""
    networkx = sys.modules.get("networkx")  # without which nobody has a graph of it
    if networkx is None or not isinstance(given, networkx.Graph):
        return given
    return Edges(edges=tuple(sorted(tuple(sorted(edge)) for edge in given.edges)))


AnyGraph = Annotated[
    CommunicationGraph, Open(CommunicationGraph, Edges, ring=ring, complete=complete), BeforeValidator(_edges)
]
"""One of the graphs above, a networkx graph of the workers' places, or a function of one's own."""

AnyMixing = Annotated[Mixing, Open(Mixing, metropolis=metropolis, uniform=uniform)]
"""One of the matrices above, or one's own."""
