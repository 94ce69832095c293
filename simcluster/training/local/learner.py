"""A worker's part of a step where it does more than one computation of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simcluster.learning import Array, Cost, Descends, Optimiser, Rows, call


@dataclass(frozen=True)
class Learner:
    """What a rule of local work is given: a model, an optimiser, and batch after batch.

    ``batch(number)`` are the rows of a local step, the same ones for the same number; ``clock`` steps of the job were
    done before, and the contribution counts as one of ``rows``, the ``share`` of those of all workers.
    """

    model: Descends
    optimiser: Optimiser
    batch: Callable[[int], Rows]
    clock: int
    rows: float
    share: float

    def descend(self, point: Array, numbers: range, pull: Callable[[Array], Array] | None = None) -> tuple[Array, Cost]:
        """Where local steps of these numbers lead to from ``point``, and what they cost.

        ``pull`` is what is added to the gradient at a point. The optimiser begins anew.
        """
        memory: Any = self.optimiser.start(point)
        cost = Cost(0.0, 0.0)
        for number in numbers:
            rows = self.batch(number)
            said = self.model.contribution(point, rows)
            gradient = call(self.model.gradient, point, said(), float(len(rows)))
            slope = gradient()
            cost = cost + said.cost + gradient.cost
            if pull is not None:
                slope = slope + pull(point)
                cost = cost + Cost(flops=3.0 * point.size, bytes=32.0 * point.size)
            stepped = self.optimiser.step(point, slope, memory, number, 1.0)
            point, memory = stepped()
            cost = cost + stepped.cost
        return point, cost
