"""When a checkpoint is due, by steps or by seconds."""

from __future__ import annotations

from typing import SupportsFloat

from simcluster.cluster import Node
from simcluster.recovery.protocols import Interval, Observed


class Pace:
    """When a keeper's next checkpoint is due, by a number of steps or by an interval, and what it has seen so far.

    ``known`` is what a checkpoint has to hold of that, nothing where steps are counted. Seconds are those of the node's
    own clock.
    """

    def __init__(self, node: Node, every: int | Interval) -> None:
        self._node, self._every = node, every
        self._since_s = self._now_s()
        self._saves, self._saving_s = 0, 0.0
        self._begun_s: float | None = None

    @property
    def known(self) -> tuple[float, ...]:
        """How many checkpoints there have been, and how long they have taken."""
        return () if isinstance(self._every, int) else (self._saves, self._saving_s)

    def due(self, clock: int) -> bool:
        """Whether to save now that so many steps are complete. Raises ``ValueError`` for an interval that is none."""
        if isinstance(self._every, int):
            return clock % self._every == 0
        interval_s = self._every(self.observed)
        if not isinstance(interval_s, SupportsFloat) or not float(interval_s) >= 0:
            rule = "an interval between checkpoints must be 0 s or more"
            raise ValueError(f"{rule}, got {interval_s!r} of {self._every}")
        return self._now_s() - self._since_s >= interval_s

    @property
    def observed(self) -> Observed:
        """What has been seen so far."""
        cost_s = self._saving_s / self._saves if self._saves else None
        return Observed(cost_s, self._node.crashes, self._node.env.now)

    def begin(self) -> None:
        """A checkpoint begins."""
        self._begun_s = self._now_s()

    def end(self, saved: bool) -> None:
        """It has been made, or could not be."""
        self._since_s = self._now_s()
        if saved and self._begun_s is not None:
            self._saves, self._saving_s = self._saves + 1, self._saving_s + (self._since_s - self._begun_s)

    def restored(self, saves: float = 0, saving_s: float = 0.0) -> None:
        """The program goes on from what was known then."""
        self._since_s, self._saves, self._saving_s = self._now_s(), int(saves), saving_s

    def _now_s(self) -> float:
        return self._node.clock.monotonic()
