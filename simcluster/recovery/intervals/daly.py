"""Daly's interval between checkpoints, and how much longer work takes with any."""

from __future__ import annotations

import math
from typing import Literal

from simcluster.engine import Positive, Spec
from simcluster.recovery.protocols import Observed


def daly_s(cost_s: float, mttf_s: float) -> float:
    """√(2δM)·(1 + √(δ/2M)/3 + (δ/2M)/9) − δ where δ < 2M, else M: the best interval for a checkpoint that takes δ."""
    if cost_s >= 2.0 * mttf_s:
        return mttf_s
    share = cost_s / (2.0 * mttf_s)
    return math.sqrt(2.0 * cost_s * mttf_s) * (1.0 + math.sqrt(share) / 3.0 + share / 9.0) - cost_s


def stretch(interval_s: float, cost_s: float, mttf_s: float, restart_s: float) -> float:
    """M e^{R/M} (e^{(τ + δ)/M} − 1)/τ: how many times as long as by itself work takes, in the mean.

    Failures are exponential, of mean M, and may also meet a checkpoint, which takes δ, and a restart, which takes R
    and then begins anew. Source: Daly 2006, equation 20, over the time that the work takes by itself.
    """
    return mttf_s * math.exp(restart_s / mttf_s) * math.expm1((interval_s + cost_s) / mttf_s) / interval_s


class Daly(Spec):
    """Daly's higher-order interval, where a checkpoint takes δ, and M pass in the mean between two failures.

    It is ``daly_s(δ, M)``, which is less than Young's as soon as δ is not small beside M. Source: Daly, "A higher order
    estimate of the optimum checkpoint interval for restart dumps", Future Generation Computer Systems 22(3), 2006,
    equation 37.
    """

    kind: Literal["daly"] = "daly"
    mttf_s: Positive
    """M, the mean time to failure of the node whose state is kept."""
    cost_s: Positive | None = None
    """δ (``None``: what checkpoints have taken in the mean, for which one is made after the first step)."""

    def __call__(self, observed: Observed) -> float:
        """0 as long as nobody knows what a checkpoint takes."""
        cost_s = observed.cost_s if self.cost_s is None else self.cost_s
        return 0.0 if cost_s is None else daly_s(cost_s, self.mttf_s)
