"""Guaranteed shares of the cores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import model_validator

from simcluster.engine import Probability, Spec
from simcluster.scheduling.policies.fairness.users import Shared, Use, Users
from simcluster.scheduling.policies.places import AnyPlace, LongestIdle
from simcluster.scheduling.protocols import Setting, Watcher


class Capacity(Spec):
    """Each user is guaranteed a share of the cores; what others leave idle he may have too, up to a limit.

    The user is next who holds the smallest part of what he is guaranteed; who is guaranteed nothing comes last (as in
    the Capacity Scheduler of Hadoop). What a user is guaranteed and others hold he gets as their tasks end.
    """

    kind: Literal["capacity"] = "capacity"
    shares: Mapping[str, Probability]
    """The share of all cores that each user is guaranteed; together 1 at most."""
    limits: Mapping[str, Probability] = {}
    """From which share of all cores on a user gets no more, 1 where nothing is said; one task he may always have."""
    passing: bool = True
    """Whether a user is passed over while there is no room for his task: nothing idles, but large tasks may starve."""
    place: AnyPlace = LongestIdle()
    """Where a task goes."""

    @model_validator(mode="after")
    def _add_up(self) -> Capacity:
        total = math.fsum(self.shares.values())
        if total > 1 + 1e-9:
            raise ValueError(f"shares must be 1 together at most, got {total:g} of {dict(self.shares)}")
        return self

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""

        def share(user: str, use: Use, whole: Use) -> tuple[float, ...]:
            if use.tasks and use.cores >= self.limits.get(user, 1.0) * whole.cores:
                return (math.inf, use.cores)
            guaranteed = self.shares.get(user, 0.0)
            return (0.0, use.cores / guaranteed) if guaranteed else (1.0, use.cores)

        return Shared(Users(share, self.passing), self.place.begin(setting))
