"""Client sampling: each round has but some of the workers (McMahan et al., AISTATS 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Spec, stream
from simcluster.training.protocols import Progress


class ClientSampling(Spec):
    """A round is done by a random share of the workers, drawn anew without replacement, and waits for all of these.

    With ``LocalSteps`` it is FedAvg. Who is drawn depends on the run's seed and the round alone, so that strategies
    meet the same clients, and no crash changes who they are. Whoever is not drawn is passed over; for whom a detector
    says is gone another is drawn.
    """

    kind: Literal["client_sampling"] = "client_sampling"
    fraction: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.1
    """Which share of the workers does a round, C; rounded up."""

    leaves_out: ClassVar = True

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """Whoever is drawn, when the round before is complete."""
        return clock <= progress.clock and worker in self._drawn(clock, progress)

    def complete(self, progress: Progress) -> bool:
        """All that are drawn have contributed, but those that are gone; one at least."""
        missing = self._drawn(progress.clock, progress).difference(progress.arrived)
        return bool(progress.arrived) and missing.issubset(progress.gone)

    def fewest(self, workers: int) -> int:
        """As many as are drawn."""
        return max(1, math.ceil(self.fraction * workers - 1e-9))  # 7 % of 100 are 7, however that is rounded

    def sees(self, clock: int) -> float:
        """A round begins with all rounds before it."""
        return clock

    def refuses(self, workers: Sequence[str]) -> str | None:
        """Any number of workers will do."""
        return None

    def _drawn(self, clock: int, progress: Progress) -> frozenset[str]:
        gone = tuple(worker for worker in progress.gone if worker not in progress.arrived)
        return _drawn(progress.seed, clock, progress.workers, self.fewest(len(progress.workers)), gone)


@lru_cache(maxsize=1024)
def _drawn(seed: int, clock: int, workers: tuple[str, ...], count: int, gone: tuple[str, ...]) -> frozenset[str]:
    first = stream(seed, "clients", clock).choice(len(workers), count, replace=False).tolist()
    if not any(workers[place] in gone for place in first):
        return frozenset(workers[place] for place in first)
    later = stream(seed, "clients", clock, "instead").permutation(len(workers)).tolist()
    present = [workers[place] for place in dict.fromkeys([*first, *later]) if workers[place] not in gone]
    return frozenset(present[:count])
