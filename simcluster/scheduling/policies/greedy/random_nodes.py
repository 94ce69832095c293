"""Nodes at random."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Spec
from simcluster.scheduling.policies.greedy.greedy import watcher
from simcluster.scheduling.policies.orders import arrival
from simcluster.scheduling.policies.places import AtRandom
from simcluster.scheduling.protocols import Setting, Watcher


class RandomNodes(Spec):
    """The task that has waited longest goes to any node with room."""

    kind: Literal["random"] = "random"

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return watcher(setting, arrival, AtRandom())
