"""The first k batches, whoever computes them."""

from __future__ import annotations

from typing import ClassVar, Literal

from simcluster.engine import Count
from simcluster.training.protocols import Progress
from simcluster.training.waiting.one_point import OnePoint


class KBatchSync(OnePoint):
    """K-batch-sync SGD (Dutta, Joshi, Ghosh, Dube & Nagpurkar, "Slow and stale gradients can win the race", 2018).

    Whoever has contributed computes another batch at the same parameters, until there are ``k`` in all; then all begin
    anew. Of n workers with exponential times of rate μ a step takes k/(nμ). ``Rennala`` cancels nothing.
    """

    kind: Literal["k_batch_sync"] = "k_batch_sync"
    k: Count
    """How many contributions make a step; one worker may give several of them, another none."""

    cancels: ClassVar = True

    def complete(self, progress: Progress) -> bool:
        """With k contributions."""
        return len(progress.arrived) >= self.k
