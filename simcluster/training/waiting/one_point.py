"""What rules have in common whose steps are made of batches computed at one point, whoever computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from simcluster.engine import Spec
from simcluster.training.protocols import Progress


class OnePoint(Spec):
    """Whoever has contributed computes another batch at the parameters of now; only what was computed there counts."""

    any_worker: ClassVar = True
    leaves_out: ClassVar = True

    def weight(self, delay: float) -> float:
        """Only what was computed at the parameters of now counts."""
        return 1.0 if delay == 0 else 0.0

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """At once."""
        return True

    def sees(self, clock: int) -> float:
        """All complete steps, and nothing of the one that is open."""
        return clock

    def refuses(self, workers: Sequence[str]) -> str | None:
        """Any number will do, of any workers."""
        return None
