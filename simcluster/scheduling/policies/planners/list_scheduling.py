"""List scheduling: whoever is idle takes the first of a fixed list that is ready; LPT: the longest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import Spec
from simcluster.kernels.planning import mean_seconds
from simcluster.scheduling.policies.planners.planning import Instance, TransferTime, plan
from simcluster.scheduling.protocols import NodeView

if TYPE_CHECKING:
    import networkx as nx


class ListScheduling(Spec):
    """Follows the plan of list scheduling: an idle processor takes the first task of a list that can begin there.

    The list is by falling priority of the user, and then the order of the graph. Of processors that are idle at the
    same time, the task goes to the one that finishes it first. On m alike processors without transfers no plan is more
    than 2 − 1/m times as long as the best. Counts what HEFT counts.

    Source: R. L. Graham, "Bounds on multiprocessing timing anomalies", SIAM Journal on Applied Mathematics 17(2), 1969.
    """

    kind: Literal["list_scheduling"] = "list_scheduling"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        _place(instance, -instance.priorities)


class Lpt(Spec):
    """Follows the plan of list scheduling by falling processing time (LPT), the mean over the processors.

    Of independent tasks on m alike processors no plan is more than 4/3 − 1/(3m) times as long as the best. Otherwise,
    and by the same source, as list scheduling.
    """

    kind: Literal["lpt"] = "lpt"

    def plan(
        self, graph: nx.DiGraph[Any], nodes: Sequence[NodeView], transfer_s: TransferTime
    ) -> dict[str, tuple[str, float]]:
        """Each task's node, and when it begins."""
        return plan(self, graph, nodes, transfer_s)

    def place(self, instance: Instance) -> None:
        """Place all tasks of an instance."""
        _place(instance, -mean_seconds(instance.seconds))


def _place(instance: Instance, keys: NDArray[np.float64]) -> None:
    positions = np.empty(len(keys))
    positions[np.argsort(keys, kind="stable")] = np.arange(len(keys))
    instance.table.place_when_ready(np.zeros(len(keys)), positions, 0.0, False)
