"""Fair shares of the cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from simcluster.engine import Positive, Spec
from simcluster.scheduling.policies.fairness.users import Shared, Use, Users
from simcluster.scheduling.policies.places import AnyPlace, LongestIdle
from simcluster.scheduling.protocols import Setting, Watcher


class FairShare(Spec):
    """The user who holds the fewest cores for his weight is next; his task that has waited longest.

    That is max-min fairness, as in the Fair Scheduler of Hadoop (Zaharia et al. 2009), at each start: no task is given
    up for it. Nobody starves: of several who hold as little the next is the one whose last task began first, so that
    one who holds nothing waits for no more than one start of each other.
    """

    kind: Literal["fair_share"] = "fair_share"
    weights: Mapping[str, Positive] = {}
    """What each user's share is worth, 1 where nothing is said."""
    passing: bool = True
    """Whether a user is passed over while there is no room for his task: nothing idles, but large tasks may starve."""
    place: AnyPlace = LongestIdle()
    """Where a task goes."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""

        def share(user: str, use: Use, whole: Use) -> tuple[float, ...]:
            return (use.cores / self.weights.get(user, 1.0),)

        return Shared(Users(share, self.passing), self.place.begin(setting))
