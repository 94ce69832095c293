"""The first k batches, whoever computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from simcluster.engine import Count, Spec
from simcluster.training.protocols import Progress


class KBatchSync(Spec):
    """K-batch-sync SGD (Dutta, Joshi, Ghosh, Dube & Nagpurkar, "Slow and stale gradients can win the race", 2018).

    Whoever has contributed computes another batch at the same parameters, until there are ``k`` in all; then all begin
    anew. Of n workers with exponential times of rate μ a step takes k/(nμ). ``Rennala`` cancels nothing.
    """

    kind: Literal["k_batch_sync"] = "k_batch_sync"
    k: Count
    """How many contributions make a step; one worker may give several of them, another none."""

    any_worker: ClassVar = True
    cancels: ClassVar = True
    leaves_out: ClassVar = True

    def weight(self, delay: float) -> float:
        """Only what was computed at the parameters of now counts."""
        return 1.0 if delay == 0 else 0.0

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """At once."""
        return True

    def complete(self, progress: Progress) -> bool:
        """With k contributions."""
        return len(progress.arrived) >= self.k

    def sees(self, clock: int) -> float:
        """All complete steps, and nothing of the one that is open."""
        return clock

    def refuses(self, workers: Sequence[str]) -> str | None:
        """Any k will do, of any workers."""
        return None
