"""What a shape is, and the task graph that is made of one and of what its tasks compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Spec, stream
from simcluster.learning import Call
from simcluster.scheduling.graph import Output, Task, add_task
from simcluster.scheduling.protocols import Computation
from simcluster.scheduling.work.computations import AnyComputation, Synthetic

if TYPE_CHECKING:
    import networkx as nx

PART = "value"
"""What the part of an output is called that holds its value, where all that follow take the same."""


class Piece(NamedTuple):
    """A task of a shape: its ``scale``, in seconds on a reference core, and what it ``takes`` of which earlier task.

    ``takes`` has names and bytes. ``fields`` are those of its ``Task`` that differ from their defaults.
    """

    scale: float
    takes: tuple[tuple[str, float], ...] = ()
    fields: Mapping[str, Any] = {}


_OWN_WEIGHT: dict[str, float | None] = {PART: None}

Shape = Mapping[str, Piece]
"""The tasks of a graph by name, each after those that it takes from."""


class Shaped(Spec):
    """A graph that has a shape, and tasks that all compute the same kind of thing."""

    computation: AnyComputation = Synthetic()
    """What each task computes: nothing but time, or something real."""

    def shape(self, seed: int) -> Shape:
        """The tasks; what is random about them is drawn from ``seed``."""
        raise NotImplementedError

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph."""
        return assemble(self.shape(seed), self.computation, seed)

    def outcome(self, outputs: Mapping[str, Output]) -> Any:
        """The values of the tasks that nothing follows, by name."""
        return {name: value_of(output[PART]) for name, output in outputs.items()}


def assemble(shape: Shape, computation: Computation, seed: int) -> nx.DiGraph[Any]:
    """The task graph of a shape whose tasks compute this.

    A value whose weight is not its own, as that of a synthetic computation, weighs what each edge says. Raises
    ``ValueError`` for a scale that is negative or not finite, and as ``add_task`` does.
    """
    import networkx as nx

    generator = stream(seed, "scheduling", "computations")
    graph: nx.DiGraph[Any] = nx.DiGraph()
    sent: dict[str, dict[str, float | None]] = {name: {} for name in shape}  # to whom, and what it weighs
    for name, piece in shape.items():
        for before, size_bytes in piece.takes:
            sent.get(before, {})[name] = size_bytes
    weights: dict[str, float | None] = {}  # of the values that weigh what they are
    for name, (scale, takes, fields) in shape.items():
        if not 0 <= scale < math.inf:
            raise ValueError(f"scale must be finite and at least 0, got {scale} for {name!r}")
        run, cost, weights[name] = computation(name, scale, generator)
        sizes = list(sent[name].values())
        if weights[name] is not None or not sizes:
            sent[name] = _OWN_WEIGHT
        elif sizes.count(sizes[0]) == len(sizes):
            sent[name] = {PART: sizes[0]}
        taken = []
        for before, size_bytes in takes:
            part = name if name in sent.get(before, ()) else PART
            weight = weights.get(before)
            taken.append((before, part, size_bytes if weight is None else weight))
        add_task(graph, name, Task(partial(_run, run, sent[name]), cost, **fields), tuple(taken))
    return graph


def _run(run: Callable[..., Call[Any]], sizes: Mapping[str, float | None], *parts: Any) -> Call[Output]:
    call = run(*map(value_of, parts))
    return Call(partial(_output, call, sizes), call.cost)


def _output(call: Call[Any], sizes: Mapping[str, float | None]) -> Output:
    value = call()
    return {part: Sealed(value, size_bytes) for part, size_bytes in sizes.items()}


def value_of(part: Any) -> Any:
    """The value that has travelled, without what it weighed."""
    return part.value if type(part) is Sealed else part
