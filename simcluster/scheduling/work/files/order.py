"""An order of a graph's nodes in which each comes after those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx


def in_order(graph: nx.DiGraph[Any], where: str) -> list[Any]:
    """The nodes in topological order, of several that may come next the first. Raises ``ValueError`` for a cycle."""
    import networkx as nx

    place = {name: place for place, name in enumerate(graph)}
    try:
        return list(nx.lexicographical_topological_sort(graph, key=place.__getitem__))
    except nx.NetworkXUnfeasible:
        raise ValueError(f"{where}: a task graph must not have a cycle, got {nx.find_cycle(graph)}") from None
