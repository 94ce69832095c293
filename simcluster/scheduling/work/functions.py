"""A task graph of plain Python functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from simcluster.cluster.messages.message import freeze
from simcluster.learning import Call, Cost, call
from simcluster.scheduling.graph import Output, Task, add_task

if TYPE_CHECKING:
    import networkx as nx

_PART = "value"


class Functions:
    """The functions that the nodes of a ``networkx.DiGraph`` carry, each called with the results of its predecessors.

    A node's attribute ``function`` takes them in the order of the edges to it. ``flops`` and ``bytes`` say what it
    costs (where they are not given, an estimate from the arrays that it gets), ``priority`` how urgent it is. An edge's
    ``size_bytes`` is how large the earlier result is expected to be. The outcome are the results of the functions that
    nothing follows, by name. Results travel between nodes as values that nobody can change: numbers, text, arrays and
    frozen data are as they are, lists come as tuples, and dictionaries as read-only mappings.

    Raises ``ValueError`` for a cycle, for a node without a function, and for a graph without directions.
    """

    def __init__(self, graph: nx.DiGraph[Any]) -> None:
        self._graph = graph
        self.graph(0)

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph, the same for each seed."""
        import networkx as nx

        if not self._graph.is_directed() or self._graph.is_multigraph():
            raise ValueError(f"a task graph must be a DiGraph, got a {type(self._graph).__name__}")
        try:
            place = {name: place for place, name in enumerate(self._graph)}
            order = list(nx.lexicographical_topological_sort(self._graph, key=place.__getitem__))
        except nx.NetworkXUnfeasible:
            raise ValueError(f"a task graph must not have a cycle, got {nx.find_cycle(self._graph)}") from None
        made: nx.DiGraph[Any] = nx.DiGraph()
        for name in order:
            node = self._graph.nodes[name]
            if not callable(node.get("function")):
                raise ValueError(f"a task must have a function, got {node.get('function')!r} for {name!r}")
            flops, size_bytes = node.get("flops"), node.get("bytes")
            run = partial(_run, name, node["function"], flops, size_bytes)
            takes = [(before, _PART, edge.get("size_bytes", 0.0)) for before, edge in self._graph.pred[name].items()]
            task = Task(run, Cost(flops or 0.0, size_bytes or 0.0), node.get("priority", 0.0))
            add_task(made, name, task, tuple(takes))
        return made

    def outcome(self, outputs: Mapping[str, Output]) -> dict[str, Any]:
        """The last results, by name."""
        return {name: output[_PART] for name, output in outputs.items()}


def _run(
    name: Any, function: Callable[..., Any], flops: float | None, size_bytes: float | None, *parts: Any
) -> Call[Output]:
    made = call(function, *parts, flops=flops, bytes=size_bytes)

    def run() -> Output:
        result = made()
        try:
            return {_PART: freeze(result)[0]}
        except TypeError as error:
            raise TypeError(f"the result of task {name!r}: {error}") from None

    return Call(run, made.cost)
