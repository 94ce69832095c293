"""PEFT: HEFT with a look at all that follows, in a table of optimistic costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from simcluster.engine import Spec
from simcluster.kernels.planning import mean_seconds
from simcluster.scheduling.policies.planners.planning import Instance, TransferTime, plan, rounded
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx


class Peft(Spec):
    """Follows the PEFT plan: each task goes where its end and the way behind it are least together.

    The table OCT(t, p) = max over successors j of min over processors q of OCT(j, q) + w(j, q) + c̄(t, j), the transfer
    only between two hosts, is how long all takes that follows t on p if every task may have its best processor. Of what
    is ready, the task with the highest mean of its row is placed next, on the processor with the least EFT(t, p) +
    OCT(t, p), in an idle gap if one is long enough. Counts what HEFT counts.

    Source: H. Arabnejad, J. G. Barbosa, "List scheduling algorithm for heterogeneous systems by an optimistic cost
    table", IEEE Transactions on Parallel and Distributed Systems 25(3), 2014, algorithm 1.
    """

    kind: Literal["peft"] = "peft"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        costs = instance.graph.optimistic_costs(instance.seconds, instance.hosts)
        instance.table.place_in_order(instance.graph.order_by(rounded(mean_seconds(costs))), costs)
