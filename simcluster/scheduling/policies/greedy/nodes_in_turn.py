"""Each node in turn."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Spec
from simcluster.scheduling.policies.greedy.greedy import watcher
from simcluster.scheduling.policies.orders import arrival
from simcluster.scheduling.policies.places import EachInTurn
from simcluster.scheduling.protocols import Setting, Watcher


class NodesInTurn(Spec):
    """The task that has waited longest goes to the next node with room, each in turn."""

    kind: Literal["round_robin"] = "round_robin"

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return watcher(setting, arrival, EachInTurn())
