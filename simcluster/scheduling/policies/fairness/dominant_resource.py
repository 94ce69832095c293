"""Dominant resource fairness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from simcluster.engine import Positive, Spec
from simcluster.scheduling.policies.fairness.filling import dominant_share
from simcluster.scheduling.policies.fairness.users import Shared, Use, Users
from simcluster.scheduling.policies.places import AnyPlace, LongestIdle
from simcluster.scheduling.protocols import Setting, Watcher


class DominantResource(Spec):
    """The user with the smallest dominant share for his weight is next: of cores or memory, that of which he has more.

    Of 9 cores and 18 GB a user whose tasks take a core and 4 GB runs three of them beside two tasks of another that
    take 3 cores and 1 GB: two thirds of the memory and two thirds of the cores (Ghodsi et al. 2011, "Dominant resource
    fairness", algorithm 1). Memory counts where all nodes say how much they have.
    """

    kind: Literal["drf"] = "drf"
    weights: Mapping[str, Positive] = {}
    """What each user's share is worth, 1 where nothing is said."""
    passing: bool = True
    """Whether a user is passed over while there is no room for his task: nothing idles, but large tasks may starve."""
    place: AnyPlace = LongestIdle()
    """Where a task goes."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""

        def share(user: str, use: Use, whole: Use) -> tuple[float, ...]:
            taken, capacity = (use.cores, use.memory_bytes), (whole.cores, whole.memory_bytes)
            return (dominant_share(taken, capacity) / self.weights.get(user, 1.0),)

        return Shared(Users(share, self.passing), self.place.begin(setting))
