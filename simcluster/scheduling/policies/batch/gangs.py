"""Gang scheduling."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Spec
from simcluster.scheduling.policies.batch.batch import Batch
from simcluster.scheduling.policies.batch.jobs import RigidJob
from simcluster.scheduling.policies.places import AnyPlace, LongestIdle
from simcluster.scheduling.protocols import Setting, Watcher


class GangScheduling(Spec):
    """The gang that has waited longest begins as a whole as soon as there is room for all of its tasks.

    Nobody passes it, and none of its tasks holds a core while it waits for the others: two gangs of two never hold a
    node each and wait for the other's (Ousterhout 1982, "Scheduling techniques for concurrent systems"). A task without
    a gang is one by itself.
    """

    kind: Literal["gang"] = "gang"
    place: AnyPlace = LongestIdle()
    """Where a task goes."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return _Gangs(self.place.begin(setting))


class _Gangs(Batch):
    def next_job(self, now_s: float) -> RigidJob | None:
        return next(iter(self.waiting.values()), None)
