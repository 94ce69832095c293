"""Queues that are kept short by how long one waits in them, and not by how many wait."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from simcluster.engine import Period, Spec
from simcluster.serving.resilience.protocols import Shed


class CoDel(Spec):
    """Who has waited longer than ``target_s`` is turned away, more and more often, once all have for ``interval_s``.

    A burst passes; a queue that stands does not: after ``interval_s`` one is turned away, the next after
    ``interval_s`` / √2, and so on until somebody has waited less than the target. Source: K. Nichols and V. Jacobson,
    "Controlling queue delay", ACM Queue 10(5), 2012; the state machine is that of RFC 8289, section 5.
    """

    kind: Literal["codel"] = "codel"
    cause: ClassVar[str] = "codel"
    target_s: Period = 0.005
    """How long one may wait all the time."""
    interval_s: Period = 0.1
    """How long a wait above it is taken for a burst: about the longest round trip."""

    def model_post_init(self, _: object) -> None:
        """Refuse an interval in which nobody could get below the target."""
        if self.interval_s <= self.target_s:
            raise ValueError(f"interval_s must be more than target_s ({self.target_s}), got {self.interval_s}")

    def begin(self) -> Shed:
        """No queue stands."""
        return _CoDel(self)


class _CoDel:
    """The control loop, with RFC 8289's names."""

    def __init__(self, spec: CoDel) -> None:
        self._spec = spec
        self._first_above_s: float | None = None
        self._dropping = False
        self._drop_next_s = 0.0
        self._count = self._last_count = 0

    def arrives(self, length: int, free: int, now_s: float) -> bool:
        """Everybody may come in."""
        return False

    def begins(self, waited_s: float, left: int, now_s: float) -> bool:
        """Whether to drop at the head of the queue."""
        above = self._is_above(waited_s, left, now_s)
        if not self._dropping:
            if above:
                self._enter(now_s)
            return above
        if not above:
            self._dropping = False
            return False
        if now_s < self._drop_next_s:
            return False
        self._count += 1
        self._drop_next_s = self._law_s(self._drop_next_s)
        return True

    def _is_above(self, waited_s: float, left: int, now_s: float) -> bool:
        """Whether waits have been above the target for a whole interval."""
        if waited_s < self._spec.target_s or not left:
            self._first_above_s = None
        elif self._first_above_s is None:
            self._first_above_s = now_s + self._spec.interval_s
        else:
            return now_s >= self._first_above_s
        return False

    def _enter(self, now_s: float) -> None:
        """Begin to drop: at the rate that was right last time, if that was a short while ago."""
        self._dropping = True
        delta = self._count - self._last_count
        recent = now_s - self._drop_next_s < 16 * self._spec.interval_s
        self._count = delta if delta > 1 and recent else 1
        self._drop_next_s = self._law_s(now_s)
        self._last_count = self._count

    def _law_s(self, from_s: float) -> float:
        return from_s + self._spec.interval_s / math.sqrt(self._count)


class ControlledDelay(Spec):
    """Whoever has waited longer than ``target_s`` is turned away while the queue stands, than ``interval_s`` while not.

    A queue stands that has not been empty for ``interval_s``. Source: Facebook's variant of CoDel, whose defaults
    these are (B. Maurer, "Fail at scale", ACM Queue 13(8), 2015).
    """

    kind: Literal["controlled_delay"] = "controlled_delay"
    cause: ClassVar[str] = "controlled_delay"
    target_s: Period = 0.005
    """How long one may wait in a queue that stands."""
    interval_s: Period = 0.1
    """How long in one that does not."""

    def model_post_init(self, _: object) -> None:
        """Refuse a shorter wait in a queue that does not stand."""
        if self.interval_s <= self.target_s:
            raise ValueError(f"interval_s must be more than target_s ({self.target_s}), got {self.interval_s}")

    def begin(self) -> Shed:
        """The queue is empty."""
        return _ControlledDelay(self)


class _ControlledDelay:
    def __init__(self, spec: ControlledDelay) -> None:
        self._spec = spec
        self._empty_s = -math.inf  # when the queue was empty last

    def arrives(self, length: int, free: int, now_s: float) -> bool:
        """Everybody may come in."""
        if not length:
            self._empty_s = now_s
        return False

    def begins(self, waited_s: float, left: int, now_s: float) -> bool:
        """Whether this one has waited too long."""
        stands = now_s - self._empty_s > self._spec.interval_s
        if not left:
            self._empty_s = now_s
        return waited_s > (self._spec.target_s if stands else self._spec.interval_s)
