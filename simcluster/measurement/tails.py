"""Tails: how often something is slow, and what asking again costs and helps."""

from __future__ import annotations

import math
from collections.abc import Callable

from simcluster.engine import check_whole


def any_slow(leaves: int, share: float) -> float:
    """The probability that one of n ``leaves`` is slower than a ``share`` of such answers: 1 − shareⁿ, if independent.

    With 100 leaves and their 99th percentile .634 (J. Dean and L. A. Barroso, "The tail at scale", CACM 56(2), 2013).
    """
    check_whole("leaves", leaves, 1)
    _check_share("share", share)
    return -math.expm1(leaves * math.log(share)) if share else 1.0


def hedged_survival(survival: Callable[[float], float], delay_s: float, time_s: float) -> float:
    """P(min(X, q + X') > t) = S(t) S(t − q): that a call takes longer than t whose second copy is sent after q.

    ``survival`` is S(t) = P(X > t) of one copy; the two are independent. Before q it is S(t).
    """
    if not delay_s >= 0:
        raise ValueError(f"delay_s must be at least 0, got {delay_s}")
    return survival(time_s) * (survival(time_s - delay_s) if time_s >= delay_s else 1.0)


def retry_amplification(failure: float, retries: int) -> float:
    """Attempts of a call in the mean, when each fails with probability f and up to r follow: (1 − f^(r+1)) / (1 − f).

    With nothing but failures it is r + 1.
    """
    check_whole("retries", retries)
    _check_share("failure", failure)
    return math.fsum(failure**attempt for attempt in range(retries + 1))


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be within [0, 1], got {value}")
