"""Batches collected asynchronously at one point."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Count
from simcluster.training.protocols import Progress
from simcluster.training.waiting.one_point import OnePoint


class Rennala(OnePoint):
    """Rennala SGD (Tyurin & Richtárik, "Optimal time complexities of parallel stochastic optimization", NeurIPS 2023).

    The server collects ``batch`` contributions computed at its parameters, from whomever they come, and makes one step
    of them. What was computed at earlier parameters is thrown away when it comes: nobody is interrupted, which is all
    that tells it from ``KBatchSync``.
    """

    kind: Literal["rennala"] = "rennala"
    batch: Count
    """How many contributions make a step."""

    def complete(self, progress: Progress) -> bool:
        """With a whole batch."""
        return len(progress.arrived) >= self.batch
