"""Steps that are the shorter the staler they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from simcluster.engine import NotNegative, Spec
from simcluster.training.protocols import Progress


class StalenessAware(Spec):
    """Asynchronous training with η/τ for η (Zhang, Gupta, Lian & Liu, "Staleness-aware async-SGD", IJCAI 2016).

    τ is how often the parameters have moved since those that a contribution was computed at; 0 counts as 1. Nobody
    waits for anybody.
    """

    kind: Literal["staleness_aware"] = "staleness_aware"
    power: NotNegative = 1.0
    """p of η/τ^p: 1 as there; 0 is asynchronous training (ASP)."""

    def weight(self, delay: float) -> float:
        """τ^(−p); of what a crash of the server has undone nobody knows the staleness, and none of it counts."""
        return float(max(1.0, delay) ** -self.power)

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """At once."""
        return True

    def complete(self, progress: Progress) -> bool:
        """When all have contributed that are there."""
        return len(progress.arrived) >= max(1, progress.expected)

    def sees(self, clock: int) -> float:
        """All that has come."""
        return math.inf

    def refuses(self, workers: Sequence[str]) -> str | None:
        """It is a rule for any workers."""
        return None
