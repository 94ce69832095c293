"""Weighted round robin, by stride scheduling."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from simcluster.cluster import Node
from simcluster.engine import NodeName, Positive, Program, Spec
from simcluster.serving.balancers.sets import PerSet
from simcluster.serving.protocols import ReplicaView


class Weighted(Spec):
    """Each replica in turn, one of twice the weight twice as often.

    A request moves its replica's pass on by a stride, 1 over the weight, and the lowest pass is next. So of any two the
    one has never had more requests for its weight than the other would have with one more, n/w ≤ (m + 1)/v: no
    whole numbers come nearer (Waldspurger & Weihl, "Stride scheduling", MIT/LCS/TM-528, 1995). Each set of replicas has
    its turns by itself. A choice costs the logarithm of their number.
    """

    kind: Literal["weighted"] = "weighted"
    weights: Annotated[dict[NodeName, Positive], Field(min_length=1)] | None = None
    """The weight of each server, 1 where it is not named (``None``: cores times operations a second)."""
    _speeds: dict[str, float] = PrivateAttr(default_factory=dict)
    _turns: PerSet[list[tuple[float, int, float]]] = PrivateAttr(default_factory=PerSet)

    def run(self, node: Node, name: str, replicas: Sequence[ReplicaView]) -> Program:
        """The front end has come up, and knows the machines."""
        machines = node.cluster.spec.machines
        self._speeds.update({spec.name: spec.cores * spec.speed * spec.flops_per_s for spec in machines})
        self._turns.clear()
        yield from ()

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The one whose turn it is; of several the first."""
        turns = self._turns.of(replicas, self._strides)
        at, place, stride = turns[0]
        heapq.heapreplace(turns, (at + stride, place, stride))
        return replicas[place].name

    def _strides(self, replicas: Sequence[ReplicaView]) -> list[tuple[float, int, float]]:
        """Pass, place and stride of each, as a heap."""
        weights = self._speeds if self.weights is None else self.weights
        strides = [1.0 / weights.get(replica.name, 1.0) for replica in replicas]
        turns = [(stride, place, stride) for place, stride in enumerate(strides)]
        heapq.heapify(turns)
        return turns
