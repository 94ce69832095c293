"""Trips: after what a circuit breaker opens."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Count, Open, Period, Spec
from simcluster.serving.resilience.protocols import Trip, Tripping


class ConsecutiveFailures(Spec):
    """So many failures, one after the other (M. Nygard, Release It!, 2007; Finagle's failure accrual)."""

    kind: Literal["consecutive"] = "consecutive"
    failures: Count = 5
    """How many."""

    def begin(self) -> Tripping:
        """Nothing has failed yet."""
        return _Consecutive(self.failures)


class _Consecutive:
    def __init__(self, most: int) -> None:
        self._most = most
        self._failures = 0

    def heard(self, failed: bool, now_s: float) -> bool:
        """Whether this end of a call was the last straw."""
        self._failures = self._failures + 1 if failed else 0
        return self._failures >= self._most


class FailureShare(Spec):
    """``share`` of the calls of the last ``window_s`` failed, of at least ``least`` (as in Netflix's Hystrix)."""

    kind: Literal["share"] = "share"
    share: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.5
    """The share."""
    window_s: Period = 10.0
    """For how long a call counts."""
    least: Count = 20
    """With fewer calls nothing is said."""

    def begin(self) -> Tripping:
        """Nothing has been heard yet."""
        return _Share(self)


class _Share:
    def __init__(self, spec: FailureShare) -> None:
        self._spec = spec
        self._heard: deque[tuple[float, bool]] = deque()
        self._failures = 0

    def heard(self, failed: bool, now_s: float) -> bool:
        """Whether this end of a call was one too many."""
        self._heard.append((now_s, failed))
        self._failures += failed
        while self._heard[0][0] <= now_s - self._spec.window_s:
            self._failures -= self._heard.popleft()[1]
        return len(self._heard) >= self._spec.least and self._failures >= self._spec.share * len(self._heard)


AnyTrip = Annotated[Trip, Open(Trip, ConsecutiveFailures, FailureShare)]
"""One of the rules above, or one's own; in a file ``kind`` says which."""
