"""The least utilised node."""

from __future__ import annotations

from typing import Literal

from simcluster.scheduling.policies.greedy.greedy import watcher
from simcluster.scheduling.policies.greedy.stateless import Stateless
from simcluster.scheduling.policies.orders import arrival
from simcluster.scheduling.policies.places import LeastBacklog
from simcluster.scheduling.protocols import Setting, Watcher


class Utilisation(Stateless):
    """The task that has waited longest goes to the least utilised node: the one with the smallest backlog.

    It goes at once, whether or not a core is idle.
    """

    kind: Literal["utilisation"] = "utilisation"

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return watcher(setting, arrival, LeastBacklog())


utilisation = Utilisation()
"""As a function."""
