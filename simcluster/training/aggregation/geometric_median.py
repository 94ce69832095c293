"""The geometric median by smoothed Weiszfeld (Pillutla, Kakade & Harchaoui, IEEE Trans. Signal Processing, 2022)."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from simcluster.engine import Count, Positive, Spec
from simcluster.kernels import coordinate_median, squared_distances, weighted_sum
from simcluster.learning import Array, Call, Cost
from simcluster.training.aggregation.of_rows import is_far, nan_last, of_rows


class GeometricMedian(Spec):
    """The point z with the least Σ α_i ‖z − v_i‖ over workers, α_i their shares of the rows, times all rows.

    Found by z ← Σ β_i v_i / Σ β_i with β_i = α_i / max(ν, ‖z − v_i‖), from the coordinates' median on; after so many
    iterations it is near to it. It stands liars with less than half of the rows. Who sends NaN, or a number whose
    square is none, is not asked.
    """

    kind: Literal["geometric_median"] = "geometric_median"
    iterations: Count = 10
    """How often the point is moved; the paper needs few."""
    smoothing: Positive = 1e-6
    """ν: to a worker that is as near as this no distance is less."""

    def __call__(self, values: Array, rows: Array) -> Call[Array]:
        """The total (p,)."""
        return of_rows(self._median, values, rows)

    def _median(self, vectors: Array, rows: Array) -> Call[Array]:
        far = is_far(vectors)
        near = vectors[~far] if far.any() else vectors
        shares = rows[~far] / math.fsum(rows)
        if not len(near):
            return Call(lambda: np.full(vectors.shape[1], math.nan), Cost(0.0, 0.0))
        start = coordinate_median.call(nan_last(near))

        def moved() -> Array:
            point = start()
            for _ in range(self.iterations):
                apart = np.sqrt(squared_distances(near, point[None]))[:, 0]
                apart = np.maximum(self.smoothing, apart)
                weights = shares * (apart.min() / apart)
                point = weighted_sum(near, weights / weights.sum())
            return point

        once = squared_distances.cost(near, near[:1]) + weighted_sum.cost(near, shares)
        return Call(moved, start.cost + self.iterations * (once + Cost(flops=4.0 * len(near), bytes=0.0)))
