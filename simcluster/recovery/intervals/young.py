"""Young's interval between checkpoints."""

from __future__ import annotations

import math
from typing import Literal

from simcluster.engine import Positive, Spec
from simcluster.recovery.protocols import Observed


def young_s(cost_s: float, mttf_s: float) -> float:
    """√(2 C M), the best interval for a checkpoint that takes C, much less than M between two failures."""
    return math.sqrt(2.0 * cost_s * mttf_s)


class Young(Spec):
    """√(2 C M), where a checkpoint takes C, and M pass in the mean between two failures.

    Source: Young, "A first order approximation to the optimum checkpoint interval", CACM 17(9), 1974.
    """

    kind: Literal["young"] = "young"
    mttf_s: Positive
    """M, the mean time to failure of the node whose state is kept."""
    cost_s: Positive | None = None
    """C (``None``: what checkpoints have taken in the mean, for which one is made after the first step)."""

    def __call__(self, observed: Observed) -> float:
        """0 as long as nobody knows what a checkpoint takes."""
        cost_s = observed.cost_s if self.cost_s is None else self.cost_s
        return 0.0 if cost_s is None else young_s(cost_s, self.mttf_s)
