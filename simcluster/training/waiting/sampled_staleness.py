"""Stale-synchronous training that looks at a sample of the workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Spec, stream
from simcluster.training.protocols import Progress


class SampledStaleness(Spec):
    """Probabilistic synchronous parallel (PSP; Wang, Catterall & Mortier, arXiv:1709.07772, 2017).

    A worker may be ``staleness`` steps ahead of the slowest of β workers, which are drawn of all n for each of its
    steps; so no part of the system has to know how far all are. β = n is ``BoundedStaleness``, β = 0 asynchronous.
    Below n no bound holds for sure: the others' contributions count when they come.
    """

    kind: Literal["sampled_staleness"] = "sampled_staleness"
    staleness: Annotated[int, Field(ge=0), NUMBER] = 0
    """How many steps a worker may be ahead of the slowest in its sample."""
    share: Annotated[float, Field(ge=0, le=1), NUMBER]
    """β/n, the share of the workers that is drawn, rounded up."""

    asks_always: ClassVar = True

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """At most ``staleness`` steps ahead of all in the sample but those that are gone."""
        if clock - progress.clock <= self.staleness:  # so it is of all
            return True
        count = math.ceil(self.share * len(progress.workers) - 1e-9)  # 7 % of 100 are 7, however that is rounded
        sampled = _sample(progress.seed, worker, clock, progress.workers, count)
        return all(clock - progress.next_clock[each] <= self.staleness for each in sampled if each not in progress.gone)

    def complete(self, progress: Progress) -> bool:
        """When all have contributed that are there."""
        return len(progress.arrived) >= max(1, progress.expected)

    def sees(self, clock: int) -> float:
        """As under ``BoundedStaleness`` with all in the sample; with fewer, all that has come."""
        return clock + self.staleness if self.share == 1 else math.inf

    def refuses(self, workers: Sequence[str]) -> str | None:
        """It is a rule for any workers."""
        return None


@lru_cache(maxsize=4096)
def _sample(seed: int, worker: str, clock: int, workers: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Who is looked at before a step."""
    drawn = stream(seed, "waiting", worker, clock).choice(len(workers), count, replace=False)
    return tuple(workers[place] for place in sorted(drawn.tolist()))
