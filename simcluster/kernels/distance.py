"""Distances between rows, and what is built on them: Lloyd's step, nearest neighbours, kernel blocks.

Arrays are float64 (indices int64) and C-contiguous. TypeError for another dtype; ValueError for shapes
that disagree and for what a kernel refuses.
"""

from __future__ import annotations

from math import prod

from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Floats, Integers

_distance, _nearest, _neighbours = compiled("_distance"), compiled("_nearest"), compiled("_neighbours")


def _block_cost(a: Floats, b: Floats) -> Cost:
    (n, d), m = a.shape, len(b)
    return Cost(3 * n * m * d, 8 * (n * d + m * d + n * m))


def _cosine_cost(a: Floats, b: Floats) -> Cost:
    (n, d), m = a.shape, len(b)
    return Cost(2 * n * m * d + 2 * (n + m) * d + 3 * n * m, 8 * (n * d + m * d + n * m))


def _rbf_cost(a: Floats, b: Floats, gamma: float) -> Cost:
    return _block_cost(a, b) + Cost(2 * len(a) * len(b), 0)


def _pairwise_cost(vectors: Floats) -> Cost:
    m, d = vectors.shape
    return Cost(3 * d * m * (m - 1) / 2, 8 * (m * d + m * m))


def _nearest_centre_cost(points: Floats, centres: Floats, weights: Floats | None = None) -> Cost:
    (n, d), k = points.shape, len(centres)
    return Cost(2 * n * k * d + 7 * n * d + 3 * n * k + 2 * k * d, 8 * (n * d + 2 * k * d + n + k))


def _top_k_cost(queries: Floats, points: Floats, k: int) -> Cost:
    (q, d), n = queries.shape, len(points)
    return Cost(2 * q * n * d + 2 * n * d + 2 * q * n + 3 * q * k * d, 8 * (q * d + n * d + 2 * q * k))


def _merge_cost(distances: Floats, indices: Integers) -> Cost:
    size = prod(distances.shape)
    return Cost(size, 16 * size)


@kernel(cost=_block_cost, reference=reference.squared_distances)
def squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared Euclidean distances Σ_c (a_ic - b_jc)² between rows of *a* (n, d) and *b* (m, d): (n, m).

    Summed directly, so close points keep their digits. NaN and infinity propagate.
    """
    return _distance.squared_distances(a, b)  # type: ignore[no-any-return]


@kernel(cost=_block_cost, reference=reference.manhattan_distances)
def manhattan_distances(a: Floats, b: Floats) -> Floats:
    """Manhattan distances Σ_c |a_ic - b_jc| between rows of *a* (n, d) and *b* (m, d): (n, m).

    NaN and infinity propagate.
    """
    return _distance.manhattan_distances(a, b)  # type: ignore[no-any-return]


@kernel(cost=_cosine_cost, reference=reference.cosine_distances)
def cosine_distances(a: Floats, b: Floats) -> Floats:
    """Cosine distances 1 - a_i·b_j / |a_i| |b_j| between rows of *a* (n, d) and *b* (m, d): (n, m).

    1 where a row is all zeros. NaN and infinity propagate.
    """
    return _distance.cosine_distances(a, b)  # type: ignore[no-any-return]


@kernel(cost=_rbf_cost, reference=reference.rbf_kernel)
def rbf_kernel(a: Floats, b: Floats, gamma: float) -> Floats:
    """Radial basis function kernel e^{-γ |a_i - b_j|²} of rows of *a* (n, d) and *b* (m, d): (n, m).

    *gamma* finite and at least 0. Below e^-708 the value is 0. NaN propagates.
    """
    return _distance.rbf_kernel(a, b, gamma)  # type: ignore[no-any-return]


@kernel(cost=_pairwise_cost, reference=reference.pairwise_squared_distances)
def pairwise_squared_distances(vectors: Floats) -> Floats:
    """Squared distances |v_i - v_j|² between a few long vectors (m, d): (m, m), symmetric.

    Each vector is read from memory once. NaN and infinity propagate. Used by Krum: Blanchard et al.,
    Machine learning with adversaries, 2017.
    """
    return _distance.pairwise_squared_distances(vectors)  # type: ignore[no-any-return]


@kernel(cost=_nearest_centre_cost, reference=reference.nearest_centre)
def nearest_centre(
    points: Floats, centres: Floats, weights: Floats | None = None
) -> tuple[Integers, Floats, Floats, float]:
    """Lloyd's step: the nearest centre of each point, and the sum and count of the points of each centre.

    *points* (n, d), *centres* (k, d) with k >= 1, *weights* (n,) at least 0, or None for all 1. Returns
    labels (n,) int64 (of equal distances the lowest index), weighted sums (k, d) and counts (k,), and the
    inertia Σ w min |x - c|², to 11 digits at least. The labels are those of the direct sum of squares, ties
    included. A point or centre that is not finite, or whose square overflows, is refused. Source: Lloyd,
    Least squares quantization in PCM, 1982.
    """
    return _nearest.nearest_centre(points, centres, weights)  # type: ignore[no-any-return]


@kernel(cost=_top_k_cost, reference=reference.top_k_neighbours)
def top_k_neighbours(queries: Floats, points: Floats, k: int) -> tuple[Floats, Integers]:
    """The k nearest of the points (n, d) for each of the queries (q, d), exactly.

    Returns squared distances (q, k) and indices (q, k) int64, ascending by (distance, index). k within
    [1, n]. The distances are direct sums of squares, the same bits in whichever shard a point stands.
    Queries and points that are not finite are refused.
    """
    return _neighbours.top_k_neighbours(queries, points, k)  # type: ignore[no-any-return]


@kernel(cost=_merge_cost, reference=reference.merge_top_k)
def merge_top_k(distances: Floats, indices: Integers) -> tuple[Floats, Integers]:
    """The k nearest of each query from several lists of k, such as one from each shard.

    *distances* (p, q, k) and *indices* (p, q, k) int64, in any order; a list that is too short is filled
    with infinity. Returns (q, k) of each, ascending by (distance, index). NaN is refused.
    """
    return _neighbours.merge_top_k(distances, indices)  # type: ignore[no-any-return]
