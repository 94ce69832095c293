"""Workers in turn: a step's contributions are computed one after the other, or a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from simcluster.engine import Count, Spec
from simcluster.training.protocols import Progress


class InTurn(Spec):
    """Bulk-synchronous steps in which the next worker begins when one before it has contributed.

    A step is that of ``BoundedStaleness()`` to the last bit, whoever crashes: contributions count in the order of
    workers. It takes as long as all of them together, and not as long as the slowest: of a server that takes no time,
    of workers that take w_i and messages that take L each way, w_1 + … + w_m + 2 m L with ``at_once`` 1. That is how a
    single machine would go through the shards; whoever is suspected of being gone is passed over.
    """

    kind: Literal["in_turn"] = "in_turn"
    at_once: Count = 1
    """How many workers compute at a time."""

    @property
    def asks_always(self) -> bool:
        """Who may start depends on who has contributed to the step."""
        return True

    def may_start(self, worker: str, clock: int, progress: Progress) -> bool:
        """In the next step, when few enough of those before it are still to contribute."""
        due = (each for each in progress.workers if each not in progress.arrived and each not in progress.gone)
        return clock <= progress.clock and worker in [each for each, _ in zip(due, range(self.at_once), strict=False)]

    def complete(self, progress: Progress) -> bool:
        """When all have contributed that are there."""
        return len(progress.arrived) >= max(1, progress.expected)

    def sees(self, clock: int) -> float:
        """Nothing of its own step."""
        return clock

    def refuses(self, workers: Sequence[str]) -> str | None:
        """It is one for any workers."""
        return None
