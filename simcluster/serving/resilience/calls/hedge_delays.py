"""Hedge delays: after how long another copy of a call is sent."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import Annotated, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Count, Open, Seconds, Spec
from simcluster.serving.resilience.protocols import HedgeDelay, Latencies


class After(Spec):
    """The same time for each call."""

    kind: Literal["after"] = "after"
    delay_s: Seconds
    """How long; 0 sends both at once."""

    def begin(self) -> Latencies:
        """The rule, which remembers nothing."""
        return _After(self.delay_s)


class _After:
    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def heard(self, latency_s: float) -> None:
        """It does not matter."""

    def delay_s(self) -> float:
        """The same again."""
        return self._delay_s


class Quantile(Spec):
    """When a call has taken longer than ``share`` of the last ``window`` calls did: 1 − share of them are sent twice.

    A call that was answered by its second copy counts for as long as it took, which is longer than the quantile
    whatever the first would have taken. Source: J. Dean and L. A. Barroso, "The tail at scale", CACM 56(2), 2013.
    """

    kind: Literal["quantile"] = "quantile"
    share: Annotated[float, Field(gt=0, lt=1), NUMBER] = 0.95
    """Which quantile."""
    window: Count = 1000
    """How many calls are remembered."""
    least: Count = 20
    """Of fewer nothing is concluded, and no copy sent."""

    def model_post_init(self, _: object) -> None:
        """Refuse to wait for more calls than are remembered."""
        if self.least > self.window:
            raise ValueError(f"least must be at most window ({self.window}), got {self.least}")

    def begin(self) -> Latencies:
        """Nothing has been heard."""
        return _Quantile(self)


class _Quantile:
    def __init__(self, spec: Quantile) -> None:
        self._spec = spec
        self._last: deque[float] = deque()
        self._sorted: list[float] = []

    def heard(self, latency_s: float) -> None:
        """A call has been answered."""
        if len(self._last) == self._spec.window:
            del self._sorted[bisect_left(self._sorted, self._last.popleft())]
        self._last.append(latency_s)
        insort(self._sorted, latency_s)

    def delay_s(self) -> float | None:
        """The quantile of what was heard: of n the one at place ⌊share · n⌋."""
        heard = len(self._sorted)
        if heard < self._spec.least:
            return None
        return self._sorted[int(self._spec.share * heard)]


AnyHedgeDelay = Annotated[HedgeDelay, Open(HedgeDelay, After, Quantile)]
"""One of the delays above, or one's own; in a file ``kind`` says which."""
