"""Bulk-synchronous, stale-synchronous and asynchronous training as one rule, with backup workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simcluster.engine import NUMBER, Spec
from simcluster.training.protocols import Progress


class BoundedStaleness(Spec):
    """A worker may be ``staleness`` steps ahead of the slowest (Ho et al., NIPS 2013).

    0 is bulk-synchronous (BSP: everyone waits for everyone), infinity is asynchronous (ASP). A step is complete when
    all but ``backup_workers`` have contributed (Chen et al., "Revisiting distributed synchronous SGD", 2016).
    """

    kind: Literal["bounded_staleness"] = "bounded_staleness"
    staleness: Annotated[float, Field(ge=0), NUMBER] = 0
    """How many steps a worker may be ahead of the slowest: a whole number, or infinity."""
    backup_workers: Annotated[int, Field(ge=0), NUMBER] = 0
    """How many workers a step does not wait for.

    Whoever is left behind finishes its stale step before it takes up the current one; ``KSync`` cancels it.
    So of n workers with exponential times of mean 1 a step takes longer in the mean than H_n − H_b, what it would
    take if all began each step anew.
    """

    @model_validator(mode="after")
    def _counts_whole_steps(self) -> BoundedStaleness:
        if not (math.isinf(self.staleness) or self.staleness == int(self.staleness)):
            raise ValueError(f"staleness must be a whole number or infinity, got {self.staleness}")
        return self

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """At most ``staleness`` steps ahead of the complete ones."""
        return clock - progress.clock <= self.staleness

    def complete(self, progress: Progress) -> bool:
        """All but the backup workers, and those that are gone."""
        wanted = progress.expected - self.backup_workers
        return len(progress.arrived) >= (wanted if wanted > 1 else 1)

    def sees(self, clock: int) -> float:
        """A read sees all updates up to clock - staleness - 1 and, as they arrive, some up to clock + staleness - 1.

        (Ho et al. 2013, section 3.) With staleness 0 the two bounds meet: it sees exactly the steps before its own, in
        whatever order the network delivered them.
        """
        return clock + self.staleness

    def refuses(self, workers: Sequence[str]) -> str | None:
        """There must be somebody to wait for."""
        if self.backup_workers < len(workers):
            return None
        return f"backup_workers must be fewer than the {len(workers)} workers, got {self.backup_workers}"
