"""Earliest deadline first."""

from __future__ import annotations

from typing import Literal

from simcluster.scheduling.policies.greedy.greedy import watcher
from simcluster.scheduling.policies.greedy.stateless import Stateless
from simcluster.scheduling.policies.orders import deadline
from simcluster.scheduling.policies.places import LongestIdle
from simcluster.scheduling.protocols import Setting, Watcher


class EarliestDeadline(Stateless):
    """The task with the earliest deadline goes to the node that has idled longest (EDF).

    On one core, where all are released at once, it keeps all deadlines if any order does (Jackson 1955). Where they
    come over time that takes preemption that loses no work (Liu and Layland 1973); here what is given up begins anew.
    """

    kind: Literal["edf"] = "edf"
    preempts: bool = False
    """Whether tasks of later deadlines are given up for it when there is no room."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return watcher(setting, deadline, LongestIdle(), preempts=self.preempts)
