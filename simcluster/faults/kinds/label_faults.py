"""Faults of the labels that a node learns from: it computes honestly, of rows that are wrong."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from simcluster.cluster import Cluster
from simcluster.faults.fault import Lift, lift_all
from simcluster.faults.kinds.bodies import Numbers
from simcluster.faults.kinds.node_faults import NodeFault


class FlipLabels(NodeFault):
    """A node learns from flipped labels: k − 1 − y of k classes, −y where they are numbers (Fang et al., USENIX 2020).

    What other nodes read of the same rows stays. Two of these that overlap flip them back.
    """

    on_demand: ClassVar[bool] = True

    kind: Literal["flip_labels"] = "flip_labels"

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Poison the labels on its disk."""
        nodes = self.nodes(cluster)
        for node in nodes:
            node.poisons[key] = flipped
        return lift_all([lambda node=node: node.poisons.pop(key) for node in nodes])  # type: ignore[misc]


def flipped(labels: Numbers, classes: int | None) -> Any:
    """Labels counted from the other end, or numbers of the other sign."""
    return np.negative(labels) if classes is None else classes - 1 - labels
