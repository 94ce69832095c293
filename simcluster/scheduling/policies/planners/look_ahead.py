"""HEFT that looks one step ahead: a task goes where its successors finish first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.kernels.planning import Timetable
from simcluster.scheduling.policies.planners.planning import Instance, TransferTime, plan
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx


class LookAhead(Spec):
    """Follows the plan of look-ahead HEFT: each task goes where the last of its successors can finish first.

    For each processor the task is placed there on trial, and behind it its successors, by falling upward rank, where
    each of them finishes first as far as its predecessors are placed. A task without successors goes where it finishes
    itself first. Counts what HEFT counts, and costs it about (processors × successors) times as much.

    Source: L. F. Bittencourt, R. Sakellariou, E. R. M. Madeira, "DAG scheduling using a lookahead variant of the
    heterogeneous earliest finish time algorithm", 18th Euromicro Conference on Parallel, Distributed and Network-based
    Processing, 2010.
    """

    kind: Literal["look_ahead"] = "look_ahead"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        table = instance.table
        order = instance.by_upward_rank().tolist()
        place = {task: i for i, task in enumerate(order)}
        for task in order:
            after = sorted(instance.graph.successors(task), key=place.__getitem__)
            finishes = table.finishes(task)
            last = finishes
            if after:
                last = np.array(
                    [_last(table, task, p, after) if end_s < math.inf else end_s for p, end_s in enumerate(finishes)]
                )
            table.place(task, int(np.lexsort((finishes, last))[0]))


def _last(table: Timetable, task: int, processor: int, after: Sequence[int]) -> float:
    """When the last of what comes ``after`` ends, if the task runs on that processor."""
    table.place(task, processor)
    ends = [table.place(later, int(table.finishes(later).argmin())) for later in after]
    for _ in range(len(after) + 1):
        table.remove_last()
    return max(ends)
