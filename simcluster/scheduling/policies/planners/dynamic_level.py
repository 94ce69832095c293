"""DLS: the pair of a task and a processor that is most urgent now, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.scheduling.policies.planners.planning import Instance, TransferTime, plan
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx


class DynamicLevel(Spec):
    """Follows the plan of dynamic level scheduling: next comes the ready task and the processor of the highest level.

    DL(t, p) = SL(t) − max(data there, p free) + (w*(t) − w(t, p)), where w* is the median over the processors and SL
    the longest way to the end by medians, without transfers. Nothing is put into gaps. Counts what HEFT counts.

    Source: G. C. Sih, E. A. Lee, "A compile-time scheduling heuristic for interconnection-constrained heterogeneous
    processor architectures", IEEE Transactions on Parallel and Distributed Systems 4(2), 1993.
    """

    kind: Literal["dynamic_level"] = "dynamic_level"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        medians = np.median(instance.seconds, axis=1)
        # Begin + w − (SL + w*) is −DL; of levels that are alike the one comes first that is so in the graph's order.
        bonuses = instance.graph.upward_ranks(medians, 0.0) + medians
        instance.table.place_when_ready(bonuses, np.arange(len(medians), dtype=np.float64), 1.0, False)
