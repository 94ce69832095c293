"""Distances between rows, and Lloyd's step of k-means."""

from __future__ import annotations

import simcluster.kernels._distance as _distance
from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.reference import Floats, Integers


def _squared_distances_cost(a: Floats, b: Floats) -> Cost:
    (n, d), m = a.shape, len(b)
    return Cost(flops=3 * n * m * d, bytes=8 * (n * d + m * d + n * m))


def _nearest_centre_cost(points: Floats, centres: Floats) -> Cost:
    (n, d), k = points.shape, len(centres)
    return Cost(flops=3 * n * k * d + n * k + n * d + 2 * n, bytes=8 * (n * d + 2 * k * d + n + k))


@kernel(cost=_squared_distances_cost, reference=reference.squared_distances)
def squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared Euclidean distances Σ_c (a_ic - b_jc)² between every row of *a* (n, d) and of *b* (m, d).

    Returns (n, m). Summed directly, so close points keep their digits. NaN and infinity propagate. Raises
    TypeError for another dtype than float64, ValueError for shapes that disagree.
    """
    return _distance.squared_distances(a, b)  # type: ignore[no-any-return]


@kernel(cost=_nearest_centre_cost, reference=reference.nearest_centre)
def nearest_centre(points: Floats, centres: Floats) -> tuple[Integers, Floats, Floats, float]:
    """Lloyd's step: the nearest centre of each point, and the sum and count of the points of each centre.

    *points* (n, d), *centres* (k, d) with k >= 1. Returns labels (n,) int64 (of equal distances the lowest
    index), sums (k, d), counts (k,) float64 and the inertia Σ min |x - c|². NaN and infinity are refused.
    Raises TypeError for another dtype, ValueError for shapes that disagree, no centres, or a point or
    centre that is not finite. Source: Lloyd, Least squares quantization in PCM, 1982.
    """
    return _distance.nearest_centre(points, centres)  # type: ignore[no-any-return]
