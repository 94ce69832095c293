"""Batches collected asynchronously at one point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from simcluster.engine import Count, Spec
from simcluster.training.protocols import Progress


class Rennala(Spec):
    """Rennala SGD (Tyurin & Richtárik, "Optimal time complexities of parallel stochastic optimization", NeurIPS 2023).

    The server collects ``batch`` contributions computed at its parameters, from whomever they come, and makes one step
    of them. What was computed at earlier parameters is thrown away when it comes: nobody is interrupted, which is all
    that tells it from ``KBatchSync``.
    """

    kind: Literal["rennala"] = "rennala"
    batch: Count
    """How many contributions make a step."""

    any_worker: ClassVar = True
    leaves_out: ClassVar = True

    def weight(self, delay: float) -> float:
        """Only what was computed at the parameters of now counts."""
        return 1.0 if delay == 0 else 0.0

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """At once."""
        return True

    def complete(self, progress: Progress) -> bool:
        """With a whole batch."""
        return len(progress.arrived) >= self.batch

    def sees(self, clock: int) -> float:
        """All complete steps, and nothing of the one that is open."""
        return clock

    def refuses(self, workers: Sequence[str]) -> str | None:
        """Any batch will do, of any workers."""
        return None
