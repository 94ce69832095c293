"""Min-min and max-min: whatever could be finished first, or last, of all that is ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.scheduling.policies.planners.planning import Instance, TransferTime, plan
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx


class MinMin(Spec):
    """Follows the min-min plan: of all that is ready, next comes what can be finished first, where that is.

    Nothing is put into gaps; ties: the task that comes first in the graph. Counts what HEFT counts.

    Source: O. H. Ibarra, C. E. Kim, "Heuristic algorithms for scheduling independent tasks on nonidentical processors",
    Journal of the ACM 24(2), 1977; for graphs, by what is ready.
    """

    kind: Literal["min_min"] = "min_min"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        _place(instance, largest=False)


class MaxMin(Spec):
    """Follows the max-min plan: of all that is ready, next comes what is finished last even where that is soonest.

    So long tasks come before short ones. Otherwise, and by the same source, as min-min.
    """

    kind: Literal["max_min"] = "max_min"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        _place(instance, largest=True)


def _place(instance: Instance, largest: bool) -> None:
    count = len(instance.tasks)
    instance.table.place_when_ready(np.zeros(count), np.arange(count, dtype=np.float64), 1.0, largest)
