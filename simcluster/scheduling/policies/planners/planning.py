"""What all planners share: a task graph as arrays, the timetable that they fill, and the plan that comes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels.planning import TaskGraph, Timetable, mean_seconds, task_graph, timetable
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx

Task = Hashable
Processor = Hashable
TransferTime = Callable[[str, str, float], float]
_MANY_BYTES = 1e9
_PAIRS = 4096
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_RANK_BITS = 40


class Slot(NamedTuple):
    """The time that a plan gives to one task on one processor."""

    begin_s: float
    end_s: float
    processor: Processor


@dataclass(frozen=True)
class Instance:
    """Tasks on processors, by number, and the timetable that says which task is where; empty to begin with."""

    tasks: list[Any]
    processors: list[Processor]
    priorities: NDArray[np.float64]  # the user's
    seconds: NDArray[np.float64]  # (tasks, processors)
    hosts: NDArray[np.int64]  # of the processors
    graph: TaskGraph
    table: Timetable
    allowed: NDArray[np.bool_] | None = None  # (tasks, processors); None: every task may run everywhere

    def by_upward_rank(self) -> NDArray[np.int64]:
        """The tasks by falling upward rank, the means over the processors on it and the transfers."""
        return self.graph.order_by(rounded(self.graph.upward_ranks(mean_seconds(self.seconds), 1.0)))

    def slots(self) -> dict[Task, Slot]:
        """Each task's slot, the tasks in the order in which they were placed."""
        begin, end, processor, placed = (array.tolist() for array in self.table.slots())
        return {self.tasks[i]: Slot(begin[i], end[i], self.processors[processor[i]]) for i in placed}


def itself(processor: Processor) -> Hashable:
    """The host of a processor that has its own."""
    return processor


class Demands(Protocol):
    """What a task needs of its node."""

    @property
    def cores(self) -> int:
        """How many cores it holds."""
        ...

    @property
    def memory_bytes(self) -> float:
        """How much of the memory it holds."""
        ...


class Places(Protocol):
    """A planner of this folder."""

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        ...


def slots(
    planner: Places, graph: nx.DiGraph[Any], host: Callable[[Processor], Hashable] = itself
) -> dict[Task, Slot]:
    """The plan of a built-in planner for ``graph``: the slot of each task, in the order in which they were placed.

    Each task of the graph has an attribute ``seconds``, a mapping from processor to computation time (the same
    processors, in the same order, for all); each edge an attribute ``seconds``, the time its data takes from
    one host to another. Between processors of one ``host`` data takes no time. Raises ``ValueError`` for a cycle, no
    processor, disagreeing processors, or a time that is negative or not finite.
    """
    instance = timed(graph, host)
    planner.place(instance)
    return instance.slots()


def timed(graph: nx.DiGraph[Any], host: Callable[[Processor], Hashable]) -> Instance:
    """The instance of a graph whose tasks and edges say ``seconds``; raises as ``slots`` does."""
    processors = _named(graph)
    times = [list(seconds.values()) for _, seconds in graph.nodes(data="seconds")]
    seconds = np.array(times, dtype=np.float64).reshape(len(graph), len(processors))
    wrong = np.argwhere(~((seconds >= 0) & (seconds < math.inf)))
    if len(wrong):
        task, place = wrong[0].tolist()
        raise _no_time(times[task][place], list(graph)[task])
    numbers: dict[Hashable, int] = {}
    hosts = [numbers.setdefault(host(processor), len(numbers)) for processor in processors]
    return _instance(graph, processors, seconds, hosts, "seconds", 0.0, 1.0)


def expected(graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime) -> Instance:
    """The instance of a job's task graph: a processor is (node, core).

    A task takes an order and a report beside its computing, an edge a request beside its bytes, and a message the mean
    over pairs of nodes. It may run where it fits, or everywhere where it fits nowhere: it will then wait for a node
    that is not there now. A task of several cores is planned on one of them.
    """
    per_message_s, per_byte_s = mean_transfer(nodes, transfer_s)
    costs = [data["task"].cost for data in graph.nodes.values()]
    flops, bytes_ = (np.array([[getattr(cost, what)] for cost in costs]) for what in ("flops", "bytes"))
    rates = np.array([node.flops_per_s for node in nodes])
    memory = np.array([node.memory_bytes_per_s for node in nodes])
    seconds = 2 * per_message_s + np.maximum(flops / rates, bytes_ / memory).reshape(len(costs), len(nodes))
    cores = [node.cores for node in nodes]
    return _instance(
        graph,
        [(node.name, core) for node in nodes for core in range(node.cores)],
        np.repeat(seconds, cores, axis=1),
        np.repeat(np.arange(len(nodes)), cores).tolist(),
        "size_bytes", 2 * per_message_s, per_byte_s, _allowed(graph, nodes),
    )  # fmt: skip


def fits(task: Demands, node: NodeView) -> bool:
    """Whether a node that has nothing to do has the cores and the memory of a task."""
    return task.cores <= node.cores and task.memory_bytes <= node.memory_bytes


def _allowed(graph: nx.DiGraph[Any], nodes: Sequence[NodeView]) -> NDArray[np.bool_] | None:
    """On which processors each task fits, ``None`` where all fit everywhere."""
    tasks = [data["task"] for data in graph.nodes.values()]
    rows: dict[tuple[int, float], list[bool]] = {}
    for task in tasks:
        if (need := (task.cores, task.memory_bytes)) not in rows:
            may = [fits(task, node) for node in nodes]
            rows[need] = may if any(may) else [True] * len(nodes)
    if all(all(may) for may in rows.values()):
        return None
    found = np.array([rows[task.cores, task.memory_bytes] for task in tasks])
    return np.repeat(found, [node.cores for node in nodes], axis=1)


def _instance(
    graph: nx.DiGraph[Any],
    processors: list[Processor],
    seconds: NDArray[np.float64],
    hosts: list[int],
    weight: str,
    constant_s: float,
    factor: float,
    allowed: NDArray[np.bool_] | None = None,
) -> Instance:
    tasks = list(graph)
    place = {task: i for i, task in enumerate(tasks)}
    rows = [edges for _, edges in graph.adjacency()]
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    after = np.array([place[task] for edges in rows for task in edges], dtype=np.int64)
    weights = np.array([edge[weight] for edges in rows for edge in edges.values()], dtype=np.float64)
    for i in np.flatnonzero(~((weights >= 0) & (weights < math.inf)))[:1].tolist():
        raise _no_time(weights[i], list(graph.edges)[i])
    priorities = [getattr(data.get("task"), "priority", 0.0) for data in graph.nodes.values()]
    numbered = task_graph(starts, after, constant_s + factor * weights)
    if len(numbered.topological_order()) < len(tasks):
        import networkx as nx

        raise ValueError(f"a task graph must not have a cycle, got {nx.find_cycle(graph)}")
    seconds, of_host = np.ascontiguousarray(seconds), np.array(hosts, dtype=np.int64)
    table = timetable(numbered, seconds, of_host, allowed)
    urgent = np.array(priorities, dtype=np.float64)
    return Instance(tasks, processors, urgent, seconds, of_host, numbered, table, allowed)


def plan(
    planner: Places, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
) -> dict[str, tuple[str, float]]:
    """What a built-in planner makes of a job's task graph: each task's node, and when it begins."""
    instance = expected(graph, nodes, transfer_s)
    planner.place(instance)
    begin, _, processor, placed = (array.tolist() for array in instance.table.slots())
    names = [node.name for node in nodes for _ in range(node.cores)]
    return {instance.tasks[i]: (names[processor[i]], begin[i]) for i in placed}


def rounded(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks to twelve digits: those that are equal on paper differ in their last bits, and are ties again."""
    mantissas, exponents = np.frexp(ranks)
    found: NDArray[np.float64] = np.ldexp(np.rint(np.ldexp(mantissas, _RANK_BITS)), exponents - _RANK_BITS)
    return found


def mean_transfer(nodes: Sequence[NodeView], transfer_s: TransferTime) -> tuple[float, float]:
    """Seconds for a message, and more for each byte, as the mean over pairs of nodes; none with a single node.

    Over all pairs of few nodes. Of more than 64 nodes, each is the first of as many pairs, 4,096 in all or a little
    more, whose second ones are spread evenly over the others.
    """
    empty, large = [], []
    for a, b in _pairs(len(nodes)):
        pair = nodes[a].name, nodes[b].name
        empty.append(transfer_s(*pair, 0.0))
        large.append(transfer_s(*pair, _MANY_BYTES) - empty[-1])
    count = max(1, len(empty))
    return math.fsum(empty) / count, math.fsum(large) / count / _MANY_BYTES


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    each = math.ceil(_PAIRS / count) if count else 0
    for a in range(count):
        if each >= count - 1:
            yield from ((a, b) for b in range(count) if b != a)
        else:
            for i in range(a * each, (a + 1) * each):
                yield a, (a + 1 + int(i * _GOLDEN % 1.0 * (count - 1))) % count


def _named(graph: nx.DiGraph[Any]) -> list[Processor]:
    processors: list[Processor] | None = None
    for task, seconds in graph.nodes(data="seconds"):
        named: list[Processor] = list(seconds)
        if not named:
            raise ValueError(f"a task must have at least one processor, got none for {task!r}")
        processors = named if processors is None else processors
        if named != processors:
            raise ValueError(f"all tasks must name the processors {processors}, got {named} for {task!r}")
    return processors or [None]


def _no_time(value: object, where: object) -> ValueError:
    return ValueError(f"seconds must be finite and at least 0, got {value} for {where!r}")
