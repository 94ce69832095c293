"""Task graphs: what each task computes, what it is expected to cost, and which outputs it takes from which task.

A task graph is a ``networkx.DiGraph`` of task names. Each node has the attribute ``task``, a ``Task``; each edge has
``part``, the name of the part of the earlier task's output that the later one takes, and ``size_bytes``. Where a task
may cost less than it declares, the graph has the attribute ``costs``, "at most", and no lower bounds are given for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from simcluster.learning import Call, Cost

if TYPE_CHECKING:
    import networkx as nx

Output = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One computation: ``run`` takes the parts of its predecessors' outputs, in the order of their edges.

    ``run(*parts)`` is a call whose result maps part names to values. ``cost`` is what it is expected to cost, the
    declaration from which schedulers estimate; ``priority`` is the user's: higher is more urgent. It is not ready
    before ``release_s``. ``user`` says whose it is, ``job`` to which job of a stream it belongs, ``deadline_s`` when it
    should be done. It holds so many ``cores`` of its node, each for as long as one takes for its cost, and
    ``memory_bytes`` of its memory. Tasks of one ``gang`` begin together or not at all. ``estimate_s`` is how long its
    user claims that it takes (``None``: what its cost takes); nobody is held to it.
    """

    run: Callable[..., Call[Output]]
    cost: Cost
    priority: float = 0.0
    release_s: float = 0.0
    user: str = ""
    job: str = ""
    deadline_s: float = math.inf
    cores: int = 1
    memory_bytes: float = 0.0
    gang: str = ""
    estimate_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse a priority that is above and below no other, and what is less than nothing."""
        for field in ("priority", "release_s", "deadline_s", "memory_bytes", "estimate_s"):
            number = getattr(self, field)
            if type(number) is float or (field == "estimate_s" and number is None):
                continue
            if not isinstance(number, Real):
                raise ValueError(f"{field} must be a number, got {number!r}")
        if self.priority != self.priority:
            raise ValueError(f"priority must be a number, got {self.priority}")
        if not 0 <= self.release_s < math.inf:
            raise ValueError(f"release_s must be finite and at least 0, got {self.release_s}")
        if not self.deadline_s >= 0:
            raise ValueError(f"deadline_s must be at least 0, got {self.deadline_s}")
        if (type(self.cores) is not int and (isinstance(self.cores, bool) or not isinstance(self.cores, int))) or (
            self.cores < 1
        ):
            raise ValueError(f"cores must be a whole number of at least 1, got {self.cores!r}")
        if not 0 <= self.memory_bytes < math.inf:
            raise ValueError(f"memory_bytes must be finite and at least 0, got {self.memory_bytes}")
        if self.estimate_s is not None and not 0 <= self.estimate_s < math.inf:
            raise ValueError(f"estimate_s must be None, or finite and at least 0, got {self.estimate_s}")
        if isinstance(self.user, str) and isinstance(self.job, str) and isinstance(self.gang, str):
            return
        for field in ("user", "job", "gang"):
            if not isinstance(getattr(self, field), str):
                raise ValueError(f"{field} must be text, got {getattr(self, field)!r}")


def add_task(graph: nx.DiGraph[Any], name: str, task: Task, takes: tuple[tuple[str, str, float], ...] = ()) -> None:
    """Add ``task`` to ``graph`` as ``name``; it takes (predecessor, part, size_bytes) each.

    Raises ``ValueError`` when the name is taken, a predecessor is not in the graph yet (so no cycle can
    arise) or a size is negative.
    """
    if name is None:
        raise ValueError("a task's name must be something that networkx takes for a node, got None")
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


def check_graph(graph: nx.DiGraph[Any]) -> None:
    """Raise ``ValueError`` for what is no task graph, or is never done.

    That is one without a task, with a node or an edge that lacks what it must have, with a cycle, or with tasks of a
    gang that depend on each other.
    """
    import networkx as nx

    if not isinstance(graph, nx.DiGraph) or graph.is_multigraph():
        raise ValueError(f"a task graph must be a networkx DiGraph, got {graph!r}")
    if not len(graph):
        raise ValueError("work must have at least one task, got none")
    for name, attributes in graph.nodes.items():
        if not isinstance(attributes.get("task"), Task):
            raise ValueError(f"a node's `task` must be a Task, got {attributes.get('task')!r} for {name!r}")
    if not nx.is_directed_acyclic_graph(graph):
        raise ValueError(f"a task graph must not have a cycle, got {nx.find_cycle(graph)}")
    tasks: dict[Any, Task] = {name: attributes["task"] for name, attributes in graph.nodes.items()}
    gangs = {name: task.gang for name, task in tasks.items() if task.gang}
    for name, gang in gangs.items():
        after = next((after for after in nx.descendants(graph, name) if gangs.get(after) == gang), None)
        if after is not None:
            raise ValueError(f"tasks of one gang must not depend on each other, got {after!r} after {name!r}")
    for (before, after), edge in graph.edges.items():
        for field in ("part", "size_bytes"):
            if field not in edge:
                raise ValueError(f"an edge must have `{field}`, got {edge!r} from {before!r} to {after!r}")


Taken = Mapping[Any, Mapping[str, Any]]
"""Of each task whose output is taken, the parts, and who takes each."""


def parts_taken(graph: nx.DiGraph[Any]) -> Taken:
    """What others take of each task."""
    taken: dict[Any, dict[str, Any]] = {}
    for (before, after), edge in graph.edges.items():
        taken.setdefault(before, {}).setdefault(edge["part"], after)
    return taken


def check_output(taken: Taken, name: str, output: Any) -> None:
    """Raise ``TypeError`` for an output that is no mapping, ``ValueError`` for one without a part that is taken."""
    if type(output) is not dict and not isinstance(output, Mapping):
        raise TypeError(f"the output of a task must map parts to values, got {output!r} of {name!r}")
    for part, after in taken.get(name, _NOTHING).items():
        if part not in output:
            rule = f"the output of a task must have the part that {after!r} takes, {part!r}"
            raise ValueError(f"{rule}, got {list(output)} of {name!r}")


_NOTHING: Mapping[str, Any] = {}


def check_gangs(graph: nx.DiGraph[Any], phases: Mapping[str, int], at_once: int | None) -> None:
    """Raise ``ValueError`` for a gang whose tasks an execution never lets begin together.

    Those are of several ``phases``, or more than may be under way ``at_once`` (``None``: as many as one likes).
    """
    gangs: dict[str, list[str]] = {}
    for name, attributes in graph.nodes.items():
        if attributes["task"].gang:
            gangs.setdefault(attributes["task"].gang, []).append(name)
    for gang, names in gangs.items():
        if at_once is not None and len(names) > at_once:
            rule = f"a gang must have no more tasks than the {at_once} that the execution lets be under way at once"
            raise ValueError(f"{rule}, got {len(names)} of {gang!r}")
        if len({phases.get(name, 0) for name in names}) > 1:
            got = {name: phases.get(name, 0) for name in names}
            raise ValueError(f"tasks of one gang must be of one phase of the execution, got {got} of {gang!r}")
