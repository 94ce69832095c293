"""Execution: whether tasks run side by side, one after the other, or something between; the answer is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import model_validator

from simcluster.engine import Count, Open, Spec
from simcluster.scheduling.protocols import Execution, NodeView, ReadyTask

if TYPE_CHECKING:
    import networkx as nx

Offer = tuple[Sequence[ReadyTask], Sequence[NodeView]]


class Parallel(Spec):
    """All that is ready, wherever the policy wants it."""

    kind: Literal["parallel"] = "parallel"

    def phases(self, graph: nx.DiGraph[Any]) -> Mapping[str, int]:
        """One phase."""
        return {}

    def narrow(self, ready: Sequence[ReadyTask], nodes: Sequence[NodeView], under_way: int) -> Offer:
        """Everything."""
        return ready, nodes


class Serial(Spec):
    """One task after the other on one node: the fastest that is up, of several the first.

    No output travels until the last, unless that node crashes, or its disk, so that n tasks that take w_i seconds there
    take w_1 + … + w_n, and an order and a report each.
    """

    kind: Literal["serial"] = "serial"
    at_once: ClassVar = 1

    def phases(self, graph: nx.DiGraph[Any]) -> Mapping[str, int]:
        """One phase."""
        return {}

    def narrow(self, ready: Sequence[ReadyTask], nodes: Sequence[NodeView], under_way: int) -> Offer:
        """The next task for that node, unless one is under way."""
        fastest = max(nodes, key=lambda node: node.flops_per_s, default=None)
        return () if under_way else ready, () if fastest is None else (fastest,)


class Mixed(Spec):
    """Some tasks side by side: phases one after the other, at most so many tasks at once, or both.

    A task's phase is its level, the most tasks on any way to it. A phase ends with its last task, as in the supersteps
    of a bulk-synchronous computation (Valiant 1990): it takes as long as its slowest node.
    """

    kind: Literal["mixed"] = "mixed"
    by_level: bool = True
    """Whether a task waits for all of the levels before its own, and not only for those whose outputs it takes."""
    at_once: Count | None = None
    """How many tasks are under way at most (``None``: as many as the policy gives); a gang begins as a whole, before
    there are as many, and has no more tasks."""

    @model_validator(mode="after")
    def _narrows(self) -> Mixed:
        if not self.by_level and self.at_once is None:
            raise ValueError("at_once must be a number where by_level is false, or nothing is mixed, got None")
        return self

    def phases(self, graph: nx.DiGraph[Any]) -> Mapping[str, int]:
        """Each task's level."""
        import networkx as nx

        if not self.by_level:
            return {}
        return {task: level for level, tasks in enumerate(nx.topological_generations(graph)) for task in tasks}

    def narrow(self, ready: Sequence[ReadyTask], nodes: Sequence[NodeView], under_way: int) -> Offer:
        """Everything, or nothing while there are enough under way."""
        return () if self.at_once is not None and under_way >= self.at_once else ready, nodes


AnyExecution = Annotated[Execution, Open(Execution, Parallel, Serial, Mixed)]
"""One of these, or one's own; in a file ``kind`` says which."""
