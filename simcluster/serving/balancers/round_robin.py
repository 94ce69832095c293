"""Round robin: each in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import PrivateAttr

from simcluster.engine import Spec
from simcluster.serving.balancers.sets import PerSet
from simcluster.serving.protocols import ReplicaView


class RoundRobin(Spec):
    """Each replica in turn, for each set of replicas by itself."""

    kind: Literal["round_robin"] = "round_robin"
    _turns: PerSet[_Turn] = PrivateAttr(default_factory=PerSet)

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The next of them."""
        turn = self._turns.of(replicas, _Turn)
        place = turn.next
        turn.next = (place + 1) % len(replicas)
        return replicas[place].name


class _Turn:
    __slots__ = ("next",)

    def __init__(self, replicas: Sequence[ReplicaView]) -> None:
        self.next = 0
