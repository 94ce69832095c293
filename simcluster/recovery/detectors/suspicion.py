"""When somebody who was heard at these times is suspected of being gone: pure functions of what was heard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Open, Positive, Spec
from simcluster.recovery.protocols import Suspicion


class Timeout(Spec):
    """Whoever has not been heard for so long."""

    kind: Literal["timeout"] = "timeout"
    after_s: Positive = 0.5
    """How long the silence is."""

    def __call__(self, heard_s: Sequence[float], now_s: float) -> bool:
        """Whether the silence is longer."""
        return now_s - heard_s[-1] > self.after_s


class ExpectedArrival(Spec):
    """Whoever is late by a margin, from the expected arrival of the next heartbeat.

    The estimate is the mean over what was heard, each moved on to the next: of n heartbeats A with the numbers s, at
    intervals η, Σ (Aᵢ − η·sᵢ)/n + η·(s + 1), s the last. Source: Chen, Toueg & Aguilera, "On the quality of service of
    failure detectors", IEEE Transactions on Computers 51(5), 2002, section 6.3; a number here is that of the
    interval, counted from the first, nearest to whose end the heartbeat was heard.
    """

    kind: Literal["expected_arrival"] = "expected_arrival"
    period_s: Positive = 0.1
    """η, the interval between heartbeats."""
    margin_s: Positive = 0.3
    """α, how late the next one may be."""

    def __call__(self, heard_s: Sequence[float], now_s: float) -> bool:
        """Whether the next heartbeat is later."""
        numbers = [round((at_s - heard_s[0]) / self.period_s) for at_s in heard_s]
        begun_s = [at_s - self.period_s * number for at_s, number in zip(heard_s, numbers, strict=True)]
        expected_s = math.fsum(begun_s) / len(begun_s) + self.period_s * (numbers[-1] + 1)
        return now_s > expected_s + self.margin_s


class PhiAccrual(Spec):
    """Whoever is silent so long that it would be so by chance with a probability below 10^−φ.

    Intervals between heartbeats count as normal, with the mean and deviation of those that were heard, or as
    exponential with their mean, which suspects after φ·ln 10 means. Sources: Hayashibara, Défago, Yared & Katayama,
    "The φ accrual failure detector", SRDS 2004; Apache Cassandra, ``FailureDetector.java``, for the exponential law.
    """

    kind: Literal["phi_accrual"] = "phi_accrual"
    threshold: Annotated[float, Field(gt=0, le=300), NUMBER] = 8.0
    """φ; beyond 300 its probability is no number any more."""
    period_s: Positive = 0.1
    """The interval that is expected before two have been seen."""
    least_deviation_s: Positive = 0.02
    """What the deviation is taken for at least; heartbeats that come like clockwork would leave no room otherwise."""
    law: Literal["normal", "exponential"] = "normal"
    """How intervals are distributed; the exponential law knows no deviation, and is the more patient one."""

    def __call__(self, heard_s: Sequence[float], now_s: float) -> bool:
        """Whether φ is exceeded."""
        gaps_s = np.diff(heard_s) if len(heard_s) > 2 else np.array([self.period_s])
        if self.law == "exponential":
            return bool(now_s - heard_s[-1] > self.threshold * math.log(10.0) * float(gaps_s.mean()))
        deviation_s = max(float(gaps_s.std()), self.least_deviation_s)
        late = (now_s - heard_s[-1] - float(gaps_s.mean())) / deviation_s
        return bool(math.erfc(late / math.sqrt(2.0)) / 2 < 10.0**-self.threshold)


AnySuspicion = Annotated[Suspicion, Open(Suspicion, Timeout, ExpectedArrival, PhiAccrual)]
"""One of the rules above, or one's own, a plain function too; in a file ``kind`` says which."""
