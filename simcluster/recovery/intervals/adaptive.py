"""An interval that follows what has been seen of failures."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Positive, Spec
from simcluster.recovery.intervals.daly import daly_s
from simcluster.recovery.intervals.young import young_s
from simcluster.recovery.protocols import Observed


class Adaptive(Spec):
    """Daly's interval or Young's, for the time between failures and the cost of checkpoints that have been observed.

    After k failures in t seconds M = (w·M₀ + t)/(w + k), the mean of what is believed of exponential failures by who
    believed in M₀ before, as if it had seen it w times (Gelman et al., "Bayesian Data Analysis", section 2.6: a
    gamma prior of the rate). A node that is down for long is up for less than t, and M is too large then.
    """

    kind: Literal["adaptive"] = "adaptive"
    mttf_s: Positive = 3600.0
    """M₀, what is expected before anything has been seen."""
    worth: Positive = 1.0
    """w, how many failures that expectation counts for."""
    formula: Literal["young", "daly"] = "daly"
    """Whose interval it is."""
    cost_s: Positive | None = None
    """C (``None``: what checkpoints have taken in the mean, for which one is made after the first step)."""

    def __call__(self, observed: Observed) -> float:
        """0 as long as nobody knows what a checkpoint takes."""
        cost_s = observed.cost_s if self.cost_s is None else self.cost_s
        mttf_s = (self.worth * self.mttf_s + observed.elapsed_s) / (self.worth + observed.failures)
        return 0.0 if cost_s is None else {"young": young_s, "daly": daly_s}[self.formula](cost_s, mttf_s)
