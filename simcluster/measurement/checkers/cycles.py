"""Cycles in a directed graph of numbered nodes: which there are, and a shortest one through an edge."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def components(nodes: int, source: Any, target: Any) -> Any:
    """The strongly connected component (nodes,) of each node, by Tarjan's algorithm as in SciPy. O(nodes + edges)."""
    matrix = coo_matrix((np.ones(len(source), dtype=np.int8), (source, target)), shape=(nodes, nodes))
    return connected_components(matrix.tocsr(), directed=True, connection="strong")[1]


class Graph:
    """Edges (m,) from ``source`` to ``target`` by their source, for searches in breadth."""

    def __init__(self, nodes: int, source: Any, target: Any) -> None:
        order = np.argsort(source, kind="stable")
        self._edges = order.tolist()
        self._targets = target[order].tolist()
        self._starts = np.searchsorted(source[order], np.arange(nodes + 1)).tolist()

    def path(self, begin: int, end: int, most: int | None = None) -> list[int] | None:
        """A shortest path from one node to another, as the numbers of its edges; ``None`` where there is none.

        Given up, as ``TimeoutError``, after ``most`` edges.
        """
        if begin == end:
            return []
        came: dict[int, tuple[int, int]] = {begin: (-1, -1)}
        queue = deque([begin])
        seen = 0
        while queue:
            node = queue.popleft()
            for place in range(self._starts[node], self._starts[node + 1]):
                seen += 1
                target = self._targets[place]
                if target in came:
                    continue
                came[target] = (node, self._edges[place])
                if target == end:
                    return _back(came, end)
                queue.append(target)
            if most is not None and seen > most:
                raise TimeoutError
        return None


def _back(came: dict[int, tuple[int, int]], node: int) -> list[int]:
    path: list[int] = []
    while came[node][0] >= 0:
        node, edge = came[node]
        path.append(edge)
    return path[::-1]
