"""The most urgent first."""

from __future__ import annotations

from typing import Literal

from simcluster.scheduling.policies.greedy.greedy import watcher
from simcluster.scheduling.policies.greedy.stateless import Stateless
from simcluster.scheduling.policies.orders import urgent
from simcluster.scheduling.policies.places import Fastest
from simcluster.scheduling.protocols import Setting, Watcher


class Priority(Stateless):
    """The task of the highest priority goes to the node with room that computes it fastest; low ones may starve."""

    kind: Literal["priority"] = "priority"
    preempts: bool = False
    """Whether tasks of lower priorities are given up for it when there is no room."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return watcher(setting, urgent, Fastest(), preempts=self.preempts)


priority = Priority()
"""As a function."""
