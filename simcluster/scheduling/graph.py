"""Task graphs: what each task computes, what it is expected to cost, and which outputs it takes from which task.

A task graph is a ``networkx.DiGraph`` of task names. Each node has the attribute ``task``, a ``Task``; each edge has
``part``, the name of the part of the earlier task's output that the later one takes, and ``size_bytes``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simcluster.learning import Call, Cost

if TYPE_CHECKING:
    import networkx as nx

Output = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One computation: ``run`` takes the parts of its predecessors' outputs, in the order of their edges.

    ``run(*parts)`` is a call whose result maps part names to values. ``cost`` is what it is expected to cost, the
    declaration from which schedulers estimate; ``priority`` is the user's: higher is more urgent.
    """

    run: Callable[..., Call[Output]]
    cost: Cost
    priority: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a priority that is above and below no other."""
        if self.priority != self.priority:
            raise ValueError(f"priority must be a number, got {self.priority}")


def add_task(graph: nx.DiGraph[Any], name: str, task: Task, takes: tuple[tuple[str, str, float], ...] = ()) -> None:
    """Add ``task`` to ``graph`` as ``name``; it takes (predecessor, part, size_bytes) each.

    Raises ``ValueError`` when the name is taken, a predecessor is not in the graph yet (so no cycle can
    arise) or a size is negative.
    """
    if name in graph:
        raise ValueError(f"a task's name must be new to its graph, got {name!r}")
    for before, _, size_bytes in takes:
        if before not in graph:
            raise ValueError(f"a predecessor must be added before {name!r}, got {before!r}")
        if not 0 <= size_bytes < math.inf:
            raise ValueError(f"size_bytes must be finite and at least 0, got {size_bytes} from {before!r} to {name!r}")
    graph.add_node(name, task=task)
    for before, part, size_bytes in takes:
        graph.add_edge(before, name, part=part, size_bytes=size_bytes)
