"""Centred clipping (Karimireddy, He & Jaggi, "Learning from history for Byzantine robust optimization", ICML 2021)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Count, Spec
from simcluster.kernels import squared_distances, weighted_sum
from simcluster.learning import Array, Call, Cost
from simcluster.training.aggregation.of_rows import is_far, of_a_row, scaling, times


class CentredClipping(Spec):
    """The last aggregate, moved by the mean of what workers say beside it, each clipped to a radius; times all rows.

    v ← v + Σ w_i (x_i − v) min(1, τ/‖x_i − v‖), w_i the worker's share of the rows, from v = 0 at first and from the
    last step's afterwards, which a checkpoint holds. So f of n liars move it by τf/n at most, whatever they say; with
    τ = ∞ it is ``total``. Who sends NaN, or a number whose square is none, says nothing. The paper clips workers'
    momenta, which vary less from step to step than the gradients that are sent here.
    """

    kind: Literal["centred_clipping"] = "centred_clipping"
    radius: Annotated[float, Field(gt=0), NUMBER] = 1.0
    """τ, of a mean over a row; infinity clips nothing."""
    iterations: Count = 1
    """How often v is moved in a step."""

    def __call__(self, values: Array, rows: Array) -> Call[Array]:
        """The total (p,) of a first step."""
        found = self.after(values, rows, np.empty(0))
        return Call(lambda: found()[0], found.cost)

    def after(self, values: Array, rows: Array, memory: Array) -> Call[tuple[Array, Array]]:
        """The total (p,), and v (p,)."""
        vectors, counts = of_a_row(values, rows)
        if not len(counts):
            return Call(lambda: (np.zeros(values.shape[1]), memory), Cost(0.0, 0.0))
        moved = self._moved(vectors, counts, memory if memory.size else np.zeros(vectors.shape[1]))

        def both() -> tuple[Array, Array]:
            point = moved()
            return times(point, counts), point

        return Call(both, moved.cost + scaling(vectors))

    def _moved(self, vectors: Array, counts: Array, centre: Array) -> Call[Array]:
        far, shares = is_far(vectors), counts / counts.sum()
        if not np.isinf(self.radius):
            vectors = np.where(far[:, None], 0.0, vectors)

        def moved() -> Array:
            point = centre
            for _ in range(self.iterations):
                with np.errstate(invalid="ignore", divide="ignore"):
                    apart = np.where(far, np.inf, np.sqrt(squared_distances(vectors, point[None]))[:, 0])
                    weights = shares * np.fmin(1.0, self.radius / apart)  # fmin: 0/0 and ∞/∞ clip nothing
                    point = point + weighted_sum(vectors - point, weights)
            return point

        once = squared_distances.cost(vectors, centre[None]) + weighted_sum.cost(vectors, shares)
        beside = Cost(flops=vectors.size + centre.size + 4.0 * len(vectors), bytes=16.0 * vectors.size)
        return Call(moved, self.iterations * (once + beside))
