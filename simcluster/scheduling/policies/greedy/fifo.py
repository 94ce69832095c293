"""First come, first served."""

from __future__ import annotations

from typing import Literal

from simcluster.scheduling.policies.greedy.greedy import watcher
from simcluster.scheduling.policies.greedy.stateless import Stateless
from simcluster.scheduling.policies.orders import arrival
from simcluster.scheduling.policies.places import LongestIdle
from simcluster.scheduling.protocols import Setting, Watcher


class Fifo(Stateless):
    """First in, first out: the task that has waited longest goes to the node that has idled longest."""

    kind: Literal["fifo"] = "fifo"

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return watcher(setting, arrival, LongestIdle())


fifo = Fifo()
"""As a function."""
