"""HEFT: the list scheduling of a task graph on unequal processors that gives each task its earliest finish."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from simcluster.engine import Spec
from simcluster.kernels.planning import mean_seconds
from simcluster.scheduling.policies.planners.planning import (
    Instance,
    Processor,
    Slot,
    Task,
    TransferTime,
    expected,
    itself,
    plan,
    slots,
    timed,
)
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx


class Heft(Spec):
    """Follows the HEFT plan, which counts an order and a report, and transfers between nodes at their mean.

    Tasks are placed by falling upward rank, each where it finishes first, in an idle gap if one is long enough. Ties go
    to the task that comes first in topological order and to the processor that is named first.

    Source: H. Topcuoglu, S. Hariri, M.-Y. Wu, "Performance-effective and low-complexity task scheduling for
    heterogeneous computing", IEEE Transactions on Parallel and Distributed Systems 13(3), 2002, figure 4.
    """

    kind: Literal["heft"] = "heft"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def slots(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[Task, Slot]:
        """Each task's slot on a processor, which is (node, core)."""
        instance = expected(graph, nodes, transfer_s)
        self.place(instance)
        return instance.slots()

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        instance.table.place_in_order(instance.by_upward_rank())


def upward_ranks(graph: nx.DiGraph[Any]) -> dict[Task, float]:
    """The expected length in seconds of the longest way from each task to the end of ``graph``, itself included.

    rank(i) = w̄ᵢ + max over successors j of (c̄ᵢⱼ + rank(j)), with w̄ᵢ the mean of the task's ``seconds`` over
    the processors and c̄ᵢⱼ the edge's ``seconds`` (Topcuoglu, Hariri and Wu, 2002, equation 7). The tasks come
    in the graph's order. Raises ``ValueError`` for a graph with a cycle.
    """
    instance = timed(graph, itself)
    ranks = instance.graph.upward_ranks(mean_seconds(instance.seconds), 1.0)
    return dict(zip(instance.tasks, ranks.tolist(), strict=True))


def heft(graph: nx.DiGraph[Any], host: Callable[[Processor], Hashable] = itself) -> dict[Task, Slot]:
    """The HEFT plan for ``graph``, which is as ``slots`` takes it; raises as that does."""
    return slots(Heft(), graph, host)
