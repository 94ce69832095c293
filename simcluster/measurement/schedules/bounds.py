"""Lower bounds: what no schedule of a task graph on these machines can take less than."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import networkx as nx


class Machine(Protocol):
    """A node as one would order it; ``NodeSpec`` is one."""

    @property
    def cores(self) -> int:
        """How many cores compute side by side."""
        ...

    @property
    def speed(self) -> float:
        """How many times as fast as these rates a core works."""
        ...

    @property
    def flops_per_s(self) -> float:
        """Operations per second of a core."""
        ...

    @property
    def memory_bytes_per_s(self) -> float:
        """Bytes per second that a core moves."""
        ...

    def seconds(self, cost: Any) -> float:
        """How long a cost keeps a core busy at speed 1."""
        ...


class Bounds(NamedTuple):
    """Seconds from 0 that any schedule takes at least: by its longest way, and by all that there is to do."""

    critical_path_s: float
    area_s: float

    @property
    def makespan_s(self) -> float:
        """The greater of the two."""
        return max(self)


def lower_bounds(graph: nx.DiGraph[Any], machines: Sequence[Machine]) -> Bounds:
    """The bounds for the tasks of ``graph``, each with its ``Task``, whose declared costs are what they take.

    Critical path: each task on the machine that is fastest for it, none before its release, and nothing travels. Area:
    from each time of release on, the operations (and the bytes) of what is released then or later, at the rates of all
    cores together; a task counts once for each core that it holds. Both hold at the machines' own speeds: for a run
    with jitter, or with a fault that makes a node faster, they are no bounds. Source: Graham (1969), whose bounds these
    are on equal machines; Hochbaum and Shmoys (1987) on machines of unequal speed.

    Raises ``ValueError`` for no machine, and for a graph with a cycle.
    """
    if not machines:
        raise ValueError("there must be at least one machine, got none")
    tasks: Mapping[str, Any] = graph.nodes
    longest_s = _ends_s(graph, tasks, _unlike(machines))
    return Bounds(max(longest_s, default=0.0), _area_s([tasks[name]["task"] for name in tasks], machines))


def _unlike(machines: Sequence[Machine]) -> list[Machine]:
    """One of each kind."""
    kinds = {(each.speed, each.flops_per_s, each.memory_bytes_per_s): each for each in machines}
    return list(kinds.values())


def _ends_s(graph: nx.DiGraph[Any], tasks: Mapping[str, Any], machines: Sequence[Machine]) -> Iterable[float]:
    import networkx as nx

    ends: dict[str, float] = {}
    try:
        for name in nx.topological_sort(graph):
            task = tasks[name]["task"]
            begin_s = max((ends[before] for before in graph.pred[name]), default=0.0)
            fastest_s = min(machine.seconds(task.cost) / machine.speed for machine in machines)
            ends[name] = max(begin_s, task.release_s) + fastest_s
    except nx.NetworkXUnfeasible:
        raise ValueError(f"a task graph must not have a cycle, got {nx.find_cycle(graph)}") from None
    return ends.values()


def _area_s(tasks: Sequence[Any], machines: Sequence[Machine]) -> float:
    flops_per_s = math.fsum(each.cores * each.speed * each.flops_per_s for each in machines)
    bytes_per_s = math.fsum(each.cores * each.speed * each.memory_bytes_per_s for each in machines)
    flops = bytes = greatest_s = 0.0
    last_first = sorted(tasks, key=lambda task: -task.release_s)
    for place, task in enumerate(last_first):
        flops += task.cores * task.cost.flops
        bytes += task.cores * task.cost.bytes
        if place + 1 == len(last_first) or last_first[place + 1].release_s < task.release_s:
            greatest_s = max(greatest_s, task.release_s + max(flops / flops_per_s, bytes / bytes_per_s))
    return greatest_s
