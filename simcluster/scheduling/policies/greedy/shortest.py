"""Shortest first."""

from __future__ import annotations

from typing import Literal

from simcluster.scheduling.policies.greedy.greedy import watcher
from simcluster.scheduling.policies.greedy.stateless import Stateless
from simcluster.scheduling.policies.orders import shortest
from simcluster.scheduling.policies.places import LongestIdle
from simcluster.scheduling.protocols import Setting, Watcher


class Shortest(Stateless):
    """The task that takes least goes to the node that has idled longest; long ones may starve."""

    kind: Literal["shortest"] = "shortest"
    preempts: bool = False
    """Whether longer tasks are given up for it when there is no room."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return watcher(setting, shortest, LongestIdle(), preempts=self.preempts)
