"""CPOP: the tasks of the critical path on one processor, the others where they finish first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import Spec
from simcluster.kernels.planning import mean_seconds
from simcluster.scheduling.policies.planners.planning import Instance, TransferTime, plan, rounded
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx


class Cpop(Spec):
    """Follows the CPOP plan: what is on the critical path goes to the processor that does all of it fastest.

    A task's priority is the length of the longest way through it, its upward and downward rank together; the critical
    path follows the highest priority from the task that it begins with. Of what is ready, the highest priority is
    placed next, in an idle gap if one is long enough. Counts what HEFT counts.

    Source: H. Topcuoglu, S. Hariri, M.-Y. Wu, "Performance-effective and low-complexity task scheduling for
    heterogeneous computing", IEEE Transactions on Parallel and Distributed Systems 13(3), 2002, figure 7.
    """

    kind: Literal["cpop"] = "cpop"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        graph, means = instance.graph, mean_seconds(instance.seconds)
        through = rounded(graph.upward_ranks(means, 1.0) + graph.downward_ranks(means))
        path = _critical_path(instance, through)
        fixed = np.full(len(instance.tasks), -1)
        there = instance.seconds[path].sum(axis=0)
        if instance.allowed is None:
            fixed[path] = np.argmin(there)
        else:  # the processor on which most of the path fits, of those alike the fastest
            fitting = instance.allowed[path]
            best = int(np.lexsort((there, -fitting.sum(axis=0)))[0])
            fixed[path] = np.where(fitting[:, best], best, -1)
        instance.table.place_in_order(graph.order_by(through), fixed=fixed)


def _critical_path(instance: Instance, through: NDArray[np.float64]) -> list[int]:
    """From the first of the highest priorities on, the successor of the same priority; of several the first."""
    order = instance.graph.topological_order()
    path: list[int] = []
    for task in order[through[order] == through.max(initial=0.0)].tolist():
        if not path or task in instance.graph.successors(path[-1]):
            path.append(task)
    return path
