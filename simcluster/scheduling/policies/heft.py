"""HEFT: the list scheduling of a task graph on unequal processors that gives each task its earliest finish."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from simcluster.engine import Spec
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx

Task = Hashable
Processor = Hashable
_MANY_BYTES = 1e9


class Slot(NamedTuple):
    """The time that a plan gives to one task on one processor."""

    begin_s: float
    end_s: float
    processor: Processor


class Heft(Spec):
    """Follows the HEFT plan, which counts an order and a report, and transfers between nodes at their mean."""

    kind: Literal["heft"] = "heft"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: Callable[[str, str, float], float]
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        slots = self.slots(graph, nodes, transfer_s)
        return {task: (slot.processor[0], slot.begin_s) for task, slot in slots.items()}  # type: ignore

    def slots(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: Callable[[str, str, float], float]
    ) -> dict[Task, Slot]:
        """Each task's slot on a processor, which is (node, core)."""
        import networkx as nx

        per_message_s, per_byte_s = _mean_transfer(nodes, transfer_s)
        timed: nx.DiGraph[Any] = nx.DiGraph()
        for name in graph.nodes:
            cost = graph.nodes[name]["task"].cost
            expected_s = {node.name: 2 * per_message_s + node.seconds(cost) for node in nodes}
            seconds = {(node.name, core): expected_s[node.name] for node in nodes for core in range(node.cores)}
            timed.add_node(name, seconds=seconds)
        for before, after in graph.edges:
            size_bytes = graph.edges[before, after]["size_bytes"]
            timed.add_edge(before, after, seconds=2 * per_message_s + size_bytes * per_byte_s)
        return heft(timed, host=lambda processor: processor[0])  # type: ignore[index]


def _mean_transfer(nodes: Sequence[NodeView], transfer_s: Callable[[str, str, float], float]) -> tuple[float, float]:
    """Seconds for a message, and more for each byte, as the mean over all pairs of nodes; none with a single node."""
    pairs = [(a.name, b.name) for a in nodes for b in nodes if a is not b]
    empty = [transfer_s(*pair, 0.0) for pair in pairs]
    large = [transfer_s(*pair, _MANY_BYTES) - each for pair, each in zip(pairs, empty, strict=True)]
    count = max(1, len(pairs))
    return math.fsum(empty) / count, math.fsum(large) / count / _MANY_BYTES


def upward_ranks(graph: nx.DiGraph[Any]) -> dict[Task, float]:
    """The expected length in seconds of the longest way from each task to the end of ``graph``, itself included.

    rank(i) = w̄ᵢ + max over successors j of (c̄ᵢⱼ + rank(j)), with w̄ᵢ the mean of the task's ``seconds`` over
    the processors and c̄ᵢⱼ the edge's ``seconds`` (Topcuoglu, Hariri and Wu, 2002, equation 7). The tasks come
    in the graph's order. Raises ``ValueError`` for a graph with a cycle.
    """
    ranks: dict[Task, float] = {}
    for task in reversed(_topological(graph)):
        mean_s = math.fsum(graph.nodes[task]["seconds"].values()) / len(graph.nodes[task]["seconds"])
        onward_s = (edge["seconds"] + ranks[after] for after, edge in graph.adj[task].items())
        ranks[task] = mean_s + max(onward_s, default=0.0)
    return {task: ranks[task] for task in graph}


def heft(
    graph: nx.DiGraph[Any], host: Callable[[Processor], Hashable] = lambda processor: processor
) -> dict[Task, Slot]:
    """A plan for ``graph``: the slot of each task, the tasks in the order in which they were placed.

    Each task of the graph has an attribute ``seconds``, a mapping from processor to computation time (the same
    processors, in the same order, for all); each edge an attribute ``seconds``, the time its data takes from
    one host to another. Between processors of one ``host`` data takes no time. Tasks are placed by falling
    upward rank, each where it finishes first, in an idle gap if one is long enough. Ties go to the task that
    comes first in topological order and to the processor that is named first.

    Source: H. Topcuoglu, S. Hariri, M.-Y. Wu, "Performance-effective and low-complexity task scheduling for
    heterogeneous computing", IEEE Transactions on Parallel and Distributed Systems 13(3), 2002, figure 4.

    Raises ``ValueError`` for a cycle, no processor, disagreeing processors, or a time that is negative or not
    finite.
    """
    _check(graph)
    ranks = upward_ranks(graph)
    position = {task: index for index, task in enumerate(_topological(graph))}
    plan: dict[Task, Slot] = {}
    occupied: dict[Processor, list[tuple[float, float]]] = {}
    # Ranks that are equal on paper differ in their last bits; twelve digits make them ties again.
    for task in sorted(graph, key=lambda task: (-float(f"{ranks[task]:.12g}"), position[task])):
        best: Slot | None = None
        for processor, duration_s in graph.nodes[task]["seconds"].items():
            inputs_s = _inputs_there(graph, task, processor, plan, host)
            begin_s = _earliest_gap(occupied.setdefault(processor, []), inputs_s, duration_s)
            if best is None or begin_s + duration_s < best.end_s:
                best = Slot(begin_s, begin_s + duration_s, processor)
        assert best is not None
        plan[task] = best
        insort(occupied[best.processor], (best.begin_s, best.end_s))
    return plan


def _inputs_there(
    graph: nx.DiGraph[Any],
    task: Task,
    processor: Processor,
    plan: dict[Task, Slot],
    host: Callable[[Processor], Hashable],
) -> float:
    """When the last output that ``task`` needs can have reached ``processor``."""
    arrivals = (
        plan[before].end_s + (0.0 if host(plan[before].processor) == host(processor) else edge["seconds"])
        for before, edge in graph.pred[task].items()
    )
    return max(arrivals, default=0.0)


def _earliest_gap(occupied: list[tuple[float, float]], from_s: float, duration_s: float) -> float:
    """The earliest time from ``from_s`` on at which the processor is idle for ``duration_s``."""
    begin_s = from_s
    for taken_s, freed_s in occupied:
        if begin_s + duration_s <= taken_s:
            break
        begin_s = max(begin_s, freed_s)
    return begin_s


def _topological(graph: nx.DiGraph[Any]) -> list[Task]:
    import networkx as nx

    try:
        return list(nx.topological_sort(graph))
    except nx.NetworkXUnfeasible:
        raise ValueError(f"a task graph must not have a cycle, got {nx.find_cycle(graph)}") from None


def _check(graph: nx.DiGraph[Any]) -> None:
    processors: list[Processor] | None = None
    for task, attributes in graph.nodes.items():
        named = list(attributes["seconds"])
        if not named:
            raise ValueError(f"a task must have at least one processor, got none for {task!r}")
        processors = named if processors is None else processors
        if named != processors:
            raise ValueError(f"all tasks must name the processors {processors}, got {named} for {task!r}")
        _check_seconds(task, attributes["seconds"].values())
    for before, after, attributes in graph.edges(data=True):
        _check_seconds((before, after), [attributes["seconds"]])


def _check_seconds(where: object, times: Any) -> None:
    for time_s in times:
        if not 0 <= time_s < math.inf:
            raise ValueError(f"seconds must be finite and at least 0, got {time_s} for {where!r}")
