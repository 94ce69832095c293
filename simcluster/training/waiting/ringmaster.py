"""Asynchronous descent that no delay is too great for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.training.protocols import Progress
from simcluster.training.waiting.k_sync import LeftBehind


class Ringmaster(Spec):
    """Ringmaster ASGD (Maranjyan, Tyurin & Richtárik, "Ringmaster ASGD", ICML 2025).

    Each contribution counts when it comes, unless the parameters have moved ``delay`` times or more since it was begun:
    then it is thrown away. As many as there are workers are a step, whoever they are of. An infinite delay is
    asynchronous training (ASP), but for its end: there each worker makes all steps, and waits then for the slowest.
    """

    kind: Literal["ringmaster"] = "ringmaster"
    delay: Annotated[float, Field(ge=1), NUMBER]
    """R: how many updates old a contribution must not be; a whole number or infinity."""
    left_behind: LeftBehind = "finish"
    """Whether whoever is too late to count finishes first (algorithm 1), or stops when it is told (algorithm 2)."""

    any_worker: ClassVar = True
    leaves_out: ClassVar = True

    @property
    def cancels(self) -> bool:
        """Whether nobody finishes what would not count."""
        return self.left_behind == "cancel"

    def weight(self, delay: float) -> float:
        """Nothing when it is too late."""
        return 1.0 if delay < self.delay or math.isinf(self.delay) else 0.0

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """At once."""
        return True

    def complete(self, progress: Progress) -> bool:
        """With as many contributions as there are workers."""
        return len(progress.arrived) >= len(progress.workers)

    def sees(self, clock: int) -> float:
        """All that has come."""
        return math.inf

    def refuses(self, workers: Sequence[str]) -> str | None:
        """Any delay will do, of any workers."""
        return None
